"""Principal components of variable genes, and the neighbour graph."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from mscape.backends import active
from mscape.data.prefetch import ahead
from mscape.embedding import neighbor_search
from mscape.embedding.highly_variable_genes import log_blocks
from mscape.errors import UserError
from mscape.stats import leading_vectors

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from anndata import AnnData


def principal_components(
    path: str | Path, genes: np.ndarray, *, cells: np.ndarray, totals: np.ndarray, n_pcs: int = 30
) -> tuple[np.ndarray, np.ndarray]:
    """Principal components of log-normalised genes, from their covariance, which is summed over blocks of cells.

    Each axis' largest loading is positive, and scores are rounded to 1e-4, below any meaning and above the noise of
    different processors, so that the steps that follow see the same numbers everywhere.

    Parameters
    ----------
    path
        A whole stage file.
    genes
        Names of the variable genes.
    cells
        Which cells, bool, shape (n_cells_of_the_file,).
    totals
        Total counts of these cells, shape (n_cells,).
    n_pcs
        Number of components.

    Returns
    -------
    scores
        float32, shape (n_cells, min(n_pcs, n_cells - 1, n_genes - 1)).
    variance_ratio
        Share of the variance that each component holds.

    Raises
    ------
    mscape.errors.UserError
        If there are fewer than three cells or genes.
    """
    n, n_genes = len(totals), len(genes)
    n_comps = min(n_pcs, n - 1, n_genes - 1)
    if n_comps < 2:
        msg = (
            f"An embedding needs at least 3 cells and 3 variable genes; found {n} cells and {n_genes} genes. Add "
            "cells, or see accounting.tsv for where they were lost."
        )
        raise UserError(msg)
    find = active.active().pca or principal_axes
    read = functools.partial(log_blocks, path, genes, cells=cells, totals=totals)
    axes, mean, ratio = find(read(), n_genes, n_comps)
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(n_comps)])
    scores = np.concatenate([block @ axes for block in read()]) - mean @ axes
    return np.round(scores, 4).astype(np.float32), ratio


def principal_axes(
    blocks: Iterable[sp.csr_matrix], n_genes: int, n_comps: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Principal axes of cells that are seen block by block, largest first.

    Parameters
    ----------
    blocks
        Log-normalised values, CSR, shape (n_cells_of_the_block, n_genes).
    n_genes, n_comps
        Genes, and axes wanted.

    Returns
    -------
    axes
        Shape (n_genes, n_comps).
    mean
        Of each gene, shape (n_genes,).
    variance_ratio
        Share of the variance that each axis holds, shape (n_comps,).
    """

    def multiply(block: sp.csr_matrix) -> tuple[np.ndarray, np.ndarray, int]:
        dense = block.toarray().astype(np.float64)  # much faster than the other way round
        return dense.T @ dense, dense.sum(axis=0), len(dense)

    gram, sums, n = np.zeros((n_genes, n_genes)), np.zeros(n_genes), 0
    for products, total, size in ahead(multiply, blocks):
        gram += products
        sums += total
        n += size
    covariance = gram - np.outer(sums, sums / n)
    values, axes = leading_vectors(covariance, n_comps)
    return axes, sums / n, values / np.trace(covariance)


def add_neighbors(
    adata: AnnData, *, use_rep: str, n_neighbors: int = 15, max_exact_cells: int = 50_000, threads: int = 1
) -> str:
    """Build the neighbour graph of scanpy and UMAP.

    The search is :func:`mscape.embedding.neighbor_search.nearest` or a GPU's.

    Distances are rounded to 1e-4 and connectivities to 1e-5 for the same reason as the components.

    Sets
    ----
    obsp["distances"], obsp["connectivities"]
        CSR, float32, shape (n_cells, n_cells).
    uns["neighbors"]
        Parameters in scanpy's layout.

    Returns
    -------
    ``exact`` or ``approximate``.
    """
    k = max(2, min(n_neighbors, adata.n_obs - 1))  # as in scanpy, a cell is its own first neighbour
    find = active.active().knn or neighbor_search.nearest
    distance, near, how = find(adata.obsm[use_rep], k - 1, max_exact_cells=max_exact_cells, threads=threads)
    distance = np.round(distance, 4)
    rows = np.repeat(np.arange(adata.n_obs), k - 1)
    shape = (adata.n_obs, adata.n_obs)
    adata.obsp["distances"] = _csr(distance.ravel(), rows, near.ravel(), shape)
    weights = _csr(fuzzy_weights(distance).ravel(), rows, near.ravel(), shape).astype(np.float64)
    both = weights + weights.T - weights.multiply(weights.T)
    both.data = np.round(both.data, 5)
    both.eliminate_zeros()
    adata.obsp["connectivities"] = both.tocsr().astype(np.float32)
    adata.uns["neighbors"] = {
        "connectivities_key": "connectivities",
        "distances_key": "distances",
        "params": {
            "n_neighbors": k,
            "method": "umap",
            "metric": "euclidean",
            "use_rep": use_rep,
            "random_state": 0,
        },
    }
    return how


def fuzzy_weights(distance: np.ndarray) -> np.ndarray:
    """Weight of each neighbour of a cell, 1 for the nearest, so that the weights of a cell sum to log2(k).

    UMAP's local scale (McInnes 2018, arXiv:1802.03426, algorithm 3) for all cells at once; no compilation.

    Parameters
    ----------
    distance
        To the neighbours without the cell itself, ascending, shape (n_cells, k - 1).

    Returns
    -------
    Shape of ``distance``, within (0, 1].
    """
    target = np.log2(distance.shape[1] + 1)
    positive = np.where(distance > 0, distance, np.inf).min(1)
    beyond = np.maximum(distance - np.where(np.isfinite(positive), positive, 0)[:, None], 0)
    low, high = np.zeros(len(distance)), np.full(len(distance), np.inf)
    scale = np.ones(len(distance))
    for _ in range(64):
        over = np.exp(-beyond / scale[:, None]).sum(1) > target
        high, low = np.where(over, scale, high), np.where(over, low, scale)
        scale = np.where(np.isinf(high), scale * 2, (low + high) / 2)
    floor = 1e-3 * np.where(np.isfinite(positive), distance.mean(1), distance.mean())
    return np.exp(-beyond / np.maximum(np.maximum(scale, floor), 1e-12)[:, None])


def _csr(data: np.ndarray, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> sp.csr_matrix:
    matrix = sp.csr_matrix((data.astype(np.float32), (rows, columns)), shape=shape)
    matrix.sort_indices()
    return matrix
