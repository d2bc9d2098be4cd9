"""Enriched gene sets of the report: what the dots and the running sums show, and the scores of summed counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.report.charts import enrichment as charts
from mscape.report.numbers import finite, number, signature_name
from mscape.report.tables import Cell, Table, heat_cell

if TYPE_CHECKING:
    from mscape.report.dataset import Dataset

MAX_SETS = 24  # rows of the dots
MAX_PANELS = 6
GSVA_EDGES = (0.2, 0.4, 0.6, 0.8)
SIGNIFICANT = 0.05


def choose(table: pd.DataFrame | None, scope: str) -> pd.DataFrame | None:
    """Choose what the dots show: prerank rows of the sets that reach ``SIGNIFICANT`` in some group, the clearest first.

    Parameters
    ----------
    table
        enrichment.tsv.
    scope
        ``cluster`` or ``contrast``.

    Returns
    -------
    Rows of at most ``MAX_SETS`` sets, with their numbers in words in ``said``; None where no set reaches it.
    """
    if table is None:
        return None
    own = table[(table["scope"] == scope) & (table["method"] == "prerank") & table["nes"].notna()]
    clear = own[own["fdr"] < SIGNIFICANT]
    if clear.empty:
        return None
    order = clear.assign(size=clear["nes"].abs()).groupby("term")["size"].max().sort_values(ascending=False)
    terms = list(order.index[:MAX_SETS])
    place = {term: i for i, term in enumerate(terms)}
    own = own[own["term"].isin(terms)].copy()
    own["said"] = [describe(row) for row in own.to_dict("records")]
    return own.sort_values("term", key=lambda names: names.map(place), kind="stable")


def describe(row: dict) -> str:
    """Say NES, FDR and the numbers of genes of one enrichment."""
    fdr = finite(row.get("fdr"))
    said = f"NES {number(row['nes'])}, FDR {'n/a' if fdr is None else number(fdr)}".replace("-", "−")
    return f"{said}; {int(row['n_leading'])} of {int(row['n_genes'])} genes lead"


def panels(table: pd.DataFrame | None, hits: pd.DataFrame | None, scope: str, group: str) -> list[charts.Panel]:
    """Prepare the running sums of the strongest sets of one ranking.

    Parameters
    ----------
    table, hits
        enrichment.tsv and enrichment_genes.tsv.
    scope, group
        ``cluster`` or ``contrast``, and which.
    """
    if table is None or hits is None or not len(hits):
        return []
    own = hits[(hits["scope"] == scope) & (hits["cluster"] == group)]
    of_group = (table["scope"] == scope) & (table["cluster"] == group) & (table["method"] == "prerank")
    rows = table[of_group].set_index("term").to_dict("index")
    made = []
    for term in list(dict.fromkeys(own["term"]))[:MAX_PANELS]:
        genes, row = own[own["term"] == term].sort_values("rank"), rows[term]
        n, rank = int(row["n_list"]), genes["rank"].to_numpy(dtype=float)
        after = genes["running"].to_numpy(dtype=float)
        fall = 1 / (n - len(genes))  # of the running sum at each gene that is not in the set
        before = np.r_[0.0, after[:-1]] - fall * (rank - 1 - np.r_[0.0, rank[:-1]])
        x = np.r_[0.0, np.column_stack([rank - 1, rank]).ravel(), n]
        y = np.r_[0.0, np.column_stack([before, after]).ravel(), 0.0]
        leading = genes["leading"].to_numpy(dtype=bool)
        names = row["genes"].split(";")[:8]
        made.append(charts.Panel(signature_name(term), describe(row), x, y, rank, leading, names, n))
    return made


def pictures(dataset: Dataset, scope: str) -> dict:
    """Make the dots of all groups of a scope, and the running sums of each.

    Parameters
    ----------
    dataset
        The stage files, read.
    scope
        ``cluster`` or ``contrast``.

    Returns
    -------
    ``dots`` and ``dots_note`` (None and "" where no set is clear), ``running``: images by group, ``running_note``.
    """
    table, hits = dataset.tables.get("enrichment"), dataset.tables.get("enrichment_genes")
    if table is not None and scope == "contrast":
        table = table[~table["cluster"].isin(single_donor_contrasts(dataset))]
    rows = choose(table, scope)
    what = "sub-population" if scope == "cluster" else "contrast"
    made: dict = {"dots": None, "dots_note": "", "running": {}, "running_note": ""}
    if table is not None and rows is not None:
        made["dots"] = charts.dots(rows, title=f"Enriched gene sets of each {what}")
        shown, whole = rows["term"].nunique(), table.loc[table["scope"] == scope, "term"].nunique()
        made["dots_note"] = (
            f"Prerank GSEA of {whole} gene sets among {_span(rows['n_list'])} ranked genes. Shown: the {shown} sets of "
            f"largest NES with an FDR below {SIGNIFICANT:g} in some {what}. p and FDR are of random gene sets: they "
            "say nothing about other donors."
        )
    for group in () if table is None else dict.fromkeys(table.loc[table["scope"] == scope, "cluster"]):
        if drawn := panels(table, hits, scope, group):
            made["running"][group] = charts.running(drawn, title=f"Running sums, {group}")
    made["running_note"] = (
        "The sum rises at each gene of the set, by the size of its statistic, and falls at every other gene; its "
        "largest departure from zero is the enrichment score. Marks: genes of the set, dark those that lead to it."
    )
    return made


def single_donor_contrasts(dataset: Dataset) -> set[str]:
    """Name the contrasts with one donor in an arm: the FDR of their gene sets would be read as evidence."""
    table = dataset.tables.get("contrasts")
    if table is None:
        return set()
    single = (table["kind"] == "design") & (table[["n_reference", "n_other"]] == 1).any(axis=1)
    return set(table.loc[single, "contrast"])


def _span(values: pd.Series) -> str:
    low, high = int(values.min()), int(values.max())
    return number(low) if low == high else f"{number(low)} to {number(high)}"


def sums(dataset: Dataset) -> Table | None:
    """Tabulate GSVA of the summed MSC, signatures x lots; None with too few lots."""
    table = dataset.tables.get("lot_enrichment")
    if table is None:
        return None
    own = table[(table["cluster"] == "") & table["gsva"].notna()]
    if own.empty:
        return None
    wide = (
        own.pivot(index="term", columns="lot_id", values="gsva").reindex(columns=dataset.lots).dropna(axis=1, how="all")
    )
    cells = own.drop_duplicates("lot_id").set_index("lot_id")["n_cells"]
    size = own.drop_duplicates("term").set_index("term")["n_genes"]
    columns = [("Signature", "text", ""), ("Genes", "number", "coverage"), *((lot, "heat", "") for lot in wide.columns)]
    rows = []
    for term in wide.index:
        hints = {
            lot: f"{term} in {lot}: GSVA {wide.at[term, lot]:.2f}, {size[term]} genes, {cells[lot]} cells"
            for lot in wide
        }
        values = [heat_cell(finite(wide.at[term, lot]), GSVA_EDGES, hints[lot], digits=2) for lot in wide]
        rows.append([Cell(signature_name(term)), Cell(str(size[term]), int(size[term])), *values])
    note = (
        f"The counts of each lot's MSC are summed ({_span(cells)} cells), and the lots compared gene by gene: 1 = the "
        f"set's genes are highest in this lot, −1 = lowest. A second opinion on the z above, from {len(wide.columns)} "
        "lots; no interval, because a lot is one sum. ssGSEA and the sums of sub-populations: lot_enrichment.tsv."
    )
    return Table(
        "sums", "GSVA of the summed MSC of each lot", columns, rows, note=note, classes="heat", term="enrichment"
    )
