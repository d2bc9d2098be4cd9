"""What the report's templates are given."""

from __future__ import annotations

import logging

from mscape.report import cell_map, page
from mscape.report.dataset import Dataset
from mscape.report.sections import (
    alerts,
    cluster_structure,
    clusters,
    comparison,
    confounders,
    enrichment,
    identity,
    passports,
    quality,
    scores,
    summary,
)
from mscape.report.sections.methods import methods
from mscape.report.sections.parity import parity
from mscape.report.sections.truth import truth

logger = logging.getLogger(__name__)


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
    at = cell_map.choose_cells(dataset.obs, max_cells=max_cells, seed=seed)
    maps = []
    for name, label in (("map", "All cells"), ("map_msc", "Clustered cells")):
        light = dataset.light.get(name)
        if light and "X_umap" in light.obsm:
            x, y = cell_map.coordinates(light.obsm["X_umap"], light.rows, len(dataset.obs), at)
            maps.append({"id": name, "title": label, "x": x, "y": y})
    wanted = cell_map.panel_genes(dataset, genes)
    columns = (
        cell_map.columns(dataset, at, max_signatures=max_signatures, max_genes=max_genes, genes=wanted) if maps else []
    )
    urgent, notes = alerts.alerts(dataset)
    found = truth(dataset)
    terms = page.glossary() | summary.definitions(dataset) | (found or {}).get("terms", {})
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
        "hero": summary.hero(dataset),
        "lots": summary.passport_table(dataset),
        "alerts": urgent,
        "notes": notes,
        "identity": identity.identity(dataset),
        "purity": identity.purity(dataset),
        "subpopulations": clusters.subpopulations(dataset, max_markers=max_markers),
        "structure": cluster_structure.structure(dataset),
        "scores": scores.scores(dataset),
        "compared": comparison.compared(dataset),
        "enriched": {scope: enrichment.pictures(dataset, scope) for scope in ("cluster", "contrast")},
        "sums": enrichment.sums(dataset),
        "cluster_states": scores.cluster_heat(dataset),
        "confounders": confounders.confounders(dataset),
        "quality": quality.quality(dataset),
        "passports": passports.pages(dataset),
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
