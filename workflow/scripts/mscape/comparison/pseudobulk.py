"""Sum counts of cells into lots and clusters, and test genes on donors."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy import special, stats
from threadpoolctl import threadpool_limits

from mscape.comparison import linear_model
from mscape.data import counts

if TYPE_CHECKING:
    from pathlib import Path

    from pydeseq2.dds import DeseqDataSet

    from mscape.comparison.design import Design

logger = logging.getLogger(__name__)

PRIOR_CPM = 0.5
MAX_PRIOR_DF = (
    30.0  # what genes may lend each other; more made few donors look surer than they are (docs/statistics.md)
)


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

    Where the design allows p-values, PyDESeq2 (doi:10.1093/bioinformatics/btad547) fits size factors, dispersions and
    effects, and :func:`quasi_errors` tests them: DESeq2's own Wald test takes the dispersion for known and calls too
    much with few donors. Otherwise the difference of log2(CPM + 0.5) by a linear model, with Student's interval where
    donors repeat.

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
    return _test_deseq(fit_deseq(units, design, genes), units, genes, confidence)


def squeeze_variances(variance: np.ndarray, df: int) -> tuple[float, float]:
    """Estimate the prior that a set of variances was drawn from (Smyth 2004, doi:10.2202/1544-6115.1027).

    Parameters
    ----------
    variance
        Scaled chi-squared variances of many genes, each with ``df`` degrees of freedom.
    df
        Degrees of freedom.

    Returns
    -------
    Prior degrees of freedom (infinite where the genes differ no more than chance makes them) and prior variance.
    """
    log = np.log(np.maximum(variance, 1e-8)) - special.digamma(df / 2) + np.log(df / 2)
    excess = log.var(ddof=1) - special.polygamma(1, df / 2)
    if excess <= 0:
        return np.inf, float(np.exp(log.mean()))
    half = _inverse_trigamma(excess)
    return 2 * half, float(np.exp(log.mean() + special.digamma(half) - np.log(half)))


def quasi_errors(
    units: np.ndarray, mean: np.ndarray, dispersion: np.ndarray, X: np.ndarray, coefficient: int
) -> tuple[np.ndarray, float]:
    """Find standard errors that follow the genes' own scatter (quasi-likelihood).

    The negative binomial with the dispersion trend gives each gene's expected variance; its Pearson residuals say by
    how much the donors exceed that; the factor is squeezed over genes and never taken below 1 (Lund 2012,
    doi:10.1515/1544-6115.1826).

    Parameters
    ----------
    units, mean
        Counts and fitted means, shape (n_units, n_genes).
    dispersion
        Trend of the dispersion, shape (n_genes,).
    X
        Design matrix.
    coefficient
        Its column of interest.

    Returns
    -------
    Standard errors (natural log scale) and the degrees of freedom of their t distribution.
    """
    df = len(X) - np.linalg.matrix_rank(X)
    scatter = ((units - mean) ** 2 / (mean + dispersion * mean**2)).sum(axis=0) / df
    prior_df, prior = squeeze_variances(scatter, df)
    prior_df = min(prior_df, MAX_PRIOR_DF)
    factor = np.maximum((prior_df * prior + df * scatter) / (prior_df + df), 1.0)
    weights = mean / (1 + dispersion * mean)
    information = np.einsum("ui,ug,uj->gij", X, weights, X)
    covariance = np.linalg.pinv(information, hermitian=True)[:, coefficient, coefficient]
    return np.sqrt(covariance * factor), df + prior_df


def _inverse_trigamma(value: float) -> float:
    """Solve trigamma(x) = value by Newton's method."""
    x = 0.5 + 1 / value
    for _ in range(50):
        slope = special.polygamma(1, x)
        step = slope * (1 - slope / value) / special.polygamma(2, x)
        x += step
        if abs(step) < 1e-9 * x:
            break
    return float(x)


def fit_deseq(units: np.ndarray, design: Design, genes: np.ndarray) -> DeseqDataSet:
    """Fit size factors, dispersions and effects with PyDESeq2, on one process and in silence.

    Parameters
    ----------
    units
        Counts of one unit a row, int, shape (n_units, n_genes).
    design
        The contrast's design; its column of interest is named ``target`` in the result.
    genes
        Names of the columns.

    Returns
    -------
    The fitted data set; what PyDESeq2 remarks goes to the log.
    """
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.default_inference import DefaultInference

    names = ["target" if name == design.coefficient else f"x{i}" for i, name in enumerate(design.matrix.columns)]
    matrix = design.matrix.set_axis(names, axis=1)
    frame = pd.DataFrame(units, index=matrix.index, columns=genes)
    inference = DefaultInference(n_cpus=1)
    # one BLAS thread: the matrices are tiny, and threads would change the last digits
    with threadpool_limits(1, "blas"), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")  # its warnings (no parametric trend, pandas deprecations) go to the log, once
        dataset = DeseqDataSet(counts=frame, metadata=matrix.copy(), design=matrix, quiet=True, inference=inference)
        dataset.deseq2()
    for text in dict.fromkeys(str(w.message) for w in said if not issubclass(w.category, DeprecationWarning)):
        logger.info("%s: PyDESeq2 says: %s", design.contrast.name, text)
    return dataset


def _test_deseq(dataset: DeseqDataSet, units: np.ndarray, genes: np.ndarray, confidence: float) -> pd.DataFrame:
    matrix = dataset.obsm["design_matrix"]
    X, column = matrix.to_numpy(), matrix.columns.get_loc("target")
    beta = dataset.varm["LFC"].to_numpy()
    mean = np.exp(X @ beta.T) * dataset.obs["size_factors"].to_numpy()[:, None]
    error, df = quasi_errors(units, mean, dataset.var["fitted_dispersions"].to_numpy(), X, column)
    estimate, error = beta[:, column] / np.log(2), error / np.log(2)
    statistic = estimate / error
    half = stats.t.ppf(0.5 + confidence / 2, df) * error
    columns = {
        "feature": genes,
        "estimate": estimate,
        "low": estimate - half,
        "high": estimate + half,
        "statistic": statistic,
        "pvalue": 2 * stats.t.sf(np.abs(statistic), df),
    }
    return pd.DataFrame(columns)
