"""Write what run.py measured as a page with tables and a plot."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import psutil

if TYPE_CHECKING:
    from pathlib import Path

OURS, PLAIN = "mscape", "scanpy script"
COLUMNS = ["wall_s", "cpu_s", "tree_gb", "single_gb"]
TO_RESULTS, SCARF = "mscape, to the script's results", "scarf"
NOTES = {
    TO_RESULTS: "\"To the script's results\" is the workflow up to the markers and the file with each cell's doublet "
    "score, cluster, map and scores; what these need in the workflow, gate and stability included, is in that time.",
    PLAIN: "The time of each stage of the script, and the ratios without its Leiden clustering, are given below.",
    SCARF: "Scarf (0.32) has neither doublet scores nor gene-set scores.",
}
SAID = ("wall", "CPU", "memory", "largest process")
LARGE = 50_000  # cells from which on growth is fitted: below, starting up is most of it
COLOURS = ("#0072B2", "#56B4E9", "#009E73", "#D55E00", "#CC79A7", "#E69F00")  # Okabe and Ito


def write_page(runs: pd.DataFrame, data: Path, out: Path, *, cores: int) -> None:
    """Write the figures as Markdown, and ``figures/speed.svg`` beside it.

    Parameters
    ----------
    runs
        One row a run: ``cells what`` and :data:`COLUMNS`.
    data
        Folder of the runs, with stages.tsv and agreement.tsv of each size.
    out
        The page.
    cores
        Of the runs.
    """
    sizes = sorted(int(n) for n in runs["cells"].unique())
    figure = out.parent / "figures" / "speed.svg"
    figure.parent.mkdir(exist_ok=True)
    draw(runs, figure)
    lines = [
        "# Speed",
        "",
        f"Written by `uv run python benchmarks/speed/run.py` on {datetime.datetime.now(tz=datetime.UTC).date()} "
        f"(`--cores {cores}`; sizes and repeats as in the table; {os.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB, Python {platform.python_version()}, "
        f"scanpy {importlib.metadata.version('scanpy')}). Simulated cells. The scanpy script takes the same steps as "
        "far as scanpy has them, with its defaults; the workflow adds gate, cluster stability, calibrated scores, "
        "donor statistics, passports and report. Memory is the peak of the summed resident memory of the process tree. "
        "Medians; ratios within a turn, with their range.",
        *[f"\n{said}" for what, said in NOTES.items() if what in set(runs["what"])],
        "",
        "![Time and memory by number of cells](figures/speed.svg)",
        "",
        *runs_table(runs),
        "",
        *growth(runs),
        "",
        *agreements(data, sizes),
    ]
    for cells in sizes:
        lines += script_table(runs[runs["cells"] == cells], data, cells)
        lines += ["", f"## Rules at {cells:,} cells (last run; jobs summed)", "", *stages_table(data, cells)]
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def runs_table(runs: pd.DataFrame) -> list[str]:
    """Medians of all runs, and the ratio of each pair with the scanpy script."""
    lines = ["| cells | what | runs | wall s | CPU s | peak GB | largest process GB |", "|---|---|---|---|---|---|---|"]
    for cells, group in runs.groupby("cells"):
        pair = {what: part.set_index("turn")[COLUMNS] for what, part in group.groupby("what", sort=False)}
        for what, part in pair.items():
            said = " | ".join(f"{value:,.0f}" if value >= 100 else f"{value:.3g}" for value in part.median())
            lines.append(f"| {cells:,} | {what} | {len(part)} | {said} |")
        for what in [what for what in pair if what != PLAIN and PLAIN in pair]:
            ratio = (pair[what] / pair[PLAIN]).dropna()
            if ratio.empty:
                continue
            said = " | ".join(f"{ratio[c].median():.2f} ({ratio[c].min():.2f}-{ratio[c].max():.2f})" for c in COLUMNS)
            lines.append(f"| {cells:,} | {what} / {PLAIN} | {len(ratio)} | {said} |")
    return lines


def growth(runs: pd.DataFrame) -> list[str]:
    """Fit time and memory of the workflow as powers of the number of cells, over the medians of large sizes."""
    ours = runs[(runs["what"] == OURS) & (runs["cells"] >= LARGE)].groupby("cells")[COLUMNS].median()
    if len(ours) < 2:
        return []
    logs = np.log(ours.index.to_numpy(dtype=float))
    slopes = [float(np.polyfit(logs, np.log(ours[column]), 1)[0]) for column in COLUMNS]
    said = ", ".join(f"{name} n^{slope:.2f}" for name, slope in zip(SAID, slopes, strict=True))
    return [f"Growth of the workflow from {ours.index[0]:,} to {ours.index[-1]:,} cells: {said}."]


def agreements(data: Path, sizes: list[int]) -> list[str]:
    """Table of what both results are worth against the simulated truth; nothing where only the workflow was run."""
    lines = [
        "## What the results are worth",
        "",
        "Against the simulated truth, on the cells that both keep: clusters of the MSC, singlets, that the workflow "
        "clusters, and doublet scores.",
        "",
        "| cells | what | clusters of MSC | ARI with the states | doublets: AUPRC |",
        "|---|---|---|---|---|",
    ]
    rows = []
    for cells in sizes:
        file = data / f"{cells}/agreement.tsv"
        for row in pd.read_csv(file, sep="\t").itertuples() if file.exists() else ():
            rows.append(f"| {cells:,} | {row.what} | {row.clusters} | {row.ari:.3f} | {row.doublet_auprc:.3f} |")
    return [*lines, *rows] if rows else []


def script_table(runs: pd.DataFrame, data: Path, cells: int) -> list[str]:
    """Seconds of each stage of the script's last run, and the ratios that would be left without its clustering."""
    file = data / f"{cells}/plain.tsv"
    if not file.exists() or PLAIN not in set(runs["what"]):  # its runs were dropped, or are from before it was timed
        return []
    seconds = pd.read_csv(file, sep="\t", index_col="stage")["wall_s"]
    last = runs.loc[runs["what"] == PLAIN, "wall_s"].iloc[-1]
    median = runs.groupby("what")["wall_s"].median()
    rest = median[PLAIN] * (1 - seconds["Leiden"] / last)
    ratios = " and ".join(f"{median[what] / rest:.2f} ({what})" for what in (OURS, TO_RESULTS))
    return [
        "",
        f"## The scanpy script at {cells:,} cells (last run)",
        "",
        f"Its Leiden, scanpy's default, goes on until it finds no better partition, and took {seconds['Leiden']:,.0f} "
        f"of {last:,.0f} s. Without that share of its time, the ratios of the medians would be {ratios}.",
        "",
        "| stage | wall s |",
        "|---|---|",
        *(f"| {stage} | {spent:,.1f} |" for stage, spent in seconds.items()),
    ]


def stages_table(data: Path, cells: int) -> list[str]:
    """Seconds and memory of each rule at a size."""
    table = pd.read_csv(data / f"{cells}/stages.tsv", sep="\t", index_col="rule")
    lines = ["| rule | jobs | wall s | peak MB |", "|---|---|---|---|"]
    for rule, row in table.sort_values("wall_s", ascending=False).iterrows():
        lines.append(f"| `{rule}` | {row['jobs']:.0f} | {row['wall_s']:.1f} | {row['peak_mb']:.0f} |")
    return lines


def draw(runs: pd.DataFrame, path: Path) -> None:
    """Draw wall time and memory by number of cells: all runs as points, a line through the medians."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator

    with mpl.rc_context({"svg.hashsalt": "mscape", "svg.fonttype": "none", "font.size": 8}):
        figure = Figure(figsize=(7.2, 3), layout="constrained")
        for axes, column, label in zip(
            figure.subplots(1, 2), ("wall_s", "tree_gb"), ("wall seconds", "memory of all processes, GB"), strict=True
        ):
            for colour, (what, part) in zip(COLOURS, runs.groupby("what", sort=False), strict=False):
                axes.plot(part["cells"], part[column], "o", color=colour, markersize=2)
                axes.plot(part.groupby("cells")[column].median(), "o-", color=colour, markersize=4, label=what)
            axes.set(xscale="log", yscale="log", xlabel="cells", ylabel=label)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axis.set_major_formatter("{x:,g}")
                axis.set_minor_locator(NullLocator())
            axes.spines[["top", "right"]].set_visible(False)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
        figure.savefig(path, metadata={"Date": None})
