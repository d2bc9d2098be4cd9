"""Counts of the cells of one simulated lot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp

from mscape.simulation.model import PROGRAMS, Rates, lot_log_cpm, stream
from mscape.simulation.options import SimulateOptions
from mscape.simulation.rates import TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BLOCK_CELLS = 1000  # part of the result: each block has its own random numbers
AMBIENT_CELLS = 2000  # cells whose mean profile is the lot's ambient RNA
DENSE_COUNT = 1.0  # expected counts per cell from which on a gene's noise is drawn for every cell


def draw_counts(
    truth: pd.DataFrame,
    rates: Rates,
    lot: Mapping,
    *,
    seed: int = 0,
    options: SimulateOptions | None = None,
) -> Iterator[tuple[sp.csr_matrix, np.ndarray]]:
    """Draw the counts of a lot's cells, a block at a time.

    A cell's rate of a gene is that of its type, donor, tissue and sex, moved by its programmes. Its expected count is
    ``library_size * (1 - ambient_fraction) * rate`` plus its share of the lot's mean profile. Counts are
    negative-binomial, with variance ``m + dispersion * m**2`` of the cell's own part; ambient RNA is Poisson. Two ways
    lead there: genes of which a cell may be expected to have ``DENSE_COUNT`` counts or more get a gamma factor and a
    Poisson draw; of the others the exact negative-binomial is inverted only where a uniform number says that the count
    is not zero (their ambient part, a few per cent of a small mean, is drawn together with their own). The noise of
    genes is independent: co-expression comes from types and programmes alone.

    Parameters
    ----------
    truth
        From :func:`mscape.simulation.cells.draw_cells`.
    rates, lot, seed
        As for :func:`mscape.simulation.model.lot_log_cpm`.
    options
        ``donor_sd``, ``dispersion`` (squared coefficient of variation of a gene's rate between like cells, above 0)
        and ``ambient_fraction`` (share of a barcode's counts that come from the lot's ambient RNA).

    Yields
    ------
    counts
        int32 CSR, shape (at most ``BLOCK_CELLS``, n_genes), column indices sorted.
    panel_cpm
        True rates of the genes of ``rates.thresholds``, CPM before noise and ambient RNA, shape (n_cells, n_panel).
    """
    options = options or SimulateOptions()
    profiles = _Profiles(truth, rates, lot_log_cpm(rates, lot, seed=seed, donor_sd=options.donor_sd))
    many = profiles.largest_cpm() * 1e-6 * np.median(truth["library_size"]) >= DENSE_COUNT
    order = np.concatenate([np.flatnonzero(many), np.flatnonzero(~many)])  # so that both parts are slices
    n_many = int(many.sum())
    profiles.reorder(order)
    ambient = profiles.ambient() * np.float32(options.ambient_fraction)
    panel = np.argsort(order)[rates.genes.index.get_indexer(list(rates.thresholds))]
    for number, start in enumerate(range(0, len(truth), BLOCK_CELLS)):
        rng = stream(seed, "counts", lot["sample_id"], number)
        own = profiles.expected(start, min(start + BLOCK_CELLS, len(truth)))  # expected counts without ambient RNA
        total = own.sum(axis=1, keepdims=True)
        panel_cpm = own[:, panel] / total * 1e6
        own *= 1 - options.ambient_fraction
        counts = np.zeros(own.shape, np.int32)
        mean = own[:, :n_many] * rng.standard_gamma(1 / options.dispersion, (len(own), n_many), dtype=np.float32)
        mean *= np.float32(options.dispersion)
        mean += total * ambient[:n_many]
        values = rng.poisson(mean)
        rows, columns = np.divmod(np.flatnonzero(values), n_many)
        counts[rows, order[columns]] = values[rows, columns]
        mean = own[:, n_many:] + total * ambient[n_many:]
        rows, columns, values = _sparse_negative_binomial(mean, dispersion=options.dispersion, rng=rng)
        counts[rows, order[n_many + columns]] = values
        yield _to_csr(counts), panel_cpm


class _Profiles:
    """Expected counts of the cells of a lot."""

    def __init__(self, truth: pd.DataFrame, rates: Rates, log_cpm: np.ndarray) -> None:
        self.log_cpm, self.effects = log_cpm, rates.effects
        self.mito = np.flatnonzero(rates.genes["mito"])
        self.type_row = pd.Index(TYPES).get_indexer(truth["cell_type"])
        self.levels = truth[[f"level_{name}" for name in PROGRAMS]].to_numpy(np.float32)
        self.library = truth["library_size"].to_numpy(np.float32)
        self.mito_fraction = truth["mito_fraction"].to_numpy(np.float32)
        self.partner = truth["partner_row"].to_numpy()

    def reorder(self, order: np.ndarray) -> None:
        """Put the genes into another order."""
        self.log_cpm, self.effects = self.log_cpm[:, order], self.effects[:, order]
        self.mito = np.flatnonzero(np.isin(order, self.mito))

    def single(self, rows: np.ndarray) -> np.ndarray:
        """Return the expected counts of single cells, float32, shape (n_rows, n_genes)."""
        mean = self.levels[rows] @ self.effects
        mean += self.log_cpm[self.type_row[rows]]
        np.exp(mean, out=mean)
        mito = mean[:, self.mito]
        mean[:, self.mito] = 0
        library, fraction = self.library[rows], self.mito_fraction[rows]
        mean *= (library * (1 - fraction) / mean.sum(axis=1))[:, None]
        mean[:, self.mito] = mito * (library * fraction / np.maximum(mito.sum(axis=1), 1e-9))[:, None]
        return mean

    def expected(self, start: int, stop: int) -> np.ndarray:
        """Return the expected counts of barcodes, doublets with both of their cells."""
        mean = self.single(np.arange(start, stop))
        doublets = np.flatnonzero(self.partner[start:stop] >= 0)
        if len(doublets):
            mean[doublets] += self.single(self.partner[start + doublets])
        return mean

    def ambient(self) -> np.ndarray:
        """Mean profile of the lot's first cells (their order is random), shape (n_genes,), sum 1."""
        stop = min(AMBIENT_CELLS, len(self.library))
        total = np.zeros(self.log_cpm.shape[1])
        for start in range(0, stop, BLOCK_CELLS):
            total += self.expected(start, min(start + BLOCK_CELLS, stop)).sum(axis=0, dtype=np.float64)
        return (total / total.sum()).astype(np.float32)

    def largest_cpm(self) -> np.ndarray:
        """Upper bound of each gene's CPM in the types and states of the lot."""
        present = self.levels.max(axis=0) > 0
        up = np.clip(self.effects[present], 0, None).sum(axis=0)
        return np.exp(self.log_cpm[np.unique(self.type_row)].max(axis=0) + up)


def _sparse_negative_binomial(
    mean: np.ndarray, *, dispersion: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw negative-binomial counts, and return just those above zero: rows, columns, values.

    P(count > 0) is at most the mean, so a uniform number above the mean settles a zero without further work. The others
    are put through the inverse distribution function.
    """
    uniform = rng.random(mean.shape, dtype=np.float32)
    hit = np.flatnonzero((uniform < mean).ravel())
    tail, mu = uniform.ravel()[hit].astype(np.float64), mean.ravel()[hit].astype(np.float64)
    size = 1 / dispersion
    success = mu / (mu + size)
    pmf = np.exp(-size * np.log1p(mu / size))
    above = 1 - pmf  # P(count > k), k = 0
    value = np.zeros(len(hit), np.int32)
    active = np.flatnonzero(tail < above)
    for k in range(10_000):
        if not len(active):
            break
        value[active] = k + 1
        pmf[active] *= (k + size) / (k + 1) * success[active]
        above[active] -= pmf[active]
        active = active[tail[active] < above[active]]
    some = value > 0
    rows, columns = np.divmod(hit[some], mean.shape[1])
    return rows, columns, value[some]


def _to_csr(counts: np.ndarray) -> sp.csr_matrix:
    """CSR of a dense block, without the detour over coordinates."""
    flat = counts.ravel()
    place = np.flatnonzero(flat)
    per_row = np.count_nonzero(counts, axis=1)
    indptr = np.concatenate([[0], np.cumsum(per_row)])
    indices = (place - np.repeat(np.arange(len(counts)) * counts.shape[1], per_row)).astype(np.int32)
    return sp.csr_matrix((flat[place], indices, indptr), shape=counts.shape)
