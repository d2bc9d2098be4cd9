"""Static figures for papers, by matplotlib, as SVG and PDF beside the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.report import colours
from mscape.report.collect import natural
from mscape.report.words import finite

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from mscape.report.collect import Dataset

RASTER_ABOVE = 2000  # points: a vector file with more is slow to open
STYLE = {
    "font.family": "sans-serif",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "mscape",
    "pdf.fonttype": 42,
    "savefig.dpi": 300,
}


def write_figures(dataset: Dataset, folder: Path, *, max_cells: int = 100_000, seed: int = 0) -> list[Path]:
    """Write the main figures of the report.

    Parameters
    ----------
    dataset
        The stage files, read.
    folder
        Where ``umap_gate umap_identity umap_lot umap_leiden gate_intervals`` go, each as SVG and PDF.
    max_cells
        Cells drawn on a map.
    seed
        Of the order of drawing.

    Returns
    -------
    The files written.
    """
    import matplotlib as mpl

    made = {}
    with mpl.rc_context(STYLE):
        for stem, stage, column, title in (
            ("umap_gate", "map", "isct_call", "Gate call"),
            ("umap_identity", "map", "isct_identity", "Identity"),
            ("umap_lot", "map", "lot_id", "Lot"),
            ("umap_leiden", "map_msc", "leiden", "Sub-population"),
        ):
            if stage in dataset.light and column in dataset.obs:
                made[stem] = draw_map(dataset, stage, column, title=title, max_cells=max_cells, seed=seed)
        if "gate_table" in dataset.tables:
            made["gate_intervals"] = draw_intervals(dataset)
        return [path for stem, figure in made.items() for path in _save(figure, folder / stem, dataset)]


def _save(figure: Figure, stem: Path, dataset: Dataset) -> list[Path]:
    """Save without a date, so that equal runs give equal files."""
    text = f"run {dataset.passports.get('run_id', '')}" + (" · SIMULATED DATA" if dataset.simulated else "")
    figure.text(0.005, 0.005, text, fontsize=5, color="#666666")
    figure.draw_without_rendering()  # lays the figure out; without this every format would do it again, twice
    figure.set_layout_engine("none")
    paths = []
    for suffix, metadata in ((".svg", {"Date": None}), (".pdf", {"CreationDate": None})):
        path = stem.with_name(stem.name + suffix)
        figure.savefig(path, metadata=metadata)
        paths.append(path)
    return paths


def draw_map(
    dataset: Dataset, stage: str, column: str, *, title: str, max_cells: int = 100_000, seed: int = 0
) -> Figure:
    """Draw a UMAP coloured by a category, cells in random order so that no group hides another."""
    from matplotlib.figure import Figure

    light = dataset.light[stage]
    xy = np.asarray(light.obsm["X_umap"])
    values = dataset.obs[column].iloc[light.rows].astype(str).replace("", "none")
    order = np.random.default_rng(seed).permutation(len(xy))[:max_cells]
    names = natural(values.unique())
    palette = dict(zip(names, colours.categories(names), strict=True))
    figure = Figure(figsize=(5.2, 4), layout="constrained")
    axes = figure.add_subplot()
    size = float(np.clip(8000 / max(len(order), 1), 0.3, 8))
    axes.scatter(
        xy[order, 0],
        xy[order, 1],
        s=size,
        c=values.iloc[order].map(palette).to_numpy(),
        linewidths=0,
        rasterized=len(order) > RASTER_ABOVE,
    )
    axes.set(title=title, xlabel="UMAP 1", ylabel="UMAP 2", xticks=[], yticks=[], aspect="equal")
    for name in names[:30]:
        axes.scatter([], [], s=18, c=palette[name], label=_short(name), linewidths=0)
    figure.legend(
        loc="outside right upper",
        frameon=False,
        fontsize=6,
        title=None if len(names) <= 30 else f"first 30 of {len(names)}",
    )
    return figure


def draw_intervals(dataset: Dataset) -> Figure:
    """Draw the share of cells per lot and criterion with its interval and limit."""
    from matplotlib.figure import Figure

    table = dataset.tables["gate_table"]
    criteria = list(table.groupby(["kind", "criterion"], sort=False).groups)
    criteria.sort(
        key=lambda key: (
            ("overall", "positive", "negative").index(key[0]) if key[0] in ("overall", "positive", "negative") else 3
        )
    )
    lots = dataset.lots
    figure = Figure(figsize=(1.2 + 1.35 * len(criteria), 1.2 + 0.2 * len(lots)), layout="constrained")
    grid = np.atleast_1d(figure.subplots(1, len(criteria), sharey=True))
    for axes, (kind, criterion) in zip(grid, criteria, strict=True):
        part = (
            table[(table["kind"] == kind) & (table["criterion"] == criterion)]
            .drop_duplicates("lot_id")
            .set_index("lot_id")
            .reindex(lots)
        )
        value, low, high = (pd.to_numeric(part[c]) * 100 for c in ("estimate", "low", "high"))
        y = np.arange(len(lots))
        shades = [
            colours.VERDICT[{"meets": "PASS", "fails": "FAIL", "inconclusive": "WARN"}.get(v, "NOT ASSESSABLE")]
            for v in part["verdict"]
        ]
        axes.hlines(y, low, high, color="#555555", linewidth=0.8)
        axes.scatter(value, y, s=14, c=shades, zorder=3, linewidths=0)
        limit = {"positive": 95.0, "negative": 2.0}.get(kind)
        if limit is not None:
            axes.axvline(limit, color="#222222", linewidth=0.7, linestyle="--")
        top = finite(high.max()) or 0.0
        axes.set_title("all criteria" if kind == "overall" else str(criterion), fontsize=7)
        axes.set_xlim((0, 101) if kind != "negative" else (0, max(5.0, top * 1.05)))
    grid[0].set_yticks(np.arange(len(lots)), [_short(lot) for lot in lots], fontsize=6)
    grid[0].invert_yaxis()
    figure.supxlabel("cells (%)", fontsize=7)
    return figure


def _short(text: str, length: int = 28) -> str:
    """Shorten a name, and take the meaning out of signs that matplotlib reads as mathematics."""
    text = text if len(text) <= length else text[: length - 1] + "…"
    text = text.replace("$", r"\$")
    return "\u200b" + text if text.startswith("_") else text
