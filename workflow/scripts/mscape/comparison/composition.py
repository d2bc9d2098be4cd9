"""Shares of clusters in lots: counting intervals, and centred log-ratios for the comparison of donors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.comparison import linear_model
from mscape.stats import wilson_interval

if TYPE_CHECKING:
    from mscape.comparison.design import Design

PSEUDOCOUNT = 0.5


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


def count_shares(lot: pd.Series, leiden: pd.Series, *, confidence: float = 0.95) -> pd.DataFrame:
    """Count each lot's cells in each cluster.

    Parameters
    ----------
    lot, leiden
        Lot and cluster of each clustered cell.
    confidence
        Coverage of the interval.

    Returns
    -------
    One row a lot and cluster: ``lot_id cluster n_cells fraction low high``; Wilson's interval for the cells counted.
    """
    table = cross(lot, leiden)
    total = table.sum(axis=1).to_numpy()[:, None]
    low, high = wilson_interval(table.to_numpy(), total, confidence=confidence)
    long = table.rename_axis(index="lot_id", columns="cluster").stack().rename("n_cells").reset_index()
    return long.assign(fraction=(table.to_numpy() / total).ravel(), low=low.ravel(), high=high.ravel())


def count_both(lot: pd.Series, leiden: pd.Series, passing: pd.Series, *, confidence: float = 0.95) -> pd.DataFrame:
    """Count all clustered cells, and beside them those alone that pass the gate.

    Parameters
    ----------
    lot, leiden, passing
        Lot, cluster and whether the cell passes, of each clustered cell.
    confidence
        Coverage of the intervals.

    Returns
    -------
    As :func:`count_shares`, with ``n_pass fraction_pass low_pass high_pass``: cells of the cluster that pass, and their
    share of the lot's passing cells; NaN where none of the lot passes.
    """
    table = count_shares(lot, leiden, confidence=confidence)
    inside = passing.to_numpy(bool)
    alone = count_shares(lot[inside], leiden[inside], confidence=confidence)
    names = {"n_cells": "n_pass", "fraction": "fraction_pass", "low": "low_pass", "high": "high_pass"}
    table = table.merge(alone.rename(columns=names), on=["lot_id", "cluster"], how="left")
    some = table["lot_id"].isin(alone["lot_id"])
    table["n_pass"] = table["n_pass"].fillna(0).astype(int)
    table.loc[some, "fraction_pass"] = table.loc[some, "fraction_pass"].fillna(0.0)
    return table


def compare_shares(table: pd.DataFrame, design: Design, *, confidence: float = 0.95) -> pd.DataFrame:
    """Compare cluster shares between groups of donors by a linear model of centred log-ratios.

    Parameters
    ----------
    table
        Cells, one row a lot, one column a cluster.
    design
        From :func:`mscape.comparison.design.build_design`.
    confidence
        Coverage of the interval.

    Returns
    -------
    One row a cluster; the estimate is the log2 ratio of its share, relative to the median cluster: one cluster that
    grows does not make all others shrink (the idea of LinDA, doi:10.1186/s13059-022-02655-5). Empty with one cluster.
    """
    if table.shape[1] < 2:
        return pd.DataFrame()
    values, spread = design.average(centred_log_ratio(table.to_numpy()), clr_variance(table.to_numpy()))
    result = linear_model.fit_linear(values, design, variance=spread, confidence=confidence, relative=True)
    return result.assign(feature=table.columns.astype(str), unit="log2 ratio of shares (CLR)")


def cross(lot: pd.Series, leiden: pd.Series) -> pd.DataFrame:
    """Count cells, lots x clusters, clusters in their order."""
    table = pd.crosstab(lot, leiden)
    return table[sorted(table.columns, key=order)].rename_axis(index=None, columns=None)


def order(cluster: str) -> tuple:
    """Sort clusters by number, names after them."""
    return (not cluster.isdigit(), int(cluster) if cluster.isdigit() else 0, cluster)
