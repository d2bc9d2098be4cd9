"""Quality section of the report: where the cells went, and the quality of the libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mscape.data.tables import TABLES
from mscape.report.charts import svg
from mscape.report.charts.upset import upset
from mscape.report.numbers import finite, number
from mscape.report.section import Section
from mscape.report.sections.alerts import accounting_faults
from mscape.report.tables import Cell, Table, from_frame

if TYPE_CHECKING:
    from mscape.report.dataset import Dataset
    from mscape.report.options import ReportOptions

METRICS = (  # column, title, axis, logarithmic
    ("total_counts", "Counts per cell", "counts (log scale)", True),
    ("n_genes_by_counts", "Genes per cell", "genes (log scale)", True),
    ("pct_counts_mt", "Mitochondrial counts", "% of counts", False),
    ("doublet_score", "Doublet score", "score", False),
)

READING = (  # column, title, kind, term
    ("sample_id", "Sample", "text", "sample_id"),
    ("file", "File", "text", ""),
    ("format", "Format", "text", ""),
    ("maker", "Made by (a guess)", "text", ""),
    ("matrix", "Counts from", "text", ""),
    ("why", "Because", "text", ""),
    ("cells", "Cells", "number", "accounting"),
    ("genes", "Genes", "number", "n_genes_by_counts"),
    ("rewritten", "Names rewritten", "text", ""),
    ("left_out", "Left out", "text", ""),
    ("species", "Species", "text", ""),
)

LIMITS = {  # column: its limits in uns["mscape"]["qc_cells"]["limits"]
    "total_counts": ("min_counts", "max_counts"),
    "n_genes_by_counts": ("min_genes", "max_genes"),
    "pct_counts_mt": ("max_pct_mt",),
}


def quality(dataset: Dataset, options: ReportOptions) -> dict:
    """Accounting table with its check, and quantile boxes of each metric per sample, limits drawn."""
    result: dict = {"faults": accounting_faults(dataset), "figures": []}
    table = dataset.tables.get("accounting")
    if table is None:
        result["no_accounting"] = dataset.missing_table("accounting")
    else:
        result["accounting"] = _accounting(table)
        result["sums"] = {"loaded": int(table["loaded"].sum()), "pass": int(table["pass"].sum())}
    read = dataset.tables.get("inputs")
    result["reading"] = None
    if read is not None:
        result["reading"] = from_frame(read, id="reading", caption="What was read", columns=READING)
    frames = {sample: (part.obs, part.uns.get("mscape", {}).get("qc_cells", {})) for sample, part in dataset.qc.items()}
    scope = "all loaded cells; vertical lines are the sample's limits"
    if not frames:
        frames = {
            str(s): (part, {}) for s, part in dataset.obs.groupby(dataset.obs["sample_id"].astype(str).to_numpy())
        }
        scope = "cells that passed quality control"
    result["scope"] = scope
    for column, title, axis, log in METRICS:
        rows = []
        for sample, (obs, stage) in frames.items():
            values = obs[column].to_numpy(float) if column in obs else np.array([])
            values = values[np.isfinite(values)]
            quantiles = (
                np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95]).tolist() if len(values) else [float("nan")] * 5
            )
            rows.append((sample, quantiles, _limits(stage, column)))
        if any(np.isfinite(q[0]) for _, q, _ in rows):
            result["figures"].append(
                {
                    "title": title,
                    "svg": svg.boxes(rows, title=f"{title} per sample", axis=axis, log=log),
                    "term": column,
                }
            )
    result["together"] = [
        (sample, upset(stage["failed_together"], title=f"Limits that cells of {sample} fail together"))
        for sample, (_, stage) in frames.items()
        if stage.get("failed_together")
    ]
    result["ambient"] = _ambient(frames)
    result["numbers"] = _numbers(frames)
    return result


def _numbers(frames: dict) -> Table:
    """Tabulate what the boxes draw: median and 5 to 95 % of each metric per sample, with the limits."""
    rows = []
    for sample, (obs, stage) in frames.items():
        row = [Cell(str(sample)), Cell(number(len(obs)), len(obs))]
        for column, *_ in METRICS:
            values = obs[column].dropna() if column in obs else []
            if not len(values):
                row.append(Cell("n/a"))
                continue
            low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
            limits = " and ".join(number(limit) for limit in _limits(stage, column))
            note = f"{number(low)} to {number(high)}" + (f"; limit {limits}" if limits else "")
            row.append(Cell(number(middle), float(middle), note=note))
        rows.append(row)
    columns = [("Sample", "text", "sample_id"), ("Cells", "number", "cells")]
    columns += [(title, "number", column) for column, title, *_ in METRICS]
    return Table("quality-numbers", "Median, 5 to 95 %, and limits per sample", columns, rows)


def _limits(stage: dict, column: str) -> list[float]:
    """Limits of a metric that the sample was held to, as qc_cells recorded them."""
    if column == "doublet_score":
        found = [stage.get("doublets", {}).get("threshold")]
    else:
        found = [stage.get("limits", {}).get(key) for key in LIMITS.get(column, ())]
    return [v for v in map(finite, found) if v is not None]


def _accounting(table) -> Table:
    reasons = [c for c in table if c not in TABLES["accounting"].names]
    columns = [
        ("sample_id", "Sample", "text", "sample_id"),
        ("lot_id", "Lot", "text", "lot"),
        ("loaded", "Loaded", "number", "accounting"),
    ]
    columns += [(c, "− " + c.replace("_", " "), "number", "accounting") for c in reasons] + [
        ("pass", "= kept", "number", "accounting")
    ]
    shown = from_frame(table, id="accounting", caption="Where the cells went", columns=columns)
    total = [Cell("All samples"), Cell("")] + [
        Cell(number(table[c].sum()), float(table[c].sum())) for c in ["loaded", *reasons, "pass"]
    ]
    shown.rows.append(total)
    shown.classes = "total"
    return shown


def _ambient(frames: dict) -> Table | None:
    rows = []
    for sample, (_, stage) in frames.items():
        if "ambient_fraction" not in stage:
            continue
        rho = finite(stage["ambient_fraction"])
        rows.append(
            [
                Cell(sample),
                Cell("not estimated" if rho is None else f"{rho * 100:.1f} %", rho),
                Cell(str(stage.get("ambient_source", ""))),
            ]
        )
    columns = [("Sample", "text", "sample_id"), ("Ambient RNA", "percent", "ambient"), ("Source", "text", "")]
    return Table("ambient", "Ambient RNA", columns, rows) if rows else None


SECTION = Section(
    id="quality", title="Quality", order=100, term="accounting", tables=("accounting", "inputs"), build=quality
)
