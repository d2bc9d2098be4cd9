"""The cells that scores are calibrated on, and the confounders taken out of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mscape.data import sampling
from mscape.scoring import confounders, consensus
from mscape.scoring.score import CORRELATED_CELLS, GROWS_WITH_CYCLE

CONFOUNDERS = {
    "S phase": "TIROSH_S",
    "G2/M phase": "TIROSH_G2M",
    "dissociation stress": "MSC_DISSOCIATION_STRESS",
    "hypoxia": "HALLMARK_HYPOXIA",
}
FRAMES = ("matched", "rank", "scanpy", "z", "p")


def choose_reference(isct_call: pd.Series, lots: pd.Series, *, min_cells: int = 50) -> pd.DataFrame:
    """Choose the cells that represent each lot: its MSC, else those that do not fail, else all, if these are too few.

    Parameters
    ----------
    isct_call
        pass, fail or indeterminate of each cell.
    lots
        Lot of each cell.
    min_cells
        Cells that a lot needs of either kind.

    Returns
    -------
    Per cell: ``reference`` (bool) and ``cells`` (which represent its lot: ``MSC``, ``not failing``, ``all``).
    """
    call, lot = isct_call.astype(str), lots.astype(str)
    enough = (call == "pass").groupby(lot).transform("sum") >= min_cells
    spared = (call != "fail").groupby(lot).transform("sum") >= min_cells
    cells = np.select([enough, spared], ["MSC", "not failing"], "all")
    reference = np.select([enough, spared], [call == "pass", call != "fail"], default=True)
    return pd.DataFrame({"reference": reference.astype(bool), "cells": cells}, index=isct_call.index)


def lots_of_average(cells: pd.DataFrame, lots: pd.Series, names: np.ndarray) -> np.ndarray:
    """Choose the lots whose average is the zero of z: those of MSC, where there are two.

    A lot of other cells in the same study (iPSC, blood) would make every lot of MSC depart from the average.

    Parameters
    ----------
    cells
        From :func:`choose_reference`.
    lots
        Lot of each cell.
    names
        Lots, in the order of the result.

    Returns
    -------
    bool, shape (n_lots,).
    """
    of_msc = cells["cells"].groupby(lots.astype(str)).first().reindex(names).eq("MSC").to_numpy()
    return of_msc if of_msc.sum() > 1 else np.ones(len(names), dtype=bool)


def confounders_of(obs: pd.DataFrame, totals: np.ndarray, z: pd.DataFrame) -> pd.DataFrame:
    """Gather what the scores may follow: depth, mitochondrial fraction, cycle, stress, hypoxia."""
    table = pd.DataFrame({"log depth": np.log(np.maximum(totals, 1))}, index=obs.index)
    table["mitochondrial fraction"] = obs["pct_counts_mt"].astype(float)
    for name, signature in CONFOUNDERS.items():
        if signature in z:
            table[name] = z[signature].astype(float)
    return table


def agreement_map(z: pd.DataFrame, lots: pd.Series) -> pd.DataFrame:
    """Correlate the senescence scorers and the cycle with each other: Spearman within lots, signatures x signatures."""
    names = [*consensus.SENESCENCE.values(), "TIROSH_S", "TIROSH_G2M"]
    names = [name for name in names if name in z and z[name].notna().all()]
    some = sampling.stable_order(z.index)[:CORRELATED_CELLS]
    values, codes = z[names].to_numpy()[some], lots.astype("category").cat.codes.to_numpy()[some]
    return pd.DataFrame(confounders.within_lot_rho(values, values, codes), index=names, columns=names)


def own_confounders(table: pd.DataFrame) -> dict[str, set[str]]:
    """Name for each signature the confounders that it measures itself."""
    own = {signature: {name} for name, signature in CONFOUNDERS.items()}
    for signature in table.loc[table["axis"] == GROWS_WITH_CYCLE, "id"]:
        own[signature] = {"S phase", "G2/M phase", "log depth"}
    return own
