"""Which cells the analysis after the gate is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mscape.gating.reasons import Reason

if TYPE_CHECKING:
    import pandas as pd

APART = (Reason.POOL_MIXED, Reason.CELL_UNRESOLVED, Reason.UNEXPLAINED)  # open cells that may be of another kind


def analyzed_cells(calls: pd.DataFrame) -> pd.Series:
    """Choose the cells that clusters, scores and shares are made of.

    These are the cells that pass, and those that the gate leaves open without a sign of another kind: too shallow or
    too near a threshold to be called. Without them a population that is shallow or low in one marker, such as cycling
    or osteogenic cells, would be lost before it is looked for.

    Parameters
    ----------
    calls
        Columns ``isct_call`` and ``isct_reason``, one row a cell.

    Returns
    -------
    bool, one value a cell.
    """
    call, reason = calls["isct_call"].astype(str), calls["isct_reason"].astype(str)
    return (call == "pass") | (call == "indeterminate") & ~reason.isin(APART)
