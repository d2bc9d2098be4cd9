"""Find the sub-populations that are really there, one where there is one, and say how sure that is."""

import functools
import logging

import numpy as np
import pandas as pd
from anndata import AnnData

from mscape.backends import active
from mscape.clustering import annotations, gap_test, heterogeneity, leiden_stability, trajectory
from mscape.clustering.cluster import MAX_VALUED, cluster_cells, read_values
from mscape.data import counts
from mscape.embedding import cell_cycle, integration
from mscape.genes import registry as markers
from mscape.run import step

logger = logging.getLogger("mscape.cluster_cells")


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
    sets, members = cell_cycle.find_sets(registry, var, organism=params.organism)
    totals = obs["total_counts"].to_numpy(dtype=float)
    valued = np.zeros(len(obs), dtype=bool)
    valued[np.random.default_rng(seed).permutation(len(obs))[:MAX_VALUED]] = True
    values, cycle_values = read_values(input.h5ad, hvg, sets.astype(str), cells=keep, valued=valued, totals=totals)
    scores = cell_cycle.cycle_scores(cycle_values, members)

    use_rep = str(embedded["use_rep"])
    data = gap_test.make_data(
        light.obsm[use_rep],
        batch,
        values=values,
        valued=np.flatnonzero(valued),
        seed=seed,
        min_cells=settings["min_cluster_cells"],
        min_markers=settings["min_markers"],
    )
    connect = functools.partial(
        integration.connect_cells,
        method=str(embedded["method"]),
        n_neighbors=int(light.uns["neighbors"]["params"]["n_neighbors"]),
        seed=seed,
    )
    clusters, overlap, table, record = cluster_cells(
        leiden_stability.make_graph(light.obsp["connectivities"]),
        data,
        connect,
        engine=settings["engine"],
        resolution=settings["resolution"],
        resolutions=tuple(settings["resolutions"]),
        n_boot=settings["n_boot"],
        max_boot_cells=settings["max_boot_cells"],
        seed=seed,
    )
    cycling = annotations.find_cycling(data, clusters, scores)
    described = annotations.describe_clusters(
        clusters, overlap, obs, cycling=cycling, batch_key=batch_key, min_jaccard=settings["min_jaccard"]
    )
    logger.info("%s", record["reason"])
    for note in (record["notes"], *described["reason"]):
        if note:
            logger.info("%s", note)

    names = [str(c) for c in range(record["n_clusters"])]
    leiden = pd.Series(pd.Categorical(clusters.astype(str), categories=names), index=light.obs_names)
    paths = trajectory.connect_clusters(light, leiden)
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
    step.run(active.with_backend(main), snakemake)
