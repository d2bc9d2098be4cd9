"""Estimate contrasts by linear models of donors, weighted by how well each is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

if TYPE_CHECKING:
    from mscape.comparison.design import Design

MIN_ARM_DF = 1.0  # residual degrees of freedom that an arm needs for a variance of its own


class Fit(NamedTuple):
    """Weighted least squares of each column.

    Attributes
    ----------
    estimate
        The coefficient of interest, shape (n_columns,).
    lever
        What each unit adds to it: estimate = sum of lever x value, shape (n_units, n_columns).
    leverage
        Diagonal of the hat matrix, shape (n_units, n_columns).
    residual
        Value minus fit, shape (n_units, n_columns).
    """

    estimate: np.ndarray
    lever: np.ndarray
    leverage: np.ndarray
    residual: np.ndarray


def fit_columns(values: np.ndarray, X: np.ndarray, coefficient: int, weights: np.ndarray) -> Fit:
    """Fit each column by least squares with weights of its own.

    Parameters
    ----------
    values, weights
        Shape (n_units, n_columns).
    X
        Design matrix, of full rank.
    coefficient
        Its column of interest.
    """
    inverse = np.linalg.inv(np.einsum("ui,ug,uj->gij", X, weights, X))
    solve = np.einsum("gij,uj,ug->giu", inverse, X, weights)
    beta = np.einsum("giu,ug->gi", solve, values)
    leverage = np.einsum("ui,giu->ug", X, solve)
    return Fit(beta[:, coefficient], solve[:, coefficient].T, leverage, values - X @ beta.T)


def split_arms(design: Design, leverage: np.ndarray, *, least: float) -> list[np.ndarray] | None:
    """Find the units of the two arms of an unpaired comparison, if each can have a variance of its own.

    Parameters
    ----------
    design
        The contrast's design.
    leverage
        Of each unit, shape (n_units,).
    least
        Residual degrees of freedom that each arm needs.

    Returns
    -------
    Units of the reference and of the other arm; None for pairs and trends, whose residuals belong to no one arm, and
    where an arm has too few.
    """
    if design.paired or design.contrast.trend:
        return None
    value = design.matrix[design.coefficient].to_numpy()
    other = value > (value.min() + value.max()) / 2
    arms = [np.flatnonzero(~other), np.flatnonzero(other)]
    return arms if min((1 - leverage[units]).sum() for units in arms) >= least - 1e-9 else None


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
    happen to agree do not make counts more certain than they are. Where the arms differ in size each has a variance of
    its own (Welch's test with Satterthwaite's degrees of freedom): a small arm that varies more would look too sure.

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
    freedom and where an arm has one donor, the p-value also if the design refuses it.
    """
    X = design.matrix.to_numpy()
    coefficient = design.matrix.columns.get_loc(design.coefficient)
    df = np.zeros(values.shape[1])
    result = np.full((values.shape[1], 2), np.nan)
    complete = ~np.isnan(values).any(axis=0)
    if design.estimable and complete.any():
        own = values[:, complete]
        weights = np.ones(own.shape)
        if variance is not None and weighted:
            pairs = zip(own.T, variance[:, complete].T, strict=True)
            weights = np.column_stack([_weights(X, y, v, design.df) for y, v in pairs])
        fit = fit_columns(own, X, coefficient, weights)
        error, df[complete] = _error(design, fit, weights)
        if variance is not None:
            error = np.fmax(error, np.sqrt((fit.lever**2 * variance[:, complete]).sum(axis=0)))
        result[complete] = np.column_stack([fit.estimate, error])
    estimate, error = result.T
    if relative and complete.any():
        estimate = estimate - np.nanmedian(estimate)
    df = np.where(design.replicated & (df > 0), df, np.nan)
    half = stats.t.ppf(0.5 + confidence / 2, df) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(np.isnan(df), np.nan, estimate / error)
    pvalue = 2 * stats.t.sf(np.abs(statistic), df) if design.testable else np.full_like(error, np.nan)
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


def _error(design: Design, fit: Fit, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give standard errors and degrees of freedom: pooled, or by arm where the arms differ in size."""
    spread, scatter = fit.lever**2 / weights, weights * fit.residual**2
    arms = split_arms(design, fit.leverage.max(axis=1), least=MIN_ARM_DF)
    if arms is None or len(arms[0]) == len(arms[1]):
        pooled = scatter.sum(axis=0) / design.df if design.df > 0 else np.full(fit.estimate.shape, np.nan)
        return np.sqrt(pooled * spread.sum(axis=0)), np.full(fit.estimate.shape, float(design.df))
    free = [(1 - fit.leverage[units]).sum(axis=0) for units in arms]
    parts = [
        scatter[units].sum(axis=0) / own * spread[units].sum(axis=0) for units, own in zip(arms, free, strict=True)
    ]
    variance = np.sum(parts, axis=0)
    terms = np.sum([part**2 / own for part, own in zip(parts, free, strict=True)], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt(variance), np.where(terms > 0, variance**2 / terms, np.min(free, axis=0))
