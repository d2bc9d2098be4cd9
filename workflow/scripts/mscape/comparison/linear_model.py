"""Estimate contrasts by linear models of donors, weighted by how well each is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

if TYPE_CHECKING:
    from mscape.comparison.design import Design


def fit_linear(
    values: np.ndarray,
    design: Design,
    *,
    variance: np.ndarray | None = None,
    weighted: bool = True,
    confidence: float = 0.95,
    relative: bool = False,
) -> pd.DataFrame:
    """Estimate a contrast of each column by a linear model of the units.

    With sampling variances the units are weighted by 1 / (between + sampling variance), the between-donor variance
    estimated by moments; the scale is estimated from the residuals and intervals are Student's t (Knapp and Hartung
    2003, doi:10.1002/sim.1482). The standard error is never less than the sampling error alone: three donors that
    happen to agree do not make counts more certain than they are.

    Parameters
    ----------
    values
        Shape (n_units, n_features). A feature with a missing value gets no estimate.
    design
        From :func:`mscape.comparison.design.build_design`.
    variance
        Sampling variance of each value, same shape.
    weighted
        Whether units are weighted by their variance; if not, it only bounds the standard error.
    confidence
        Coverage of the interval.
    relative
        Whether estimates are taken relative to the median feature: for shares, which cannot all rise.

    Returns
    -------
    One row a feature: ``estimate low high statistic pvalue``. The interval is missing without residual degrees of
    freedom, the p-value also if the design refuses it.
    """
    X = design.matrix.to_numpy()
    coefficient = design.matrix.columns.get_loc(design.coefficient)
    df = design.df
    result = np.full((values.shape[1], 4), np.nan)
    complete = ~np.isnan(values).any(axis=0)
    if design.estimable and complete.any():
        if variance is None or not weighted:
            result[complete, :2] = _least_squares(X, values[:, complete], np.ones(len(X)), coefficient, df)
        else:
            for j in np.flatnonzero(complete):
                weights = _weights(X, values[:, j], variance[:, j], df)
                result[j, :2] = _least_squares(X, values[:, [j]], weights, coefficient, df)
                result[j, 2] = _sampling_error(X, weights, variance[:, [j]], coefficient)[0]
        if variance is not None:
            if not weighted:
                result[complete, 2] = _sampling_error(X, np.ones(len(X)), variance[:, complete], coefficient)
            result[:, 1] = np.where(np.isnan(result[:, 1]), np.nan, np.fmax(result[:, 1], result[:, 2]))
    estimate, error = result[:, 0], result[:, 1]
    if relative and complete.any():
        estimate = estimate - np.nanmedian(estimate)
    half = stats.t.ppf(0.5 + confidence / 2, df) * error if df > 0 else np.full_like(error, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = estimate / error
    pvalue = 2 * stats.t.sf(np.abs(statistic), df) if design.testable and df > 0 else np.full_like(error, np.nan)
    return pd.DataFrame(
        {
            "estimate": estimate,
            "low": estimate - half,
            "high": estimate + half,
            "statistic": statistic,
            "pvalue": pvalue,
        }
    )


def _weights(X: np.ndarray, y: np.ndarray, variance: np.ndarray, df: int) -> np.ndarray:
    """Inverse of between-donor plus sampling variance, the first by moments; equal weights if both are nil."""
    if df < 1:
        return np.ones(len(y))
    hat = X @ np.linalg.pinv(X)
    rss = float(((y - hat @ y) ** 2).sum())
    between = max(0.0, (rss - float((variance * (1 - np.diag(hat))).sum())) / df)
    total = between + variance
    return np.ones(len(y)) if (total <= 0).any() else total.min() / total


def _sampling_error(X: np.ndarray, weights: np.ndarray, variance: np.ndarray, coefficient: int) -> np.ndarray:
    """Give the standard error of one coefficient if sampling were all that varies, shape (n_features,)."""
    root = np.sqrt(weights)[:, None]
    row = np.linalg.pinv(X * root)[coefficient] * root[:, 0]
    return np.sqrt(row**2 @ variance)


def _least_squares(X: np.ndarray, Y: np.ndarray, weights: np.ndarray, coefficient: int, df: int) -> np.ndarray:
    """Estimate and standard error of one coefficient for each column of Y, shape (n_features, 2)."""
    root = np.sqrt(weights)[:, None]
    inverse = np.linalg.pinv(X * root)
    beta = inverse @ (Y * root)
    residual = Y * root - (X * root) @ beta
    spread = np.einsum("ij,ij->i", inverse, inverse)[coefficient]
    scale = (residual**2).sum(axis=0) / df if df > 0 else np.full(Y.shape[1], np.nan)
    return np.column_stack([beta[coefficient], np.sqrt(scale * spread)])
