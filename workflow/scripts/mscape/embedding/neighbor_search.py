"""Nearest neighbours of cells in an embedding: exact where that is affordable, else by a graph index."""

from __future__ import annotations

import numpy as np

LINKS = 24  # of a cell in the index
BUILD_WIDTH = 80  # candidates while the index is built
SEARCH_WIDTH = 80  # candidates of a query: recall 0.97 and more (docs/benchmarks/speed.md)


def nearest(
    points: np.ndarray, k: int, *, max_exact_cells: int = 50_000, threads: int = 1
) -> tuple[np.ndarray, np.ndarray, str]:
    """Find the nearest other cells of each cell.

    Up to ``max_exact_cells`` all distances are computed. Above, cells are searched through a hierarchical graph (HNSW,
    Malkov 2020, doi:10.1109/TPAMI.2018.2889473). Its build takes the cells in their order on one thread, so that
    neither search depends on threads or chance.

    Parameters
    ----------
    points
        Coordinates, shape (n_cells, n_dims).
    k
        Neighbours of a cell, without itself.
    max_exact_cells
        Largest number of cells that are searched exactly.
    threads
        Of the search.

    Returns
    -------
    distance
        Euclidean, ascending, shape (n_cells, k).
    index
        Row of each neighbour, int64, shape (n_cells, k).
    how
        ``exact`` or ``approximate``.
    """
    if len(points) <= max_exact_cells:
        from sklearn.neighbors import NearestNeighbors

        model = NearestNeighbors(n_neighbors=k, algorithm="brute")
        distance, index = model.fit(np.ascontiguousarray(points, dtype=np.float64)).kneighbors()
        return distance, index, "exact"
    distance, index = search(points, points, k + 1, threads=threads)
    # A cell may stand behind its copies, or be missed: its last neighbour is then the one too many.
    itself = index == np.arange(len(points))[:, None]
    itself[~itself.any(axis=1), -1] = True
    return distance[~itself].reshape(-1, k), index[~itself].reshape(-1, k), "approximate"


def search(points: np.ndarray, queries: np.ndarray, k: int, *, threads: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Find the points nearest to each query by HNSW.

    Parameters
    ----------
    points, queries
        Coordinates, shape (n_points, n_dims) and (n_queries, n_dims).
    k
        Points wanted, at most ``n_points``.
    threads
        Of the search; the build has one.

    Returns
    -------
    Euclidean distance, ascending, and row in ``points``, each of shape (n_queries, k).
    """
    import faiss

    index = faiss.IndexHNSWFlat(points.shape[1], LINKS)
    index.hnsw.efConstruction = BUILD_WIDTH
    index.hnsw.efSearch = max(SEARCH_WIDTH, 2 * k)
    faiss.omp_set_num_threads(1)
    index.add(np.ascontiguousarray(points, dtype=np.float32))
    faiss.omp_set_num_threads(threads)
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    squares, rows = index.search(queries, k)
    lost = (rows < 0).any(axis=1)  # a query that the links do not lead to k points, as among many copies of one cell
    if lost.any():
        squares[lost], rows[lost] = faiss.knn(queries[lost], np.ascontiguousarray(points, dtype=np.float32), k)
    return np.sqrt(np.maximum(squares, 0)), rows
