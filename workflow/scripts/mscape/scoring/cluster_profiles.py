"""What the signatures say of each cluster: its departure from the resting population of its lots, lot by lot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from mscape.data.tables import TABLES
from mscape.genes.names import GeneIndex
from mscape.scoring import consensus, control_genes, gene_sets, methods, null_sets

if TYPE_CHECKING:
    import scipy.sparse as sp
    from anndata import AnnData

    from mscape.genes.registry import Markers

SCORES = TABLES["cluster_scores"].names
PROGRAMMES = TABLES["cluster_states"].names


def departures(bulk: AnnData, reference: str, *, min_cells: int = 20) -> tuple[np.ndarray, pd.DataFrame, np.ndarray]:
    """Compare each cluster of a lot with the resting population of that lot, so that lots are no clusters.

    Parameters
    ----------
    bulk
        Raw sums of lots and clusters; ``obs``: ``lot_id cluster n_cells``.
    reference
        The resting cluster.
    min_cells
        Sums of fewer cells are left out, and lots without so many resting cells.

    Returns
    -------
    values
        log1p of counts per 10,000 minus that of the lot's resting cells, shape (n_rows, n_genes).
    rows
        The rows of ``obs`` that are left: other clusters than the reference.
    resting
        log1p of counts per 10,000 of the resting cells of each row's lot.
    """
    obs = bulk.obs[["lot_id", "cluster", "n_cells"]].astype({"lot_id": str, "cluster": str})
    enough, resting = obs["n_cells"] >= min_cells, obs["cluster"] == reference
    at = {lot: i for i, lot in enumerate(obs["lot_id"]) if enough.iloc[i] and resting.iloc[i]}
    kept = np.flatnonzero(enough & ~resting & obs["lot_id"].isin(list(at)))
    rows = obs.iloc[kept]
    logs, own = _log_rates(bulk.X[kept]), _log_rates(bulk.X[[at[lot] for lot in rows["lot_id"]]])
    return logs - own, rows, own


def _log_rates(sums: sp.csr_matrix) -> np.ndarray:
    counts = sums.toarray().astype(float)
    return np.log1p(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) * 1e4)


def score_clusters(
    bulk: AnnData,
    markers: Markers,
    reference: str,
    *,
    organism: str = "human",
    min_genes: int = 10,
    min_coverage: float = 0.6,
    controls: int = 100,
    min_cells: int = 20,
    seed: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score the clusters as the lots are scored, and say what the scores mean together.

    Parameters
    ----------
    bulk
        Raw sums; ``var["measured"]`` flags genes in every sample's feature table, ``var["gene_id"]`` their ids.
    markers
        The registry.
    reference
        The resting cluster.
    organism, min_genes, min_coverage, controls
        As for the scores of cells.
    min_cells
        See :func:`departures`.
    seed
        Of the random sets.

    Returns
    -------
    scores
        :data:`SCORES`: z is the cluster's departure from the resting cells, averaged over lots, in units of random gene
        sets of the same expression; low and high its 95 % interval over the lots (Student's t), missing with one lot;
        lowest and highest of the lots; pvalue against random sets. The reference itself has no row.
    programmes
        :data:`PROGRAMMES`, by :func:`mscape.scoring.consensus.describe_lots`.
    """
    nothing = pd.DataFrame(columns=SCORES), pd.DataFrame(columns=PROGRAMMES)
    values, rows, resting = departures(bulk, reference, min_cells=min_cells)
    if rows.empty:
        return nothing
    names, measured = bulk.var_names.to_numpy(dtype=str), bulk.var["measured"].to_numpy(dtype=bool)
    index = GeneIndex(names, bulk.var["gene_id"].astype(str), organism=organism)
    sets, table = gene_sets.build_sets(markers, index, names, measured, min_genes=min_genes, min_coverage=min_coverage)
    usable = measured & ~gene_sets.scored_genes(table, names) & ~pd.Series(names).str.upper().str.startswith("MT-")
    mean = resting.mean(axis=0)
    background = control_genes.make_background(mean, usable.to_numpy(), names, controls=controls)
    if background is None or not sets:
        return nothing
    found = null_sets.GeneStats.of(mean, (resting > 0).mean(axis=0), background)
    weights = methods.matched_weights(sets, mean, background)
    clusters = list(dict.fromkeys(rows["cluster"]))
    own = [(rows["cluster"] == cluster).to_numpy() for cluster in clusters]
    averages = np.array([values[at].mean(axis=0) for at in own])
    z, p, unit = null_sets.score_lots(mean + averages, weights, sets, found, background, seed=seed)
    each, parts = values @ weights, []
    for i, (cluster, at) in enumerate(zip(clusters, own, strict=True)):
        n = int(at.sum())
        half = np.full(len(sets), np.nan)
        if n > 1:
            half = stats.t.ppf(0.975, n - 1) * each[at].std(axis=0, ddof=1) / np.sqrt(n) / unit[i]
        columns = {"cluster": cluster, "signature": [one.name for one in sets], "n_lots": n}
        columns |= {"n_cells": int(rows["n_cells"][at].sum()), "z": z[i], "low": z[i] - half, "high": z[i] + half}
        shift = (each[at] - each[at].mean(axis=0)) / unit[i]
        columns |= {"lowest": z[i] + shift.min(axis=0), "highest": z[i] + shift.max(axis=0)}
        parts.append(pd.DataFrame(columns | {"pvalue": p[i]}))
    scores = pd.concat(parts, ignore_index=True)[SCORES]
    together = consensus.describe_lots(scores.pivot(index="cluster", columns="signature", values="z"))
    sizes = scores.drop_duplicates("cluster").set_index("cluster")[["n_lots", "n_cells"]]
    programmes = sizes.join(together.rename_axis("cluster")).reset_index()[PROGRAMMES]
    return scores, programmes
