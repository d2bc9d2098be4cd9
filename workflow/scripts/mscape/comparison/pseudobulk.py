"""Sum counts of cells into lots and clusters, and test genes on donors."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp

from mscape.comparison import linear_model, moderated_t
from mscape.data import counts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mscape.comparison.design import Design

logger = logging.getLogger(__name__)

PRIOR_CPM = 0.5
PRIOR_COUNT = 2.0  # as in edgeR's cpm(log=TRUE): keeps a gene with few counts from varying wildly in logarithm


def sum_groups(path: str | Path, groups: np.ndarray, n_groups: int) -> sp.csr_matrix:
    """Sum raw counts over groups of cells, a block of rows at a time.

    Parameters
    ----------
    path
        A whole stage file.
    groups
        Group of each cell, int, shape (n_cells,); -1 for cells that are left out.
    n_groups
        Number of groups.

    Returns
    -------
    Sums, int64 CSR, shape (n_groups, n_genes). Memory grows with the groups, not with the cells.
    """
    total = None
    for start, stop, block in counts.blocks(path):
        summed = counts.group_rows(groups[start:stop], n_groups) @ block.astype(np.int64)
        total = summed if total is None else total + summed
    total = sp.csr_matrix(total)
    total.sort_indices()
    return total


def measured_in_lots(measured: pd.DataFrame, obs: pd.DataFrame, lots: Sequence[str]) -> np.ndarray:
    """Say which genes are in the feature table of every sample of a lot.

    Parameters
    ----------
    measured
        Genes x samples, bool.
    obs
        ``lot_id`` and ``sample_id`` of each cell.
    lots
        Lots that have cells.

    Returns
    -------
    bool, shape (n_lots, n_genes).
    """
    samples = obs[["lot_id", "sample_id"]].astype(str).drop_duplicates()
    of_lot = samples.groupby("lot_id")["sample_id"].agg(list)
    known = [measured[of_lot[lot]].to_numpy(dtype=bool).all(axis=1) for lot in lots]
    return np.array(known, dtype=bool).reshape(len(lots), len(measured))


def select_genes(units: np.ndarray, design: Design, *, min_cpm: float = 5.0) -> np.ndarray:
    """Choose the genes with at least ``min_cpm`` in as many units as the smaller arm has.

    Parameters
    ----------
    units
        Counts, shape (n_units, n_genes).
    design
        The contrast's design.
    min_cpm
        Counts per million.

    Returns
    -------
    bool, shape (n_genes,).
    """
    cpm = units / np.maximum(units.sum(axis=1, keepdims=True), 1) * 1e6
    return (cpm >= min_cpm).sum(axis=0) >= max(1, min(design.n_reference, design.n_other))


def log_cpm(units: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """log2(CPM + 0.5) of units."""
    return np.log2(units / np.maximum(totals, 1)[:, None] * 1e6 + PRIOR_CPM)


def log_cpm_variance(units: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Poisson variance of :func:`log_cpm` by the delta method; a gene without counts is taken to have had one."""
    prior = np.maximum(PRIOR_CPM * totals[:, None] / 1e6, 1.0)
    return np.maximum(units, 1) / (units + prior) ** 2 / np.log(2) ** 2


def compare_genes(
    units: np.ndarray,
    design: Design,
    *,
    genes: np.ndarray,
    totals: np.ndarray,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compare genes between groups of donors.

    Where the design allows p-values, log2 expression over size factors by :func:`~mscape.comparison.moderated_t`.
    Otherwise the difference of log2(CPM + 0.5) by a linear model, with Student's interval where donors repeat.

    Parameters
    ----------
    units
        Counts of one unit a row, int, shape (n_units, n_genes).
    design
        The contrast's design.
    genes
        Names of the columns.
    totals
        All counts of each unit, also of genes that are not in ``units``.
    confidence
        Coverage of the interval.

    Returns
    -------
    One row a gene: ``feature estimate low high statistic pvalue``; estimates are log2 ratios.
    """
    if not design.testable:
        values, variance = log_cpm(units, totals), log_cpm_variance(units, totals)
        table = linear_model.fit_linear(values, design, variance=variance, weighted=False, confidence=confidence)
        return table.assign(feature=genes)
    values = log_expression(units, totals)
    estimate, half, statistic, pvalue = moderated_t.moderated_t(values, design, confidence=confidence)
    columns = {"estimate": estimate, "low": estimate - half, "high": estimate + half}
    return pd.DataFrame({"feature": genes, **columns, "statistic": statistic, "pvalue": pvalue})


def size_factors(units: np.ndarray) -> np.ndarray:
    """Median-of-ratios size factors (Anders and Huber 2010, doi:10.1186/gb-2010-11-10-r106), of mean 1 in logarithm.

    Parameters
    ----------
    units
        Counts, shape (n_units, n_genes). Without a gene that every unit shows, the factors are those of the totals.
    """
    shown = (units > 0).all(axis=0)
    logs = np.log(units[:, shown]) if shown.any() else np.log(np.maximum(units.sum(axis=1, keepdims=True), 1))
    factors = np.median(logs - logs.mean(axis=0), axis=1)
    return np.exp(factors - factors.mean())


def log_expression(units: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """log2 counts per million over size factors, with a prior count in proportion to the library.

    Parameters
    ----------
    units
        Counts, shape (n_units, n_genes).
    totals
        All counts of each unit.
    """
    factors = size_factors(units)
    library = factors * np.exp(np.log(np.maximum(totals, 1)).mean())
    prior = PRIOR_COUNT * factors / factors.mean()
    return np.log2((units + prior[:, None]) / (library + 2 * prior)[:, None] * 1e6)
