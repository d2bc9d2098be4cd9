"""Cells of one simulated lot: their types, states and doublets, before any count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.errors import UserError
from mscape.simulation.model import AXES, PROGRAMS, stream
from mscape.simulation.options import SimulateOptions
from mscape.simulation.rates import CONTAMINANTS, MSC, SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping

MITO_CONCENTRATION = 60.0


def draw_cells(lot: Mapping, *, seed: int = 0, options: SimulateOptions | None = None) -> pd.DataFrame:
    """Draw what each barcode of a lot holds.

    Parameters
    ----------
    lot
        ``sample_id``: with the seed, what the lot's random numbers follow from.
    seed
        Seed of the study.
    options
        Settings of the lot. A damaged cell is leaky: a fifth of the counts, about 40 % of them mitochondrial. Shares
        of states are of the MSC; senescent cells do not cycle, osteogenic ones rarely. ``umi_median`` and ``umi_sd``
        are of a resting MSC.

    Returns
    -------
    One row a barcode: ``barcode sample_id cell_type state phase is_contaminant is_damaged licensed``,
    ``level_<program>``, ``library_size`` (expected counts of the cell without its partner), ``mito_fraction``,
    ``is_doublet doublet_partner doublet_partner_state partner_row`` (-1 for singlets).

    Raises
    ------
    mscape.errors.UserError
        If contaminants leave no room for MSC or are of an unknown type.
    """
    options = options or SimulateOptions()
    contamination, cells = options.contamination, options.cells
    unknown = sorted(set(contamination) - set(CONTAMINANTS))
    if unknown or sum(contamination.values()) >= 1:
        msg = (
            f"lot {lot['sample_id']!r}: contamination is {contamination}; expected shares that sum to less than 1 of "
            f"{', '.join(CONTAMINANTS)}."
        )
        raise UserError(msg)
    rng = stream(seed, "cells", lot["sample_id"])
    kinds = [kind for kind, share in contamination.items() for _ in range(round(share * cells))]
    cell_type = rng.permutation(np.array([MSC] * (cells - len(kinds)) + kinds))
    is_msc = cell_type == MSC

    state = np.where(is_msc, "resting", "").astype(object)
    order = rng.permutation(np.flatnonzero(is_msc))
    n_senescent = round(options.senescent_fraction * len(order))
    n_osteogenic = round(options.osteogenic_fraction * len(order))
    senescent, osteogenic = np.split(order[: n_senescent + n_osteogenic], [n_senescent])
    licensed = is_msc & (rng.random(cells) < options.licensed_fraction)
    state[licensed] = "licensed"
    state[senescent], state[osteogenic] = "senescent", "osteogenic"

    cycling = np.select(
        [~is_msc, state == "senescent", state == "osteogenic", licensed], [0.02, 0.0, 0.3, 0.6], default=1.0
    )
    cycling = np.where(is_msc, cycling * options.cycling_fraction, cycling)
    draw = rng.random(cells)
    phase = np.where(draw < 0.52 * cycling, "S", np.where(draw < cycling, "G2M", "G1"))
    damaged = rng.random(cells) < options.damaged_fraction

    progress = np.where(state == "osteogenic", rng.uniform(0.4, 1, cells), 0)
    levels = {
        **{axis: np.where(is_msc, rng.standard_normal(cells), 0) for axis in AXES},
        "licensed": np.where(licensed, rng.beta(8, 1.5, cells), 0),
        "osteogenic_early": np.where(progress > 0, 0.7 + 0.3 * progress, 0),
        "osteogenic_late": progress,
        "senescent": np.where(state == "senescent", rng.beta(8, 2, cells), 0),
        "s_phase": np.where(phase == "S", rng.beta(8, 2, cells), 0),
        "g2m_phase": np.where(phase == "G2M", rng.beta(8, 2, cells), 0),
    }
    size = pd.Series(SIZE).reindex(cell_type).to_numpy()
    size = size * np.where(state == "senescent", 1.6, 1.0) * np.where(phase == "G2M", 1.3, 1.0)
    library = options.umi_median * size * rng.lognormal(0, options.umi_sd, cells) * np.where(damaged, 0.2, 1.0)
    mito = np.where(
        damaged,
        rng.beta(8, 12, cells),
        rng.beta(MITO_CONCENTRATION * options.mito_fraction, MITO_CONCENTRATION * (1 - options.mito_fraction), cells),
    )
    truth = pd.DataFrame(
        {
            "barcode": _barcodes(cells, rng),
            "sample_id": str(lot["sample_id"]),
            "cell_type": cell_type,
            "state": np.where(damaged, "damaged", state),
            "phase": phase,
            "is_contaminant": ~is_msc,
            "is_damaged": damaged,
            "licensed": licensed,
            **{f"level_{name}": levels[name].astype(np.float32) for name in PROGRAMS},
            "library_size": library.astype(np.float32),
            "mito_fraction": mito.astype(np.float32),
        }
    )
    _pair_doublets(truth, rng=rng, fraction=options.doublet_fraction)
    return truth


def _pair_doublets(truth: pd.DataFrame, *, rng: np.random.Generator, fraction: float) -> None:
    n_cells = len(truth)
    chosen = rng.choice(n_cells, round(fraction * n_cells) if n_cells > 1 else 0, replace=False)
    partner = np.full(n_cells, -1)
    partner[chosen] = (chosen + rng.integers(1, max(n_cells, 2), len(chosen))) % n_cells  # any other cell of the lot
    is_doublet = partner >= 0
    truth["is_doublet"] = is_doublet
    truth["doublet_partner"] = np.where(is_doublet, truth["cell_type"].to_numpy()[partner], "")
    truth["doublet_partner_state"] = np.where(is_doublet, truth["state"].to_numpy()[partner], "")
    truth["partner_row"] = partner


def _barcodes(n_cells: int, rng: np.random.Generator) -> np.ndarray:
    """Different 16-base barcodes: an odd multiple of the cell's number, modulo 4**16, written in base 4."""
    step, first = int(rng.integers(2**31, 2**32)) | 1, int(rng.integers(2**32))
    code = (np.arange(n_cells, dtype=np.uint64) * np.uint64(step) + np.uint64(first)) % np.uint64(2**32)
    digits = (code[:, None] >> (np.arange(16, dtype=np.uint64) * np.uint64(2))) & np.uint64(3)
    letters = np.frombuffer(b"ACGT", np.uint8)[digits.astype(np.intp)]
    return np.char.add(letters.view("S16").ravel().astype("U16"), "-1").astype(object)
