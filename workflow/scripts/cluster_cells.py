"""Find the sub-populations that are really there, one where there is one, and say how sure that is."""

import logging

import numpy as np
import pandas as pd
from anndata import AnnData

from mscape import (
    cluster_notes,
    counts,
    cycle,
    gaps,
    heterogeneity,
    markers,
    stability,
    step,
    trajectory,
    variable_genes,
)

logger = logging.getLogger("mscape.cluster_cells")

ENGINES = ("leidenalg", "igraph")
TOLERANCE = 0.03  # resolutions that agree with their resamples within this of the best count as equally stable


def choose_resolution(table: pd.DataFrame, *, min_agreement: float = 0.6) -> tuple[float, str]:
    """Choose the resolution with the most clusters among those that resampling supports best.

    Parameters
    ----------
    table
        One row a resolution: ``resolution n_communities n_clusters ari_mean``.
    min_agreement
        Adjusted Rand index with the resamples below which a partition is chance.

    Returns
    -------
    resolution
        0 when there is one cluster.
    reason
        In words.
    """
    found = table[table["n_clusters"] > 1]
    if not len(found):
        return 0.0, (
            "one cluster: at no resolution is any group of cells separated from the others by a gap on cells held out "
            "when the boundary was drawn"
        )
    best = found["ari_mean"].max()
    if best < min_agreement:
        return 0.0, (
            f"one cluster: splits were seen at {len(found)} of {len(table)} resolutions, but subsamples do not find "
            f"them again (agreement at most {best:.2f}; {min_agreement:g} is asked)"
        )
    equal = found[found["ari_mean"] >= best - TOLERANCE]
    row = equal.sort_values(["n_clusters", "ari_mean", "resolution"], ascending=[False, False, True]).iloc[0]
    return float(row["resolution"]), (
        f"{int(row['n_clusters'])} clusters at resolution {row['resolution']:g}: each set apart by a gap on held-out "
        f"cells, and subsamples of 80 % find them again (agreement {row['ari_mean']:.2f}; best of all resolutions "
        f"{best:.2f}; among the equally stable the one with most clusters is taken)"
    )


def cluster_cells(
    graph,
    data: gaps.Data,
    *,
    engine: str = "leidenalg",
    resolution: float | None = None,
    resolutions: tuple[float, ...] = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5),
    n_boot: int = 20,
    max_boot_cells: int = 10_000,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame, dict]:
    """Cluster at each resolution, unite what no gap separates, resample, choose.

    Parameters
    ----------
    graph
        Of all cells, with weights.
    data
        In which gaps are looked for.
    engine
        ``leidenalg`` or ``igraph``: which one's clusters are kept. The grid and the resamples are searched with igraph.
    resolution
        Fixed by the user: communities are then taken as they are, gaps or not.
    resolutions
        Grid of the automatic choice.
    n_boot, max_boot_cells
        Number and largest size of the subsamples.
    seed
        Of everything.

    Returns
    -------
    clusters
        Integers by size, shape (n_cells,).
    jaccard
        Mean overlap of each cluster with its likeness in the subsamples.
    table
        ``resolution n_communities n_clusters n_resamples ari_mean ari_low ari_high chosen``.
    record
        resolution, reason, engine, agreement of both engines, notes.
    """
    from sklearn.metrics import adjusted_rand_score

    grid = sorted(set(resolutions) | ({resolution} if resolution is not None else set()))
    communities = {r: stability.leiden(graph, resolution=r, seed=seed) for r in grid}
    found = {r: gaps.find_clusters(data, labels) for r, labels in communities.items()}
    partitions = {r: labels for r, (labels, _) in found.items()}
    samples = stability.draws(len(data.rep), n_boot=n_boot, max_cells=max_boot_cells, seed=seed)
    few = {r for r, (_, notes) in found.items() if gaps.FEW_MARKERS in notes}
    again = stability.resample_best(graph, data, partitions, samples=samples, with_values=few, seed=seed)
    ari = {r: stability.compare_samples(partitions[r], samples, again[r])[0] for r in grid}
    table = pd.DataFrame(
        {
            "resolution": grid,
            "n_communities": [int(communities[r].max()) + 1 for r in grid],
            "n_clusters": [int(partitions[r].max()) + 1 for r in grid],
            "n_resamples": [len(ari[r]) for r in grid],
            "ari_mean": [ari[r].mean() for r in grid],
            "ari_low": [np.quantile(ari[r], 0.05) for r in grid],
            "ari_high": [np.quantile(ari[r], 0.95) for r in grid],
        }
    )
    chosen, reason = choose_resolution(table) if resolution is None else (resolution, "")
    clusters = np.zeros(len(data.rep), dtype=int)
    overlap, agreement = np.ones(1), 1.0
    if chosen:
        both = {}
        for name in ENGINES:
            labels = stability.leiden(graph, resolution=chosen, engine=name, seed=seed)
            both[name] = labels if resolution is not None else gaps.find_clusters(data, labels)[0]
        agreement = float(adjusted_rand_score(*both.values()))
        clusters = both[engine]
        if resolution is None:
            overlap = stability.compare_samples(clusters, samples, again[chosen])[1]
        else:
            overlap = stability.leiden_jaccard(graph, clusters, resolution=chosen, samples=samples, seed=seed)
            supported = int(partitions[chosen].max()) + 1
            reason = f"resolution {chosen:g} as configured: {clusters.max() + 1} clusters; gaps support {supported}"
    table["chosen"] = table["resolution"] == chosen
    record = {"resolution": chosen, "reason": reason, "engine": engine, "n_clusters": int(clusters.max()) + 1}
    record["agreement"] = agreement
    record["notes"] = "; ".join(sorted({note for _, notes in found.values() for note in notes}))
    return clusters, overlap, table, record


def main(input, output, params):
    """Read the embedding and the counts of the variable genes, write clusters, their stability, the grid and paths."""
    settings, seed = dict(params.settings), params.seed
    light = counts.read_light(input.embedding)
    embedded = light.uns["mscape"]["embed_cells"]
    obs = counts.read_obs(input.h5ad)
    keep = obs.index.isin(light.obs_names)
    obs = obs.loc[light.obs_names]
    var = counts.read_var(input.h5ad)
    batch_key = str(embedded["batch_key"])
    batch = pd.factorize(obs[batch_key].astype(str), sort=True)[0] if batch_key else np.zeros(len(obs), dtype=int)

    hvg = np.asarray(embedded["highly_variable_genes"]).astype(str)
    registry = markers.load_markers(input.markers).signatures
    sets, members = cycle.find_sets(registry, var, organism=params.organism)
    totals = obs["total_counts"].to_numpy(dtype=float)
    genes = np.concatenate([hvg, sets.astype(str)])
    values = variable_genes.log_columns(input.h5ad, genes, cells=keep, totals=totals)
    scores = cycle.cycle_scores(values[:, len(hvg) :], members)

    graph = stability.make_graph(light.obsp["connectivities"])
    data = gaps.make_data(
        light.obsm[str(embedded["use_rep"])],
        batch,
        values=values[:, : len(hvg)],
        seed=seed,
        min_cells=settings["min_cluster_cells"],
        min_markers=settings["min_markers"],
    )
    clusters, overlap, table, record = cluster_cells(
        graph,
        data,
        engine=settings["engine"],
        resolution=settings["resolution"],
        resolutions=tuple(settings["resolutions"]),
        n_boot=settings["n_boot"],
        max_boot_cells=settings["max_boot_cells"],
        seed=seed,
    )
    cycling = cluster_notes.find_cycling(data, clusters, scores)
    described = cluster_notes.describe_clusters(
        clusters, overlap, obs, cycling=cycling, batch_key=batch_key, min_jaccard=settings["min_jaccard"]
    )
    logger.info("%s", record["reason"])
    for note in (record["notes"], *described["reason"]):
        if note:
            logger.info("%s", note)

    names = [str(c) for c in range(record["n_clusters"])]
    leiden = pd.Series(pd.Categorical(clusters.astype(str), categories=names), index=light.obs_names)
    paths = trajectory.connect_clusters(light, leiden)
    use_rep = str(embedded["use_rep"])
    times, record["pseudotime"] = trajectory.pseudotime(
        light, leiden, paths, use_rep=use_rep, root=settings.get("root"), seed=seed
    )
    logger.info("%s", record["pseudotime"])
    lots = heterogeneity.describe_lots(light.obsm["X_pca"].astype(float), clusters, scores, obs, seed=seed)
    columns = {"leiden": leiden, "leiden_stable": described["stable"].to_numpy()[clusters], "dpt_pseudotime": times}
    result = AnnData(obs=pd.DataFrame(columns, index=light.obs_names))
    record |= {"cells": str(embedded["cells"]), "cells_reason": str(embedded["reason"]), "seed": seed}
    result.uns["mscape"] = {
        "cluster_cells": record | {"settings": {k: v for k, v in settings.items() if v is not None}}
    }
    counts.write(result, output.h5ad)
    tables = {output.stability: described, output.resolutions: table, output.paga: paths, output.heterogeneity: lots}
    for path, part in tables.items():
        part.to_csv(path, sep="\t", index=False, float_format="%.6g", lineterminator="\n")


if "snakemake" in globals():
    step.run(main, snakemake)
