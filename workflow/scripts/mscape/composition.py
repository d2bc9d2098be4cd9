"""Shares of clusters in lots: counting intervals, and centred log-ratios for the comparison of donors."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

PSEUDOCOUNT = 0.5


def wilson_interval(
    successes: np.ndarray, trials: np.ndarray, *, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Wilson score interval of a fraction (doi:10.1080/01621459.1927.10502953).

    It says how well the cells of a lot that were sequenced show the lot's share, and nothing about other lots.

    Parameters
    ----------
    successes, trials
        Counts, broadcast against each other.
    confidence
        Coverage.

    Returns
    -------
    Lower and upper bounds; NaN where there are no trials.
    """
    z = norm.ppf(0.5 + confidence / 2)
    k, n = np.broadcast_arrays(np.asarray(successes, float), np.asarray(trials, float))
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = (k + z**2 / 2) / (n + z**2)
        half = z / (n + z**2) * np.sqrt(k * (n - k) / n + z**2 / 4)
    low, high = np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)
    return np.where(n > 0, np.where(k == 0, 0.0, low), np.nan), np.where(n > 0, np.where(k == n, 1.0, high), np.nan)


def centred_log_ratio(table: np.ndarray, *, pseudocount: float = PSEUDOCOUNT) -> np.ndarray:
    """Take log2 of each share over the geometric mean of the row's shares.

    Aitchison 1982, doi:10.1111/j.2517-6161.1982.tb01195.x.

    Parameters
    ----------
    table
        Cells, shape (n_lots, n_clusters).
    pseudocount
        Added to each cell count, so that an empty cluster has a logarithm.

    Returns
    -------
    Same shape; rows sum to 0.
    """
    logs = np.log2(table + pseudocount)
    return logs - logs.mean(axis=1, keepdims=True)


def clr_variance(table: np.ndarray, *, pseudocount: float = PSEUDOCOUNT) -> np.ndarray:
    """Estimate the counting variance of :func:`centred_log_ratio`, by the delta method for multinomial counts."""
    part = 1 / (table + pseudocount) / np.log(2) ** 2
    k = table.shape[1]
    return part * (1 - 2 / k) + part.sum(axis=1, keepdims=True) / k**2
