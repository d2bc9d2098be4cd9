"""Score doublets of one sample: how much a cell's surroundings look like sums of two cells.

The idea is Scrublet's (Wolock 2019, doi:10.1016/j.cels.2018.11.005): add sums of random pairs of cells to the
sample, embed both, and take the share of simulated doublets among a cell's neighbours. What differs makes it
small and reproducible: log counts are embedded without ever being made dense, through the genes' covariance;
neighbours are exact, found by blocks of a matrix product; of the simulated doublets only as many are scored
as the threshold needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from mscape.data import counts as count_blocks
from mscape.stats import leading_vectors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mscape.data.counts import Source

MIN_CELLS = 100  # below, a sample has too few neighbours to distinguish doublets from rare cells
PER_THOUSAND = 0.008  # doublets per 1,000 cells recovered, as the manual of droplet kits states
MAX_RATE = 0.25
SCORED_SIMULATED = 4000
MAX_SIMULATED = 60_000
BLOCK = 256
NEIGHBOURHOODS = (0.25, 0.5, 1.0, 2.0, 4.0)  # times the root of the number of cells


@dataclass(frozen=True, kw_only=True)
class Doublets:
    """Doublet scores of a sample.

    Parameters
    ----------
    score
        Posterior probability of being a doublet, from 0 to 1, shape (n_cells,).
    called
        Score above the threshold, shape (n_cells,).
    threshold
        Of the score.
    simulated
        Scores of simulated doublets.
    expected_rate
        Share of doublets expected in the sample.
    detectable
        Share of simulated doublets above the threshold: the others resemble single cells (two of one kind).
    embedding
        Principal components of the cells' log counts, shape (n_cells, n_pcs).
    """

    score: np.ndarray
    called: np.ndarray
    threshold: float
    simulated: np.ndarray
    expected_rate: float
    detectable: float
    embedding: np.ndarray


def expect_rate(n_cells: int) -> float:
    """Share of doublets to expect in a droplet run that recovered so many cells."""
    return min(PER_THOUSAND * n_cells / 1000, MAX_RATE)


def find_doublets(counts: sp.csr_matrix, *, n_genes: int = 2000, **options: Any) -> Doublets:
    """Score each cell of a sample whose counts are held in memory.

    Parameters
    ----------
    counts
        Raw counts, CSR, shape (n_cells, n_genes); every cell has counts.
    n_genes
        Number of variable genes.
    **options
        Of :func:`score_cells`.

    Raises
    ------
    ValueError
        If there are fewer than ``MIN_CELLS`` cells.
    """
    totals = np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()
    genes = choose_genes([counts], totals, counts.shape[1], n_genes=n_genes)
    return score_cells(counts[:, genes], totals, **options)


def score_cells(
    chosen: sp.csr_matrix,
    totals: np.ndarray,
    *,
    expected_rate: float | None = None,
    simulated_per_cell: float = 2.0,
    n_pcs: int = 20,
    seed: int = 0,
) -> Doublets:
    """Score each cell of a sample by its variable genes.

    Parameters
    ----------
    chosen
        Raw counts of the variable genes, CSR, shape (n_cells, n_variable_genes).
    totals
        Counts of each cell over all genes, at least 1, shape (n_cells,).
    expected_rate
        Share of doublets expected; from the number of cells if not given.
    simulated_per_cell
        Simulated doublets per cell.
    n_pcs
        Dimensions of the embedding.
    seed
        Chooses the pairs.

    Raises
    ------
    ValueError
        If there are fewer than ``MIN_CELLS`` cells.
    """
    n_cells = chosen.shape[0]
    if n_cells < MIN_CELLS:
        msg = f"{n_cells} cells are too few to score doublets, at least {MIN_CELLS} are needed"
        raise ValueError(msg)
    rate = expect_rate(n_cells) if expected_rate is None else expected_rate
    rng = np.random.default_rng(seed)
    n_simulated = min(round(simulated_per_cell * n_cells), max(MAX_SIMULATED, n_cells))
    pairs = rng.integers(0, n_cells, (n_simulated, 2))

    target = float(np.median(totals))
    chosen = chosen.astype(np.float32)
    sums = chosen[pairs[:, 0]] + chosen[pairs[:, 1]]
    cells = _log(chosen, totals, target)
    doublets = _log(sums, totals[pairs].sum(axis=1), target)
    del sums
    mean, axes = _principal_axes(cells, min(n_pcs, min(cells.shape) - 1))
    embedded = np.vstack([cells @ axes, doublets @ axes]) - mean @ axes

    n_scored = min(SCORED_SIMULATED, n_simulated)
    ratio = n_simulated / n_cells
    sizes = np.unique([max(1, round(part * np.sqrt(n_cells) * (1 + ratio))) for part in NEIGHBOURHOODS])
    sizes = np.minimum(sizes, len(embedded) - 1)
    log_odds = _log_odds_simulated(embedded, n_cells, n_cells + n_scored, sizes)
    posterior = _posterior(log_odds, ratio, rate)
    score, simulated = posterior[:n_cells], posterior[n_cells:]
    threshold = choose_threshold(score, simulated, rate)
    return Doublets(
        score=score.astype(np.float32),
        called=score > threshold,
        threshold=float(threshold),
        simulated=simulated,
        expected_rate=float(rate),
        detectable=float((simulated > threshold).mean()),
        embedding=embedded[:n_cells],
    )


def choose_genes(
    blocks: Iterable[sp.csr_matrix], totals: np.ndarray, n_columns: int, *, n_genes: int = 2000
) -> np.ndarray:
    """Choose genes that vary more than genes of the same mean do, in at least 3 cells.

    Parameters
    ----------
    blocks
        Raw counts of the cells in order, CSR, each of shape (n_cells_of_the_block, n_columns).
    totals
        Counts of each cell, at least 1, shape (n_cells,).
    n_columns, n_genes
        Genes that there are, and that are wanted.

    Returns
    -------
    Column numbers, ascending; at most ``n_genes``.
    """
    detected, sums, squares, n_cells = np.zeros(n_columns), np.zeros(n_columns), np.zeros(n_columns), 0
    for block in blocks:
        rows = slice(n_cells, n_cells + block.shape[0])
        shares = block.data / np.repeat(totals[rows], np.diff(block.indptr))
        shares = sp.csr_matrix((shares, block.indices, block.indptr), shape=block.shape)
        detected += np.bincount(block.indices, minlength=n_columns)
        sums += np.asarray(shares.sum(axis=0)).ravel()
        np.square(shares.data, out=shares.data)
        squares += np.asarray(shares.sum(axis=0)).ravel()
        n_cells = rows.stop
    mean = sums / n_cells
    usable = np.flatnonzero(detected >= 3)
    if usable.size <= n_genes:
        return usable
    mean, variance = mean[usable], (squares / n_cells - mean**2)[usable]
    excess = np.log(np.maximum(variance / mean, 1e-18))  # of shares of a cell's counts, far below 1
    order = np.argsort(mean, kind="stable")
    bins = np.empty(usable.size, dtype=np.int64)
    bins[order] = np.arange(usable.size) * 20 // usable.size
    z = np.empty(usable.size)
    for number in range(20):
        inside = bins == number
        middle = np.median(excess[inside])
        spread = np.median(np.abs(excess[inside] - middle)) or 1.0
        z[inside] = (excess[inside] - middle) / spread
    best = np.argsort(-z, kind="stable")[:n_genes]
    return np.sort(usable[best])


def choose_threshold(score: np.ndarray, simulated: np.ndarray, rate: float) -> float:
    """Choose the score above which a cell is called a doublet.

    The threshold minimises the share of simulated doublets missed, plus the share of cells called, plus the
    square of the excess of called over expected cells, relative to the expected ones; scDblFinder weighs them
    equally (Germain 2021, doi:10.12688/f1000research.73600.2). Fewer than expected are no fault: doublets of
    one kind cannot be found.
    """
    candidates = np.unique(np.concatenate([score, simulated]))
    candidates = candidates[:-1] if candidates.size > 1 else candidates
    if candidates.size > 500:
        candidates = np.unique(np.quantile(candidates, np.linspace(0, 1, 500), method="nearest"))
    called = 1 - np.searchsorted(np.sort(score), candidates, side="right") / score.size
    missed = np.searchsorted(np.sort(simulated), candidates, side="right") / simulated.size
    allowed = max(rate, 1 / score.size)
    cost = missed + called + (np.maximum(called - allowed, 0) / allowed) ** 2
    return float(candidates[int(np.argmin(cost))])


def _log(counts: sp.csr_matrix, totals: np.ndarray, target: float) -> sp.csr_matrix:
    scale = (target / totals).astype(np.float32)
    data = np.log1p(counts.data * np.repeat(scale, np.diff(counts.indptr)))
    return sp.csr_matrix((data, counts.indices, counts.indptr), shape=counts.shape)


def _principal_axes(cells: sp.csr_matrix, n_pcs: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean, shape (n_genes,), and the leading axes of the covariance, shape (n_genes, n_pcs), float32.

    The products of genes (or of cells, where there are fewer) are summed over blocks, so the matrix is never dense as a
    whole; the start vector is fixed, so the axes are the same each time.
    """
    n_cells, n_genes = cells.shape
    mean = np.asarray(cells.mean(axis=0, dtype=np.float64)).ravel()
    if n_cells < n_genes:
        dense = cells.toarray() - mean
        values, vectors = leading_vectors(dense @ dense.T, n_pcs)
        axes = dense.T @ (vectors / np.sqrt(np.maximum(values, 1e-12)))
    else:
        gram = np.zeros((n_genes, n_genes))
        for start, stop in _spans(n_cells):
            block = cells[start:stop].toarray()
            gram += block.T @ block
        gram -= n_cells * np.outer(mean, mean)
        _, axes = leading_vectors(gram, n_pcs)
    return mean.astype(np.float32), axes.astype(np.float32)


def _log_odds_simulated(points: np.ndarray, n_cells: int, n_queries: int, sizes: np.ndarray) -> np.ndarray:
    """Log odds of simulated doublets (rows from ``n_cells`` on) around each of the first ``n_queries`` rows.

    The mean over neighbourhoods of several sizes: small ones see rare kinds of cells, large ones are less noisy, and
    which of them is more informative differs from sample to sample.
    """
    length = np.einsum("ij,ij->i", points, points)
    largest = int(sizes.max())
    log_odds = np.empty(n_queries)
    for start, stop in _spans(n_queries):
        distance = points[start:stop] @ points.T
        distance *= -2
        distance += length
        rows = np.arange(stop - start)
        distance[rows, np.arange(start, stop)] = np.inf  # no point is its own neighbour
        radius = np.partition(np.partition(distance, largest - 1, axis=1)[:, :largest], sizes - 1, axis=1)[:, sizes - 1]
        doublets = distance[:, n_cells:]
        simulated = np.column_stack([np.count_nonzero(doublets <= limit[:, None], axis=1) for limit in radius.T])
        simulated = np.minimum(simulated, sizes)  # more where several points stand just at the limit
        log_odds[start:stop] = np.log((simulated + 1) / (sizes + 1 - simulated)).mean(axis=1)
    return log_odds


def _posterior(log_odds: np.ndarray, ratio: float, rate: float) -> np.ndarray:
    """Turn the odds of simulated neighbours into the probability of a doublet, by Bayes' rule.

    Where doublets make up a share ``rate`` of a sample and ``ratio`` simulated ones are added for each cell,
    the densities of cells and of simulated doublets around a point give the share of doublets among the cells
    there.
    """
    density = np.exp(log_odds) / ratio  # of doublets, relative to that of cells of any kind
    return np.clip(rate * density, 0, 1)


def _spans(n_rows: int) -> Iterator[tuple[int, int]]:
    for start in range(0, n_rows, BLOCK):
        yield start, min(start + BLOCK, n_rows)


def score_doublets(
    source: Source, passed: np.ndarray, totals: np.ndarray, settings: dict, *, seed: int
) -> tuple[Doublets | None, str]:
    """Score the cells that pass; return the scores, or None and the reason.

    Of the counts only those of the variable genes are held in memory.

    Parameters
    ----------
    source
        Raw counts of the sample.
    passed
        Positions of the cells that pass, ascending.
    totals
        Counts of all cells of the file, shape (n_cells,).
    settings, seed
        Section ``qc`` of the config; of the simulated
    """
    if len(passed) < MIN_CELLS:
        return None, f"{len(passed)} cells are fewer than the {MIN_CELLS} that it takes"
    names = count_blocks.read_var(source).index
    keep = np.zeros(len(totals), dtype=bool)
    keep[passed] = True
    kept = (block[keep[start:stop]] for start, stop, block in count_blocks.blocks(source))
    genes = choose_genes(kept, totals[passed], len(names))
    chosen = [block[keep[start:stop]] for start, stop, block in count_blocks.blocks(source, genes=names[genes])]
    found = score_cells(
        sp.vstack(chosen, format="csr"), totals[passed], expected_rate=settings["doublet_rate"], seed=seed
    )
    return found, "scored"
