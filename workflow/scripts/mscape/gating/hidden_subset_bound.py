"""How many cells could lack a marker although their neighbours carry it: a bound from the counts alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from scipy.special import digamma
from scipy.stats import chi2

from mscape.gating.panels import POSITIVE
from mscape.gating.posterior import log_negative_binomial, log_poisson

if TYPE_CHECKING:
    import scipy.sparse as sp

    from mscape.gating.calls import Evidence

N_BINS = 16  # classes of cells by expected count, in which the likelihood is added up
SHARES = (0.0, 0.01, 0.02, 0.03, 0.05, 0.07, *np.arange(0.1, 0.96, 0.05).round(2))
MAX_DISPERSION = 10.0
MIN_INFORMATION = 400.0  # sum of squared expected counts from which a gene's dispersion is known to 0.07
MIN_GENES = 10
COMPARABLE = 4.0
MIN_CLUSTER = 50  # cells from which a cluster has a rate of its own
QUANTILE = 0.1


def lot_bounds(
    cells: np.ndarray, evidence: Evidence, p: np.ndarray, groups: np.ndarray, reference: sp.csr_matrix | None
) -> dict[str, float]:
    """Bound the hidden share of each positive marker in one lot.

    Parameters
    ----------
    cells
        Rows of the lot that no lineage fails.
    evidence, p, groups
        Of all cells. The cells that count as positive (``p`` of one half or more) are looked at, by group.
    reference
        Counts of other genes, CSR, shape (n_all_cells, n_genes). Without them the bound assumes nothing of the marker.

    Returns
    -------
    Gene -> largest share of the positive cells that may lack the marker (:func:`non_expressing_upper_bound`); NaN where
    no cell is positive.
    """
    e, out = evidence, {}
    codes = np.unique(groups[cells], return_inverse=True)[1]
    size = np.bincount(codes)
    codes = np.where(size[codes] < MIN_CLUSTER, len(size), codes)
    none = np.array([]), np.array([])
    others = none if reference is None else gene_dispersions(reference[cells].tocsc(), e.totals[cells], codes)
    for f in np.flatnonzero(e.features.kind == POSITIVE):
        positive = p[cells, f] >= 0.5
        own = cells[positive]
        if not len(own):
            out[e.features.names[f]] = np.nan
            continue
        x, n, group = e.features.x[own, f], e.totals[own].astype(float), codes[positive]
        rate = np.bincount(group, x) / np.maximum(np.bincount(group, n), 1)
        silent = e.rho[own] * e.ambient[own, f] + 0.1 * e.features.tau[f]
        least = least_dispersion(*others, x.sum() / n.sum())
        out[e.features.names[f]] = non_expressing_upper_bound(x, n * rate[group], n * silent, min_dispersion=least)
    return out


def gene_dispersions(counts: sp.csc_matrix, totals: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rate and dispersion of the genes that have counts enough to measure it, by moments inside groups.

    Parameters
    ----------
    counts
        Counts of other genes, sparse CSC, shape (n_cells, n_genes).
    totals, groups
        Total counts and cluster of each cell, integers from 0.

    Returns
    -------
    Rates (fraction of all counts) and squared coefficients of variation of the rate among the cells of a group.
    """
    rates, found = [], []
    totals = totals.astype(float)
    exposure, square = np.bincount(groups, totals), np.bincount(groups, totals**2)
    for j in range(counts.shape[1]):
        span = slice(counts.indptr[j], counts.indptr[j + 1])
        rows, x = counts.indices[span], counts.data[span].astype(float)
        rate = np.bincount(groups[rows], x, len(exposure)) / np.maximum(exposure, 1)
        information = float((rate**2 * square).sum())
        if information >= MIN_INFORMATION:
            mean = totals[rows] * rate[groups[rows]]
            excess = float((x * x - 2 * x * mean).sum()) + information - float(x.sum())
            rates.append(float(x.sum()) / totals.sum())
            found.append(excess / information)
    return np.array(rates), np.array(found)


def least_dispersion(rates: np.ndarray, dispersions: np.ndarray, rate: float) -> float:
    """Dispersion that nine of ten genes comparable to a marker exceed in the same cells.

    Comparable are genes within a factor of four of its rate. Where fewer than ten of them are measured, all measured
    genes are taken: their rates are higher, and the dispersion of genes falls with their rate, which makes the value
    a cautious one.

    Returns
    -------
    Squared coefficient of variation; 0 where fewer than ten genes tell it.
    """
    alike = (rates > rate / COMPARABLE) & (rates < rate * COMPARABLE)
    known = dispersions[alike] if alike.sum() >= MIN_GENES else dispersions
    return max(0.0, float(np.quantile(known, QUANTILE))) if len(known) >= MIN_GENES else 0.0


def non_expressing_upper_bound(
    x: np.ndarray, expected: np.ndarray, silent: np.ndarray, *, min_dispersion: float = 0.0, level: float = 0.95
) -> float:
    """Largest share of cells that may be silent, by profile likelihood.

    A share s of the cells shows only ``silent``; the others' counts are negative binomial around a multiple of
    ``expected`` with a dispersion of at least ``min_dispersion``. A few counts a cell cannot tell silent cells from
    variable ones, so what limits s is how often the same cell has two: it grows with the number of cells times the
    square of the mean count.

    Parameters
    ----------
    x
        Counts, shape (n_cells,).
    expected, silent
        Expected counts of a cell at the pooled rate, and of a cell without the marker; shape (n_cells,).
    min_dispersion
        Least squared coefficient of variation among the cells that carry the marker. At 0 the bound assumes nothing
        and takes all variation for silent cells.
    level
        One-sided confidence.

    Returns
    -------
    Between 0 and 1; 1 where the counts exclude nothing.
    """
    if len(x) == 0 or x.sum() == 0:
        return 1.0
    x, mean, none, weight = _classes(x, expected, silent)
    bounds = [(-3.0, 4.0), (np.log(max(min_dispersion, 1e-3)), np.log(MAX_DISPERSION))]

    def worst(share: float, start: np.ndarray) -> tuple[float, np.ndarray]:
        silent_part = np.log(max(share, 1e-300)) + log_poisson(x, none)

        def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
            m, k = mean * np.exp(theta[0]), np.exp(-theta[1])
            carried = np.log1p(-share) + log_negative_binomial(x, m, k)
            total = np.logaddexp(carried, silent_part)
            part = weight * np.exp(carried - total)
            by_mean = k * (x - m) / (k + m)
            by_shape = digamma(x + k) - digamma(k) + np.log(k / (k + m)) + (m - x) / (k + m)
            return -float(weight @ total), np.array([-part @ by_mean, k * (part @ by_shape)])

        start = np.clip(start, *np.transpose(bounds))
        fit = minimize(loss, start, bounds=bounds, method="L-BFGS-B", jac=True)
        return fit.fun, fit.x

    losses, theta = [], np.array([0.0, np.log(max(min_dispersion, 0.3))])
    for i, share in enumerate(SHARES):
        value, theta = worst(share, theta)
        losses.append(value)
        excess = value - min(losses) - chi2.isf(2 * (1 - level), 1) / 2
        if excess > 0:
            before = losses[i - 1] - value + excess
            return float(np.interp(0, [before, excess], SHARES[i - 1 : i + 1]))
    return 1.0


def _classes(x, expected, silent) -> tuple[np.ndarray, ...]:
    """Count the cells by class of expected count and by count, so that the cost does not grow with their number."""
    edges = np.quantile(expected, np.linspace(0, 1, N_BINS + 1)[1:-1])
    which = np.searchsorted(edges, expected)
    number = np.maximum(np.bincount(which, minlength=N_BINS), 1)
    mean, none = (np.maximum(np.bincount(which, of, N_BINS) / number, 1e-9) for of in (expected, silent))
    pairs, weight = np.unique(np.column_stack([which, x]).astype(np.int64), axis=0, return_counts=True)
    return pairs[:, 1].astype(float), mean[pairs[:, 0]], none[pairs[:, 0]], weight.astype(float)
