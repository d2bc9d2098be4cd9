"""Purity: the cells of other identity, per lot, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mscape.report.charts import colours
from mscape.report.charts import svg as charts
from mscape.report.section import Section
from mscape.report.tables import from_frame

if TYPE_CHECKING:
    from mscape.report.dataset import Dataset
    from mscape.report.options import ReportOptions

IDENTITIES = (
    ("lot_id", "Lot", "text", "lot"),
    ("identity", "Identity", "text", "isct_identity"),
    ("n_cells", "Cells", "number", "cells"),
    ("fraction", "Share", "percent", "contaminants"),
    ("low", "Low", "percent", "interval"),
    ("high", "High", "percent", "interval"),
    ("call", "Call", "text", "isct_call"),
)


def purity(dataset: Dataset, options: ReportOptions) -> dict:
    """Identities per lot as stacked bars, and the contaminant table."""
    table = dataset.tables["contaminants"]
    shares = (
        table.pivot_table(index="lot_id", columns="identity", values="fraction", aggfunc="sum")
        .reindex(dataset.lots)
        .fillna(0.0)
    )
    names = [n for n in shares.columns if n != "MSC-like" and shares[n].max() > 0]
    names = sorted(names, key=lambda n: -shares[n].sum())
    palette = dict(zip(names, colours.categories(names), strict=True))
    rows = [(lot, [(n, float(shares.at[lot, n]), palette[n]) for n in names]) for lot in dataset.lots]
    title = "Cells of other identity per lot"
    figure = charts.stacks(rows, title=title, axis="% of the lot's cells", top=_top(rows)) if names else None
    found = table[table["n_cells"] > 0].sort_values(["fraction"], ascending=False)
    return {
        "figure": figure,
        "legend": list(palette.items()),
        "table": from_frame(found, id="contaminants", caption="Cells of other identity, per lot", columns=IDENTITIES),
    }


def _top(rows: list) -> float:
    """End of the axis: the smallest round share that holds every lot."""
    most = max((sum(share for _, share, _ in shares) for _, shares in rows), default=1.0)
    return next(limit for limit in (0.02, 0.04, 0.1, 0.2, 0.4, 1.0) if most <= limit or limit == 1.0)


SECTION = Section(
    id="purity",
    title="Purity",
    order=40,
    term="purity",
    tables=("contaminants",),
    needs=("contaminants",),
    build=purity,
)
