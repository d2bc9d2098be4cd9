"""What sub-populations are called, how to sort them, how they hang together, and how batches were joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mscape.report.numbers import finite, number
from mscape.report.tables import from_frame

if TYPE_CHECKING:
    from mscape.report.dataset import Dataset
    from mscape.report.tables import Table

NAMES = (
    ("cluster", "Sub-population", "text", "leiden"),
    ("name", "Name", "text", "cluster_name"),
    ("confidence", "Confidence", "text", "cluster_name"),
    ("z", "z", "number", "score_z"),
    ("low", "from", "number", "interval"),
    ("high", "to", "number", "interval"),
    ("n_lots", "Lots", "number", "lot_count"),
    ("runner_up", "Next programme", "text", ""),
    ("margin", "Margin", "number", "cluster_name"),
    ("reason", "Why", "text", ""),
)
SURFACE = (
    ("cluster", "Sub-population", "text", "leiden"),
    ("sign", "Sort by", "text", "surface"),
    ("gene", "Gene", "text", ""),
    ("protein", "Protein", "text", ""),
    ("evidence", "Known as", "text", "surface"),
    ("log2_fold_change", "log2 fold change", "number", "fold_change"),
    ("fraction_in", "Cells with counts, in", "percent", "fraction_in"),
    ("fraction_out", "and outside", "percent", "fraction_in"),
)
HETEROGENEITY = (
    ("lot_id", "Lot", "text", "lot"),
    ("words", "Index", "text", "heterogeneity"),
    ("value", "Value", "number", "heterogeneity"),
    ("low", "from", "number", "interval"),
    ("high", "to", "number", "interval"),
    ("n_cells", "Cells", "number", "cells"),
)
PATHS = (
    ("cluster_a", "Sub-population", "text", "leiden"),
    ("cluster_b", "and", "text", "leiden"),
    ("connectivity", "Connectivity", "number", "paga"),
    ("path", "Path", "flag", "paga"),
)
INDEX = {
    "entropy": "entropy of its sub-populations, bits",
    "spread": "variance, relative to the mean lot",
    "explained_by_cluster": "variance between sub-populations",
    "explained_by_cycle": "variance with the cell cycle",
}


def structure(dataset: Dataset) -> dict:
    """Tables and sentences beside the overview of the sub-populations; those whose file is absent are None."""
    record = dataset.stage("clusters", "cluster_cells")
    return {
        "integration": _integration(dataset.stage("embedding_msc", "embed_cells")),
        "names": _table(dataset, "cluster_names", "Names of the sub-populations", NAMES),
        "surface": _table(dataset, "surface", "Surface proteins to sort by", SURFACE),
        "heterogeneity": _table(dataset, "heterogeneity", "Heterogeneity of the lots", HETEROGENEITY),
        "paths": _table(dataset, "paga", "Paths between sub-populations", PATHS),
        "pseudotime": str(record.get("pseudotime", "")),
    }


def _table(dataset: Dataset, key: str, caption: str, columns: tuple) -> Table | None:
    frame = dataset.tables.get(key)
    if frame is None or not len(frame):
        return None
    if key == "heterogeneity":
        frame = frame.assign(words=[_index(name) for name in frame["index"]])
    return from_frame(frame, id=key, caption=caption, columns=columns)


def _index(name: str) -> str:
    return INDEX.get(name, name.replace("explained_by_", "variance explained by ").replace("_", " "))


def _integration(record: dict) -> list[str]:
    """Say what was taken out of the components, by which method, why, and what that did; nothing for one batch."""
    said = []
    if record.get("regress_cell_cycle"):
        before, after = (number(record.get(f"cycle_{when}")) for when in ("before", "after"))
        said.append(
            f"The cell cycle was regressed out: it explained {before} of the variance before and {after} after."
        )
    if not str(record.get("batch_key", "")):
        return said
    said += [f"Batches ({record['batch_key']}): method {record['method']}; {record['integration_reason']}."]
    figures = []
    for key, title in (("mixing", "mixing"), ("ilisi", "iLISI")):
        first, second = (finite(record.get(f"{key}_{when}")) for when in ("before", "after"))
        if first is not None:
            figures.append(
                f"{title} {number(first)} before" + ("" if second is None else f" and {number(second)} after")
            )
    kept = finite(record.get("conservation"))
    if kept is not None:
        figures.append(f"{number(kept)} of the neighbourhoods within batches kept")
    if figures:
        said.append("; ".join(figures).capitalize() + ".")
    if str(record.get("warning", "")):
        said.append(str(record["warning"]))
    return said
