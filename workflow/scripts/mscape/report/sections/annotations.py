"""A user's own labels of cells: how many were found again, and what each lot holds of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mscape.report.charts import colours, svg
from mscape.report.dataset import natural
from mscape.report.section import Section
from mscape.report.tables import from_frame

if TYPE_CHECKING:
    import pandas as pd

    from mscape.report.dataset import Dataset
    from mscape.report.options import ReportOptions

MAX_ROWS = 600  # lots x labels can be thousands
SHARES = (
    ("annotation", "Annotation", "text", "annotations"),
    ("lot_id", "Lot", "text", "lot"),
    ("label", "Label", "text", "annotations"),
    ("n_cells", "Cells", "number", "cells"),
    ("fraction", "Share", "percent", "annotation_share"),
    ("low", "Low", "percent", "interval"),
    ("high", "High", "percent", "interval"),
    ("n_annotated", "Cells with a label", "number", "annotation_share"),
    ("n_lot", "Cells of the lot", "number", "cells"),
)


def own_annotations(dataset: Dataset, options: ReportOptions) -> dict | None:
    """Give what was matched, the labels of each lot as bars, and all numbers; None where a user gave no labels."""
    table = dataset.tables.get("annotations")
    if table is None:
        return None
    shown = table.head(MAX_ROWS)
    more = f"{len(shown)} of {len(table)} rows. All are in annotations.tsv." if len(shown) < len(table) else ""
    caption = "Own annotations of each lot"
    return {
        "record": dataset.stage("annotations", "annotate_cells"),
        "clustered": dataset.stage("clusters", "cluster_cells").get("labels", ""),
        "kinds": [_bars(kind, own, dataset.lots) for kind, own in table.groupby("annotation", sort=False)],
        "table": from_frame(shown, id="annotations", caption=caption, columns=SHARES, more=more),
    }


def _bars(kind: str, table: pd.DataFrame, lots: list[str]) -> dict:
    """Draw the labels of one kind, a bar a lot that has any."""
    names = natural(table["label"].unique())
    palette = dict(zip(names, colours.categories(names), strict=True))
    shares = table.pivot_table(index="lot_id", columns="label", values="fraction", aggfunc="sum").fillna(0.0)
    there = [lot for lot in lots if lot in shares.index]
    rows = [(lot, [(name, float(shares.at[lot, name]), palette[name]) for name in names]) for lot in there]
    chart = svg.stacks(rows, title=f"{kind} of each lot", axis="% of the lot's cells with a label")
    return {"name": kind, "chart": chart, "legend": list(palette.items())}


SECTION = Section(
    id="annotations",
    title="Own annotations",
    order=65,
    term="annotations",
    tables=("annotations",),
    build=own_annotations,
)
