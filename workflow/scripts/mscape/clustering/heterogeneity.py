"""Heterogeneity of a lot, and the factors that explain it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mscape.data.tables import TABLES

N_DRAWS = 1000
FACTORS = ("donor_id", "tissue", "passage", "condition")
COLUMNS = TABLES["heterogeneity"].names


def entropy_interval(counts: np.ndarray, *, seed: int = 0) -> tuple[float, float, float]:
    """Shannon entropy of cluster fractions in bits, with a 95 % interval from multinomial draws.

    Parameters
    ----------
    counts
        Cells of each cluster.
    seed
        Of the draws.

    Returns
    -------
    Estimate, low, high. The number of clusters of a lot with entropy h is 2**h if they were equally large.
    """
    n = counts.sum()
    drawn = np.random.default_rng(seed).multinomial(n, counts / n, size=N_DRAWS)
    low, high = np.quantile(_entropy(drawn), [0.025, 0.975])
    return float(_entropy(counts[None])[0]), float(low), float(high)


def explained(rep: np.ndarray, design: np.ndarray) -> float:
    """Share of the total variance of an embedding that a design explains, adjusted for its number of columns.

    Parameters
    ----------
    rep
        Shape (n_cells, n_dims).
    design
        Covariates without constant, shape (n_cells, n_columns).

    Returns
    -------
    Adjusted R², clipped to 0 from below; NaN where cells do not suffice or the design does not vary.
    """
    design = design[:, design.std(0) > 0]
    n, p = design.shape
    if p == 0 or n < p + 10:
        return float("nan")
    rep = rep - rep.mean(0)
    design = design - design.mean(0)
    rest = rep - design @ np.linalg.lstsq(design, rep, rcond=None)[0]
    share = (rest**2).sum() / (rep**2).sum()
    return float(max(0.0, 1 - share * (n - 1) / (n - p - 1)))


def describe_lots(
    rep: np.ndarray, clusters: np.ndarray, cycle: np.ndarray, obs: pd.DataFrame, *, seed: int = 0
) -> pd.DataFrame:
    """Heterogeneity of each lot and of all lots together.

    Parameters
    ----------
    rep
        Principal components without integration, shape (n_cells, n_dims).
    clusters
        Integers from 0, shape (n_cells,).
    cycle
        S and G2M scores, shape (n_cells, 2).
    obs
        With lot_id and the factors of the sheet.
    seed
        Of the intervals.

    Returns
    -------
    Columns ``lot_id index value low high n_cells``. Of each lot: ``entropy`` of its clusters in bits; ``spread``, its
    variance in the embedding relative to the mean of all lots; ``explained_by_cluster`` and ``explained_by_cycle``,
    shares of that variance. Of ``all``: the share of the variance over all cells that each factor explains by itself.
    """
    lots = obs["lot_id"].astype(str).to_numpy()
    names = sorted(set(lots))
    k = int(clusters.max()) + 1
    dummies = np.eye(k)[clusters][:, 1:]
    spreads = {lot: rep[lots == lot].var(axis=0).sum() for lot in names}
    rows = []
    for lot in names:
        own = lots == lot
        rows.append((lot, "entropy", *entropy_interval(np.bincount(clusters[own], minlength=k), seed=seed), own.sum()))
        rows.append((lot, "spread", spreads[lot] / np.mean(list(spreads.values())), np.nan, np.nan, own.sum()))
        rows.append((lot, "explained_by_cluster", explained(rep[own], dummies[own]), np.nan, np.nan, own.sum()))
        rows.append((lot, "explained_by_cycle", explained(rep[own], cycle[own]), np.nan, np.nan, own.sum()))
    designs = {"cluster": dummies, "cycle": cycle} | {
        factor: pd.get_dummies(obs[factor].astype(str)).to_numpy(dtype=float)[:, 1:]
        for factor in FACTORS
        if factor in obs
    }
    for name, design in designs.items():
        rows.append(("all", f"explained_by_{name}", explained(rep, design), np.nan, np.nan, len(obs)))
    return pd.DataFrame(rows, columns=COLUMNS)


def _entropy(counts: np.ndarray) -> np.ndarray:
    share = counts / counts.sum(1, keepdims=True)
    return -(share * np.log2(np.where(share > 0, share, 1))).sum(1)
