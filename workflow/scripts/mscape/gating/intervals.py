"""Intervals of a share of cells, when cells share their evidence with their neighbours."""

from __future__ import annotations

import numpy as np

from mscape.gating.lineages import MIN_EXPECTED
from mscape.gating.pooling import split

SHARED_POOL = 300  # cells of a cluster up to this size may have one pool in common


def blocks_of(
    points: np.ndarray, groups: np.ndarray, cells: np.ndarray, *, n_blocks: int = 40
) -> tuple[list[np.ndarray], np.ndarray]:
    """Cut the cells of a lot into neighbourhood blocks, inside clusters.

    Cells of a block share most of their pools, so the block and not the cell is what is resampled.

    Returns
    -------
    blocks
        Positions in ``cells``, one array a block.
    strata
        Cluster of each block.
    """
    size = int(np.clip(len(cells) / n_blocks, 5, 300))
    where = np.arange(len(cells))
    parts = [
        (part, group)
        for group in np.unique(groups[cells])
        for part in split(points[cells], where[groups[cells] == group], size)
    ]
    return [part for part, _ in parts], np.array([group for _, group in parts])


def borrow_from_lot(p: np.ndarray, seen: np.ndarray, n_pools: float) -> np.ndarray:
    """Judge the pools without a count of a negative marker by the share of the lot's pools that carry it.

    The probability of a pool is made without knowing the others, and in a small one without a count it is little but
    its prior. No count is never evidence for the marker, so such a pool cannot be likelier to carry it than the lot's
    pools are. Its odds are taken as a likelihood ratio (of 1 at most) and the lot's share as the prior
    (doi:10.1162/089976602753284446), which is found by iteration: (share * n_pools + 1/2) / (n_pools + 1). Pools with
    counts stay as they are, for theirs may be those of a subset.

    Parameters
    ----------
    p
        Probability per cell, shape (n_cells,); NaN is kept.
    seen
        Does the cell's pool hold a count? Shape (n_cells,).
    n_pools
        Number of independent pools in the lot.
    """
    known = ~np.isnan(p)
    open_ = known & ~seen
    if not open_.any():
        return p
    out = p.astype(float)
    start = np.clip(out[open_], 1e-12, 0.5)
    ratio = start / (1 - start)
    for _ in range(50):
        prior = (out[known].mean() * n_pools + 0.5) / (n_pools + 1)
        out[open_] = np.minimum(prior * ratio / (1 - prior + prior * ratio), p[open_])
    return out


def bootstrap_fraction(
    p: np.ndarray,
    blocks: list[np.ndarray],
    strata: np.ndarray,
    *,
    pool_size: np.ndarray | None = None,
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
    pool_size
        Cells of each cell's pool, shape (n_cells,). Without it a cluster of up to ``SHARED_POOL`` cells is one pool.
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
        shared = SHARED_POOL if pool_size is None else np.median(pool_size[np.concatenate([blocks[b] for b in own])])
        if size[own].sum() <= shared:
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
    """Smallest share of cells, alike and apart from the rest, whose own pool could tell the rate from the threshold."""
    needed = max(min_cells, np.ceil(MIN_EXPECTED / (tau * max(median_counts, 1))))
    return float(min(1.0, needed / max(n_cells, 1)))
