"""Leiden over a grid of resolutions on one graph, and how much of each partition survives resampling."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mscape.gaps import Data, by_size, find_clusters

if TYPE_CHECKING:
    import igraph
    import scipy.sparse as sp

FRACTION = 0.8
SCREEN = 5  # samples that every resolution gets


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
        ``leidenalg`` (reference) or ``igraph`` (fast); two iterations each.
    seed
        Of the engine.

    Returns
    -------
    Integers by size, the largest 0, shape (n_cells,).
    """
    if engine == "leidenalg":
        import leidenalg

        parts = leidenalg.find_partition(
            graph,
            leidenalg.RBConfigurationVertexPartition,
            weights="weight",
            resolution_parameter=resolution,
            n_iterations=2,
            seed=seed,
        )
    else:
        import random

        import igraph

        generator = random.Random(seed)
        igraph.set_random_number_generator(generator)
        try:
            parts = graph.community_leiden("modularity", weights="weight", resolution=resolution, n_iterations=2)
        finally:
            igraph.set_random_number_generator(random)
    return by_size(np.asarray(parts.membership))


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


def draws(n_cells: int, *, n_boot: int = 20, max_cells: int = 10_000, seed: int = 0) -> list[np.ndarray]:
    """Subsamples of 80 % of the cells without replacement, at most ``max_cells`` each, in the order of the cells."""
    rng = np.random.default_rng(seed)
    size = max(2, min(int(FRACTION * n_cells), max_cells))
    return [np.sort(rng.choice(n_cells, size, replace=False)) for _ in range(n_boot)]


def resample(
    graph: igraph.Graph,
    data: Data,
    resolutions: list[float],
    *,
    samples: list[np.ndarray],
    with_values: set[float] = frozenset(),
    seed: int = 0,
) -> dict[float, list[np.ndarray]]:
    """Find clusters again in subsamples by the whole procedure, Leiden and gaps, at each resolution.

    Parameters
    ----------
    graph, data
        Of all cells; a subsample keeps the edges among its cells.
    resolutions
        To run.
    samples
        Cells of each subsample.
    with_values
        Resolutions at which markers are counted again (they cost time, and decide only where a gap lacked them).
    seed
        Of the engine (igraph, for speed).

    Returns
    -------
    Resolution -> the clusters of each subsample, integers from 0, shape (len(sample),).
    """
    found: dict[float, list[np.ndarray]] = {resolution: [] for resolution in resolutions}
    for number, cells in enumerate(samples):
        part = graph.induced_subgraph(cells)
        here = data.subset(cells, values=bool(with_values & set(resolutions)))
        bare = replace(here, values=None)
        for resolution in resolutions:
            again = leiden(part, resolution=resolution, seed=seed + number)
            found[resolution].append(find_clusters(here if resolution in with_values else bare, again)[0])
    return found


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
        Mean Jaccard overlap of each cluster with its likeness, shape (n_clusters,); NaN for clusters never drawn.
    """
    from sklearn.metrics import adjusted_rand_score

    found = np.full((len(again), clusters.max() + 1), np.nan)
    ari = np.zeros(len(again))
    for number, (cells, labels) in enumerate(zip(samples, again, strict=False)):
        ari[number] = adjusted_rand_score(clusters[cells], labels)
        one = jaccard(clusters[cells], labels)
        found[number, : len(one)] = one
    return ari, _column_means(found)


def resample_best(
    graph: igraph.Graph,
    data: Data,
    partitions: dict[float, np.ndarray],
    *,
    samples: list[np.ndarray],
    with_values: set[float] = frozenset(),
    seed: int = 0,
) -> dict[float, list[np.ndarray]]:
    """As `resample`, with all samples for the resolutions that can be chosen, and the first few for the others.

    A resolution can be chosen if it has several clusters and the first samples agree with it within 0.1 of the best.
    """
    first = resample(graph, data, list(partitions), samples=samples[:SCREEN], with_values=with_values, seed=seed)
    several = {
        r: compare_samples(clusters, samples, first[r])[0].mean()
        for r, clusters in partitions.items()
        if clusters.max() > 0
    }
    close = [r for r, mean in several.items() if mean >= max(several.values()) - 0.1]
    rest = resample(graph, data, close, samples=samples[SCREEN:], with_values=with_values, seed=seed + SCREEN)
    return {r: first[r] + rest.get(r, []) for r in partitions}


def leiden_jaccard(
    graph: igraph.Graph, labels: np.ndarray, *, resolution: float, samples: list[np.ndarray], seed: int = 0
) -> np.ndarray:
    """Mean Jaccard overlap of each community with its likeness in subsamples, by Leiden alone."""
    found = np.full((len(samples), labels.max() + 1), np.nan)
    for number, cells in enumerate(samples):
        again = leiden(graph.induced_subgraph(cells), resolution=resolution, seed=seed + number)
        one = jaccard(labels[cells], again)
        found[number, : len(one)] = one
    return _column_means(found)


def _column_means(table: np.ndarray) -> np.ndarray:
    known = ~np.isnan(table)
    return np.where(known.any(0), np.nansum(table, axis=0) / np.maximum(known.sum(0), 1), np.nan)
