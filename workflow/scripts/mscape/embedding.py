"""From counts on disk to a neighbour graph: gene moments by block, variable genes, components, neighbours, map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp

from mscape import counts
from mscape.step import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData

TARGET = 1e4  # counts a cell is scaled to
MIN_BATCH = 20  # a batch with fewer cells has no variance worth ranking genes by


def gene_moments(
    path: str | Path, *, cells: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean and variance of the scaled counts of each gene in each group of cells, in one pass over the file.

    Parameters
    ----------
    path
        A whole stage file.
    cells
        Which cells count, bool, shape (n_cells,).
    groups
        Group of each chosen cell, integers from 0, shape (cells.sum(),).

    Returns
    -------
    mean, variance
        Of the counts scaled to 10,000 a cell, float64, shape (n_groups, n_genes).
    n
        Cells of each group, shape (n_groups,).
    totals
        Total counts of the chosen cells, shape (cells.sum(),).
    """
    n_groups = int(groups.max()) + 1 if len(groups) else 1
    sums = squares = None
    totals = []
    seen = 0
    for start, stop, block in counts.blocks(path):
        block = block[cells[start:stop]]
        total = np.asarray(block.sum(axis=1)).ravel()
        totals.append(total)
        scaled = sp.csr_matrix(
            (block.data * np.repeat(TARGET / np.maximum(total, 1), np.diff(block.indptr)), block.indices, block.indptr),
            shape=block.shape,
        )
        member = sp.csr_matrix(
            (np.ones(len(total)), (groups[seen : seen + len(total)], np.arange(len(total)))),
            shape=(n_groups, len(total)),
        )
        seen += len(total)
        if sums is None:
            sums, squares = np.zeros((2, n_groups, block.shape[1]))
        sums += (member @ scaled).toarray()
        scaled.data **= 2
        squares += (member @ scaled).toarray()
    n = np.bincount(groups, minlength=n_groups)
    mean = sums / np.maximum(n, 1)[:, None]
    variance = np.maximum(squares - n[:, None] * mean**2, 0) / np.maximum(n - 1, 1)[:, None]
    return mean, variance, n, np.concatenate(totals)


def normalised_dispersion(mean: np.ndarray, variance: np.ndarray, *, n_bins: int = 20) -> np.ndarray:
    """Dispersion of each gene as a z-score among genes of similar mean.

    Satija 2015 (doi:10.1038/nbt.3192), as scanpy's flavour "seurat".

    Parameters
    ----------
    mean, variance
        Of scaled counts, shape (n_genes,).
    n_bins
        Equally wide bins of log(1 + mean).

    Returns
    -------
    Shape (n_genes,); NaN for genes without variance.
    """
    mean = np.where(mean == 0, 1e-12, mean)
    dispersion = variance / mean
    dispersion = np.log(np.where(dispersion == 0, np.nan, dispersion))
    table = pd.DataFrame({"dispersion": dispersion, "bin": pd.cut(np.log1p(mean), bins=n_bins, labels=False)})
    stats = table.groupby("bin")["dispersion"].agg(["mean", "std"])
    alone = stats["std"].isna()  # one gene in a bin: its score is 1
    stats.loc[alone, "std"] = stats.loc[alone, "mean"]
    stats.loc[alone, "mean"] = 0
    stats = stats.loc[table["bin"]]
    return (dispersion - stats["mean"].to_numpy()) / stats["std"].to_numpy()


def variable_genes(mean: np.ndarray, variance: np.ndarray, names: np.ndarray, *, n_hvg: int = 2000) -> np.ndarray:
    """Choose the genes that vary most, first by the number of groups that choose them, then by mean dispersion.

    Equal to ``scanpy.pp.highly_variable_genes(flavor="seurat", batch_key=...)`` (a test holds them together).

    Parameters
    ----------
    mean, variance
        Shape (n_groups, n_genes).
    names
        Gene names: ties are broken by name, so that the order of the file does not matter.
    n_hvg
        Number of genes.

    Returns
    -------
    bool, shape (n_genes,).
    """
    n_groups, n_genes = mean.shape
    if n_groups == 1:
        score = normalised_dispersion(mean[0], variance[0])
        finite = np.sort(score[~np.isnan(score)])[::-1]
        if not len(finite):
            return np.zeros(n_genes, dtype=bool)
        return np.nan_to_num(score, nan=-np.inf) >= finite[min(n_hvg, len(finite)) - 1]
    scores = np.zeros((n_groups, n_genes))
    chosen = np.zeros((n_groups, n_genes), dtype=bool)
    for group in range(n_groups):
        there = mean[group] > 0
        scores[group, there] = normalised_dispersion(mean[group, there], variance[group, there])
        finite = np.sort(scores[group, there][~np.isnan(scores[group, there])])[::-1]
        if len(finite):
            limit = finite[min(n_hvg, len(finite)) - 1]
            chosen[group, there] = np.nan_to_num(scores[group, there], nan=-np.inf) >= limit
    known = ~np.isnan(scores)
    average = np.where(known.any(0), np.nansum(scores, axis=0) / np.maximum(known.sum(0), 1), -np.inf)
    order = np.lexsort((names.astype(str), -average, -chosen.sum(0)))
    result = np.zeros(n_genes, dtype=bool)
    result[order[:n_hvg]] = True
    return result & (mean > 0).any(0)


def log_columns(path: str | Path, genes: np.ndarray, *, cells: np.ndarray, totals: np.ndarray) -> sp.csr_matrix:
    """Log-normalised values of some genes, float32 CSR, shape (cells.sum(), len(genes)).

    Parameters
    ----------
    path
        A whole stage file.
    genes
        Names, in the order of the columns.
    cells
        Which cells, bool, shape (n_cells,).
    totals
        Total counts over all genes of the chosen cells.
    """
    parts, seen = [], 0
    for start, stop, block in counts.blocks(path, genes=list(genes)):
        block = block[cells[start:stop]]
        parts.append(counts.lognorm(block, totals[seen : seen + block.shape[0]], target=TARGET))
        seen += block.shape[0]
    result = sp.vstack(parts, format="csr")
    result.sort_indices()
    return result


def add_pca(adata: AnnData, *, n_pcs: int = 30, seed: int = 0) -> None:
    """Principal components of ``X`` (implicit centring, ARPACK).

    Each component's largest loading is positive, and scores are rounded to 1e-4, below any meaning and above the noise
    of different processors, so that the steps that follow see the same numbers everywhere.

    Sets
    ----
    obsm["X_pca"]
        float32, shape (n_cells, min(n_pcs, n_cells - 1, n_genes - 1)).
    uns["pca"]
        variance, variance_ratio.
    """
    from sklearn.decomposition import PCA

    n_comps = min(n_pcs, adata.n_obs - 1, adata.n_vars - 1)
    if n_comps < 2:
        msg = (
            f"An embedding needs at least 3 cells and 3 variable genes; found {adata.n_obs} cells and {adata.n_vars} "
            "genes. Add cells, or look at accounting.tsv for where they were lost."
        )
        raise UserError(msg)
    model = PCA(n_comps, svd_solver="arpack", random_state=seed)
    scores = model.fit_transform(adata.X.astype(np.float64))
    loadings = model.components_
    sign = np.sign(loadings[np.arange(n_comps), np.abs(loadings).argmax(1)])
    adata.obsm["X_pca"] = np.round(scores * sign, 4).astype(np.float32)
    adata.uns["pca"] = {"variance": model.explained_variance_, "variance_ratio": model.explained_variance_ratio_}


def add_neighbors(
    adata: AnnData, *, use_rep: str, n_neighbors: int = 15, max_exact_cells: int = 100_000, seed: int = 0
) -> str:
    """Build the neighbour graph of scanpy and UMAP, by exact search up to ``max_exact_cells``.

    Exact search does not depend on threads or chance. Above the limit pynndescent runs with a fixed seed on one thread.
    Connectivities are rounded to 1e-5 for the same reason as the components.

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
    from sklearn.neighbors import NearestNeighbors

    k = max(2, min(n_neighbors, adata.n_obs - 1))  # as in scanpy, a cell is its own first neighbour
    rep = np.ascontiguousarray(adata.obsm[use_rep], dtype=np.float64)
    exact = adata.n_obs <= max_exact_cells
    if exact:
        distance, near = NearestNeighbors(n_neighbors=k - 1, algorithm="brute").fit(rep).kneighbors()
    else:
        from pynndescent import NNDescent

        index = NNDescent(rep.astype(np.float32), n_neighbors=k, random_state=seed, n_jobs=1, compressed=False)
        near, distance = (table[:, 1:] for table in index.neighbor_graph)
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
            "random_state": seed,
        },
    }
    return "exact" if exact else "approximate"


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


def add_umap(adata: AnnData, *, epochs: int = 200, seed: int = 0) -> None:
    """Two-dimensional map of the neighbour graph, one thread, fixed seed (McInnes 2018, arXiv:1802.03426).

    For the eye only: no later step reads it.

    Sets
    ----
    obsm["X_umap"]
        float32, shape (n_cells, 2).
    """
    import scanpy as sc

    init = "spectral" if adata.n_obs > 50 else "random"  # the spectral start needs more cells than dimensions
    sc.tl.umap(adata, maxiter=epochs, init_pos=init, random_state=seed)
    adata.obsm["X_umap"] = np.asarray(adata.obsm["X_umap"], dtype=np.float32)
