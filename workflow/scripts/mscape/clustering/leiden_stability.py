"""Leiden communities of a graph, and the agreement of two partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mscape.backends import active
from mscape.clustering.gap_test import by_size

if TYPE_CHECKING:
    import igraph
    import scipy.sparse as sp


def make_graph(connectivities: sp.csr_matrix) -> igraph.Graph:
    """Build an undirected weighted graph of a symmetric matrix, shape (n_cells, n_cells)."""
    import igraph
    import scipy.sparse as sp

    upper = sp.triu(connectivities, k=1).tocoo()
    graph = igraph.Graph(n=connectivities.shape[0], edges=np.column_stack([upper.row, upper.col]), directed=False)
    graph.es["weight"] = upper.data.astype(float)
    return graph


def leiden(graph: igraph.Graph, *, resolution: float, engine: str = "igraph", seed: int = 0) -> np.ndarray:
    """Communities by modularity with a resolution (Traag 2019, doi:10.1038/s41598-019-41695-z).

    Parameters
    ----------
    graph
        With edge weights.
    resolution
        Of the modularity; larger gives more communities.
    engine
        ``igraph`` or ``leidenalg``, two iterations each; the GPU has one of its own.
    seed
        Of the engine.

    Returns
    -------
    Integers by size, the largest 0, shape (n_cells,).
    """
    return by_size(active.active().leiden(graph, resolution=resolution, engine=engine, seed=seed))


def jaccard(clusters: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Largest Jaccard overlap of each cluster with any cluster of another partition of the same cells.

    Hennig 2007 (doi:10.1016/j.csda.2006.11.025).

    Parameters
    ----------
    clusters, other
        Integers from 0, shape (n_cells,).

    Returns
    -------
    Shape (clusters.max() + 1,); NaN for a cluster without cells.
    """
    table = np.zeros((clusters.max() + 1, other.max() + 1))
    np.add.at(table, (clusters, other), 1)
    union = table.sum(1, keepdims=True) + table.sum(0, keepdims=True) - table
    with np.errstate(invalid="ignore"):
        best = np.where(union > 0, table / np.maximum(union, 1), 0).max(1)
    return np.where(table.sum(1) > 0, best, np.nan)


def compare_samples(
    clusters: np.ndarray, samples: list[np.ndarray], again: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Agreement of clusters with those of subsamples.

    Parameters
    ----------
    clusters
        Of all cells, integers from 0.
    samples, again
        Cells of each subsample, and the clusters found in it.

    Returns
    -------
    ari
        Adjusted Rand index of each subsample, shape (len(again),).
    overlap
        Mean Jaccard overlap of each cluster with its best match, shape (n_clusters,); NaN for clusters never drawn.
    """
    from sklearn.metrics import adjusted_rand_score

    found = np.full((len(again), clusters.max() + 1), np.nan)
    ari = np.zeros(len(again))
    for number, (cells, labels) in enumerate(zip(samples, again, strict=False)):
        ari[number] = adjusted_rand_score(clusters[cells], labels)
        one = jaccard(clusters[cells], labels)
        found[number, : len(one)] = one
    return ari, _column_means(found)


def _column_means(table: np.ndarray) -> np.ndarray:
    known = ~np.isnan(table)
    return np.where(known.any(0), np.nansum(table, axis=0) / np.maximum(known.sum(0), 1), np.nan)
