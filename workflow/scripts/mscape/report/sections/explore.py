"""The map of the cells, with what it can be coloured by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mscape.report import cell_map
from mscape.report.section import Section

if TYPE_CHECKING:
    from mscape.report.dataset import Dataset
    from mscape.report.options import ReportOptions

MAPS = {"map": "All cells", "map_msc": "Clustered cells"}  # input of the rule: title


def explore(dataset: Dataset, options: ReportOptions) -> dict:
    """Encode the maps and columns of the cells; the page carries them, and other sections lead to them.

    Returns
    -------
    ``maps``, ``columns``, ``header`` (what the script needs to decode them), ``shown_genes`` (ids of columns of genes)
    and ``sampled`` (whether the map draws a part of the cells).
    """
    seed = int(dataset.config.get("seed", 0))
    at = cell_map.choose_cells(dataset.obs, max_cells=options.max_cells, seed=seed)
    maps = []
    for name, title in MAPS.items():
        light = dataset.light.get(name)
        if light and "X_umap" in light.obsm:
            x, y = cell_map.coordinates(light.obsm["X_umap"], light.rows, len(dataset.obs), at)
            maps.append({"id": name, "title": title, "x": x, "y": y})
    limits = {"max_signatures": options.max_signatures, "max_genes": options.max_genes}
    genes = cell_map.panel_genes(dataset, tuple(options.genes))
    columns = cell_map.columns(dataset, at, genes=genes, **limits) if maps else []
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
        "missing": "" if maps else "the run drew no map.",
        "maps": maps,
        "columns": columns,
        "header": header,
        "shown_genes": {column.id for column in columns if column.id.startswith("gene:")},
        "sampled": len(at) < len(dataset.obs),
    }


SECTION = Section(id="explore", title="Explore cells", order=50, term="sample_map", tables=("markers",), build=explore)
