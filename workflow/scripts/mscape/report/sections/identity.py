"""Identity: the share of cells that meet each criterion, per lot, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from mscape.report import reason_words
from mscape.report.charts import svg as charts
from mscape.report.charts.svg import MEETS, Interval
from mscape.report.numbers import finite
from mscape.report.section import Section
from mscape.report.tables import Table, from_frame

if TYPE_CHECKING:
    from mscape.report.dataset import Dataset
    from mscape.report.options import ReportOptions

CRITERIA = (
    ("lot_id", "Lot", "text", "lot"),
    ("criterion", "Criterion", "text", ""),
    ("kind", "Kind", "text", ""),
    ("verdict", "Verdict", "verdict", "verdict"),
    ("estimate", "Estimate", "percent", "gate"),
    ("low", "Low", "percent", "interval"),
    ("high", "High", "percent", "interval"),
    ("detected_fraction", "Naive detection", "percent", "naive"),
    ("max_hidden_fraction", "Could be hidden", "percent", "max_hidden"),
    ("min_detectable_fraction", "Least detectable share", "percent", "min_detectable"),
    ("n_cells", "Cells", "number", "cells"),
    ("reason", "Reason", "text", "isct_reason"),
)


def identity(dataset: Dataset, options: ReportOptions) -> dict:
    """Interval charts per criterion and the gate table."""
    table = dataset.tables["gate"]
    table = table.assign(reason=table["reason"].map(reason_words.of_lot))
    panel = dataset.stage("gate", "gate_msc")
    limits = {
        "positive": finite(panel.get("min_positive")) or 0.95,
        "negative": finite(panel.get("max_negative")) or 0.02,
    }
    figures = []
    order = {lot: i for i, lot in enumerate(dataset.lots)}
    for (kind, criterion), part in _ordered(table).groupby(["kind", "criterion"], sort=False):
        part = part.sort_values("lot_id", key=lambda lots: lots.map(order), kind="stable")
        rows = [
            Interval(r.lot_id, finite(r.estimate), finite(r.low), finite(r.high), MEETS.get(r.verdict, ""),
                     finite(r.detected_fraction), f"{r.verdict} {r.reason}".replace("_", " ").strip())
            for r in part.itertuples(index=False)
        ]  # fmt: skip
        named = {"overall": "All criteria together", "unexplained": "Cells that no panel explains"}
        title = named.get(kind, f"{criterion} ({kind})")
        svg = charts.fractions(
            rows, kind=kind, limit=limits.get(kind), title=f"{title}: share of cells per lot with interval"
        )
        term = {"positive": "positive_marker", "negative": "negative_marker"}.get(kind, "gate")
        figures.append({"id": f"gate-{kind}-{criterion}", "title": title, "svg": svg, "term": term, "kind": kind})
    reasons = None
    if "isct_reason" in dataset.obs:
        reasons = _reasons(dataset.obs)
    return {
        "figures": figures,
        "table": from_frame(table, id="gate", caption="Gate criteria per lot", columns=CRITERIA),
        "reasons": reasons,
        "limits": limits,
        "copies": _copies(dataset),
    } | _hidden(dataset)


def _copies(dataset: Dataset) -> Table | None:
    """Tabulate the verdicts of smaller copies of each lot."""
    table = dataset.tables.get("certificate")
    if table is None or table.empty:
        return None
    shown = table.assign(held=table["held"].map({True: "yes", False: "no"}))
    columns = (
        ("lot_id", "Lot", "text", "lot"),
        ("verdict", "Verdict of the lot", "verdict", "verdict"),
        ("n_cells", "Cells", "number", "cells"),
        ("median_counts", "Counts a cell", "number", "copy_counts"),
        ("repeats", "Copies", "number", "copies"),
        ("kept", "With its verdict", "number", "copies_with"),
        ("held", "Held here and at larger sizes", "text", ""),
        ("inconclusive", "Inconclusive", "number", "copies_with"),
        ("not_assessable", "Not assessable", "number", "copies_with"),
    )
    return from_frame(shown, id="copies", caption="Verdicts of copies with fewer cells and counts", columns=columns)


def _hidden(dataset: Dataset) -> dict:
    """Tabulate tests for a marker-negative subset that pooling would hide, found ones first."""
    table = dataset.tables.get("hidden_mixture")
    if table is None or not len(table):
        return {"hidden": None}
    order = {"hidden_mixture": 0, "none": 1, "not_assessable": 2}
    table = table.sort_values("finding", key=lambda f: f.map(order).fillna(3), kind="stable")
    table = table.assign(
        finding=table["finding"].str.replace("_", " "), reason=table["reason"].map(reason_words.of_lot)
    )
    columns = (
        ("lot_id", "Lot", "text", "lot"),
        ("cluster", "Pool", "text", ""),
        ("gene", "Gene", "text", ""),
        ("finding", "Finding", "text", "hidden"),
        ("hidden_fraction", "Hidden share", "percent", "hidden"),
        ("mean_count", "Mean count", "number", "mean_count"),
        ("pvalue", "p", "number", "hidden"),
        ("n_cells", "Cells", "number", "cells"),
        ("reason", "Reason", "text", ""),
    )
    return {
        "hidden": from_frame(table.head(200), id="hidden", caption="Tests for hidden mixtures", columns=columns),
        "hidden_found": int((table["finding"] == "hidden mixture").sum()),
        "hidden_untested": int((table["finding"] == "not assessable").sum()),
        "hidden_total": len(table),
    }


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    rank = table["kind"].map({"overall": 0, "positive": 1, "negative": 2}).fillna(3)
    return table.assign(_rank=rank).sort_values("_rank", kind="stable")


def _reasons(obs: pd.DataFrame) -> Table:
    count = obs.groupby(["isct_call", "isct_reason"], observed=True).size().reset_index(name="n_cells")
    count["share"] = count["n_cells"] / len(obs)
    count["isct_reason"] = count["isct_reason"].astype(str).map(reason_words.of_cell)
    count = count.sort_values("n_cells", ascending=False)
    columns = (
        ("isct_call", "Call", "text", "isct_call"),
        ("isct_reason", "Reason", "text", "isct_reason"),
        ("n_cells", "Cells", "number", "cells"),
        ("share", "Share", "percent", "share"),
    )
    return from_frame(count, id="reasons", caption="Calls and their reasons, all cells", columns=columns)


SECTION = Section(
    id="identity",
    title="Identity",
    order=30,
    term="concordance",
    tables=("gate", "hidden_mixture", "certificate"),
    needs=("gate",),
    build=identity,
)
