"""Design of a contrast: units, pairing, covariates, and in sentences what stands against a p-value.

The donor is the unit (Squair 2021, doi:10.1038/s41467-021-25960-2; Murphy and Skene 2022,
doi:10.1038/s41467-022-35519-4). All lots of a donor on one side of a contrast are merged into one observation, so that
no donor is counted twice, however many lots, samples or cells it gave.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.comparison.contrasts import UNKNOWN, Contrast, parse_number

if TYPE_CHECKING:
    from collections.abc import Sequence

FULL_LEVERAGE = 1 - 1e-9
MIN_DF = 2  # residual degrees of freedom that adjusting must leave: with one, an interval is 13 standard errors wide


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
    def replicated(self) -> bool:
        """Whether each arm has two donors or more: one donor says nothing about how much donors vary."""
        return min(self.n_reference, self.n_other) > 1

    @property
    def estimable(self) -> bool:
        """Whether the contrast is estimable: not confounded with the other columns of the model."""
        others = self.matrix.drop(columns=self.coefficient).to_numpy()
        return not _in_span(self.matrix[self.coefficient].to_numpy(), others)

    @property
    def df(self) -> int:
        """Residual degrees of freedom."""
        return len(self.matrix) - int(np.linalg.matrix_rank(self.matrix.to_numpy()))

    def average(self, values: np.ndarray, variances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Average lots into units; lots outside the contrast may be missing.

        Parameters
        ----------
        values, variances
            Of lots, and their sampling variances, shape (n_lots, n_features).

        Returns
        -------
        The same of units, shape (n_units, n_features).
        """
        mix = self.mix.to_numpy()
        used = mix.any(axis=0)
        spread = np.nan_to_num(variances[used], nan=0.0)
        return mix[:, used] @ values[used], mix[:, used] ** 2 @ spread

    @property
    def note(self) -> str:
        """All sentences in one line."""
        return " ".join([*self.refusals, *self.remarks])


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
        From :func:`mscape.comparison.contrasts.describe_lots`.
    contrast
        The question.
    covariates
        Columns of ``lots`` to adjust for where that is possible, in order of importance. A covariate that cannot be
        separated from the contrast makes the contrast confounded: it is reported without p-values.
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
            f"{contrast.factor} is confounded with {' and '.join(refused)}: they change together in these lots, "
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
        if contrast.trend and not paired:
            kind = f"donors on either side of the middle {contrast.factor}"
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
