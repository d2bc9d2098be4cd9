"""Assign each cell to its most similar cluster by a cross-fitted linear discriminant."""

from __future__ import annotations

import numpy as np

from mscape.clustering.discriminant import group_sums, shrunken


def place_cells(
    rep: np.ndarray, batch: np.ndarray, fold: np.ndarray, clusters: np.ndarray, *, min_cells: int = 10
) -> np.ndarray:
    """Assign each cell to the likeliest cluster by a linear discriminant fitted to the other half of the cells.

    Communities of a graph keep stragglers together: cells between clusters (doublets, cells full of ambient RNA) are
    each other's neighbours and go where the first of them goes. Here each is judged by itself. Clusters have a common
    shrunken covariance, batches a shift in common (cluster and batch effects are added), cluster sizes are the prior.

    Parameters
    ----------
    rep
        Embedding, shape (n_cells, n_dims).
    batch
        Integers from 0, shape (n_cells,).
    fold
        0 or 1, shape (n_cells,).
    clusters
        Integers from 0, shape (n_cells,).
    min_cells
        A cluster that would keep fewer cells ends the attempt.

    Returns
    -------
    Integers from 0, shape (n_cells,); ``clusters`` where the attempt ended, or where one half lacks a cluster.
    """
    k, placed = int(clusters.max()) + 1, clusters.copy()
    for half in (0, 1):
        draws, judged = fold != half, fold == half
        size = np.bincount(clusters[draws], minlength=k)
        if k == 1 or size.min() < 3:
            return clusters
        means, shifts, scatter = _additive(rep[draws], clusters[draws], batch[draws], k, int(batch.max()) + 1)
        weights = np.linalg.solve(shrunken(scatter) / draws.sum(), means.T)
        offset = np.log(size / size.sum()) - 0.5 * (means * weights.T).sum(1)
        placed[judged] = ((rep[judged] - shifts[batch[judged]]) @ weights + offset).argmax(1)
    return placed if np.bincount(placed, minlength=k).min() >= min_cells else clusters


def _additive(
    rep: np.ndarray, clusters: np.ndarray, batch: np.ndarray, k: int, n_batches: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit cluster means plus batch shifts of mean zero; return both and the scatter of the residuals."""
    table = np.zeros((k, n_batches))
    np.add.at(table, (clusters, batch), 1)
    sizes, cells = table.sum(1), table.sum(0)
    equations = np.block([[np.diag(sizes), table], [table.T, np.diag(cells)]])
    sums = np.vstack([group_sums(rep, clusters, k), group_sums(rep, batch, n_batches)])
    solved = np.linalg.lstsq(equations, sums, rcond=None)[0]
    means, shifts = solved[:k], solved[k:]
    middle = cells @ shifts / cells.sum()
    means, shifts = means + middle, np.where(cells[:, None] > 0, shifts - middle, 0)
    rest = rep - means[clusters] - shifts[batch]
    return means, shifts, rest.T @ rest
