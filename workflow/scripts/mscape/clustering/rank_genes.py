"""Marker genes of each cluster, and surface proteins among them."""

from __future__ import annotations

import contextlib
import io
import logging
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData

from mscape import paths
from mscape.clustering import marker_values
from mscape.clustering.marker_sums import Sums
from mscape.data import counts
from mscape.data.reference_table import read_reference
from mscape.data.tables import TABLES
from mscape.genes.names import resolve_genes
from mscape.stats import adjust_pvalues

if TYPE_CHECKING:
    from mscape.data.counts import Source

logger = logging.getLogger(__name__)

SURFACE = paths.resource("surface_proteins.tsv")
HELD = 45_000_000  # values held at a time: 360 MB with their rows; each part is one more pass over the file
HELD_PER_CELL = 400  # and more in large datasets, so that the number of passes does not grow with the cells
TOGETHER = 64  # genes that a thread sorts at a time; illico's own 256 take gigabytes at a million cells
MIN_FOLD = 0.5  # log2; genes that rise less are ranked behind those that rise more
MAX_PVALUE = 0.05  # adjusted, of the genes that are ranked first
COLUMNS, SHORT = TABLES["markers"].names, TABLES["surface"].names


def run_wilcoxon(values: sp.csc_matrix, clusters: pd.Series, genes: pd.Index, *, threads: int = 1) -> pd.DataFrame:
    """Wilcoxon test of each cluster against all other cells, with tie correction.

    Exact rank sums by illico (the normal approximation of their null, as in scanpy, which it equals with
    ``tie_correct=True``).

    Parameters
    ----------
    values
        Log-normalised, CSC with sorted indices, shape (n_cells, n_genes).
    clusters
        Name of each cell's cluster; at least two, each with 2 cells.
    genes
        Names, shape (n_genes,).
    threads
        The result does not depend on them.

    Returns
    -------
    Columns ``cluster gene statistic pvalue``.
    """
    from illico import asymptotic_wilcoxon
    from loguru import logger as chatter

    chatter.disable("illico")
    obs = pd.DataFrame({"cluster": clusters.astype(str).to_numpy()}, index=clusters.index.astype(str))
    adata = AnnData(values, obs=obs, var=pd.DataFrame(index=genes))
    said = io.StringIO()  # illico shows a progress bar
    with contextlib.redirect_stderr(said):
        result = asymptotic_wilcoxon(
            adata, is_log1p=True, group_keys="cluster", n_threads=threads, batch_size=TOGETHER, tie_correct=True
        )
    result = result.drop(columns="statistic").reset_index()
    result = result.rename(
        columns={"pert": "cluster", "feature": "gene", "p_value": "pvalue", "z_score": "statistic"}
    ).fillna({"statistic": 0.0, "pvalue": 1.0})
    return result[["cluster", "gene", "statistic", "pvalue"]]


def rank_genes(tests: pd.DataFrame, genes: pd.Index, sums: Sums) -> pd.DataFrame:
    """Rank all genes of each cluster.

    The p-values rank genes; they are no evidence that the clusters exist, because the same genes drew them.

    Parameters
    ----------
    tests
        Of :func:`run_wilcoxon`, every gene in every cluster.
    genes
        Names, shape (n_genes,).
    sums
        Of the same cells.

    Returns
    -------
    Columns ``cluster gene rank statistic log2_fold_change pvalue pvalue_adj fraction_in fraction_out``, by rank. Every
    gene has a rank: first those with ``log2_fold_change >= 0.5`` and ``pvalue_adj < 0.05``, then the others, in both
    parts by falling z-score. By z-score alone, genes that every cell expresses (ribosomal proteins) could head the
    list: they are measured so exactly that a change which sets nothing apart has a large z-score.
    """
    tables = []
    for cluster, table in tests.groupby("cluster", observed=True, sort=True):
        table = table.set_index("gene").loc[genes].reset_index()
        table = table.assign(**sums.compare(cluster))
        table["pvalue_adj"] = adjust_pvalues(np.clip(table["pvalue"].to_numpy(), 0, 1))
        table["marks"] = (table["log2_fold_change"] >= MIN_FOLD) & (table["pvalue_adj"] < MAX_PVALUE)
        table = table.sort_values(["marks", "statistic", "gene"], ascending=[False, False, True], ignore_index=True)
        table["rank"] = np.arange(1, len(table) + 1)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)[COLUMNS[:9]]


def shortlist_surface(table: pd.DataFrame, *, n: int = 10) -> pd.DataFrame:
    """Surface proteins to sort each cluster by, positive and negative.

    Parameters
    ----------
    table
        Markers, with the columns surface, protein and evidence.
    n
        At most so many a cluster and sign.

    Returns
    -------
    Columns ``cluster sign gene protein evidence log2_fold_change pvalue_adj fraction_in fraction_out contrast``;
    ``contrast`` is the difference of the detected fractions. Rows differ two-fold at least. Proteins known to stand on
    the surface come before those known to be in the membrane, both by the test's statistic.
    """
    hits = table[table["surface"] & (table["pvalue_adj"] < 0.05) & (table["log2_fold_change"].abs() >= 1)].copy()
    hits["sign"] = np.where(hits["log2_fold_change"] > 0, "positive", "negative")
    hits["contrast"] = hits["fraction_in"] - hits["fraction_out"]
    hits["size"] = hits["statistic"].abs()
    hits["weak"] = hits["evidence"] == "membrane"
    hits = hits.sort_values(["cluster", "sign", "weak", "size", "gene"], ascending=[True, False, True, False, True])
    return hits.groupby(["cluster", "sign"], sort=False).head(n)[SHORT].reset_index(drop=True)


def find_surface(var: pd.DataFrame, *, organism: str = "human") -> pd.DataFrame:
    """Look up the surface proteins of ``resources/surface_proteins.tsv`` in a dataset.

    Parameters
    ----------
    var
        Genes of the dataset, with ``gene_id`` where known.
    organism
        ``human`` or ``mouse`` (by orthologs).

    Returns
    -------
    Columns ``protein evidence``, index = names in ``var``.
    """
    table = read_reference(SURFACE).set_index("gene")
    ids = var["gene_id"].astype(str).tolist() if "gene_id" in var else None
    found, _ = resolve_genes(list(table.index), var.index.tolist(), ids, organism=organism)
    table = table.loc[list(found)].set_axis(list(found.values()))
    return table[~table.index.duplicated()]


def rank_markers(
    source: Source, clusters: pd.Series, *, organism: str = "human", threads: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rank the genes that set each cluster apart, in all cells and donor by donor, and list surface proteins.

    Parameters
    ----------
    source
        Counts of all cells, with ``donor_id`` and ``total_counts``.
    clusters
        Cluster of each clustered cell, index = cells.
    organism
        Species whose symbols the counts bear.
    threads
        Of the rank-sum tests; no result depends on it.

    Returns
    -------
    Genes (:data:`COLUMNS`) and the shortlist of surface proteins (:data:`SHORT`); empty where there is one cluster.
    """
    if clusters.nunique() < 2:
        logger.info("One cluster: there is nothing to set apart, so the marker tables are empty.")
        return pd.DataFrame(columns=COLUMNS), pd.DataFrame(columns=SHORT)
    obs, var = counts.read_obs(source), counts.read_var(source)
    keep = obs.index.isin(clusters.index)
    obs = obs[keep]
    clusters, genes = clusters.loc[obs.index], var.index
    sums = Sums(clusters, obs["donor_id"], len(genes))
    totals = obs["total_counts"].to_numpy(dtype=float)
    marker_values.read_sums(source, sums, cells=keep, totals=totals)
    detected, tests = sums.detected(), []
    for part in marker_values.split_genes(detected, max(HELD, HELD_PER_CELL * len(obs))):
        values = marker_values.read_values(source, part, cells=keep, totals=totals, detected=detected)
        tests.append(run_wilcoxon(values, clusters, genes[part], threads=threads))
        del values  # before the next part is read
    table = rank_genes(pd.concat(tests), genes, sums)
    surface = find_surface(var, organism=organism)
    table["surface"] = table["gene"].isin(surface.index)
    for column in ("protein", "evidence"):
        table[column] = table["gene"].map(surface[column]).astype(object).fillna("")
    table["n_donors"], table["n_donors_up"] = 0, 0
    for cluster in table["cluster"].unique():
        n, up = sums.count_donors(cluster)
        rows = table["cluster"] == cluster
        table.loc[rows, "n_donors"] = n
        table.loc[rows, "n_donors_up"] = pd.Series(up, index=genes).loc[table.loc[rows, "gene"]].to_numpy()
    return table[COLUMNS], shortlist_surface(table)
