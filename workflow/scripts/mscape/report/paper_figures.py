"""Static figures for papers, by matplotlib, as SVG and PDF beside the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.report.charts import colours
from mscape.report.charts.enrichment import NES_EDGES
from mscape.report.dataset import natural
from mscape.report.lot_figures import draw_intervals, draw_verdicts, short
from mscape.report.numbers import signature_name
from mscape.report.sections import enrichment

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from mscape.report.dataset import Dataset

MAX_GROUPS = 8  # rows of running sums in one figure
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
        Where ``umap_gate umap_identity umap_lot umap_leiden gate_intervals verdicts`` and ``enrichment_dots_<scope>
        enrichment_running_<scope>`` go, each as SVG and PDF.
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
        if "gate" in dataset.tables:
            made["gate_intervals"] = draw_intervals(dataset.tables["gate"], dataset.lots)
        made["verdicts"] = draw_verdicts(dataset.passports["lots"])
        for scope in ("cluster", "contrast"):
            made |= draw_enrichment(dataset, scope)
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
        axes.scatter([], [], s=18, c=palette[name], label=short(name), linewidths=0)
    figure.legend(
        loc="outside right upper",
        frameon=False,
        fontsize=6,
        title=None if len(names) <= 30 else f"first 30 of {len(names)}",
    )
    return figure


def draw_enrichment(dataset: Dataset, scope: str) -> dict[str, Figure]:
    """Draw the enriched sets of all clusters or contrasts as dots, and the three strongest of each as running sums."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    table, hits = dataset.tables.get("enrichment"), dataset.tables.get("enrichment_genes")
    made, rows = {}, enrichment.choose(table, scope)
    if rows is not None:
        terms, groups = list(dict.fromkeys(rows["term"])), natural(rows["cluster"].unique())
        spaced = ConstrainedLayoutEngine(w_pad=0.15)  # viewers draw names a little wider than they are measured here
        figure = Figure(figsize=(4.6 + 0.36 * len(groups), 1.6 + 0.19 * len(terms)), layout=spaced)
        axes = figure.add_subplot()
        size = 8 + 14 * np.clip(-np.log10(pd.to_numeric(rows["fdr"]).fillna(1)), 0, 4)
        where = rows["cluster"].map(groups.index), rows["term"].map(terms.index)
        points = axes.scatter(*where, s=size, c=rows["nes"], cmap=_diverging(), vmin=-NES_EDGES[-1], vmax=NES_EDGES[-1])
        points.set(edgecolor="#555555", linewidth=0.4)
        axes.set_xticks(range(len(groups)), [short(group, 40) for group in groups], rotation=40, ha="right", fontsize=6)
        axes.set_yticks(range(len(terms)), [short(signature_name(term), 48) for term in terms], fontsize=6)
        axes.set(xlim=(-0.6, len(groups) - 0.4), ylim=(len(terms) - 0.4, -0.6), title=f"Gene sets by {scope}")
        figure.colorbar(points, label="NES", shrink=0.5)
        for limit in (0.05, 0.01, 0.001):
            axes.scatter([], [], s=8 - 14 * np.log10(limit), c="#888888", label=f"{limit:g}", linewidths=0)
        figure.legend(loc="outside right upper", title="FDR", frameon=False, fontsize=6, title_fontsize=7)
        made[f"enrichment_dots_{scope}"] = figure
    names = [] if table is None else list(dict.fromkeys(table.loc[table["scope"] == scope, "cluster"]))
    drawn = {name: found for name in names if (found := enrichment.panels(table, hits, scope, name)[:3])}
    if drawn:
        drawn = dict(list(drawn.items())[:MAX_GROUPS])
        figure = Figure(figsize=(9, 0.4 + 1.9 * len(drawn)), layout="constrained")
        grid = np.atleast_2d(figure.subplots(len(drawn), 3))
        for line, (name, found) in zip(grid, drawn.items(), strict=True):
            for axes in line[len(found) :]:
                axes.set_axis_off()
            for axes, panel in zip(line, found, strict=False):
                _running(axes, panel)
            line[0].set_ylabel(f"{short(name)}\nrunning sum", fontsize=6)
        made[f"enrichment_running_{scope}"] = figure
    return made


def _diverging():
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("mscape", colours.DIVERGING)


def _running(axes, panel) -> None:
    axes.plot(panel.x, panel.y, color=colours.OKABE_ITO[0], linewidth=1)
    axes.axhline(0, color="#888888", linewidth=0.6)
    low, high = panel.y.min(), panel.y.max()
    foot = low - 0.16 * (high - low)
    for leads, shade in ((False, "#BBBBBB"), (True, colours.OKABE_ITO[5])):
        axes.vlines(panel.hits[panel.leading == leads], foot, foot + 0.1 * (high - low), color=shade, linewidth=0.5)
    axes.set_title(f"{short(panel.title, 44)}\n{panel.caption}", fontsize=6)
    axes.set_xlabel(f"rank of {panel.n_list} genes", fontsize=6)
    axes.tick_params(labelsize=6)
