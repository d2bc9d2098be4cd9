"""Probability that the rate of a marker, or of a lineage's genes, is above its threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betainc, expit, gammaincc, gammaln, logit

from mscape.gating.panels import LINEAGE, NEGATIVE, POSITIVE
from mscape.gating.pooling import MIXED_SHARE

if TYPE_CHECKING:
    from mscape.gating.panels import Features
    from mscape.gating.pooling import Pools


def rate_above(count, exposure, size, threshold, *, dispersion=0.3, ambient=0.0) -> np.ndarray:
    """P(rate > threshold) of a pool: Gamma posterior with Jeffreys' prior after variance inflation.

    Counts K of ``size`` cells with rates that vary by ``dispersion`` (squared coefficient of variation) have the
    variance K (1 + dispersion K / size); dividing K and the exposure by this inflation v gives
    rate ~ Gamma(K / v + 1/2, exposure / v), so P = Q(K / v + 1/2, threshold * exposure / v).

    Parameters
    ----------
    count, exposure, size
        Pooled count, pooled totals, number of cells; any shapes that broadcast.
    threshold
        Rate as a fraction of all counts.
    dispersion
        Squared coefficient of variation of the rate among the cells of a pool.
    ambient
        Rate that ambient RNA adds, which does not vary from cell to cell as their own does.
    """
    inflation = 1 + dispersion * np.maximum(count - ambient * exposure, 1) / size
    return gammaincc(count / inflation + 0.5, threshold * exposure / inflation)


def background(threshold, rate, rho) -> np.ndarray:
    """Move a rate as ambient RNA does: the cell keeps 1 - rho of its own RNA and gets rho of the ambient."""
    return (1 - rho) * threshold + rho * rate


def log_poisson(x, mean) -> np.ndarray:
    """Log probability of a Poisson count without the term that depends on the count alone."""
    return x * np.log(mean) - mean


def log_negative_binomial(x, mean, shape) -> np.ndarray:
    """Log probability of a negative-binomial count (variance mean + mean² / shape), without log(x!)."""
    return (
        gammaln(x + shape) - gammaln(shape) + shape * np.log(shape / (shape + mean)) + x * np.log(mean / (shape + mean))
    )


def update(p, log_ratio) -> np.ndarray:
    """Posterior probability after a log likelihood ratio; the prior is kept inside 0.01 to 0.99."""
    return expit(logit(np.clip(p, 0.01, 0.99)) + np.clip(log_ratio, -50, 50))


def dispersion_within(
    features: Features, totals: np.ndarray, groups: np.ndarray, *, added: np.ndarray | None = None, default: float = 0.3
) -> np.ndarray:
    """Squared coefficient of variation of each feature's rate inside each group, by moments, shrunk to ``default``.

    Parameters
    ----------
    features, totals, groups
        Counts, total counts and cluster of each cell.
    added
        What ambient RNA adds to the rate in each cell, shape (n_cells, n_features); nothing if not given.
    default
        Value that data without information return; it weighs as much as 100 cells at a mean count of 1.

    Returns
    -------
    Shape (n_groups, n_features), between 0.02 and 2.
    """
    n_groups = int(groups.max()) + 1
    out = np.full((n_groups, features.x.shape[1]), default)
    totals = totals.astype(float)
    exposure = np.bincount(groups, totals, n_groups)
    for f in range(features.x.shape[1]):
        x = features.x[:, f].astype(float)
        ambient = 0.0 if added is None else totals * added[:, f]
        rate = np.maximum(np.bincount(groups, x - ambient, n_groups), 0) / np.maximum(exposure, 1)
        own = totals * rate[groups]
        mean = own + ambient
        excess = np.bincount(groups, (x - mean) ** 2 - mean, n_groups)
        weight = np.bincount(groups, own**2, n_groups)
        out[:, f] = (excess + default * 100) / (weight + 100)
    return np.clip(out, 0.02, 2.0)


def marker_probabilities(
    features: Features,
    totals: np.ndarray,
    pools: Pools,
    *,
    rho: np.ndarray,
    ambient: np.ndarray,
    dispersion: np.ndarray,
    added: np.ndarray | None = None,
) -> np.ndarray:
    """Probability per cell and feature: the pool's posterior, then the cell's own counts against its neighbours.

    Parameters
    ----------
    features, totals, pools
        Counts, total counts (n_cells,) and pools.
    rho
        Ambient fraction in the cell's pools, shape (n_cells,).
    ambient
        Ambient rate of each feature there, shape (n_cells, n_features).
    dispersion
        Shape (n_cells, n_features) or one that broadcasts.
    added
        What ambient RNA adds to the rate in the cell itself, shape (n_cells, n_features); as in its pools if not given.

    Returns
    -------
    float32, shape (n_cells, n_features); NaN where the feature is not in the cell's feature table.
    """
    n = totals.astype(float)
    out = np.empty(features.x.shape, np.float32)
    added_to_all = rho[:, None] * ambient if added is None else added
    for f in range(features.x.shape[1]):
        tau, x = features.tau[f], features.x[:, f]
        added = added_to_all[:, f]
        count, exposure, size = pools.count[:, f], pools.exposure[:, f], pools.size[:, f]
        spread = np.maximum(dispersion[:, f], 0.1)
        theirs = rho * ambient[:, f]
        threshold = background(tau, ambient[:, f], rho)
        p = rate_above(count, exposure, size, threshold, dispersion=spread, ambient=theirs)
        others = np.maximum(pools.exposure[:, f] - n, 1)
        neighbour_rate = (pools.raw_count[:, f] - x) / others
        if features.kind[f] == POSITIVE:
            p = _own_positive(p, x, n, neighbour_rate=neighbour_rate, tau=tau, added=added)
        elif features.kind[f] == NEGATIVE:
            rest = np.where(pools.size[:, f] > 1, (pools.raw_count[:, f] - x + 1) / others, 0)
            null_rate = np.maximum(added + 0.1 * tau, rest)
            p = _own_negative(p, x, n, null_rate=null_rate, tau=tau, added=added, min_count=2)
        elif features.kind[f] == LINEAGE:
            share = pools.carrier_fraction[:, f]
            pooled = {"pooled": pools.raw_count[:, f], "exposure": exposure, "size": size, "share": share}
            p = _lineage(p, x, n, **pooled, tau=tau, added=added, min_count=3)
            ambient_rna = {"rho": rho, "ambient": ambient, "added": added}
            p = np.minimum(p, _second_gene(f, features, n, pools, **ambient_rna, dispersion=dispersion))
        out[:, f] = np.where(features.measured[:, f], p, np.nan)
    return out


def _second_gene(f, features, n, pools, *, rho, ambient, added, dispersion) -> np.ndarray:
    """Judge a lineage without its strongest gene, so that no gene speaks alone."""
    x, tau, count = features.second[:, f], features.tau_second[f], pools.second[:, f]
    exposure, size = pools.exposure[:, f], pools.size[:, f]
    part = count / np.maximum(pools.raw_count[:, f], 1)  # their part of the lineage's ambient RNA
    threshold = background(tau, ambient[:, f] * part, rho)
    spread, theirs = np.maximum(dispersion[:, f], 0.1), rho * ambient[:, f] * part
    p = rate_above(count, exposure, size, threshold, dispersion=spread, ambient=theirs)
    share = pools.carrier_fraction[:, f]
    pooled = {"pooled": count, "exposure": exposure, "size": size, "share": share}
    return _lineage(p, x, n, **pooled, tau=tau, added=added * part, min_count=1)


def _lineage(p, x, n, *, pooled, exposure, size, share, tau, added, min_count) -> np.ndarray:
    """Judge a cell of a lineage by its own counts beside those of its pool.

    Parameters
    ----------
    p
        Probability by the pool.
    x, n
        The cell's own counts of the lineage, and its total.
    pooled, exposure, size
        Counts and totals of the pool, the cell included, and its number of cells.
    share
        Share of the pool's cells that carry the lineage.
    tau, added
        Threshold, and the rate that ambient RNA adds.
    min_count
        Counts from which the cell's own counts can raise the probability.
    """
    others = np.maximum(exposure - n, 1)
    rest = np.where(size > 1, (pooled - x + 1) / others, 0)
    null_rate = np.maximum(added + 0.1 * tau, rest)
    p = _own_of_mixed(p, x, n, pool_rate=pooled / exposure, share=share, size=size, tau=tau, added=added)
    return _own_negative(p, x, n, null_rate=null_rate, tau=tau, added=added, min_count=min_count)


def _own_positive(p, x, n, *, neighbour_rate, tau, added) -> np.ndarray:
    """Judge a cell that should show at least six counts at its neighbours' rate by its own count too."""
    rate = np.maximum(neighbour_rate - added, tau)
    ratio = log_negative_binomial(x, n * (rate + added), 1 / 0.3) - log_poisson(x, n * (added + 0.1 * tau))
    return np.where(n * rate >= 6, update(p, ratio), p)


def _own_negative(p, x, n, *, null_rate, tau, added, min_count) -> np.ndarray:
    """Raise the probability of a cell whose counts neither its neighbours nor the ambient RNA explain."""
    some = np.flatnonzero(x >= min_count)
    out, prior, x, n, added = p.copy(), p[some], x[some], n[some], added[some]
    ratio = log_negative_binomial(x, n * (5 * tau + added), 2.0) - log_poisson(x, n * null_rate[some])
    out[some] = np.maximum(prior, np.minimum(update(prior, ratio), rate_above(x, n, 1, tau + added)))
    return out


def _own_of_mixed(p, x, n, *, pool_rate, share, size, tau, added) -> np.ndarray:
    """In a pool that only part of the cells share, the cell's own count decides whether it belongs to that part."""
    some = np.flatnonzero(share < MIXED_SHARE)
    out, x, n, share, size, added = p.copy(), x[some], n[some], share[some], size[some], added[some]
    rate = np.maximum(pool_rate[some] / np.maximum(share, 0.02), 2 * tau)
    ratio = log_negative_binomial(x, n * (rate + added), 2.0) - log_poisson(x, n * (added + 0.1 * tau))
    prior = (share * size + 0.5) / (size + 1)
    member = expit(logit(prior) + np.clip(ratio, -50, 50))
    out[some] *= member
    return out


def own_too_few(x, n, neighbour_rate, dispersion) -> np.ndarray:
    """Find the probability of a count this low or lower at the neighbours' rate (negative binomial)."""
    shape = 1 / dispersion
    mean = np.maximum(n * neighbour_rate, 1e-9)
    return betainc(shape, x + 1.0, shape / (shape + mean))
