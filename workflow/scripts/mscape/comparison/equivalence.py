"""Equivalence of two kinds of lots of the same donors: two one-sided t-tests of the donors' differences."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from mscape.data.tables import TABLES
from mscape.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EQUIVALENT, DIFFERENT, UNDECIDED = "EQUIVALENT", "DIFFERENT", "UNDECIDED"
NOT_ASSESSABLE = "NOT ASSESSABLE"
ALPHA = 0.05  # of each one-sided test: wrongly EQUIVALENT, or wrongly DIFFERENT, in at most so many of comparisons
SLICES = 1000  # equal parts of the distribution of the standard deviation, over which power is averaged
MOST_DONORS = 200


class Pairs(NamedTuple):
    """Differences of donors.

    Attributes
    ----------
    differences
        Other minus reference, one a donor that has both.
    left_out
        Donors that have one of them only.
    """

    differences: pd.Series
    left_out: list[str]


def equivalence(
    lots: pd.DataFrame, *, factor: str, reference: str, other: str, margins: Mapping[str, float]
) -> pd.DataFrame:
    """Judge whether two kinds of lots are equivalent: sites, passages, media, fresh and thawed.

    Each donor is compared with itself. EQUIVALENT: the 90 % interval of the mean difference lies inside the margin
    (two one-sided tests at 5 %, Schuirmann 1987, doi:10.1007/BF01068419). DIFFERENT: it lies outside. Else UNDECIDED:
    more donors would be needed, and the table says how many.

    Parameters
    ----------
    lots
        One row a lot: ``donor_id``, the factor, and a column for each number. Lots of one donor and kind are averaged.
    factor
        Column that holds the two kinds.
    reference, other
        The kinds; differences are other minus reference.
    margins
        Of each number the largest difference that does not matter, above 0, in its unit. It is the user's to state,
        before the data are seen.

    Returns
    -------
    Table ``equivalence``: one row a number, in the order of ``margins``.

    Raises
    ------
    mscape.errors.UserError
        If a column or kind is not there, or a margin is not above 0: all faults.
    """
    faults = [f"no column {name!r}; there are {', '.join(map(str, lots.columns))}"
              for name in ("donor_id", factor, *margins) if name not in lots]  # fmt: skip
    faults += [
        f"the margin of {name} is {margin:g}; it must be above 0" for name, margin in margins.items() if margin <= 0
    ]
    levels = sorted(set(lots[factor].astype(str))) if factor in lots else []
    faults += [f"{factor} has no {kind!r}; there are {', '.join(levels)}"
               for kind in (reference, other) if levels and kind not in levels]  # fmt: skip
    if faults:
        msg = "\n".join(["equivalence cannot be judged:", *(f"  - {fault}" for fault in faults)])
        raise UserError(msg)
    rows = []
    for name, margin in margins.items():
        pairs = pair_donors(lots, name, factor=factor, reference=reference, other=other)
        row = {"factor": factor, "reference": reference, "other": other, "attribute": name, "margin": margin}
        rows.append(
            row | judge_pairs(pairs.differences.to_numpy(float), margin) | {"left_out": ";".join(pairs.left_out)}
        )
    return pd.DataFrame(rows, columns=TABLES["equivalence"].names)


def pair_donors(lots: pd.DataFrame, name: str, *, factor: str, reference: str, other: str) -> Pairs:
    """Subtract each donor's reference from its other kind; donors without both are named."""
    known = lots[lots[name].notna() & (lots["donor_id"].astype(str) != "unknown")]
    means = known.groupby([known["donor_id"].astype(str), known[factor].astype(str)])[name].mean().unstack()
    means = means.reindex(columns=[reference, other])
    whole = means.dropna()
    return Pairs(
        whole[other] - whole[reference], sorted(means.index[means.notna().any(axis=1)].difference(whole.index))
    )


def judge_pairs(differences: np.ndarray, margin: float) -> dict[str, object]:
    """Judge the differences of donors.

    Parameters
    ----------
    differences
        One a donor, shape (n_donors,).
    margin
        Above 0.

    Returns
    -------
    ``n_donors difference low high sd pvalue verdict donors_needed reason``; the interval is that of 90 %, ``pvalue``
    the larger one of the two one-sided tests.
    """
    n = len(differences)
    if n < 2:
        return {
            "n_donors": n,
            "difference": float(differences.mean()) if n else np.nan,
            "verdict": NOT_ASSESSABLE,
            "reason": f"{n} donor{'s' * (n != 1)} with both kinds; two are needed, and few decisions are made by two.",
        }
    mean, sd = float(differences.mean()), float(differences.std(ddof=1))
    error = sd / np.sqrt(n)
    half = float(stats.t.ppf(1 - ALPHA, n - 1)) * error
    low, high = mean - half, mean + half
    nearest = margin - abs(mean)
    pvalue = float(stats.t.sf(nearest / error, n - 1)) if error > 0 else float(nearest <= 0)
    if pvalue < ALPHA:
        verdict = EQUIVALENT
        why = f"The 90% interval, {low:.3g} to {high:.3g}, lies inside -{margin:g} to {margin:g}."
    elif low > margin or high < -margin:
        verdict = DIFFERENT
        why = f"The 90% interval, {low:.3g} to {high:.3g}, lies outside -{margin:g} to {margin:g}."
    else:
        verdict = UNDECIDED
        why = f"The 90% interval, {low:.3g} to {high:.3g}, reaches over -{margin:g} or {margin:g}."
    needed = donors_needed(margin / sd) if sd > 0 else None
    if verdict == UNDECIDED and needed:
        why += f" If the kinds do not differ, {needed} donors would show it in 4 of 5 studies."
    return {
        "n_donors": n,
        "difference": mean,
        "low": low,
        "high": high,
        "sd": sd,
        "pvalue": pvalue,
        "verdict": verdict,
        "donors_needed": needed if needed else np.nan,
        "reason": why,
    }


def power_of_equivalence(n: int, margin: float, *, difference: float = 0.0) -> float:
    """Give the probability that n donors show equivalence.

    Parameters
    ----------
    n
        Donors.
    margin, difference
        In standard deviations of the donors' differences.

    Returns
    -------
    Power of the two one-sided tests, averaged over the distribution of the estimated standard deviation.
    """
    sd = _possible_sds(n)
    room = margin * np.sqrt(n) - stats.t.ppf(1 - ALPHA, n - 1) * sd
    shift = difference * np.sqrt(n)
    inside = stats.norm.cdf(room - shift) - stats.norm.cdf(-room - shift)
    return float(np.where(room > 0, inside, 0.0).mean())


@cache
def _possible_sds(n: int) -> np.ndarray:
    """Give the midpoints of equal slices of the distribution of an estimated standard deviation that is 1."""
    return np.sqrt(stats.chi2.ppf((np.arange(SLICES) + 0.5) / SLICES, n - 1) / (n - 1))


def donors_needed(margin: float, *, power: float = 0.8) -> int | None:
    """Find how many donors show equivalence of kinds that do not differ; None if more than MOST_DONORS."""
    low, high = 2, MOST_DONORS
    if power_of_equivalence(high, margin) < power:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of_equivalence(middle, margin) >= power else (middle + 1, high)
    return low


def power_table(
    margins: Sequence[float] = (0.5, 1, 1.5, 2, 3), donors: Sequence[int] = (3, 4, 5, 6, 8, 10, 15, 20)
) -> pd.DataFrame:
    """Tabulate, before a study, the probability of EQUIVALENT for kinds that do not differ.

    Parameters
    ----------
    margins
        In standard deviations of the donors' differences.
    donors
        Numbers of donors.

    Returns
    -------
    One row a number of donors, one column a margin.
    """
    table = {f"{margin:g}": [power_of_equivalence(n, margin) for n in donors] for margin in margins}
    return pd.DataFrame(table, index=pd.Index(donors, name="donors"))
