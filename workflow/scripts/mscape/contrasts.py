"""Compare groups of donors: find contrasts in the sample sheet, check their design, refuse in sentences.

The donor is the unit (Squair 2021, doi:10.1038/s41467-021-25960-2; Murphy and Skene 2022,
doi:10.1038/s41467-022-35519-4). All lots of a donor on one side of a contrast are merged into one observation, so that
no donor is counted twice, however many lots, samples or cells it gave.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.step import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

UNKNOWN = "unknown"
RESTING = ("control", "ctrl", "untreated", "unprimed", "unstimulated", "naive", "resting", "baseline", "vehicle")
RESTING += ("none", "standard", "basal", "normal", "healthy")
FULL_LEVERAGE = 1 - 1e-9
MIN_DF = 2  # residual degrees of freedom that adjusting must leave: with one, an interval is 13 standard errors wide


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
        Whether the factor is a number (passage) and the estimate a slope per unit of it.
    """

    factor: str
    reference: str = ""
    other: str = ""
    trend: bool = False

    @property
    def name(self) -> str:
        """Name in the tables, such as ``condition: primed vs control``."""
        return f"{self.factor}: trend" if self.trend else f"{self.factor}: {self.other} vs {self.reference}"


@dataclass
class Design:
    """What a contrast rests on.

    Attributes
    ----------
    contrast
        The question.
    mix
        Weights that average lots into units, shape (n_units, n_lots); rows sum to 1.
    matrix
        Design matrix, shape (n_units, n_columns); columns are named.
    coefficient
        The column of the contrast.
    n_reference, n_other
        Donors in each arm that carry information about the contrast.
    paired
        Whether each donor stands in both arms and is compared with itself.
    adjusted
        Factors in the model beside the contrast.
    refusals
        Why there is no p-value, in sentences; empty if there is one.
    remarks
        What else the reader should know, in sentences.
    """

    contrast: Contrast
    mix: pd.DataFrame
    matrix: pd.DataFrame
    coefficient: str
    n_reference: int
    n_other: int
    paired: bool
    adjusted: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def testable(self) -> bool:
        """Whether p-values are given."""
        return not self.refusals

    @property
    def estimable(self) -> bool:
        """Whether the contrast can be told apart from the other columns of the model at all."""
        others = self.matrix.drop(columns=self.coefficient).to_numpy()
        return not _in_span(self.matrix[self.coefficient].to_numpy(), others)

    @property
    def df(self) -> int:
        """Residual degrees of freedom."""
        return len(self.matrix) - int(np.linalg.matrix_rank(self.matrix.to_numpy()))

    @property
    def note(self) -> str:
        """All sentences in one line."""
        return " ".join([*self.refusals, *self.remarks])


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
    Each other level against the reference; for a passage of three or more numbers one trend.

    Raises
    ------
    mscape.step.UserError
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
        if factor == "passage" and factor not in reference and not np.isnan(numbers).any() and len(levels) > 2:
            found.append(Contrast(factor, trend=True))
            continue
        base = reference.get(factor) or _pick_reference(lots, factor, levels)
        found += [Contrast(factor, base, level) for level in levels if level != base]
    return found


def check_contrasts(lots: pd.DataFrame, wanted: Sequence[dict]) -> list[Contrast]:
    """Turn the config's ``compare.contrasts`` into contrasts.

    Raises
    ------
    mscape.step.UserError
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


def build_design(
    lots: pd.DataFrame,
    contrast: Contrast,
    *,
    covariates: Sequence[str] = (),
    min_donors: int = 3,
    min_cells: int = 20,
) -> Design | None:
    """Choose units, pairing and covariates of a contrast, and say what stands against a p-value.

    Parameters
    ----------
    lots
        From :func:`describe_lots`.
    contrast
        The question.
    covariates
        Columns of ``lots`` to adjust for where that is possible, in order of importance. A covariate that cannot be
        told apart from the contrast makes the contrast confounded: it is reported without p-values.
    min_donors
        Donors per arm below which no p-value is given.
    min_cells
        Lots with fewer cells are left out.

    Returns
    -------
    The design, or None if an arm is empty.
    """
    refusals, remarks = [], []
    value = _code(lots, contrast)
    small = value.notna() & (lots["n_cells"] < min_cells)
    if small.any():
        remarks.append(f"Left out for having fewer than {min_cells} cells: {', '.join(lots.index[small])}.")
    taken = value.notna() & ~small
    use = lots[taken].assign(value=value[taken])
    if use["value"].nunique() < 2:
        return None
    nameless = use["donor_id"] == UNKNOWN
    if nameless.any():
        use.loc[nameless, "donor_id"] = "lot " + use.index[nameless].astype(str)
        refusals.append("donor_id is not given for every lot, so lots may share a donor: no p-value.")
    use, paired, said = _choose_units(use, contrast, min_donors)
    remarks += said

    keys = use["donor_id"] + ("|" + use["value"].astype(str) if paired else "")
    units = list(dict.fromkeys(keys))
    mix = pd.DataFrame(0.0, index=units, columns=lots.index)
    for unit, lot, n_cells in zip(keys, use.index, use["n_cells"], strict=True):
        mix.loc[unit, lot] = n_cells
    mix = mix.div(mix.sum(axis=1), axis=0)
    average = mix[use.index].to_numpy()

    donors = pd.Series(use["donor_id"].to_numpy(), index=keys.to_numpy()).groupby(level=0).first()[units]
    base = pd.DataFrame({"intercept": 1.0}, index=units)
    if paired:
        base = base.join(pd.get_dummies(donors, prefix="donor", dtype=float).iloc[:, 1:])
    target = average @ use["value"].to_numpy()
    adjusted, refused, said = [], [], []
    for name in covariates:
        if name == contrast.factor or name not in use or use[name].nunique() < 2:
            continue
        if use.groupby(name)["donor_id"].nunique().max() < 2:
            continue  # one level a donor: it only labels the donors
        block = pd.DataFrame(average @ _encode(use[name]), index=units).add_prefix(f"{name}_")
        if _in_span(target, np.column_stack([base[_base_columns(base)], block])) and not _in_span(
            target, base[_base_columns(base)].to_numpy()
        ):
            refused.append(name)
            continue
        wider = _add_columns(base, block)
        left = len(units) - wider.shape[1] - 1
        if wider.shape[1] == base.shape[1]:
            continue
        if left < MIN_DF or _in_span(target, wider.to_numpy()):
            said.append(f"Not adjusted for {name}: there are too few lots.")
            continue
        base = wider
        adjusted.append(name)
    if refused:
        refusals.append(
            f"{contrast.factor} cannot be told apart from {' and '.join(refused)}: they change together in these lots, "
            "so the difference may come from either. No p-value."
        )
    matrix = base.assign(**{contrast.factor: target})
    arm = target > (target.min() + target.max()) / 2
    informative = _leverage(matrix.to_numpy()) < FULL_LEVERAGE
    n_other, n_reference = int((arm & informative).sum()), int((~arm & informative).sum())
    # an arm of one donor, or a single pair, has full leverage by itself; it still is one donor
    n_other, n_reference = max(n_other, int(arm.any())), max(n_reference, int((~arm).any()))
    if min(n_reference, n_other) < min_donors:
        lost = min((~arm).sum(), arm.sum()) >= min_donors
        why = f" (after adjusting for {' and '.join(adjusted)})" if lost else ""
        kind = "pairs" if paired else "donors per arm"
        count = f"{n_reference}" if paired else f"{n_reference} and {n_other}"
        refusals.append(f"Fewer than {min_donors} {kind}{why}: {count}. Effect and interval only, no p-value.")
    if adjusted:
        remarks.append(f"Adjusted for {' and '.join(adjusted)}.")
    if paired:
        many = n_reference > 1
        remarks.append(f"Paired: {f'each of {n_reference} donors' if many else 'one donor'} is compared with itself.")
    inflation = _inflation(target, base.to_numpy())
    if adjusted and np.isfinite(inflation) and inflation > 5:
        remarks.append(f"Partly confounded with the factors adjusted for (variance inflated {inflation:.0f} times).")
    return Design(
        contrast, mix, matrix, contrast.factor, n_reference, n_other, paired, adjusted, refusals, remarks + said
    )


def _pick_reference(lots: pd.DataFrame, factor: str, levels: list[str]) -> str:
    for level in levels:
        if level.lower() in RESTING:
            return level
    numbers = [parse_number(level) for level in levels]
    if not np.isnan(numbers).any():
        return levels[int(np.argmin(numbers))]
    donors = lots.groupby(factor)["donor_id"].nunique()
    return min(levels, key=lambda level: (-donors[level], level))


def _code(lots: pd.DataFrame, contrast: Contrast) -> pd.Series:
    """Give each lot 0, 1 or its number; NaN to lots that do not take part."""
    if contrast.trend:
        return lots[contrast.factor].map(parse_number).astype(float)
    return lots[contrast.factor].map({contrast.reference: 0.0, contrast.other: 1.0}).astype(float)


def _choose_units(use: pd.DataFrame, contrast: Contrast, min_donors: int) -> tuple[pd.DataFrame, bool, list[str]]:
    """Decide whether donors are compared with themselves; make each donor count once per arm."""
    ends = use.groupby("donor_id")["value"].agg(["min", "max"])
    both = ends.index[ends["min"] < ends["max"]]
    if contrast.trend:
        if len(both) < min(min_donors, len(ends)):
            return use, False, []  # donors are averaged over their passages
        low, high = use["donor_id"].map(ends["min"]), use["donor_id"].map(ends["max"])
        use = use[use["donor_id"].isin(both) & ((use["value"] == low) | (use["value"] == high))]
        return use, True, ["The lowest passage of each donor is compared with its highest."]
    alone = use[~use["donor_id"].isin(both)]
    counts = [alone.loc[alone["value"] == value, "donor_id"].nunique() for value in (0.0, 1.0)]
    unpaired = min(max(counts), min(counts) + len(both))  # donors of the smaller arm, shared donors put into it
    if len(both) >= min_donors or len(both) == len(ends) or (len(both) > 1 and unpaired < min_donors):
        single = ends.index.difference(both)
        said = [f"Not paired and left out: {', '.join(single)}."] if len(single) else []
        return use[use["donor_id"].isin(both)], True, said
    if len(both) == 0:
        return use, False, []
    keep = 1.0 if counts[1] <= counts[0] else 0.0
    level = contrast.other if keep else contrast.reference
    use = use[~use["donor_id"].isin(both) | (use["value"] == keep)]
    return use, False, [f"In both arms, and kept only in {level!r}: {', '.join(both)}."]


def _encode(levels: pd.Series) -> np.ndarray:
    """Columns of a covariate: its number where all levels are numbers, else one column a level but the first."""
    numbers = levels.map(parse_number)
    if numbers.notna().all():
        return numbers.to_numpy(dtype=float)[:, None]
    return pd.get_dummies(levels, dtype=float).iloc[:, 1:].to_numpy()


def _base_columns(base: pd.DataFrame) -> list[str]:
    return [column for column in base if column == "intercept" or column.startswith("donor_")]


def _in_span(target: np.ndarray, columns: np.ndarray) -> bool:
    fitted = columns @ np.linalg.lstsq(columns, target, rcond=None)[0]
    return bool(np.allclose(fitted, target, atol=1e-8))


def _add_columns(base: pd.DataFrame, block: pd.DataFrame) -> pd.DataFrame:
    """Append the columns that are not yet spanned."""
    for column in block:
        if not _in_span(block[column].to_numpy(), base.to_numpy()):
            base = base.assign(**{column: block[column]})
    return base


def _leverage(X: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ji->i", X, np.linalg.pinv(X))


def _inflation(target: np.ndarray, others: np.ndarray) -> float:
    """How many times the covariates inflate the variance of the contrast."""
    alone = ((target - target.mean()) ** 2).sum()
    left = ((target - others @ np.linalg.lstsq(others, target, rcond=None)[0]) ** 2).sum()
    return alone / left if left > 0 else np.inf
