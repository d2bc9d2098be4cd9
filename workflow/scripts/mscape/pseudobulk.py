"""Sum counts of cells into lots and clusters, and test genes on donors."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp

from mscape import contrasts, counts

if TYPE_CHECKING:
    from pathlib import Path

    from mscape.contrasts import Design

logger = logging.getLogger(__name__)

PRIOR_CPM = 0.5


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
        part = groups[start:stop]
        rows = np.flatnonzero(part >= 0)
        pick = sp.csr_matrix((np.ones(len(rows), np.int64), (part[rows], rows)), shape=(n_groups, stop - start))
        summed = pick @ block.astype(np.int64)
        total = summed if total is None else total + summed
    total = sp.csr_matrix(total)
    total.sort_indices()
    return total


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

    PyDESeq2 (doi:10.1093/bioinformatics/btad547) with Wald tests where the design allows p-values; otherwise the
    difference of log2(CPM + 0.5) by a linear model, with Student's interval where donors repeat.

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
        table = contrasts.fit_linear(values, design, variance=variance, weighted=False, confidence=confidence)
        return table.assign(feature=genes)
    return _fit_deseq(units, design, genes, confidence)


def _fit_deseq(units: np.ndarray, design: Design, genes: np.ndarray, confidence: float) -> pd.DataFrame:
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.default_inference import DefaultInference
    from pydeseq2.ds import DeseqStats
    from scipy.stats import norm

    names = [f"x{number}" for number in range(design.matrix.shape[1])]
    matrix = design.matrix.set_axis(names, axis=1)
    contrast = np.zeros(len(names))
    contrast[design.matrix.columns.get_loc(design.coefficient)] = 1.0
    frame = pd.DataFrame(units, index=matrix.index, columns=genes)
    inference = DefaultInference(n_cpus=1)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")  # its warnings (no parametric trend, pandas deprecations) go to the log, once
        dataset = DeseqDataSet(counts=frame, metadata=matrix.copy(), design=matrix, quiet=True, inference=inference)
        dataset.deseq2()
        test = DeseqStats(dataset, contrast=contrast, independent_filter=False, quiet=True, inference=inference)
        test.summary()
    for text in dict.fromkeys(str(w.message) for w in said if not issubclass(w.category, DeprecationWarning)):
        logger.info("%s: PyDESeq2 says: %s", design.contrast.name, text)
    result = test.results_df.loc[genes]
    half = norm.ppf(0.5 + confidence / 2) * result["lfcSE"]
    columns = {
        "feature": genes,
        "estimate": result["log2FoldChange"],
        "low": result["log2FoldChange"] - half,
        "high": result["log2FoldChange"] + half,
        "statistic": result["stat"],
        "pvalue": result["pvalue"],
    }
    return pd.DataFrame(columns).reset_index(drop=True)
