"""Protocols for which the panel's thresholds have no basis: a marker that is missing there may just be caught less.

The thresholds of positive markers rest on rates of 3' counts of whole cells in droplets. Kits that read the 5' end,
probes or targeted genes catch single genes many times less: in a 5' kit NT5E can be 20 to 50 times lower though the
protein is there. A nucleus holds what is being transcribed, and little of what has been.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

WITHOUT_BASIS = re.compile(
    r"(?<![0-9])5\s*(?:['’′]|p\b|-?prime)|flex|fixed rna|probe|targeted|\bnucle(?:i|us)\b|\bsn-?rna", re.IGNORECASE
)
SAID_IN = ("assay", "suspension_type")  # columns of obs
REASON = "CHEMISTRY_UNCALIBRATED"


def has_basis(said: str) -> bool:
    """Say whether the thresholds of positive markers have a basis for a protocol, as sheet or file call it."""
    return WITHOUT_BASIS.search(said) is None


def lacks_basis(obs: pd.DataFrame) -> np.ndarray:
    """Find the cells of protocols for which the thresholds of positive markers have no basis.

    Parameters
    ----------
    obs
        ``assay`` and ``suspension_type`` of each cell, where they are known.

    Returns
    -------
    Bool, shape (n_cells,).
    """
    lacking = np.zeros(len(obs), dtype=bool)
    for column in SAID_IN:
        if column in obs:
            said = obs[column].astype(str)
            lacking |= said.map({text: not has_basis(text) for text in said.unique()}).to_numpy(bool)
    return lacking


def open_cells(calls: pd.DataFrame, without: np.ndarray) -> pd.DataFrame:
    """Leave the cells open that fail only by a missing marker, where the thresholds have no basis.

    Parameters
    ----------
    calls
        Columns ``call`` and ``reason``.
    without
        As of :func:`lacks_basis`.
    """
    missing = without & (calls["call"].eq("fail") & calls["reason"].str.startswith("MISSING_")).to_numpy()
    calls = calls.copy()
    calls.loc[missing, ["call", "reason"]] = ["indeterminate", REASON]
    return calls


def open_criteria(rows: list[dict]) -> list[dict]:
    """Leave the criteria of a lot open that fail for a missing marker; its interval then reaches all cells.

    Parameters
    ----------
    rows
        Rows of a lot as of :func:`mscape.gating.lots.judge_lot`, the phenotype last.
    """
    out = []
    for row in rows:
        open_ = row["kind"] == "positive" and row["verdict"] in ("fails", "inconclusive")
        out.append(row | {"verdict": "inconclusive", "reason": REASON, "high": 1.0} if open_ else row)
    phenotype = out[-1]
    failing = [row for row in out[:-1] if row["verdict"] == "fails"]
    if any(row["reason"] == REASON for row in out[:-1]) and not failing and phenotype["verdict"] == "fails":
        foreign = not phenotype["reason"].startswith("MISSING_") and phenotype["reason"] != REASON
        if not foreign:
            out[-1] = phenotype | {"verdict": "inconclusive", "reason": REASON, "high": 1.0}
    return out
