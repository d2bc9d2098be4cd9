"""Numerics that several rooms need; each formula is here once."""

from __future__ import annotations

import numpy as np
import scipy.stats


def wilson_interval(
    successes: np.ndarray | float, trials: np.ndarray | float, *, confidence: float = 0.95
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
    z = scipy.stats.norm.ppf(0.5 + confidence / 2)
    k, n = np.broadcast_arrays(np.asarray(successes, float), np.asarray(trials, float))
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = (k + z**2 / 2) / (n + z**2)
        half = z / (n + z**2) * np.sqrt(k * (n - k) / n + z**2 / 4)
    low, high = np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)
    return np.where(n > 0, np.where(k == 0, 0.0, low), np.nan), np.where(n > 0, np.where(k == n, 1.0, high), np.nan)


def adjust_pvalues(pvalues: np.ndarray) -> np.ndarray:
    """Adjust p-values by Benjamini and Hochberg (doi:10.1111/j.2517-6161.1995.tb02031.x); NaN is not counted."""
    adjusted = np.full(len(pvalues), np.nan)
    known = ~np.isnan(pvalues)
    if known.any():
        adjusted[known] = scipy.stats.false_discovery_control(pvalues[known])
    return adjusted


def normal_deviate(t: np.ndarray, df: np.ndarray | int, *, smallest_tail: float) -> np.ndarray:
    """Write Student's t as the normal deviate of the same tail: the same limit then means the same for few lots.

    Parameters
    ----------
    t
        Values.
    df
        Degrees of freedom, 1 or more, broadcast against ``t``.
    smallest_tail
        Tails are held to this probability.
    """
    tail = np.maximum(scipy.stats.t.sf(np.abs(t), df), smallest_tail)
    return np.asarray(np.sign(t) * scipy.stats.norm.isf(tail))


def leading_vectors(matrix: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Leading eigenvalues and eigenvectors (columns) of a symmetric matrix, largest first; the same each time."""
    from scipy.sparse.linalg import eigsh

    if len(matrix) <= 4 * n:
        values, vectors = np.linalg.eigh(matrix)
    else:
        start = np.random.default_rng(0).normal(size=len(matrix))
        values, vectors = eigsh(matrix, k=n, v0=start)
    order = np.argsort(-values, kind="stable")[:n]
    return values[order], vectors[:, order]
