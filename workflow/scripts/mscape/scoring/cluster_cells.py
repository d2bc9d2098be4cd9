"""What the cells of a cluster show one by one: lineage, phase of the cycle, and how many are in a state."""

from __future__ import annotations

import numpy as np
import pandas as pd

REFERENCE_QUANTILE = 0.9  # a cell above this part of the resting cells of its lot is in a state
MIN_CELLS = 20  # of the resting reference in a lot, below which it says nothing there
NO_LINEAGE = ("MSC-like", "unresolved", "", "nan")


def choose_reference(cluster: pd.Series, phase: pd.Series) -> str:
    """Choose the resting population: the largest cluster of which fewer than half of the cells cycle.

    Parameters
    ----------
    cluster
        Cluster of each cell, as text.
    phase
        ``G1``, ``S``, ``G2M`` or ``unknown``, same index.

    Returns
    -------
    Its name; the largest cluster where all cycle, "" without cells. Ties go to the first name.
    """
    if cluster.empty:
        return ""
    table = phase.astype(str).isin(["S", "G2M"]).groupby(cluster.astype(str)).agg(["size", "mean"])
    resting = table[table["mean"] < 0.5]
    return str((resting if len(resting) else table)["size"].idxmax())


def share_in_state(z: pd.DataFrame, cluster: pd.Series, lot: pd.Series, reference: str) -> pd.DataFrame:
    """Give the share of a cluster's cells whose score is above that of resting cells of the same lot.

    Parameters
    ----------
    z
        Scores of cells, cells x signatures.
    cluster, lot
        Of the same cells.
    reference
        The resting cluster.

    Returns
    -------
    Clusters x signatures: share of the cells above the 90 % quantile of the resting cells of their lot, over the lots
    that have 20 of these; NaN where none has. Of resting cells 10 % are above it.
    """
    cluster, lot = cluster.astype(str).to_numpy(), lot.astype(str).to_numpy()
    above, known = pd.DataFrame(data=False, index=z.index, columns=z.columns), np.zeros(len(z), dtype=bool)
    for name in np.unique(lot):
        inside = lot == name
        resting = inside & (cluster == reference)
        if resting.sum() < MIN_CELLS:
            continue
        limit = z[resting].quantile(REFERENCE_QUANTILE)
        above.loc[inside] = z[inside].gt(limit, axis=1)
        known |= inside
    shares = above[known].groupby(cluster[known]).mean()
    return shares.where(z.notna().any(), axis=1).reindex(np.unique(cluster))


def describe_clusters(cluster: pd.Series, phase: pd.Series, identity: pd.Series, call: pd.Series) -> pd.DataFrame:
    """Describe each cluster by its cells.

    Parameters
    ----------
    cluster, phase
        As for :func:`choose_reference`.
    identity, call
        Lineage and call of the gate.

    Returns
    -------
    Index = cluster: ``n_cells``, ``cycling`` (share of cells in S or G2/M), ``lineage`` (the most frequent other
    lineage among its cells, "" without one), ``lineage_share`` (share of its cells that fail the gate with that
    lineage), ``failing`` (share that fails it) and ``passing`` (share that passes).
    """
    cluster = cluster.astype(str)
    named = identity.astype(str).where(call.astype(str).eq("fail") & ~identity.astype(str).isin(NO_LINEAGE), "")
    rows = {}
    for name, cells in cluster.groupby(cluster):
        found = named[cells.index]
        found = found[found != ""].value_counts()
        rows[name] = {
            "n_cells": len(cells),
            "cycling": float(phase[cells.index].astype(str).isin(["S", "G2M"]).mean()),
            "lineage": str(found.index[0]) if len(found) else "",
            "lineage_share": found.iloc[0] / len(cells) if len(found) else 0.0,
            "failing": float(call[cells.index].astype(str).eq("fail").mean()),
            "passing": float(call[cells.index].astype(str).eq("pass").mean()),
        }
    columns = ["n_cells", "cycling", "lineage", "lineage_share", "failing", "passing"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)
