"""The genes that a signature is compared with: those that come nearest to its own in mean expression."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mscape.data import counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import scipy.sparse as sp

MIN_POOL = 50  # with fewer background genes nothing can be matched
_UNIT = 2.0**20  # log values are summed in these fixed steps: whole numbers add up the same in any order


@dataclass(frozen=True)
class Background:
    """Genes to compare with, in ascending mean, and which of them are a gene's controls.

    Attributes
    ----------
    pool
        Columns of the background genes, shape (n_pool,), ascending in mean log expression.
    mean
        Their mean log expression.
    n_controls
        Controls of a gene.
    first, last
        Per background gene its window in ``pool``, itself included: its controls are ``first:last`` without itself.
    centre
        Per background gene its mean minus that of its controls, over the cells that ``mean`` comes from.
    n_genes
        Genes of the counts.
    """

    pool: np.ndarray
    mean: np.ndarray
    n_controls: int
    first: np.ndarray
    last: np.ndarray
    centre: np.ndarray
    n_genes: int


def gene_sums(block: sp.csr_matrix, groups: np.ndarray, n_groups: int) -> dict[str, np.ndarray]:
    """Add up log-normalised values, detections and counts per group of cells.

    Parameters
    ----------
    block
        Counts, CSR, shape (n_cells, n_genes).
    groups
        Group of each cell, shape (n_cells,).
    n_groups
        Number of groups.

    Returns
    -------
    ``log`` (log1p of counts per 10,000), ``seen`` (cells with the gene) and ``counts``, float64, each of shape
    (n_groups, n_genes). Whole numbers are summed, so that the order of the cells cannot change a digit.
    """
    logged = counts.lognorm(block, counts.totals(block))
    sums, seen, raw = np.zeros((3, n_groups, block.shape[1]), dtype=np.int64)
    matrix = block.indptr.astype(np.int64), block.indices, block.data
    _adder()(matrix, logged.data, groups.astype(np.int64), (sums, seen, raw))
    return {"log": sums / _UNIT, "seen": seen.astype(np.float64), "counts": raw.astype(np.float64)}


@functools.cache
def _adder():
    import numba

    @numba.njit(cache=True)
    def add(matrix, logged, groups, result):
        indptr, indices, data = matrix
        sums, seen, raw = result
        for row in range(indptr.size - 1):
            group = groups[row]
            for j in range(indptr[row], indptr[row + 1]):
                gene = indices[j]
                sums[group, gene] += np.int64(np.rint(logged[j] * _UNIT))
                seen[group, gene] += 1
                raw[group, gene] += np.int64(data[j])

    return add


def make_background(
    mean: np.ndarray, usable: np.ndarray, names: Sequence[str], *, controls: int = 100
) -> Background | None:
    """Order the background genes and give each its controls.

    A gene's controls are the background genes nearest in mean expression. The idea of nearest neighbours in place of
    randomly drawn bin members is that of ANS (Ciernik 2026, Genome Research 36:630): no seed, and scores of several
    sets become comparable.

    Parameters
    ----------
    mean
        Mean log expression of each gene, shape (n_genes,).
    usable
        Genes that may serve as background: in no signature, measured in every sample.
    names
        Gene names; they settle ties, so that the order of the genes in the file does not.
    controls
        Controls of a gene. With a small gene table it shrinks to a fifth of the background.

    Returns
    -------
    The background, or None with fewer than ``MIN_POOL`` genes.
    """
    candidates = np.flatnonzero(usable & (mean > 0))
    if candidates.size < MIN_POOL:
        return None
    pool = candidates[np.lexsort((np.asarray(names, dtype=str)[candidates], mean[candidates]))]
    ordered, n = mean[pool], min(controls, candidates.size // 5)
    position = np.arange(pool.size)
    # The window holds the gene itself; among genes of one mean the nearest ones may all lie on one side of it.
    first = np.clip(nearest(ordered, ordered, n + 1), position - n, position)
    bare = Background(pool, ordered, n, first, first + n + 1, np.zeros(pool.size), mean.size)
    return replace(bare, centre=over_controls(mean[None], bare)[0])


def over_controls(values: np.ndarray, background: Background) -> np.ndarray:
    """Each background gene's value minus the mean of its controls.

    Parameters
    ----------
    values
        Log expression, shape (n_rows, n_genes).
    background
        The background.

    Returns
    -------
    Shape (n_rows, n_pool), less ``background.centre``.
    """
    x = values[:, background.pool].astype(np.float64)
    total = np.concatenate([np.zeros((len(x), 1)), np.cumsum(x, axis=1)], axis=1)
    controls = (total[:, background.last] - total[:, background.first] - x) / background.n_controls
    return x - controls - background.centre


def nearest(ordered: np.ndarray, targets: np.ndarray, n: int) -> np.ndarray:
    """Start of the ``n`` consecutive values of an ascending array that lie nearest to each target."""
    return np.searchsorted(ordered[:-n] + ordered[n:], 2 * targets, side="left")
