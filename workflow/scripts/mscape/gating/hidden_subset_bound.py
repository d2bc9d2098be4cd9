"""Profile likelihood of the share of cells in a hidden subset, and its upper confidence bound, from single-cell counts.

A subset that differs from its neighbors in one marker alone shifts no neighborhood's rate enough to be seen. It leaves
a trace in the single cells: if a share of them is silent, the others carry all counts, and two counts in one cell come
more often than a homogeneous culture allows. The model, for each cluster c of a lot and each marker:

* a share s_c of the cells is in the hidden subset and shows a known low rate (of a positive marker: ambient RNA and a
  tenth of the threshold; of a negative marker: the threshold and ambient RNA), the others are negative binomial around
  the rate r_c, of a negative marker on top of the ambient RNA, with the dispersion phi;
* log r_c varies between the clusters as the rates of other genes of comparable rate do in the same cells;
* log phi is distributed as the dispersions of these genes inside the same clusters are.

Each cluster has a share of its own, so that the subset may be spread evenly or sit in one cluster. What is reported is
the profile likelihood of the total share (the sum over clusters, by maximal convolution), on its whole range.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import gammaln, logsumexp
from scipy.stats import chi2

if TYPE_CHECKING:
    import scipy.sparse as sp

N_BINS = 20  # classes of cells by total counts, in which the likelihood is added up
SHARES = np.array([0, 1, 2, 3.5, 5, 7.5, 10, 12.5, 15, 20, 25, 30, 35, 40, 50, 60, 70, 80, 90, 96]) / 100
DISPERSIONS = np.geomspace(0.02, 4.0, 13)
TOTAL = np.linspace(0, 1, 101)  # grid of the total share
MAX_RATES = 50  # points at which the rate common to the clusters is tried
MIN_INFORMATION = 400.0  # sum of squared expected counts from which a gene's dispersion is known to 0.07
MIN_GENES = 10
COMPARABLE = 4.0  # factor within which the rate of a gene is comparable to a marker's
MIN_CLUSTER = 50  # cells from which a cluster has a rate of its own
MIN_SPREAD = 0.05  # least standard deviation of log rates between clusters
PRIOR_HIDDEN = 0.04  # share of clusters that hold a hidden subset, before its counts are examined


@dataclass(frozen=True)
class ReferenceGenes:
    """Rates of other genes in the same cells, and how much they vary; arrays of shape (n_genes,).

    ``rate`` is a fraction of all counts, ``dispersion`` the squared coefficient of variation among the cells of a
    cluster, ``spread`` the variance of the log rate between clusters (NaN where a cluster has too few counts).
    """

    rate: np.ndarray
    dispersion: np.ndarray
    spread: np.ndarray

    def comparable(self, rate: float) -> np.ndarray:
        """Genes within a factor of four of a rate; all genes where fewer than ten are.

        Well measured genes of other rates have higher ones, and their dispersion is lower or the same, which is
        the cautious side.
        """
        near = (self.rate > rate / COMPARABLE) & (self.rate < rate * COMPARABLE)
        return near if near.sum() >= MIN_GENES else np.ones(len(near), bool)

    def dispersion_prior(self, rate: float) -> tuple[float, float]:
        """Give mean and standard deviation of the log dispersion; nearly flat where fewer than ten genes are measured.

        The standard deviation is that of the lower half, for a marker that varies little is what a hidden subset can
        be mistaken for.
        """
        values = np.maximum(self.dispersion[self.comparable(rate)], 0.01)
        if len(values) < MIN_GENES:
            return float(np.log(0.3)), 2.0
        middle, low = np.quantile(values, [0.5, 0.1])
        return float(np.log(middle)), max(0.3, float(np.log(middle / low) / 1.2816))

    def between_clusters(self, rate: float) -> float:
        """Give the standard deviation of the log rate between clusters; 0.5 where fewer than ten genes show it."""
        values = self.spread[self.comparable(rate)]
        values = values[~np.isnan(values)]
        if len(values) < MIN_GENES:
            return 0.5
        return float(np.sqrt(max(values.mean(), MIN_SPREAD**2)))


NO_REFERENCE = ReferenceGenes(np.array([]), np.array([]), np.array([]))


def measure_reference(counts: sp.csc_matrix, totals: np.ndarray, clusters: np.ndarray) -> ReferenceGenes:
    """Measure by moments how much the rates of genes vary inside clusters and between them.

    Parameters
    ----------
    counts
        Counts of genes other than the markers, sparse CSC, shape (n_cells, n_genes).
    totals, clusters
        Total counts and cluster of each cell, integers from 0.
    """
    totals = totals.astype(float)
    exposure, square = np.bincount(clusters, totals), np.bincount(clusters, totals**2)
    weight = np.bincount(clusters) / max(len(clusters), 1)
    rates, dispersions, spreads = [], [], []
    for j in range(counts.shape[1]):
        span = slice(counts.indptr[j], counts.indptr[j + 1])
        rows, x = counts.indices[span], counts.data[span].astype(float)
        pooled = np.bincount(clusters[rows], x, len(exposure))
        rate = pooled / np.maximum(exposure, 1)
        information = float((rate**2 * square).sum())
        if information < MIN_INFORMATION:
            continue
        mean = totals[rows] * rate[clusters[rows]]
        excess = float((x * x - 2 * x * mean).sum()) + information - float(x.sum())
        rates.append(float(x.sum()) / totals.sum())
        dispersions.append(excess / information)
        spreads.append(np.nan)
        if len(exposure) > 1 and pooled.min() >= 10:
            log_rate = np.log(rate)
            deviation = (log_rate - weight @ log_rate) ** 2 - (1 - 2 * weight) / pooled
            spreads[-1] = float(weight @ deviation) / (1 - float(weight @ weight))
    return ReferenceGenes(np.array(rates), np.array(dispersions), np.array(spreads))


@dataclass(frozen=True)
class CellClasses:
    """Cells of a cluster by class of total counts and by count, so that the cost does not grow with their number.

    ``count``, ``exposure`` (mean total counts), ``other`` (log probability of the count in a cell of the hidden
    subset), ``other_mean`` (expected count there), ``weight`` (cells) and ``ambient`` (count that ambient RNA gives to
    the other cells at least), each of shape (n_classes,).
    """

    count: np.ndarray
    exposure: np.ndarray
    other: np.ndarray
    other_mean: np.ndarray
    weight: np.ndarray
    ambient: np.ndarray | float = 0.0


def classify(
    count: np.ndarray,
    exposure: np.ndarray,
    other_mean: np.ndarray,
    other_dispersion: float,
    *,
    ambient: np.ndarray | None = None,
) -> CellClasses:
    """Sort the cells of a cluster into classes.

    Parameters
    ----------
    count, exposure, other_mean
        Count, total counts and count expected in the hidden subset, shape (n_cells,).
    other_dispersion
        Squared coefficient of variation in the hidden subset; 0 for ambient RNA.
    ambient
        Count that ambient RNA gives to a cell, shape (n_cells,); none if not given, where the rate of the other cells
        is free.
    """
    ordered = np.sort(exposure)
    reached = np.cumsum(ordered)  # classes of equal summed counts: narrow where a class says most
    edges = ordered[np.searchsorted(reached, reached[-1] * np.linspace(0, 1, N_BINS + 1)[1:-1])]
    which = np.searchsorted(edges, exposure)
    number = np.maximum(np.bincount(which, minlength=N_BINS), 1)
    added = np.zeros(len(count)) if ambient is None else ambient
    mean, hidden, added = (np.bincount(which, of, N_BINS) / number for of in (exposure, other_mean, added))
    mean, hidden = np.maximum(mean, 1e-9), np.maximum(hidden, 1e-9)
    width = int(count.max()) + 1
    pairs, weight = np.unique(which.astype(np.int64) * width + count.astype(np.int64), return_counts=True)
    which, x = pairs // width, (pairs % width).astype(float)
    hidden = hidden[which]
    if other_dispersion > 0:
        shape = 1 / other_dispersion
        log = gammaln(x + shape) - gammaln(shape) - gammaln(x + 1)
        log = log + shape * np.log(shape / (shape + hidden)) + x * np.log(hidden / (shape + hidden))
    else:
        log = x * np.log(hidden) - hidden - gammaln(x + 1)
    return CellClasses(x, mean[which], log, hidden, weight.astype(float), added[which])


@dataclass(frozen=True)
class ClusterFit:
    """Log likelihood of a cluster, at the best rate of its other cells; each of shape (n_shares, n_dispersions).

    ``peak`` is the maximum over the log rate, ``rate`` the log rate at which it lies, ``variance`` the inverse of the
    curvature there.
    """

    peak: np.ndarray
    rate: np.ndarray
    variance: np.ndarray


def fit_cluster(cells: CellClasses) -> ClusterFit:
    """Maximize the likelihood over the rate of the cells outside the hidden subset, for each share and dispersion."""
    x, n, weight = cells.count, cells.exposure, cells.weight
    size, exposure = weight.sum(), weight @ n
    pooled = max(weight @ x, 0.5) / exposure
    hidden_rate = weight @ cells.other_mean / exposure
    ambient = np.broadcast_to(cells.ambient, x.shape)
    share, shape = SHARES[:, None], 1 / DISPERSIONS
    own = pooled - share * hidden_rate - (1 - share) * (weight @ ambient / exposure)
    start = np.maximum(own, 0.05 * pooled) / (1 - share)
    rate = np.log(start) + 0 * DISPERSIONS
    fixed = gammaln(x[:, None] + shape) - gammaln(shape) - gammaln(x + 1)[:, None] + shape * np.log(shape)
    hidden = np.exp(cells.other)[:, None, None]
    count, total, added = (of[:, None, None] for of in (x, n, ambient))

    def likelihood(rate: np.ndarray) -> np.ndarray:
        mean = total * np.exp(rate) + added
        log = fixed[:, None, :] + count * np.log(mean) - (count + shape) * np.log(shape + mean)
        return np.tensordot(weight, np.log(np.maximum((1 - share) * np.exp(log) + share * hidden, 1e-300)), 1)

    mean = weight @ x / size
    step = np.clip(np.sqrt((1 + DISPERSIONS * mean) / (size * max(mean, 0.02) * (1 - share))), 0.01, 0.7)
    middle = likelihood(rate)
    for _ in range(3):
        below, above = likelihood(rate - step), likelihood(rate + step)
        slope, curvature = (above - below) / 2, np.minimum(below - 2 * middle + above, -1e-3)
        rate = rate + step * np.clip(-slope / curvature, -2, 2)
        middle = likelihood(rate)
    return ClusterFit(middle, rate, step**2 / -curvature)


def profile_total(
    fits: list[ClusterFit], size: np.ndarray, prior: tuple[float, float], spread: float | None
) -> np.ndarray:
    """Profile log likelihood of the total share, shape of ``TOTAL``.

    Parameters
    ----------
    fits, size
        One a cluster, and its cells.
    prior
        Mean and standard deviation of the log dispersion.
    spread
        Standard deviation of the log rate between clusters; None leaves each cluster a rate of its own.
    """
    weight = size / size.sum()
    penalty = -0.5 * ((np.log(DISPERSIONS) - prior[0]) / prior[1]) ** 2
    if spread is not None and len(fits) > 1:
        low = min(fit.rate[0].min() for fit in fits) - spread
        high = max(fit.rate[SHARES <= 0.6].max() for fit in fits) + spread
        common = np.linspace(low, high, int(np.clip((high - low) / spread * 1.5, 5, MAX_RATES)))[:, None]
    else:
        common = None
    peaks: list[np.ndarray] = []
    for fit, part in zip(fits, weight, strict=True):
        steps = min(int(np.ceil(part * (len(TOTAL) - 1))), len(TOTAL) - 1)
        at = np.minimum(TOTAL[: steps + 1] / part, SHARES[-1])
        peak, rate, log_variance = (
            CubicSpline(SHARES, of)(at)[:, None] for of in (fit.peak, fit.rate, np.log(fit.variance))
        )
        if spread is not None and common is not None:
            peak = peak - (rate - common) ** 2 / (2 * (spread**2 + np.exp(log_variance)))
        peaks.append(peak)
    total = functools.reduce(_max_convolve, peaks)
    curve = (total + penalty).reshape(len(total), -1).max(axis=1)
    return np.append(curve, np.full(len(TOTAL) - len(curve), -np.inf))


def _max_convolve(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Best sum of two functions for each sum of their arguments (first axis), on ``TOTAL``."""
    size = min(len(left) + len(right) - 1, len(TOTAL))
    out = np.full((size, *left.shape[1:]), -np.inf)
    for i, value in enumerate(right):
        part = left[: size - i]
        np.maximum(out[i : i + len(part)], part + value, out=out[i : i + len(part)])
    return out


def add_curves(curves: list[np.ndarray]) -> np.ndarray:
    """Profile log likelihood of the sum of several shares, each given on ``TOTAL``."""
    total = curves[0]
    for curve in curves[1:]:
        total = _max_convolve(total, curve)
    return total


def upper_bound(curve: np.ndarray, *, level: float = 0.975) -> float:
    """Largest share that the profile likelihood does not exclude (one-sided), anywhere on the grid."""
    return _end(curve, level)


def lower_bound(curve: np.ndarray, *, level: float = 0.975) -> float:
    """Smallest share that the profile likelihood does not exclude (one-sided)."""
    return max(0.0, 1 - _end(curve[::-1], level))


def _end(curve: np.ndarray, level: float) -> float:
    inside = np.maximum(curve - curve.max(), -1e3) + chi2.isf(2 * (1 - level), 1) / 2
    last = int(np.flatnonzero(inside >= 0)[-1])
    if last == len(curve) - 1:
        return 1.0
    return float(TOTAL[last] + (TOTAL[1] - TOTAL[0]) * inside[last] / (inside[last] - inside[last + 1]))


def expected_shares(fits: list[ClusterFit], size: np.ndarray, prior: tuple[float, float], spread: float) -> np.ndarray:
    """Posterior mean of each cluster's share, shape (n_clusters,); parameters as in :func:`profile_total`.

    Of clusters, ``PRIOR_HIDDEN`` hold a hidden subset, any share being as likely as another; the others hold none. The
    rate of the other cells is compared with the weighted median of the clusters.
    """
    penalty = -0.5 * ((np.log(DISPERSIONS) - prior[0]) / prior[1]) ** 2
    width = np.gradient(SHARES) * PRIOR_HIDDEN
    width[0] += 1 - PRIOR_HIDDEN
    level = np.array([np.median(fit.rate[0]) for fit in fits])
    order = np.argsort(level)
    common = level[order][np.searchsorted(np.cumsum(size[order]), size.sum() / 2)]
    out = []
    for fit in fits:
        tie = (fit.rate - common) ** 2 / (2 * (spread**2 + fit.variance)) if len(fits) > 1 else 0.0
        log = logsumexp(fit.peak - tie + 0.5 * np.log(fit.variance) + penalty, axis=1) + np.log(width)
        out.append(float(np.exp(log - logsumexp(log)) @ SHARES))
    return np.array(out)
