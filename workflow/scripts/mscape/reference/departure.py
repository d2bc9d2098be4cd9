"""How far a lot departs from others, and how often a lot of the same kind would depart as far.

Lots are the unit. A lot of the same kind is exchangeable with the lots of the reference, regardless of their
distribution. Then the rank of its departure among all departures, each from all other lots, is uniform, and a rate of
false alarms can be promised (conformal prediction; Vovk, Gammerman and Shafer 2005, doi:10.1007/b106715).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from mscape.data import sampling
from mscape.stats import normal_deviate

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST_LOTS = 3  # from which on a spread between lots is spoken of


def match_depth(
    sums: np.ndarray, totals: np.ndarray, depth: float, *, names: Sequence[str], seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Thin the sums of deeper lots to a depth: each count is kept with the same probability.

    Without it a shallow lot departs from deep ones by its noise alone.

    Parameters
    ----------
    sums
        Whole counts, shape (n_lots, n_genes).
    totals
        All counts of each lot, also of genes that are not in ``sums``.
    depth
        Counts to which deeper lots are thinned.
    names
        Of the lots: the random numbers of each follow from its name.
    seed
        Seed.

    Returns
    -------
    Thinned sums and totals; lots that are no deeper are as given.
    """
    thinned = np.array(
        [
            sampling.generator(seed, name).binomial(row.astype(np.int64), min(1.0, depth / total))
            for name, row, total in zip(names, sums, totals, strict=True)
        ]
    )
    return thinned, np.minimum(totals, depth)


def studentize(values: np.ndarray) -> np.ndarray:
    """Departure of each row from all others, in units of the error of prediction.

    Parameters
    ----------
    values
        Shape (n_rows, n_columns), three rows or more.

    Returns
    -------
    Externally studentized residuals, Student t with n_rows - 2 degrees of freedom if rows are normal and of one kind; 0
    where neither the row nor the others vary, infinite where the others do not vary and the row differs.
    """
    n = len(values)
    off = values - values.mean(axis=0)
    rest = np.maximum((off**2).sum(axis=0) - off**2 * n / (n - 1), 0)  # squares of the others around their own mean
    error = np.sqrt(rest / (n - 2) * n / (n - 1))
    gap = off * n / (n - 1)
    tiny = 1e-12 * np.maximum(np.abs(values).max(axis=0), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.abs(gap) <= tiny, 0.0, np.where(error <= tiny, np.sign(gap) * np.inf, gap / error))


def as_normal(t: np.ndarray, df: int) -> np.ndarray:
    """Write Student's t as the normal deviate of the same tail, as far as numbers reach."""
    return normal_deviate(t, df, smallest_tail=1e-300)


def prediction_interval(values: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Give the interval that a further lot of the same kind falls into with this probability (Student t over lots)."""
    n = len(values)
    half = stats.t.ppf(0.5 + confidence / 2, n - 1) * values.std(ddof=1) * np.sqrt(1 + 1 / n)
    return float(values.mean() - half), float(values.mean() + half)


def percentile(value: float, values: np.ndarray) -> float:
    """Share of values below a value, those equal to it counted half."""
    return float(stats.percentileofscore(values, value, kind="mean") / 100)


def conformal_p(statistic: np.ndarray) -> float:
    """Share of lots, the last one among them, that depart at least as far as the last one."""
    return float((statistic >= statistic[-1]).mean())


def smallest_rate(n_lots: int) -> float:
    """Smallest rate of false alarms that so many lots can promise."""
    return 1 / (n_lots + 1)


def lots_needed(rate: float) -> int:
    """Fewest lots that can promise a rate of false alarms."""
    return int(np.ceil(round(1 / rate, 9))) - 1
