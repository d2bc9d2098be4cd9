"""Write the report of a dataset: one HTML file that opens anywhere, and static figures for papers."""

import logging
from pathlib import Path

from mscape import step
from mscape.report import (
    alerts,
    answers,
    cells,
    comparison,
    confounders,
    enriched,
    figures,
    identity,
    page,
    passport,
    populations,
    programmes,
    quality,
    structure,
)
from mscape.report.collect import Dataset, read_dataset
from mscape.report.methods import methods
from mscape.report.parity import parity
from mscape.report.truth import truth

logger = logging.getLogger("mscape")


def describe(
    dataset: Dataset,
    *,
    max_cells: int = 100_000,
    max_signatures: int = 60,
    max_genes: int = 60,
    max_markers: int = 10,
    genes: tuple[str, ...] = (),
    contact: str = "",
    title: str = "MSC study",
    version: str = "",
    seed: int = 0,
) -> dict:
    """Turn a dataset into all that the template shows.

    Parameters
    ----------
    dataset
        The stage files, read.
    max_cells, max_signatures, max_genes, max_markers
        Bounds on what the page carries; see ``report`` in the config.
    genes
        Genes to colour the map by, besides the gate's panel and the markers.
    contact, title, version
        Text for the page's head and methods.
    seed
        Of the sample of cells and of the bootstrap over lots.
    """
    at = cells.choose_cells(dataset.obs, max_cells=max_cells, seed=seed)
    maps = []
    for name, label in (("map", "All cells"), ("map_msc", "Clustered cells")):
        light = dataset.light.get(name)
        if light and "X_umap" in light.obsm:
            x, y = cells.coordinates(light.obsm["X_umap"], light.rows, len(dataset.obs), at)
            maps.append({"id": name, "title": label, "x": x, "y": y})
    wanted = cells.panel_genes(dataset, genes)
    columns = (
        cells.columns(dataset, at, max_signatures=max_signatures, max_genes=max_genes, genes=wanted) if maps else []
    )
    urgent, notes = alerts.alerts(dataset)
    found = truth(dataset)
    terms = page.glossary() | answers.definitions(dataset) | (found or {}).get("terms", {})
    header = {
        "cells": len(at),
        "total": len(dataset.obs),
        "maps": [{"id": m["id"], "title": m["title"]} for m in maps],
        "columns": [column.header() for column in columns],
        "dataset": dataset.name,
        "run": str(dataset.passports.get("run_id", "")),
        "lots": dataset.lots,
    }
    return {
        "dataset": dataset,
        "header_json": page.to_json(header),
        "title": title,
        "contact": contact,
        "version": version,
        "hero": answers.hero(dataset),
        "lots": answers.passport_table(dataset),
        "alerts": urgent,
        "notes": notes,
        "identity": identity.identity(dataset),
        "purity": identity.purity(dataset),
        "subpopulations": populations.subpopulations(dataset, max_markers=max_markers),
        "structure": structure.structure(dataset),
        "scores": programmes.scores(dataset),
        "compared": comparison.compared(dataset),
        "enriched": {scope: enriched.pictures(dataset, scope) for scope in ("cluster", "contrast")},
        "sums": enriched.sums(dataset),
        "cluster_programmes": programmes.cluster_heat(dataset),
        "confounders": confounders.confounders(dataset),
        "quality": quality.quality(dataset),
        "passports": passport.pages(dataset),
        "truth": found,
        "parity": parity(dataset),
        "methods": methods(dataset, citations=page.citations(), version=version),
        "terms": terms,
        "shown_genes": {column.id for column in columns if column.id.startswith("gene:")},
        "maps": maps,
        "columns": columns,
        "header": header,
        "sampled": len(at) < len(dataset.obs),
    }


def main(input, output, params):
    """Read the stage files, write the page, and the static figures where asked for."""
    settings = dict(params.settings)
    with_figures = settings.pop("figures", True)
    dataset = read_dataset(input, name=params.dataset)
    settings["genes"] = tuple(settings.get("genes", ()))
    context = describe(
        dataset,
        title=params.title,
        version=page.version(),
        seed=int(dataset.config.get("seed", 0)),
        **settings,
    )
    text = page.render("report.html.j2", **context)
    Path(output.html).write_text(text, encoding="utf-8")
    logger.info("%s: %.1f MB, %d cells on the map", output.html, len(text.encode()) / 1e6, context["header"]["cells"])
    Path(output.figures).mkdir(parents=True, exist_ok=True)
    if with_figures:
        figures.write_figures(dataset, Path(output.figures), seed=int(dataset.config.get("seed", 0)))


if "snakemake" in globals():
    step.run(main, snakemake)
