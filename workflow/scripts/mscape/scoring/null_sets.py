"""How high random gene sets score: z and empirical p of a signature, for cells and for lots.

A random set takes, for each gene of the signature, a background gene of the same bin of mean expression and detection.
Mean and variance over all such sets follow from the bins' moments in the cell itself, so that z costs no sampling; the
shape of the distribution, which gives p, is sampled from random sets in some cells of each library and depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mscape.data import sampling
from mscape.scoring.control_genes import over_controls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mscape.scoring.control_genes import Background
    from mscape.scoring.methods import GeneSet

GENES_PER_BIN = 50
MAX_MEAN_BINS = 60
DETECTION_BINS = 3


@dataclass(frozen=True)
class Bins:
    """Background genes by mean expression and, within that, by the fraction of cells that show them.

    Attributes
    ----------
    of_pool
        Bin of each background gene, shape (n_pool,).
    members
        Background genes of each bin, as positions in the pool.
    mean_edges
        Upper edges of all but the last mean bin.
    detection_edges
        Upper edges of all but the last detection bin, shape (n_mean_bins, DETECTION_BINS - 1).
    """

    of_pool: np.ndarray
    members: list[np.ndarray]
    mean_edges: np.ndarray
    detection_edges: np.ndarray

    def of(self, mean: np.ndarray, detection: np.ndarray) -> np.ndarray:
        """Bin of genes with these means and detection fractions."""
        row = np.searchsorted(self.mean_edges, mean, side="left")
        return row * DETECTION_BINS + (detection[:, None] > self.detection_edges[row]).sum(axis=1)


def make_bins(background: Background, detection: np.ndarray) -> Bins:
    """Bin the background genes.

    Parameters
    ----------
    background
        The background.
    detection
        Fraction of cells with the gene, shape (n_genes,).

    Returns
    -------
    Bins of about ``GENES_PER_BIN`` genes, at most ``MAX_MEAN_BINS`` by mean. Where many genes share one detection a
    bin can be empty: its neighbour then replaces it.
    """
    seen = detection[background.pool]
    n_bins = int(np.clip(seen.size // (GENES_PER_BIN * DETECTION_BINS), 1, MAX_MEAN_BINS))
    splits = np.array_split(np.arange(seen.size), n_bins)
    mean_edges = np.unique(background.mean[[part[-1] for part in splits[:-1]]])  # rare genes often share one mean
    mean_edges = mean_edges[mean_edges < background.mean[-1]]
    row = np.searchsorted(mean_edges, background.mean, side="left")
    quantiles = np.arange(1, DETECTION_BINS) / DETECTION_BINS
    edges = np.array([np.quantile(seen[row == i], quantiles) for i in range(mean_edges.size + 1)])
    bins = Bins(np.empty(0), [], mean_edges, edges)
    of_pool = bins.of(background.mean, seen)
    members = [np.flatnonzero(of_pool == b) for b in range(len(edges) * DETECTION_BINS)]
    return Bins(of_pool, members, mean_edges, edges)


@dataclass(frozen=True)
class GeneStats:
    """What random sets are matched on: mean log expression and detected fraction of each gene, and the bins."""

    mean: np.ndarray
    detection: np.ndarray
    bins: Bins

    @classmethod
    def of(cls, mean: np.ndarray, detection: np.ndarray, background: Background) -> GeneStats:
        """Bin the background by these statistics of all genes, each of shape (n_genes,)."""
        return cls(mean, detection, make_bins(background, detection))

    def bins_of(self, genes: GeneSet) -> np.ndarray:
        """Bin of each gene of a set; a bin without background genes gives way to the nearest that has some."""
        where = self.bins.of(self.mean[genes.genes], self.detection[genes.genes])
        filled = np.flatnonzero([members.size for members in self.bins.members])
        return filled[np.abs(filled[None, :] - where[:, None]).argmin(axis=1)]


def bin_weights(sets: Sequence[GeneSet], stats: GeneStats) -> tuple[np.ndarray, np.ndarray]:
    """Sum each set's weights, and their squares, by the bin that its random genes come from.

    The mean score of the random sets of a cell is the bins' means times the first, its variance the bins' variances
    times the second: the genes of a random set are drawn independently.

    Parameters
    ----------
    sets
        The signatures that the random sets are matched to.
    stats
        Mean, detection and bin of the genes.

    Returns
    -------
    Two arrays of shape (n_bins, n_sets).
    """
    linear, square = (np.zeros((len(stats.bins.members), len(sets))) for _ in range(2))
    for column, genes in enumerate(sets):
        where = stats.bins_of(genes)
        np.add.at(linear[:, column], where, genes.weights)
        np.add.at(square[:, column], where, genes.weights**2)
    return linear, square


def draw_sets(genes: GeneSet, stats: GeneStats, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw random sets matched to a signature, as positions in the background's pool, shape (n, n_genes of the set)."""
    drawn = np.empty((n, genes.genes.size), dtype=np.int64)
    for i, b in enumerate(stats.bins_of(genes)):
        drawn[:, i] = rng.choice(stats.bins.members[b], n)
    return drawn


def sample_null(
    values: np.ndarray, z_of: tuple[np.ndarray, np.ndarray], drawn: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Score random sets in some cells and put them on the scale of z.

    Parameters
    ----------
    values
        Background genes over their controls, shape (n_cells, n_pool).
    z_of
        Mean and standard deviation of random sets in these cells, each of shape (n_cells,).
    drawn
        Random sets, shape (n_cells, n_sets_per_cell, n_genes).
    weights
        Weight of each gene of the set.

    Returns
    -------
    z of each random set in its cell, ascending, shape (n_cells * n_sets_per_cell,).
    """
    cells = np.arange(len(values))[:, None, None]
    scores = values[cells, drawn] @ weights
    centre, spread = (part[:, None] for part in z_of)
    return np.sort(np.divide(scores - centre, spread, out=np.zeros_like(scores), where=spread > 0).ravel())


def empirical_p(z: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Fraction of random sets that score as high: (1 + number of null z >= z) / (1 + number of null z).

    Parameters
    ----------
    z
        Any shape; NaN stays NaN.
    null
        Null z, ascending.
    """
    above = null.size - np.searchsorted(null, z, side="left")
    return np.where(np.isnan(z), np.nan, (1 + above) / (1 + null.size))


def score_lots(
    lot_means: np.ndarray,
    weights: np.ndarray,
    sets: Sequence[GeneSet],
    stats: GeneStats,
    background: Background,
    *,
    n: int = 1000,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compare each lot's mean score with random sets in the same lot.

    The z of a lot says how far the signature departs, in this lot, from the average of the lots, in units of random
    gene sets of the same expression. It is no test between donors.

    Parameters
    ----------
    lot_means
        Mean log expression of each gene in each lot, shape (n_lots, n_genes).
    weights, sets
        The scores (:func:`mscape.scoring.matched_weights`) and their sets.
    stats, background
        As for cells.
    n
        Random sets.
    seed
        Seed of the random sets.

    Returns
    -------
    z, two-sided empirical p, and the unit of z (standard deviation of the random sets' scores), shape (n_lots, n_sets).
    """
    scores = (lot_means - stats.mean) @ weights
    values = over_controls(lot_means, background)
    z, p, unit = np.empty_like(scores), np.empty_like(scores), np.empty_like(scores)
    for column, genes in enumerate(sets):
        drawn = draw_sets(genes, stats, n, sampling.generator(seed, "lots", genes.name))
        null = values[:, drawn] @ genes.weights
        centre, spread = null.mean(axis=1), null.std(axis=1, ddof=1)
        unit[:, column] = spread
        z[:, column] = np.divide(scores[:, column] - centre, spread, out=np.full(len(z), np.nan), where=spread > 0)
        far = np.abs(null - centre[:, None]) >= np.abs(scores[:, column] - centre)[:, None]
        p[:, column] = (1 + far.sum(axis=1)) / (1 + n)
    return z, p, unit
