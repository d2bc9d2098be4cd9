"""What else a score follows: sequencing depth, mitochondria, cell cycle, dissociation stress, hypoxia.

All correlations are within lots, so that a difference between lots is never taken for a confounder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping

MIN_CELLS = 20  # a lot with fewer cells says nothing about a correlation


def within_lot_rho(values: np.ndarray, covariates: np.ndarray, lots: np.ndarray) -> np.ndarray:
    """Spearman correlation within lots, averaged over the lots by their cells.

    Parameters
    ----------
    values
        Shape (n_cells, n_values).
    covariates
        Shape (n_cells, n_covariates).
    lots
        Lot of each cell, as codes.

    Returns
    -------
    Shape (n_values, n_covariates); NaN where a column is NaN or constant in every lot, or no lot has ``MIN_CELLS``.
    """
    total = np.zeros((values.shape[1], covariates.shape[1]))
    weight = np.zeros_like(total)
    for lot in np.unique(lots):
        inside = lots == lot
        if inside.sum() < MIN_CELLS:
            continue
        rho = _unit_ranks(values[inside]).T @ _unit_ranks(covariates[inside])
        known = ~np.isnan(rho)
        total += np.where(known, rho, 0) * inside.sum()
        weight += known * inside.sum()
    return np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 0)


def rho_interval(rho: float, n: int, lots: int = 1) -> tuple[float, float]:
    """Give the 95 % interval of a Spearman correlation (Bonett and Wright 2000, doi:10.1007/BF02294183).

    Parameters
    ----------
    rho
        The correlation, or the average of that of several lots.
    n, lots
        Observations, and the lots that they come from; three are lost in each.
    """
    free = n - 3 * lots
    if free < 1 or np.isnan(rho):
        return np.nan, np.nan
    half = 1.959964 * np.sqrt((1 + rho**2 / 2) / free)
    middle = np.arctanh(np.clip(rho, -1 + 1e-9, 1 - 1e-9))
    return float(np.tanh(middle - half)), float(np.tanh(middle + half))


def remove_depth(values: np.ndarray, depth: np.ndarray, lots: np.ndarray, *, robust: bool = False) -> np.ndarray:
    """Take a trend with depth out of scores within each lot; lot means stay.

    Parameters
    ----------
    values
        Shape (n_cells, n_values).
    depth
        Log of the total counts, shape (n_cells,).
    lots
        Lot of each cell, as codes.
    robust
        Take out the running median along depth instead of a fitted straight and curved trend: for scores that are equal
        in most cells, where only the controls follow depth, and high in a few, which would steer a fit.

    Returns
    -------
    Residuals plus lot means, shape (n_cells, n_values), in the type of ``values``.
    """
    adjusted = values.astype(np.float64)
    for lot in np.unique(lots):
        inside = np.flatnonzero(lots == lot)
        if inside.size < MIN_CELLS:
            continue
        inside = inside[np.argsort(depth[inside], kind="stable")]
        trend = (_running_median if robust else _fitted_trend)(adjusted[inside], depth[inside])
        adjusted[inside] -= trend - trend.mean(axis=0)
    return adjusted.astype(values.dtype)


def relate(
    z: pd.DataFrame, confounders: pd.DataFrame, lots: pd.Series, own: Mapping[str, set[str]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Correlate each score with each confounder, and take all confounders out of it.

    Parameters
    ----------
    z
        Scores, cells x signatures.
    confounders
        Cells x confounders; columns that hold NaN are left out.
    lots
        Lot of each cell.
    own
        Per signature the confounders that are themselves measured by it: not taken out of it.

    Returns
    -------
    table
        signature, confounder, rho (within lots), rho_low, rho_high (95 % interval), rho_partial (given the other
        confounders), slope (change of z for one standard deviation of the confounder within lots, all confounders
        fitted together), n_cells.
    r2
        Index signature; r2 = share of the variance within lots that the confounders explain together, and the names
        that were fitted.
    """
    confounders = confounders.loc[:, confounders.notna().all() & (confounders.nunique() > 1)]
    codes = lots.astype("category").cat.codes.to_numpy()
    rho = within_lot_rho(z.to_numpy(), confounders.to_numpy(), codes)
    x_all = _centre(confounders.to_numpy(dtype=np.float64), codes)
    x_all = x_all / np.maximum(x_all.std(axis=0), 1e-12)
    sizes = np.bincount(codes)
    counted, n_lots = int(sizes[sizes >= MIN_CELLS].sum()), int((sizes >= MIN_CELLS).sum())
    rows, fits = [], []
    for i, name in enumerate(z.columns):
        if z[name].isna().all():
            continue
        y = _centre(z[[name]].to_numpy(dtype=np.float64), codes)[:, 0]
        kept = [j for j, column in enumerate(confounders) if column not in own.get(name, set())]
        x = x_all[:, kept]
        slopes = np.linalg.lstsq(x, y, rcond=None)[0] if kept else np.empty(0)
        rest = y - x @ slopes
        explained = 1 - rest @ rest / max(y @ y, 1e-12)
        fits.append({"signature": name, "r2": explained, "fitted": ";".join(confounders.columns[kept])})
        partial = _partial(x, y)
        for k, j in enumerate(kept):
            low, high = rho_interval(rho[i, j], counted, n_lots)
            rows.append(
                {
                    "signature": name,
                    "confounder": confounders.columns[j],
                    "rho": rho[i, j],
                    "rho_low": low,
                    "rho_high": high,
                    "rho_partial": partial[k],
                    "slope": slopes[k],
                    "n_cells": len(z),
                }
            )
    columns = ["signature", "confounder", "rho", "rho_low", "rho_high", "rho_partial", "slope", "n_cells"]
    return pd.DataFrame(rows, columns=columns), pd.DataFrame(fits, columns=["signature", "r2", "fitted"])


def adjusted_means(
    means: pd.DataFrame, confounder_means: pd.DataFrame, spread: pd.Series, table: pd.DataFrame
) -> pd.DataFrame:
    """Lot means that the scores would have if all lots had the same confounders.

    Parameters
    ----------
    means
        Lots x signatures, of z.
    confounder_means
        Lots x confounders.
    spread
        Standard deviation of each confounder within lots.
    table
        Result of :func:`relate`, for its slopes.

    Returns
    -------
    Lots x signatures.
    """
    adjusted = means.copy()
    shift = (confounder_means - confounder_means.mean()) / spread
    for row in table.itertuples():
        adjusted[row.signature] = adjusted[row.signature] - row.slope * shift[row.confounder]
    return adjusted


def spread_within(values: pd.DataFrame, lots: pd.Series) -> pd.Series:
    """Measure the standard deviation of each column around the mean of its lot."""
    codes = lots.astype("category").cat.codes.to_numpy()
    return pd.Series(_centre(values.to_numpy(dtype=np.float64), codes).std(axis=0), index=values.columns)


def _fitted_trend(values: np.ndarray, depth: np.ndarray) -> np.ndarray:
    x = depth - depth.mean()
    x = x / max(x.std(), 1e-12)
    design = np.column_stack([x, x**2 - (x**2).mean()])
    return design @ np.linalg.lstsq(design, values - values.mean(axis=0), rcond=None)[0]


def _running_median(values: np.ndarray, _depth: np.ndarray) -> np.ndarray:
    """Median of each value over the tenth of the cells that are nearest in depth; cells come in order of depth."""
    window = max(MIN_CELLS, len(values) // 10) | 1
    return pd.DataFrame(values).rolling(window, center=True, min_periods=window // 2).median().to_numpy()


def _unit_ranks(values: np.ndarray) -> np.ndarray:
    """Rank each column, centred and of length one: a product of two columns is their Spearman correlation."""
    ranks = pd.DataFrame(values).rank().to_numpy()
    ranks = ranks - ranks.mean(axis=0)
    length = np.sqrt((ranks**2).sum(axis=0))
    return np.divide(ranks, length, out=np.full_like(ranks, np.nan), where=length > 0)


def _centre(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    n = np.bincount(codes)
    means = np.array([np.bincount(codes, column) / np.maximum(n, 1) for column in values.T]).reshape(-1, n.size).T
    return values - means[codes]


def _partial(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Correlate y with each column of x, both given the other columns, by way of the inverse covariance."""
    together = np.column_stack([x, y])
    precision = np.linalg.pinv(together.T @ together / len(together), hermitian=True)
    scale = np.sqrt(np.maximum(np.diag(precision), 0))
    length = scale[:-1] * scale[-1]
    return np.divide(-precision[:-1, -1], length, out=np.full(x.shape[1], np.nan), where=length > 0)
