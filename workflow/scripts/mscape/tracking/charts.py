"""Control charts of one number of many lots: predictive limits for the next lot, and a self-starting EWMA for drift.

The limits of a classical individuals chart take mean and standard deviation of the history for known; from few lots
they alarm too often. Here a lot is compared with the prediction interval of the next one, Student's t with
``sqrt(1 + 1 / n)`` (Quesenberry 1991, doi:10.1080/00224065.1991.11979327). Its normal deviates, one a lot, are
independent standard normal while nothing changes (Hawkins 1987, doi:10.2307/2348827), whatever mean and standard
deviation are, so that one limit of their exponentially weighted moving average (EWMA) holds for any history.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import stats

from mscape.stats import normal_deviate

WEIGHT = 0.1  # of the newest lot in the EWMA: of several that were tried the one that finds a slow drift most often
FIRST = 3  # lots before there is a standard deviation to speak of: two give t with one degree of freedom
LEAST_DEVIATES = 5  # in the EWMA before it is judged: one or two lots are no drift
DEPTH = 8.2  # normal deviates are held to this: beyond it a t's tail is not resolved
POINTS = 181  # nodes of the quadrature over the EWMA


class Chart(NamedTuple):
    """A control chart; each array has the shape of the values, (n_series, n_lots), NaN where there is no answer.

    Attributes
    ----------
    n_history
        Lots that the limits rest on.
    center, low, high
        Prediction for the lot, and its limits.
    deviate
        Normal deviate of the lot.
    ewma
        Moving average of the deviates, in its own standard deviations, once it holds five of them.
    beyond
        Whether a lot is beyond its limits; it is not in the history of later lots.
    """

    n_history: np.ndarray
    center: np.ndarray
    low: np.ndarray
    high: np.ndarray
    deviate: np.ndarray
    ewma: np.ndarray
    beyond: np.ndarray


def draw_chart(values: np.ndarray, *, min_history: int, false_alarms: float) -> Chart:
    """Compare each lot with those before it.

    Parameters
    ----------
    values
        Shape (n_series, n_lots), in order of time; a missing value is passed over.
    min_history
        Lots before the first that is judged.
    false_alarms
        Probability that a lot is beyond its limits while nothing changes and values are normal.

    Returns
    -------
    Chart
        Limits are ``mean -+ t(1 - false_alarms / 2, n - 1) * sd * sqrt(1 + 1 / n)`` of the n lots of the history.
    """
    values = np.atleast_2d(np.asarray(values, dtype=float))
    rows, lots = values.shape
    shape = np.full((7, rows, lots), np.nan)
    n, mean, squares = np.zeros(rows), np.zeros(rows), np.zeros(rows)
    average, steps = np.zeros(rows), np.zeros(rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        for lot in range(lots):
            x = values[:, lot]
            sd = np.sqrt(squares / (n - 1))
            known = np.isfinite(x) & (n >= FIRST) & (sd > 0)
            error = np.where(known, sd * np.sqrt(1 + 1 / n), np.nan)
            half = stats.t.ppf(1 - false_alarms / 2, n - 1) * error
            deviate = normal_deviate((x - mean) / error, np.maximum(n - 1, 1), smallest_tail=stats.norm.sf(DEPTH))
            judged = known & (n >= min_history)
            beyond = judged & (np.abs(x - mean) > half)
            enters = known & ~beyond
            average = np.where(enters, (1 - WEIGHT) * average + WEIGHT * deviate, average)
            steps += enters
            spread = np.sqrt(WEIGHT / (2 - WEIGHT) * (1 - (1 - WEIGHT) ** (2 * steps)))
            shape[:, :, lot] = [
                n,
                np.where(judged, mean, np.nan),
                np.where(judged, mean - half, np.nan),
                np.where(judged, mean + half, np.nan),
                np.where(judged, deviate, np.nan),
                np.where(judged & (steps >= LEAST_DEVIATES), average / spread, np.nan),
                beyond,
            ]
            kept = np.isfinite(x) & ~beyond
            n = n + kept
            step = np.where(kept, x - mean, 0.0)
            mean = mean + np.where(kept, step / np.maximum(n, 1), 0.0)
            squares = squares + step * np.where(kept, x - mean, 0.0)
    history, center, low, high, deviate, ewma, beyond = shape
    return Chart(history, center, low, high, deviate, ewma, beyond == 1)


@cache
def ewma_limit(rate: float) -> float:
    """Find the limit of the EWMA, in its own standard deviations, that alarms once in ``1 / rate`` lots.

    The mean run length of an EWMA of independent standard normal numbers solves an integral equation (Crowder 1987,
    doi:10.1080/00401706.1987.10488267), here by Gauss-Legendre quadrature: no random number is drawn.

    Parameters
    ----------
    rate
        First false alarms per lot while nothing changes.
    """
    from scipy.optimize import brentq

    nodes, weights = np.polynomial.legendre.leggauss(POINTS)
    sd = np.sqrt(WEIGHT / (2 - WEIGHT))

    def run_length(limit: float) -> float:
        place, part = nodes * limit * sd, weights * limit * sd
        kernel = stats.norm.pdf((place[None, :] - (1 - WEIGHT) * place[:, None]) / WEIGHT) / WEIGHT * part
        length = np.linalg.solve(np.eye(POINTS) - kernel, np.ones(POINTS))
        return float(np.interp(0, place, length))

    return float(brentq(lambda limit: np.log(run_length(limit) * rate), 0.5, 5))


def seen_shift(n: int, *, false_alarms: float, power: float = 0.8) -> float:
    """Find the shift of one lot, in standard deviations, that is beyond the limits with a given probability.

    Parameters
    ----------
    n
        Lots of history.
    false_alarms
        As of :func:`draw_chart`.
    power
        The probability.
    """
    from scipy.optimize import brentq

    limit = stats.t.ppf(1 - false_alarms / 2, n - 1)
    scale = np.sqrt(1 + 1 / n)

    def excess(shift: float) -> float:
        return float(stats.nct.sf(limit, n - 1, shift / scale)) - power

    return float(brentq(excess, 0, 4 * limit))


def seen_drift(
    n: int, *, over: int = 10, by: int = 15, rate: float, false_alarms: float, power: float = 0.8, seed: int = 0
) -> float:
    """Find the drift, in standard deviations, that a history of n lots lets the EWMA or the limits find.

    Parameters
    ----------
    n
        Lots of history.
    over
        Lots over which the mean moves evenly; it stays there.
    by
        New lots within which the drift is to be found.
    rate
        First false alarms per lot of the EWMA.
    false_alarms
        As of :func:`draw_chart`.
    power
        Probability of finding it.
    seed
        Of 1,000 simulated series, the same for every drift that is tried.
    """
    noise = np.random.default_rng(seed).normal(size=(1000, n + by))
    ramp = np.concatenate([np.zeros(n), np.minimum(np.arange(1, by + 1) / over, 1)])
    low, high = 0.0, 16.0
    for _ in range(9):
        middle = (low + high) / 2
        found = find_alarms(noise + middle * ramp, start=n, rate=rate, false_alarms=false_alarms)
        low, high = (low, middle) if found.any(axis=1).mean() >= power else (middle, high)
    return high


def find_alarms(values: np.ndarray, *, start: int, rate: float, false_alarms: float) -> np.ndarray:
    """Say which lots from ``start`` on are beyond their limits or find a drift, shape (n_series, n_lots - start)."""
    chart = draw_chart(values, min_history=start, false_alarms=false_alarms)
    return (chart.beyond | (np.abs(chart.ewma) > ewma_limit(rate)))[:, start:]
