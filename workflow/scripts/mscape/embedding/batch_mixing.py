"""Measures of batch mixing and of conserved structure in an embedding; centring of batches."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import scipy.sparse as sp

MAX_CELLS = 5000  # the figures are means over at most so many cells
MAX_LISI_CELLS = 2000
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
    near = nearest(rep[keep], n_neighbors)
    rows = np.repeat(np.arange(len(keep)), near.shape[1])
    return _mix(rows, near.ravel(), codes[keep], len(names))


def graph_mixing(graph: sp.csr_matrix, batch: np.ndarray) -> float:
    """As `mixing`, for a neighbour graph, shape (n_cells, n_cells): the neighbours are those that it has edges to."""
    codes, names = pd.factorize(pd.Series(np.asarray(batch).astype(str)), sort=True)
    edges = graph.tocoo()
    return _mix(edges.row, edges.col, codes, len(names)) if len(names) > 1 else float("nan")


def _mix(rows: np.ndarray, near: np.ndarray, codes: np.ndarray, n_batches: int) -> float:
    """Mean over cells of the share of pairs of neighbours in different batches, relative to pairs of all cells."""
    counts = np.zeros((len(codes), n_batches))
    np.add.at(counts, (rows, codes[near]), 1)
    k = counts.sum(1)
    # Simpson's index of a sample of k is biased by 1/k: use pairs without replacement.
    same = (counts * (counts - 1)).sum(1)[k > 1] / (k * (k - 1))[k > 1]
    share = np.bincount(codes, minlength=n_batches) / len(codes)
    return float(np.mean((1 - same) / (1 - (share**2).sum())))


def ilisi(rep: np.ndarray, batch: np.ndarray, *, seed: int = 0) -> float:
    """Integration LISI (Korsunsky 2019, doi:10.1038/s41592-019-0619-0) by harmonypy, the field's figure of mixing.

    Parameters
    ----------
    rep
        Shape (n_cells, n_dims).
    batch
        Shape (n_cells,).
    seed
        Chooses 2,000 cells where there are more.

    Returns
    -------
    Median over cells, scaled as scIB does (Luecken 2022, doi:10.1038/s41592-021-01336-8): 0 = one batch in every
    neighbourhood, 1 = all batches in equal shares. Batches of unequal size cannot reach 1; `mixing` allows for
    that. NaN with one batch.
    """
    from harmonypy import compute_lisi

    keep = _some(len(rep), seed, MAX_LISI_CELLS)
    table = pd.DataFrame({"batch": np.asarray(batch).astype(str)[keep]})
    n = table["batch"].nunique()
    if n < 2:
        return float("nan")
    perplexity = min(30, (len(keep) - 1) // 3)
    found = compute_lisi(np.asarray(rep, dtype=np.float64)[keep], table, ["batch"], perplexity=perplexity)
    return float((np.median(found) - 1) / (n - 1))


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
    agreements = [_agreement(summaries[a], summaries[b]) for a, b in itertools.combinations(names, 2)]
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


def _agreement(one: tuple[np.ndarray, ...], other: tuple[np.ndarray, ...]) -> float:
    (n_x, x, noise_x), (n_y, y, noise_y) = one, other
    both = (n_x > 0) & (n_y > 0)
    if both.sum() < 2:
        return float("nan")
    weight = 1 / (1 / n_x[both] + 1 / n_y[both])
    x, y = (part[both] - np.average(part[both], axis=0, weights=weight) for part in (x, y))
    size = (weight * ((x**2).sum(1) + (y**2).sum(1) - noise_x[both] - noise_y[both])).sum()
    return float(2 * (weight * (x * y).sum(1)).sum() / size) if size > 0 else float("nan")


def _some(n: int, seed: int, most: int = MAX_CELLS) -> np.ndarray:
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, most, replace=False))


def nearest(rep: np.ndarray, k: int) -> np.ndarray:
    """Positions of the k nearest other cells of each cell, exact; shape (n_cells, k)."""
    from sklearn.neighbors import NearestNeighbors

    k = max(1, min(k, len(rep) - 1))
    return NearestNeighbors(n_neighbors=k, algorithm="brute").fit(rep).kneighbors(return_distance=False)
