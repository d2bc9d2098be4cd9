"""Highly variable genes, from moments computed block by block, and their log-normalised values."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp

from mscape.data import counts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mscape.data.counts import Source

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
    sums, squares = np.zeros((2, n_groups, counts.read_shape(path)[1]))
    group = np.full(len(cells), -1)  # of each cell of the file; -1: left out
    group[cells] = groups
    totals = []
    for start, stop, block in counts.blocks(path):
        total = counts.totals(block)
        scale = TARGET / np.maximum(total, 1)
        matrix = block.indptr.astype(np.int64), block.indices, block.data
        _adder()(matrix, scale, group[start:stop], sums, squares)
        totals.append(total[cells[start:stop]])
    n = np.bincount(groups, minlength=n_groups)
    mean = sums / np.maximum(n, 1)[:, None]
    variance = np.maximum(squares - n[:, None] * mean**2, 0) / np.maximum(n - 1, 1)[:, None]
    return mean, variance, n, np.concatenate(totals)


@functools.cache
def _adder():
    import numba

    @numba.njit(cache=True)
    def add(matrix, scale, groups, sums, squares):
        indptr, indices, data = matrix
        for row in range(indptr.size - 1):
            group = groups[row]
            if group >= 0:
                for j in range(indptr[row], indptr[row + 1]):
                    value = data[j] * scale[row]
                    sums[group, indices[j]] += value
                    squares[group, indices[j]] += value * value

    return add


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
    result = sp.vstack(list(log_blocks(path, genes, cells=cells, totals=totals)), format="csr")
    result.sort_indices()
    return result


def log_blocks(
    path: Source,
    genes: Sequence[str] | np.ndarray | slice | None,
    *,
    cells: np.ndarray,
    totals: np.ndarray,
    **reading: int,
) -> Iterator[sp.csr_matrix]:
    """Yield what `log_columns` returns, a block of cells at a time; genes and reading as for ``counts.blocks``."""
    seen = 0
    for start, stop, block in counts.blocks(path, genes=genes, **reading):
        block = block[cells[start:stop]]
        yield counts.lognorm(block, totals[seen : seen + block.shape[0]], target=TARGET)
        seen += block.shape[0]
