"""Contrasts that a sample sheet offers, or that the config asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

UNKNOWN = "unknown"
NUMERIC = ("passage", "age")  # factors that give a trend where they have three numbers or more
RESTING: tuple[str, ...] = (
    "control",
    "ctrl",
    "untreated",
    "unprimed",
    "unstimulated",
    "naive",
    "resting",
    "baseline",
    "vehicle",
)
RESTING += ("none", "standard", "basal", "normal", "healthy")


@dataclass(frozen=True)
class Contrast:
    """One question to the data.

    Attributes
    ----------
    factor
        Column of the sample sheet.
    reference, other
        Its two levels; the estimate is other minus reference. Both are empty for a trend.
    trend
        Whether the factor is a number (passage, age of the donor) and the estimate a slope per unit of it.
    """

    factor: str
    reference: str = ""
    other: str = ""
    trend: bool = False

    @property
    def name(self) -> str:
        """Name in the tables, such as ``condition: primed vs control``."""
        return f"{self.factor}: trend" if self.trend else f"{self.factor}: {self.other} vs {self.reference}"


def describe_lots(obs: pd.DataFrame, columns: Iterable[str], *, cells: pd.Series) -> pd.DataFrame:
    """Collect what the sheet says about each lot.

    Parameters
    ----------
    obs
        One row a cell with ``lot_id``, ``donor_id`` and the factors.
    columns
        Factors to keep; those that ``obs`` lacks are left out.
    cells
        Which cells count for ``n_cells``, bool, same index as ``obs``.

    Returns
    -------
    One row a lot (index ``lot_id``, sorted) with ``donor_id``, the factors as text and ``n_cells``. Where samples of a
    lot disagree, the levels are joined by ``+``.
    """
    names = ["donor_id", *[name for name in dict.fromkeys(columns) if name in obs and name != "donor_id"]]
    lot = obs["lot_id"].astype(str)
    pairs = obs[names].astype(str).assign(lot_id=lot).drop_duplicates()
    table = pairs.groupby("lot_id", sort=True)[names].agg(lambda levels: "+".join(sorted(set(levels))))
    table["n_cells"] = cells.groupby(lot).sum().reindex(table.index).fillna(0).astype(int)
    return table


def parse_number(level: str) -> float:
    """Read a passage or another number (``P4``, ``p4``, ``passage 4``, ``4``); NaN if it is none."""
    match = re.fullmatch(r"(?:p|passage)?\s*(\d+(?:\.\d+)?)", level.strip(), flags=re.IGNORECASE)
    return float(match.group(1)) if match else np.nan


def find_contrasts(
    lots: pd.DataFrame,
    *,
    factors: Sequence[str] = ("condition", "tissue", "passage", "disease", "sex"),
    reference: dict[str, str] | None = None,
) -> list[Contrast]:
    """List every comparison that the sample sheet offers.

    Parameters
    ----------
    lots
        From :func:`describe_lots`.
    factors
        Columns to look at; a column that is absent, unknown or constant offers nothing.
    reference
        Level to compare with, by factor. Default: a level that is called control, untreated, naive or the like, the
        lowest passage, else the level with most donors.

    Returns
    -------
    Each other level against the reference; for a passage or an age of three or more numbers one trend.

    Raises
    ------
    mscape.errors.UserError
        If a reference is not a level of its factor.
    """
    reference, found = reference or {}, []
    for factor in factors:
        if factor not in lots:
            continue
        levels = sorted(set(lots[factor]) - {UNKNOWN, ""})
        if factor in reference and reference[factor] not in levels:
            msg = (
                f"compare.reference: {factor} has no level {reference[factor]!r} in this dataset; "
                f"there are {', '.join(map(repr, levels)) or 'none'}."
            )
            raise UserError(msg)
        if len(levels) < 2:
            continue
        numbers = [parse_number(level) for level in levels]
        if factor in NUMERIC and factor not in reference and not np.isnan(numbers).any() and len(levels) > 2:
            found.append(Contrast(factor, trend=True))
            continue
        base = reference.get(factor) or _pick_reference(lots, factor, levels)
        found += [Contrast(factor, base, level) for level in levels if level != base]
    return found


def check_contrasts(lots: pd.DataFrame, wanted: Sequence[dict]) -> list[Contrast]:
    """Turn the config's ``compare.contrasts`` into contrasts.

    Raises
    ------
    mscape.errors.UserError
        If a factor or a level is not in the sheet, naming what there is.
    """
    contrasts = []
    for item in wanted:
        factor = item["factor"]
        if factor not in lots:
            there = ", ".join(lots.columns.drop("n_cells"))
            msg = f"compare.contrasts: no factor {factor!r} in the sample sheet; there are {there}."
            raise UserError(msg)
        levels = sorted(set(lots[factor]))
        for level in (item["reference"], item["other"]):
            if level not in levels:
                msg = (
                    f"compare.contrasts: {factor} has no level {level!r} in this dataset; "
                    f"there are {', '.join(map(repr, levels))}."
                )
                raise UserError(msg)
        contrasts.append(Contrast(factor, item["reference"], item["other"]))
    return contrasts


def _pick_reference(lots: pd.DataFrame, factor: str, levels: list[str]) -> str:
    for level in levels:
        if level.lower() in RESTING:
            return level
    numbers = [parse_number(level) for level in levels]
    if not np.isnan(numbers).any():
        return levels[int(np.argmin(numbers))]
    donors = lots.groupby(factor)["donor_id"].nunique()
    return min(levels, key=lambda level: (-donors[level], level))
