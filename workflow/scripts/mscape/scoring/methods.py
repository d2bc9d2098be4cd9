"""Signature scores of cells: background-matched, rank-based, and scanpy's, all sets of a block of cells at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from scipy import stats

from mscape.data import counts
from mscape.scoring import kernels
from mscape.scoring.control_genes import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mscape.scoring.control_genes import Background


MAX_COUNT = 1_000_000  # of a gene in a cell, up to which ranks are resolved


@dataclass(frozen=True)
class GeneSet:
    """Genes of one column of the score tables.

    Attributes
    ----------
    name
        Column name.
    up, down
        Columns of the counts. ``down`` holds the genes of the opposite set of a signed pair, else nothing.
    """

    name: str
    up: np.ndarray
    down: np.ndarray

    @property
    def genes(self) -> np.ndarray:
        """All genes, up before down."""
        return np.concatenate([self.up, self.down]).astype(np.int64)

    @property
    def weights(self) -> np.ndarray:
        """Weight of each gene: the mean of ``up`` minus the mean of ``down``."""
        up, down = np.full(self.up.size, 1 / max(self.up.size, 1)), np.full(self.down.size, 1 / max(self.down.size, 1))
        return np.concatenate([up, -down])


def matched_weights(sets: Sequence[GeneSet], mean: np.ndarray, background: Background) -> np.ndarray:
    """Write each set's score as weights of genes: +1/n for its own, -1/(n x controls) for each control of each.

    Parameters
    ----------
    sets
        The sets.
    mean
        Mean log expression of every gene, shape (n_genes,).
    background
        The background.

    Returns
    -------
    float32, shape (n_genes, n_sets): log values times it are the scores.
    """
    weights = np.zeros((background.n_genes, len(sets)))
    for column, genes in enumerate(sets):
        first = nearest(background.mean, mean[genes.genes], background.n_controls)
        step = np.zeros(background.pool.size + 1)
        np.add.at(step, first, genes.weights)
        np.add.at(step, first + background.n_controls, -genes.weights)
        weights[background.pool, column] = -np.cumsum(step[:-1]) / background.n_controls
        np.add.at(weights[:, column], genes.genes, genes.weights)
    return weights.astype(np.float32)


def scanpy_weights(
    sets: Sequence[GeneSet], mean: np.ndarray, *, controls: int = 50, n_bins: int = 25, seed: int = 0
) -> np.ndarray:
    """Write the score of ``scanpy.tl.score_genes`` (Tirosh 2016, doi:10.1126/science.aad0501) as weights of genes.

    The control genes are drawn as scanpy draws them, with its defaults and in its order, from bins of all genes; its
    seed decides which. Kept for comparison, because papers report it.

    Parameters
    ----------
    sets
        The sets; a signed pair is the difference of two scores.
    mean
        Mean log expression of every gene over all cells, shape (n_genes,).
    controls, n_bins
        scanpy's ``ctrl_size`` and ``n_bins``.
    seed
        scanpy's ``random_state``.

    Returns
    -------
    float32, shape (n_genes, n_sets).
    """
    per_bin = int(np.round(mean.size / (n_bins - 1)))
    bins = (stats.rankdata(mean, method="min") // max(per_bin, 1)).astype(np.int64)
    weights = np.zeros((mean.size, len(sets)))
    for column, genes in enumerate(sets):
        for sign, part in ((1, genes.up), (-1, genes.down)):
            if part.size == 0:
                continue
            rng = np.random.RandomState(seed)
            drawn = []
            for one in np.unique(bins[part]):
                members = np.flatnonzero(bins == one)
                drawn.append(
                    members[rng.choice(members.size, controls, replace=False)] if controls < members.size else members
                )
            others = np.setdiff1d(np.concatenate(drawn), part)
            weights[part, column] += sign / part.size
            weights[others, column] -= sign / max(others.size, 1)
    return weights.astype(np.float32)


def score_block(
    block: sp.csr_matrix,
    weights: np.ndarray,
    background: Background,
    *,
    bins: np.ndarray,
    linear: np.ndarray,
    square: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Score a block of cells by weights, and say how random sets score in each cell.

    Parameters
    ----------
    block
        Counts, CSR, shape (n_cells, n_genes).
    weights
        Weights of genes, shape (n_genes, n_columns).
    background
        The background.
    bins
        Bin of each background gene, shape (n_pool,).
    linear, square
        Sum of the weights, and of their squares, that each set has in each bin
        (:func:`mscape.scoring.null_sets.bin_weights`), shape (n_bins, n_sets).

    Returns
    -------
    scores
        float32, shape (n_cells, n_columns).
    centre, spread
        Mean and standard deviation, over all random sets, of the score that the cell gives them: float32, shape
        (n_cells, n_sets). They follow from mean and variance, in the cell, of each bin's genes over their controls.
    """
    logged = counts.lognorm(block, counts.totals(block))
    place = np.full(block.shape[1], -1, dtype=np.int64)
    place[background.pool] = np.arange(background.pool.size)
    scores = np.empty((block.shape[0], weights.shape[1]), dtype=np.float32)
    centre, spread = (np.empty((block.shape[0], linear.shape[1]), dtype=np.float32) for _ in range(2))
    kernels.over_rows(
        kernels.compiled()[0],
        (logged.indptr.astype(np.int64), logged.indices, logged.data),
        (place, background.first, background.last, background.centre),
        (
            np.ascontiguousarray(weights),
            bins.astype(np.int64),
            np.bincount(bins, minlength=len(linear)).astype(np.float64),
            linear,
            square,
        ),
        (scores, centre, spread),
    )
    return scores, centre, spread


def rank_block(block: sp.csr_matrix, sets: Sequence[GeneSet], *, max_rank: int = 1500) -> np.ndarray:
    """Score a block of cells by the ranks of the genes within each cell, as UCell does.

    The Mann-Whitney statistic of Andreatta & Carmona 2021 (doi:10.1016/j.csbj.2021.06.043): genes are ranked by
    decreasing counts (equal ranks above a million), ties get their mean rank, ranks beyond ``max_rank`` count as
    ``max_rank + 1``. Needs no other cell and no seed. 1 = the set's genes are the highest of the cell, 0 = none is
    among the first ``max_rank``.

    Parameters
    ----------
    block
        Counts, CSR, shape (n_cells, n_genes).
    sets
        The sets; a signed pair is the difference of both scores.
    max_rank
        Genes of a cell that have ranks of their own.

    Returns
    -------
    float32, shape (n_cells, n_sets).
    """
    parts = [part for genes in sets for part in (genes.up, genes.down)]
    rows = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
    columns = np.repeat(np.arange(len(parts)), [part.size for part in parts])
    member = sp.csr_array((np.ones(rows.size), (rows, columns)), shape=(block.shape[1], len(parts)))
    sizes = np.array([part.size for part in parts], dtype=np.float64)
    max_rank = min(max_rank, block.shape[1])
    rank_sums = np.empty((block.shape[0], len(parts)))
    kernels.over_rows(
        kernels.compiled()[1],
        (block.indptr.astype(np.int64), block.indices, np.minimum(block.data, MAX_COUNT).astype(np.int64)),
        (block.shape[1], float(max_rank)),
        (member.indptr.astype(np.int64), member.indices.astype(np.int64), sizes),
        rank_sums,
    )
    best, worst = sizes * (sizes + 1) / 2, sizes * (max_rank + 1)
    score = 1 - (rank_sums - best) / np.maximum(worst - best, 1)
    score[:, sizes == 0] = 0
    return (score[:, 0::2] - score[:, 1::2]).astype(np.float32)
