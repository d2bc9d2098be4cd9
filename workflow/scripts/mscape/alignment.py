"""Measure how batches lie in an embedding: mixed, bent, with the same populations in the same places; centre them."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

MAX_CELLS = 5000  # the figures are means over at most so many cells
MAX_REGIONS = 10
MIN_CELLS = 5  # of either batch, for a region to be compared


def mixing(rep: np.ndarray, batch: np.ndarray, *, n_neighbors: int = 30, seed: int = 0) -> float:
    """How well batches mix in the neighbourhoods of an embedding.

    The inverse Simpson index of the batches among each cell's neighbours (LISI of Korsunsky 2019, with equal weights),
    scaled so that 0 is "neighbours of the own batch only" and 1 is "as in the whole data".

    Parameters
    ----------
    rep
        Shape (n_cells, n_dims).
    batch
        Shape (n_cells,).
    n_neighbors
        Size of a neighbourhood.
    seed
        Chooses 5,000 cells where there are more.

    Returns
    -------
    Mean over cells, about 0 to 1; NaN with one batch.
    """
    codes, names = pd.factorize(pd.Series(np.asarray(batch).astype(str)), sort=True)
    if len(names) < 2:
        return float("nan")
    keep = _some(len(codes), seed)
    rep, codes = rep[keep], codes[keep]
    share = np.bincount(codes, minlength=len(names)) / len(codes)
    near = nearest(rep, n_neighbors)
    k = near.shape[1]
    counts = np.zeros((len(codes), len(names)))
    for column in range(k):
        counts[np.arange(len(codes)), codes[near[:, column]]] += 1
    # Simpson's index of a sample of k is biased by 1/k: use pairs without replacement.
    same = (counts * (counts - 1)).sum(1) / (k * (k - 1))
    expected = (share**2).sum()
    return float(np.mean((1 - same) / (1 - expected)))


def conservation(
    before: np.ndarray, after: np.ndarray, batch: np.ndarray, *, n_neighbors: int = 30, seed: int = 0
) -> float:
    """Share of each cell's neighbours within its own batch that an integration keeps.

    Within one batch there is no batch effect to remove: what changes there is biology that was bent.

    Parameters
    ----------
    before, after
        Embeddings, shape (n_cells, n_dims).
    batch
        Shape (n_cells,).
    n_neighbors
        Size of a neighbourhood (at most a fifth of the batch).
    seed
        Chooses 5,000 cells where there are more.

    Returns
    -------
    Above what chance keeps: 0 = no better than random neighbours, 1 = unchanged; NaN when no batch has 20 cells.
    """
    keep = _some(len(before), seed)
    before, after, batch = before[keep], after[keep], np.asarray(batch).astype(str)[keep]
    total, weight = 0.0, 0
    for name in np.unique(batch):
        cells = np.flatnonzero(batch == name)
        if len(cells) < 20:
            continue
        k = min(n_neighbors, len(cells) // 5)
        old, new = nearest(before[cells], k), nearest(after[cells], k)
        kept = np.mean([len(np.intersect1d(a, b)) for a, b in zip(old, new, strict=True)]) / k
        chance = k / (len(cells) - 1)
        total += len(cells) * (kept - chance) / (1 - chance)
        weight += len(cells)
    return float(total / weight) if weight else float("nan")


def centre_batches(rep: np.ndarray, batch: np.ndarray) -> np.ndarray:
    """Move the mean of every batch to the mean of all cells.

    Parameters
    ----------
    rep
        Shape (n_cells, n_dims).
    batch
        Shape (n_cells,).

    Returns
    -------
    float64, shape of ``rep``. Distances within a batch stay as they are.
    """
    rep = np.asarray(rep, dtype=np.float64)
    names, codes = np.unique(batch, return_inverse=True)
    means = np.stack([rep[codes == code].mean(0) for code in range(len(names))])
    return rep - means[codes] + rep.mean(0)


def same_places(before: np.ndarray, after: np.ndarray, batch: np.ndarray, *, seed: int = 0) -> float:
    """Whether what an integration lays together lies in the same places of each batch before it.

    The integrated cells are cut into regions. In each batch, the means of its regions before the integration form a
    pattern; if the batches hold the same populations, the patterns of two batches differ by a shift only. If different
    populations were laid over each other, they differ in more. The agreement of the two patterns about their centres,
    2 sum(x y) / sum(x^2 + y^2), is corrected for the sampling noise of the means. A single population a batch has no
    pattern, so that nothing speaks against laying one over another.

    Parameters
    ----------
    before, after
        Embeddings, shape (n_cells, n_dims).
    batch
        Shape (n_cells,).
    seed
        Of the regions (k-means), and of the 5,000 cells where there are more.

    Returns
    -------
    Agreement of the two batches that agree least, about 1 for the same pattern; NaN when no two batches share two
    regions.
    """
    from sklearn.cluster import KMeans

    some = _some(len(before), seed)
    before, after, batch = np.asarray(before, dtype=np.float64)[some], after[some], np.asarray(batch)[some]
    names = np.unique(batch)
    n_regions = max(2, min(MAX_REGIONS, len(after) // (20 * len(names))))
    regions = KMeans(n_regions, n_init=3, random_state=seed).fit(np.asarray(after, dtype=np.float64)).labels_
    summaries = {name: _summarise(before[batch == name], regions[batch == name], n_regions) for name in names}
    agreements = [_agreement(*summaries[a], *summaries[b]) for a, b in itertools.combinations(names, 2)]
    known = [value for value in agreements if not np.isnan(value)]
    return round(float(min(known)), 4) if known else float("nan")


def _summarise(rep: np.ndarray, regions: np.ndarray, n_regions: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells, mean, and squared standard error of the mean of each region; zeros where there are too few cells."""
    size, mean, noise = np.zeros(n_regions, dtype=int), np.zeros((n_regions, rep.shape[1])), np.zeros(n_regions)
    for region in range(n_regions):
        part = rep[regions == region]
        if len(part) >= MIN_CELLS:
            size[region], mean[region] = len(part), part.mean(0)
            noise[region] = part.var(0, ddof=1).sum() / len(part)
    return size, mean, noise


def _agreement(n_x, x, noise_x, n_y, y, noise_y) -> float:
    both = (n_x > 0) & (n_y > 0)
    if both.sum() < 2:
        return float("nan")
    weight = 1 / (1 / n_x[both] + 1 / n_y[both])
    x, y = (part[both] - np.average(part[both], axis=0, weights=weight) for part in (x, y))
    size = (weight * ((x**2).sum(1) + (y**2).sum(1) - noise_x[both] - noise_y[both])).sum()
    return float(2 * (weight * (x * y).sum(1)).sum() / size) if size > 0 else float("nan")


def _some(n: int, seed: int) -> np.ndarray:
    if n <= MAX_CELLS:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, MAX_CELLS, replace=False))


def nearest(rep: np.ndarray, k: int) -> np.ndarray:
    """Positions of the k nearest other cells of each cell, exact; shape (n_cells, k)."""
    from sklearn.neighbors import NearestNeighbors

    k = max(1, min(k, len(rep) - 1))
    return NearestNeighbors(n_neighbors=k, algorithm="brute").fit(rep).kneighbors(return_distance=False)
