"""Sums of counts of simulated lots, drawn without their cells: many lots at little cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mscape.simulation.model import AXES, PROGRAMS, Rates, lot_log_cpm, stream
from mscape.simulation.options import SimulateOptions
from mscape.simulation.rates import MSC, TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

STATES = {  # state: mean levels of its programmes in :func:`mscape.simulation.cells.draw_cells`
    "resting": {},
    "s": {"s_phase": 0.8},
    "g2m": {"g2m_phase": 0.8},
    "osteogenic": {"osteogenic_early": 0.91, "osteogenic_late": 0.7},
    "senescent": {"senescent": 0.8},
    "licensed": {"licensed": 0.84},
}
SIZES = {"g2m": 1.3, "senescent": 1.6}  # counts of a cell of the state, relative to a resting one


def draw_sum(rates: Rates, lot: Mapping, *, seed: int = 0, options: SimulateOptions | None = None) -> np.ndarray:
    """Draw the sum of the counts of a lot's MSC.

    The mean of each state follows from the study's rates; numbers of cells of a state, the size of each cell and the
    counts are drawn. Contaminants, doublets, damaged cells and ambient RNA are left out, and states are mixed at their
    mean level.

    Parameters
    ----------
    rates
        Of the study.
    lot
        ``sample_id donor_id tissue sex``.
    seed
        Seed of the study.
    options
        Settings of the lot.

    Returns
    -------
    Counts, int64, shape (n_genes,).
    """
    options = options or SimulateOptions()
    rng = stream(seed, "sum", lot["sample_id"])
    axes = (rates.effects[[PROGRAMS.index(axis) for axis in AXES]] ** 2).sum(axis=0)  # variance of the log rate
    log_cpm = lot_log_cpm(rates, lot, seed=seed, donor_sd=options.donor_sd)[TYPES.index(MSC)] + axes / 2
    between_cells = options.dispersion + np.expm1(axes)
    mean, variance = np.zeros(len(log_cpm)), np.zeros(len(log_cpm))
    for state, cells in zip(STATES, rng.multinomial(options.cells, _shares(options)), strict=True):
        level = sum((rates.effects[PROGRAMS.index(name)] * level for name, level in STATES[state].items()), log_cpm)
        rate = np.exp(level, dtype=float)
        rate /= rate.sum()
        library = options.umi_median * SIZES.get(state, 1.0) * rng.lognormal(0, options.umi_sd, cells)
        mean += rate * library.sum()
        variance += between_cells * rate**2 * (library**2).sum()
    return rng.poisson(rng.gamma(mean**2 / variance, variance / mean))


def _shares(options: SimulateOptions) -> list[float]:
    """Shares of the states, in the order of ``STATES``."""
    rest = 1 - options.licensed_fraction
    osteogenic, senescent = options.osteogenic_fraction * rest, options.senescent_fraction * rest
    cycling = options.cycling_fraction * (rest - osteogenic - senescent)
    shares = [0.52 * cycling, 0.48 * cycling, osteogenic, senescent, options.licensed_fraction]
    return [1 - sum(shares), *shares]
