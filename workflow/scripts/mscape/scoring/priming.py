"""Whether a stated priming took: the genes that it raises, in a lot against lots that were not primed.

The unit is the lot: sums of its cells' counts. A lot's expected genes are compared with genes of like expression in
the same sums, so that depth and composition cancel. Genes that respond together also vary together between lots; the
variance allows for it as CAMERA does (Wu and Smyth 2012, doi:10.1093/nar/gks461), and is moderated with the spread of
the control lots where several share what they are compared by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from mscape import paths
from mscape.comparison.pseudobulk import log_expression
from mscape.data.reference_table import read_reference
from mscape.data.tables import TABLES

if TYPE_CHECKING:
    from mscape.genes.names import GeneIndex

GENES = paths.resource("priming_genes.tsv")
COLUMN, NONE, UNKNOWN = "priming", "none", ("", "unknown", "nan")
ALPHA = 0.01  # of a lot that was not primed
MIN_GENES = 5  # expected genes that can be judged
MIN_COUNTS = 10  # of a gene in the compared sums; a lot of a million counts would show so many of 10 CPM
DEEP = 1_000_000
MATCHED = 100  # genes of like expression beside each expected one
MOVED = np.log2(1.5)
PUBLISHED = 1.0  # log2, mean of the genes: "yes" is at least this much, "no" excludes it
CORRELATION = 0.3  # assumed between expected genes over lots
PRIOR_DF = 4.0  # weight of the spread of genes, in lots, beside that of the control lots


def expected_genes(kind: str) -> list[str]:
    """List the genes that a priming raises; those of both of ``IFNG+TNF``, none of a kind without a list."""
    table = read_reference(GENES)
    return list(dict.fromkeys(table.loc[table["kind"].isin(kind.split("+")), "gene"]))


def statements(obs: pd.DataFrame, lots: np.ndarray) -> pd.DataFrame:
    """Gather what is stated of each lot: ``priming`` ("" where ``obs`` has no such column) and ``donor_id``."""
    by_lot = obs.groupby(obs["lot_id"].astype(str))
    said = {
        column: by_lot[column].agg(lambda own: ";".join(sorted(set(own.astype(str))))).reindex(lots).tolist()
        if column in obs
        else [""] * len(lots)
        for column in (COLUMN, "donor_id")
    }
    return pd.DataFrame(said, index=lots, dtype=str)


def judge_priming(
    sums: np.ndarray, lots: pd.DataFrame, *, index: GeneIndex, names: np.ndarray, measured: np.ndarray
) -> pd.DataFrame:
    """Say of each lot with a stated priming whether it took.

    Parameters
    ----------
    sums
        Counts of the lots' cells, shape (n_lots, n_genes).
    lots
        ``priming`` and ``donor_id`` of each lot, index = lot; several values of a lot joined by a semicolon.
    index, names
        The dataset's genes.
    measured
        Genes in the feature table of every sample, bool, shape (n_genes,).

    Returns
    -------
    Table ``priming``, a row a lot with a statement. A false "yes" or "partly" is held at ``ALPHA`` where lots vary as
    the module says; "no" excludes at one-sided 95 % that the expected genes are up two-fold on average.
    """
    stated = lots[COLUMN].astype(str)
    column_of = pd.Series(np.arange(len(names)), index=names)
    everything = list(dict.fromkeys(read_reference(GENES)["gene"]))
    columns = {gene: int(column_of[name]) for gene, name in index.resolve(everything)[0].items() if name in column_of}
    pool = measured.copy()
    pool[list(columns.values())] = False
    sums = np.asarray(sums, dtype=float)
    rows: list[dict[str, Any]] = []
    for place, (lot, kind) in enumerate(stated.items()):
        if kind in UNKNOWN:
            continue
        wanted = expected_genes(kind)
        row = {"lot_id": lot, "stated": kind, "expected": len(wanted), "measurable": 0, "moved": 0, "genes": ""}
        row |= {"controls": 0, "relative_to": "", "reason": ""}
        controls, relative_to = _controls(place, stated, lots["donor_id"].astype(str))
        own = np.array([columns[gene] for gene in wanted if gene in columns and measured[columns[gene]]], dtype=int)
        if kind == NONE:
            row |= {"answer": "control"}
        elif not wanted:
            mixed = ";" in kind
            reason = "Its samples state several." if mixed else "There is no list of the genes that it raises."
            row |= {"answer": "undecided", "reason": reason}
        elif not controls.any() or not sums[place].sum():
            row |= {"answer": "undecided", "reason": "There is no lot with priming none to compare with."}
        else:
            row |= {"controls": int(controls.sum()), "relative_to": relative_to}
            row |= _compare(sums[place], sums[controls], own, pool, names)
        rows.append(row)
    return pd.DataFrame(rows).reindex(columns=TABLES["priming"].names)


def _controls(place: int, stated: pd.Series, donors: pd.Series) -> tuple[np.ndarray, str]:
    """Find the lots with ``none`` to compare with: those of the donor where there are any, else all."""
    controls = stated.eq(NONE).to_numpy()
    same = controls & (donors == donors.iloc[place]).to_numpy() & (donors.iloc[place] not in UNKNOWN)
    return (same, "donor") if same.any() else (controls, "study")


def _compare(lot: np.ndarray, controls: np.ndarray, own: np.ndarray, pool: np.ndarray, names: np.ndarray) -> dict:
    """Compare the expected genes of a lot with those of its controls."""
    units = np.vstack([lot, controls])
    seen = units.sum(axis=0) >= MIN_COUNTS
    own = own[seen[own] | (units.sum(axis=1).min() >= DEEP)]
    beside = np.flatnonzero(pool & seen)
    if own.size < MIN_GENES or beside.size < MATCHED:
        reason = f"At the depth of the lots fewer than {MIN_GENES} of its genes can be judged."
        return {"answer": "undecided", "measurable": own.size, "reason": reason}
    logs = log_expression(units, units.sum(axis=1))
    ratio = logs[0] - logs[1:].mean(axis=0)
    level = (logs[0] + logs[1:].mean(axis=0)) / 2
    beside = beside[np.lexsort((names[beside], level[beside]))]
    first = np.searchsorted(level[beside], level[own]) - MATCHED // 2
    first = np.clip(first, 0, beside.size - MATCHED)
    matched = beside[first[:, None] + np.arange(MATCHED)]
    excess = ratio[own] - np.median(ratio[matched], axis=1)
    spread = stats.median_abs_deviation(ratio[matched], axis=1, scale="normal")
    up = (excess > stats.norm.ppf(0.95) * spread) & (excess >= MOVED)
    effect, n = float(excess.mean()), own.size
    variance = float((spread**2).sum()) / n**2 * (1 + (n - 1) * CORRELATION)
    df = PRIOR_DF
    if len(controls) > 1:  # lots that were not primed say how the mean of these genes varies
        level_of = (logs[1:, own] - np.median(logs[1:][:, matched], axis=2)).mean(axis=1)
        more = len(controls) - 1
        between = float(level_of.var(ddof=1)) * (1 + 1 / len(controls))
        variance, df = (df * variance + more * between) / (df + more), df + more
    error = max(np.sqrt(variance), 1e-6)
    pvalue = float(stats.t.sf(effect / error, df))
    signs = int(2 * up.sum() > n) + int(effect >= PUBLISHED)  # donors that were not primed differ by less
    if pvalue < ALPHA:
        answer = ("undecided", "partly", "yes")[signs]
    else:
        answer = "no" if effect + stats.t.ppf(0.95, df) * error < PUBLISHED else "undecided"
    half = float(stats.t.ppf(0.975, df) * error)
    return {
        "answer": answer,
        "measurable": n,
        "moved": int(up.sum()),
        "genes": ";".join(names[own[up]]),
        "effect": effect,
        "low": effect - half,
        "high": effect + half,
        "pvalue": pvalue,
        "reason": _why(pvalue) if answer == "undecided" else "",
    }


def _why(pvalue: float) -> str:
    """Say why it is undecided: a rise as small as between donors, or an interval too wide."""
    if pvalue < ALPHA:
        return "Its genes are up, but by as little as donors differ without priming."
    return "A two-fold mean rise of its genes is neither shown nor excluded."
