"""The reason of a lot's criterion follows from the reasons of the cells that break it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mscape.gating import hla_dr
from mscape.gating.reasons import Reason

if TYPE_CHECKING:
    import pandas as pd

    from mscape.gating.panels import Features


def follow_cells(
    row: dict, cells: np.ndarray, p: np.ndarray, calls: pd.DataFrame, features: Features, *, min_probability: float
) -> dict:
    """Give a criterion that fails the majority reason of its cells.

    Of HLA-DR without a lineage that carries it the criterion is inconclusive, regardless of the share
    (:mod:`mscape.gating.hla_dr`).

    Parameters
    ----------
    row
        Of the criteria table; returned as it is unless its verdict is ``fails``.
    cells
        Rows of the lot.
    p, calls
        Probabilities (n_cells, n_features) and calls of all cells.
    features
        What ``p`` is of.
    min_probability
        A marker is present at this probability and absent at one minus it.
    """
    if row["verdict"] != "fails":
        return row
    values = p[np.ix_(cells, features.columns(row["genes"].split(";")))]
    positive = row["kind"] == "positive"
    broken = (values <= 1 - min_probability).any(axis=1) if positive else (values >= min_probability).any(axis=1)
    common = calls["reason"].astype(str).iloc[cells[broken]].mode()
    verdict = hla_dr.verdict_without_lineage(row["criterion"])
    if common.empty:
        return row if verdict == "fails" else row | {"verdict": verdict, "reason": Reason.AMBIGUOUS}
    code = common.iloc[0]
    if positive and not code.startswith(Reason.MISSING):
        return row | {"reason": code}
    # cells that no panel explains have no lineage either that could carry HLA-DR
    if not positive and (code in hla_dr.OWN or (code == Reason.UNEXPLAINED and verdict != "fails")):
        return row | {"verdict": verdict, "reason": code}
    return row
