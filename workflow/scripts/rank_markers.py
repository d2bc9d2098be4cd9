"""Rank the genes that set each cluster apart, in all cells and donor by donor, and list surface proteins to sort by."""

import logging

import pandas as pd

from mscape.clustering import marker_values
from mscape.clustering.marker_sums import Sums
from mscape.clustering.rank_genes import (
    COLUMNS,
    HELD,
    HELD_PER_CELL,
    SHORT,
    find_surface,
    rank_genes,
    run_wilcoxon,
    shortlist_surface,
)
from mscape.data import counts
from mscape.run import step

logger = logging.getLogger("mscape.rank_markers")


def main(input, output, params):
    """Read counts and clusters, write markers and surface shortlist."""
    light = counts.read_light(input.clusters)
    obs = counts.read_obs(input.h5ad)
    clusters = light.obs["leiden"]
    if clusters.nunique() < 2:
        logger.info("One cluster: there is nothing to set apart, so the marker tables are empty.")
        table, short = pd.DataFrame(columns=COLUMNS), pd.DataFrame(columns=SHORT)
    else:
        keep = obs.index.isin(clusters.index)
        obs = obs[keep]
        clusters, var = clusters.loc[obs.index], counts.read_var(input.h5ad)
        genes = var.index
        sums = Sums(clusters, obs["donor_id"], len(genes))
        totals = obs["total_counts"].to_numpy(dtype=float)
        marker_values.read_sums(input.h5ad, sums, cells=keep, totals=totals)
        detected, tests = sums.detected(), []
        for part in marker_values.split_genes(detected, max(HELD, HELD_PER_CELL * len(obs))):
            values = marker_values.read_values(input.h5ad, part, cells=keep, totals=totals, detected=detected)
            tests.append(run_wilcoxon(values, clusters, genes[part], threads=params.threads))
            del values
        table = rank_genes(pd.concat(tests), genes, sums)
        surface = find_surface(var, organism=params.organism)
        table["surface"] = table["gene"].isin(surface.index)
        for column in ("protein", "evidence"):
            table[column] = table["gene"].map(surface[column]).astype(object).fillna("")
        table["n_donors"], table["n_donors_up"] = 0, 0
        for cluster in table["cluster"].unique():
            n, up = sums.count_donors(cluster)
            rows = table["cluster"] == cluster
            table.loc[rows, "n_donors"] = n
            table.loc[rows, "n_donors_up"] = pd.Series(up, index=genes).loc[table.loc[rows, "gene"]].to_numpy()
        short = shortlist_surface(table)
        table = table[COLUMNS]
    for part, path in ((table, output.table), (short, output.surface)):
        part.to_csv(path, sep="\t", index=False, float_format="%.6g", lineterminator="\n")


if "snakemake" in globals():
    step.run(main, snakemake)
