"""Moderated t-tests of genes between donors: variances squeezed towards a trend, each arm with a trend of its own.

The method is limma-trend (Smyth 2004, doi:10.2202/1544-6115.1027; Law 2014, doi:10.1186/gb-2014-15-2-r29), written from
its published formulas, with weights by arm as voomByGroup has them (You 2023, doi:10.1186/s13059-023-02949-2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special, stats

from mscape.comparison.linear_model import Fit, fit_columns, split_arms

if TYPE_CHECKING:
    from mscape.comparison.design import Design

TREND_KNOTS = 4  # of the natural spline of log variance along mean log expression, the outer two at the ends
SMALLEST_VARIANCE = 1e-5  # of the median variance; a gene that does not vary at all has no logarithm
RATIO_ERRORS = 3.0  # standard errors by which genes' variance ratios must spread beyond chance to count as their own
MIN_ARM_DF = (
    2.0  # residual degrees of freedom of an arm, below which its variance is not distinguishable from the other's
)


def moderated_t(
    values: np.ndarray, design: Design, *, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Test a contrast of many genes whose variances inform each other.

    In a comparison of two groups of donors each arm has its own trend of the variance along expression; units are
    weighted by it. That takes a gene's variances in the two arms to be in the ratio of the trends. Where the genes' own
    ratios spread more than chance makes them (:func:`ratios_differ`) a second error squeezes each arm's own variance
    (Welch's test with Satterthwaite's degrees of freedom), and of the two tests the less sure one is given. Pairs,
    trends and arms with fewer than two residual degrees of freedom have one common trend: the test is limma-trend's.

    Parameters
    ----------
    values
        Log2 expression, shape (n_units, n_genes).
    design
        The contrast's design.
    confidence
        Coverage of the interval.

    Returns
    -------
    Estimate, half width of the interval, t, and p, each of shape (n_genes,). The p is for the caller to withhold where
    the design refuses it.
    """
    X, column = design.matrix.to_numpy(), design.matrix.columns.get_loc(design.coefficient)
    average, same = values.mean(axis=0), np.ones(values.shape)
    fit = fit_columns(values, X, column, same)
    arms = split_arms(design, fit.leverage[:, 0], least=MIN_ARM_DF)
    own_ratios = arms if arms is not None and ratios_differ(fit, arms, average) else None
    weights = same if arms is None else arm_weights(fit, arms, average)
    fit = fit if arms is None else fit_columns(values, X, column, weights)
    error, df = _common_error(fit, weights, design.df, average)
    half, pvalue = _half_and_p(fit.estimate, error, df, confidence)
    if own_ratios is not None:
        error_by_arm, df_by_arm = _error_by_arm(fit, own_ratios, average)
        half_by_arm, p_by_arm = _half_and_p(fit.estimate, error_by_arm, df_by_arm, confidence)
        error = np.where(p_by_arm > pvalue, error_by_arm, error)
        half, pvalue = np.maximum(half, half_by_arm), np.maximum(pvalue, p_by_arm)
    return fit.estimate, half, fit.estimate / error, pvalue


def prior_of_variances(variance: np.ndarray, df: np.ndarray | float, average: np.ndarray) -> tuple[np.ndarray, float]:
    """Estimate the prior that the variances of many genes were drawn from, along their mean expression.

    Parameters
    ----------
    variance
        Residual variances, shape (n_genes,).
    df
        Their degrees of freedom.
    average
        Mean log expression, shape (n_genes,).

    Returns
    -------
    Prior variance of each gene (a natural spline of four degrees of freedom) and the prior's degrees of freedom:
    infinite where genes of like expression differ no more than chance makes them.
    """
    df = np.broadcast_to(df, variance.shape)
    floor = SMALLEST_VARIANCE * max(float(np.median(variance)), np.finfo(float).tiny)
    log = np.log(np.maximum(variance, floor)) - special.digamma(df / 2) + np.log(df / 2)
    basis = natural_spline(average)
    trend = basis @ np.linalg.lstsq(basis, log, rcond=None)[0]
    left = max(variance.size - basis.shape[1], 1)
    excess = ((log - trend) ** 2).sum() / left - special.polygamma(1, df / 2).mean()
    if excess <= 0:
        return np.exp(trend), np.inf
    half = inverse_trigamma(excess)
    return np.exp(trend + special.digamma(half) - np.log(half)), 2 * half


def squeeze(variance: np.ndarray, df: np.ndarray | float, average: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squeeze variances towards their trend.

    Parameters
    ----------
    variance, df, average
        As for :func:`prior_of_variances`.

    Returns
    -------
    Posterior variances and their degrees of freedom, never more than those of all genes together.
    """
    prior, prior_df = prior_of_variances(variance, df, average)
    df = np.broadcast_to(df, variance.shape)
    total = np.minimum(df + prior_df, df.sum())
    if np.isinf(prior_df):
        return prior, total
    return (prior_df * prior + df * variance) / (prior_df + df), total


def natural_spline(x: np.ndarray) -> np.ndarray:
    """Give a basis of natural cubic splines with knots at equally spaced quantiles, shape (n, at most TREND_KNOTS)."""
    knots = np.unique(np.quantile(x, np.linspace(0, 1, min(TREND_KNOTS, x.size))))
    if knots.size < 3:
        return np.column_stack([np.ones(x.size), x][: knots.size])
    x, knots = (x - knots[0]) / np.ptp(knots), (knots - knots[0]) / np.ptp(knots)
    beyond = np.maximum(x[:, None] - knots, 0) ** 3
    slopes = (beyond[:, :-1] - beyond[:, -1:]) / (knots[-1] - knots[:-1])
    return np.column_stack([np.ones(x.size), x, slopes[:, :-1] - slopes[:, -1:]])


def inverse_trigamma(value: float) -> float:
    """Solve trigamma(x) = value by Newton's method."""
    x = 0.5 + 1 / value
    for _ in range(50):
        slope = special.polygamma(1, x)
        step = slope * (1 - slope / value) / special.polygamma(2, x)
        x += step
        if abs(step) < 1e-9 * x:
            break
    return float(x)


def arm_weights(fit: Fit, arms: list[np.ndarray], average: np.ndarray) -> np.ndarray:
    """Weigh each unit by the inverse of its arm's trend of the variance, shape (n_units, n_genes).

    Parameters
    ----------
    fit
        Fit with equal weights.
    arms
        Units of each arm.
    average
        Mean log expression, shape (n_genes,).
    """
    weights = np.empty_like(fit.residual)
    for units in arms:
        df = (1 - fit.leverage[units]).sum(axis=0)
        weights[units] = 1 / prior_of_variances((fit.residual[units] ** 2).sum(axis=0) / df, df, average)[0]
    return weights


def ratios_differ(fit: Fit, arms: list[np.ndarray], average: np.ndarray) -> bool:
    """Tell whether genes differ in the ratio of their variances in the two arms.

    With one ratio along expression, the log ratio of two chi-squared variances varies by trigamma(df / 2) of either; a
    gene's own variance cancels. Genes are said to differ where the observed variance exceeds that by three standard
    errors.

    Parameters
    ----------
    fit
        Fit with equal weights.
    arms
        Units of each arm.
    average
        Mean log expression, shape (n_genes,).
    """
    free = [float((1 - fit.leverage[units, 0]).sum()) for units in arms]
    scatter = [(fit.residual[units] ** 2).sum(axis=0) / df for units, df in zip(arms, free, strict=True)]
    logs = [np.log(np.maximum(s, SMALLEST_VARIANCE * max(float(np.median(s)), np.finfo(float).tiny))) for s in scatter]
    basis, ratio = natural_spline(average), logs[1] - logs[0]
    ratio = ratio - basis @ np.linalg.lstsq(basis, ratio, rcond=None)[0]
    spread = (ratio**2).sum() / max(ratio.size - basis.shape[1], 1)
    error = np.sqrt(np.mean((ratio**2 - spread) ** 2) / ratio.size)
    return bool(spread - special.polygamma(1, np.array(free) / 2).sum() > RATIO_ERRORS * error)


def _common_error(fit: Fit, weights: np.ndarray, df: int, average: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    posterior, total = squeeze((weights * fit.residual**2).sum(axis=0) / df, df, average)
    return np.sqrt(posterior * (fit.lever**2 / weights).sum(axis=0)), total


def _error_by_arm(fit: Fit, arms: list[np.ndarray], average: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give standard errors from each arm's own squeezed variance, with Satterthwaite's degrees of freedom."""
    parts, spread = [], []
    for units in arms:
        df = (1 - fit.leverage[units]).sum(axis=0)
        posterior, total = squeeze((fit.residual[units] ** 2).sum(axis=0) / df, df, average)
        parts.append(posterior * (fit.lever[units] ** 2).sum(axis=0))
        spread.append(parts[-1] ** 2 / total)
    variance = np.sum(parts, axis=0)
    return np.sqrt(variance), variance**2 / np.sum(spread, axis=0)


def _half_and_p(
    estimate: np.ndarray, error: np.ndarray, df: np.ndarray, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    half = stats.t.ppf(0.5 + confidence / 2, df) * error
    return half, 2 * stats.t.sf(np.abs(estimate) / error, df)
