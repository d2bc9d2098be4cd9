"""Intervals of a share of cells, when cells share their evidence with their neighbours."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mscape.gating.lineages import MIN_EXPECTED
from mscape.gating.pooling import split

SHARED_POOL = 300  # cells of a cluster up to this size may have one pool in common


class Blocks(NamedTuple):
    """Neighbourhood blocks of a lot's cells.

    Attributes
    ----------
    cells
        Positions among the lot's cells, one array a block.
    strata
        Cluster of each block, shape (n_blocks,).
    """

    cells: list[np.ndarray]
    strata: np.ndarray


def blocks_of(points: np.ndarray, groups: np.ndarray, cells: np.ndarray, *, n_blocks: int = 40) -> Blocks:
    """Cut the cells of a lot into neighbourhood blocks, inside clusters.

    Cells of a block share most of their pools, so the block and not the cell is what is resampled.
    """
    size = int(np.clip(len(cells) / n_blocks, 5, 300))
    where = np.arange(len(cells))
    parts = [
        (part, group)
        for group in np.unique(groups[cells])
        for part in split(points[cells], where[groups[cells] == group], size)
    ]
    return Blocks([part for part, _ in parts], np.array([group for _, group in parts]))


def share_interval(
    above: np.ndarray,
    size: np.ndarray,
    p_own: np.ndarray,
    *,
    expressing: float = 1.0,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """Share of cells above a threshold, with its interval.

    Three sources of error are joined in each draw: on which side the neighborhoods are, on which side the cells that
    are judged by their own counts are, and how many cells of each kind came into the sample (a last draw from
    Beta(k + 1/2, n - k + 1/2)). The ends are rounded outwards to whole cells.

    Parameters
    ----------
    above
        Posterior draws, shape (n_draws, n_blocks), by :func:`mscape.gating.deconvolution.draw_above`.
    size
        Cells of each block, those judged by their own counts left out; shape (n_blocks,).
    p_own
        Probability of each cell that is judged by its own counts, shape (n_own,).
    expressing
        Of the cells in blocks above the threshold, the share that is not of a hidden subset.
    seed, level
        Seed and coverage.

    Returns
    -------
    Median of the posterior, low, high.
    """
    rng = np.random.default_rng(seed)
    n = size.sum() + len(p_own)
    own = (rng.random((len(above), len(p_own))) < p_own).sum(axis=1)
    share = (above @ size * expressing + own) / n
    estimate = float(np.median(share))
    share = rng.beta(share * n + 0.5, (1 - share) * n + 0.5)
    low, high = np.quantile(share, [(1 - level) / 2, (1 + level) / 2])
    low, high = np.floor(low * n) / n, np.ceil(high * n) / n
    return estimate, float(min(low, estimate)), float(max(high, estimate))


def bootstrap_fraction(
    p: np.ndarray,
    blocks: list[np.ndarray],
    strata: np.ndarray,
    *,
    n_bootstrap: int = 400,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """Mean probability and its interval.

    Three sources of error are joined in each draw. Which neighbourhoods a cluster holds: its blocks are drawn
    with replacement. What the cells are: one uniform u a block (a cluster, where it is no larger than a pool)
    decides for all its cells, present where p > u, because they share one pool. How many cells of each kind
    came into the sample: a last draw from Beta(k + 1/2, n - k + 1/2). Blocks are drawn inside clusters, so that
    a contaminant that is a cluster of two blocks is not lost in every seventh draw. The ends are rounded
    outwards to whole cells.

    Parameters
    ----------
    p
        Probability per cell, shape (n_cells,), without NaN.
    blocks
        Positions in ``p``.
    strata
        Cluster of each block, shape (n_blocks,).
    n_bootstrap, seed, level
        Draws, seed and coverage.

    Returns
    -------
    Estimate, low, high.
    """
    n = len(p)
    rng = np.random.default_rng(seed)
    strata = np.array([s for s, b in zip(strata, blocks, strict=True) if len(b)])
    blocks = [b for b in blocks if len(b)]
    size = np.array([len(b) for b in blocks])
    ordered = [np.sort(p[b]) for b in blocks]
    drawn = np.empty((n_bootstrap, len(blocks)), int)
    for stratum in np.unique(strata):
        own = np.flatnonzero(strata == stratum)
        drawn[:, own] = rng.choice(own, (n_bootstrap, len(own)))
    u = rng.random((n_bootstrap, len(blocks)))
    for stratum in np.unique(strata):
        own = np.flatnonzero(strata == stratum)
        if size[own].sum() <= SHARED_POOL:
            u[:, own] = u[:, own[:1]]
    present = np.zeros((n_bootstrap, len(blocks)))
    for b, values in enumerate(ordered):
        mask = drawn == b
        present[mask] = len(values) - np.searchsorted(values, u[mask], side="right")
    share = present.sum(axis=1) / size[drawn].sum(axis=1)
    share = rng.beta(share * n + 0.5, (1 - share) * n + 0.5)
    low, high = np.quantile(share, [(1 - level) / 2, (1 + level) / 2])
    estimate = float(p.mean())
    low, high = np.floor(low * n) / n, np.ceil(high * n) / n
    return estimate, float(min(low, estimate)), float(max(high, estimate))


def verdict_of(kind: str, low: float, high: float, limit: float) -> str:
    """``meets``, ``fails`` or ``inconclusive`` by the side of the limit on which the whole interval lies."""
    if kind == "negative":
        return "meets" if high <= limit else "fails" if low > limit else "inconclusive"
    return "meets" if low >= limit else "fails" if high < limit else "inconclusive"


def min_detectable_fraction(n_cells: int, median_counts: float, tau: float, *, min_cells: int = 3) -> float:
    """Smallest share of equal cells in a pool of their own whose rate could be distinguished from the threshold."""
    needed = max(min_cells, np.ceil(MIN_EXPECTED / (tau * max(median_counts, 1))))
    return float(min(1.0, needed / max(n_cells, 1)))
