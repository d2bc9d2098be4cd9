"""Rank the genes that set each cluster apart, in all cells and donor by donor, and list surface proteins to sort by."""

import contextlib
import io
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData

from mscape import counts, step, variable_genes

logger = logging.getLogger("mscape.rank_markers")

SURFACE = Path(__file__).parents[2] / "resources" / "surface_proteins.tsv"
MAX_CELLS = 50_000  # of the test; larger datasets are sampled within clusters
MIN_FOLD = 0.5  # log2; genes that rise less are ranked behind those that rise more
MAX_PVALUE = 0.05  # adjusted, of the genes that are ranked first
MIN_DONOR_CELLS = 10  # of a donor, in the cluster and outside it
COLUMNS = [
    "cluster",
    "gene",
    "rank",
    "statistic",
    "log2_fold_change",
    "pvalue",
    "pvalue_adj",
    "fraction_in",
    "fraction_out",
    "surface",
    "n_donors",
    "n_donors_up",
    "protein",
]


def rank_markers(values: sp.csr_matrix, clusters: pd.Series, genes: pd.Index, *, threads: int = 1) -> pd.DataFrame:
    """Wilcoxon test of each cluster against all other cells, every gene, with tie correction.

    Exact rank sums by illico (the normal approximation of their null, as in scanpy, which it equals with
    ``tie_correct=True``). The p-values rank genes; they are no evidence that the clusters exist, because the same genes
    drew them.

    Parameters
    ----------
    values
        Log-normalised, CSR with sorted indices, shape (n_cells, n_genes).
    clusters
        Name of each cell's cluster; at least two, each with 2 cells.
    genes
        Names, shape (n_genes,).
    threads
        The result does not depend on them.

    Returns
    -------
    Columns ``cluster gene rank statistic log2_fold_change pvalue pvalue_adj fraction_in fraction_out``, by rank. Every
    gene has a rank: first those with ``log2_fold_change >= 0.5`` and ``pvalue_adj < 0.05``, then the others, in both
    parts by falling z-score. By z-score alone, genes that every cell expresses (ribosomal proteins) could head the
    list: they are measured so exactly that a change which sets nothing apart has a large z-score.
    """
    from illico import asymptotic_wilcoxon
    from loguru import logger as chatter

    chatter.disable("illico")
    obs = pd.DataFrame({"cluster": clusters.astype(str).to_numpy()}, index=clusters.index.astype(str))
    adata = AnnData(values, obs=obs, var=pd.DataFrame(index=genes))
    said = io.StringIO()  # illico shows a progress bar
    with contextlib.redirect_stderr(said):
        result = asymptotic_wilcoxon(adata, is_log1p=True, group_keys="cluster", n_threads=threads, tie_correct=True)
    result = (
        result.drop(columns="statistic")
        .reset_index()
        .rename(columns={"pert": "cluster", "feature": "gene", "p_value": "pvalue", "z_score": "statistic"})
    )
    result["statistic"] = result["statistic"].fillna(0.0)
    result["pvalue"] = result["pvalue"].fillna(1.0)
    tables = []
    for cluster, table in result.groupby("cluster", observed=True, sort=True):
        inside = (clusters.astype(str) == cluster).to_numpy()
        table = table.set_index("gene").loc[genes].reset_index()
        table["log2_fold_change"], table["fraction_in"], table["fraction_out"] = fold_change(values, inside)
        table["pvalue_adj"] = adjust(table["pvalue"].to_numpy())
        table["marks"] = (table["log2_fold_change"] >= MIN_FOLD) & (table["pvalue_adj"] < MAX_PVALUE)
        table = table.sort_values(["marks", "statistic", "gene"], ascending=[False, False, True], ignore_index=True)
        table["rank"] = np.arange(1, len(table) + 1)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)[COLUMNS[:9]]


def fold_change(values: sp.csr_matrix, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log2 ratio of the mean scaled counts in and out of a cluster (each plus 0.01), and the fractions that detect.

    Parameters
    ----------
    values
        Log-normalised, shape (n_cells, n_genes).
    inside
        bool, shape (n_cells,).

    Returns
    -------
    Three arrays of shape (n_genes,).
    """
    means, fractions = [], []
    for cells in (inside, ~inside):
        part = values[cells]
        n = max(part.shape[0], 1)
        scaled = sp.csr_matrix((np.expm1(part.data.astype(np.float64)), part.indices, part.indptr), shape=part.shape)
        means.append(np.asarray(scaled.sum(axis=0)).ravel() / n)
        fractions.append(np.bincount(part.indices, minlength=part.shape[1]) / n)
    return np.log2((means[0] + 0.01) / (means[1] + 0.01)), *fractions


def adjust(pvalues: np.ndarray) -> np.ndarray:
    """Adjust for many tests (Benjamini and Hochberg 1995); same shape."""
    from scipy.stats import false_discovery_control

    return false_discovery_control(np.clip(pvalues, 0, 1))


def count_donors(values: sp.csr_matrix, clusters: pd.Series, donors: pd.Series, cluster: str) -> tuple[int, np.ndarray]:
    """Count the donors in which a gene is higher in the cluster than outside, by pseudobulk.

    Parameters
    ----------
    values
        Log-normalised, shape (n_cells, n_genes).
    clusters, donors
        Of each cell.
    cluster
        Name.

    Returns
    -------
    n
        Donors with at least 10 cells inside and outside.
    up
        Of these, those with a positive difference, shape (n_genes,).
    """
    up, n = np.zeros(values.shape[1], dtype=int), 0
    inside = (clusters.astype(str) == cluster).to_numpy()
    for donor in sorted(donors.astype(str).unique()):
        own = (donors.astype(str) == donor).to_numpy()
        if min((own & inside).sum(), (own & ~inside).sum()) < MIN_DONOR_CELLS:
            continue
        n += 1
        up += fold_change(values[own], inside[own])[0] > 0
    return n, up


def shortlist_surface(table: pd.DataFrame, *, n: int = 10) -> pd.DataFrame:
    """Surface proteins to sort each cluster by, positive and negative.

    Parameters
    ----------
    table
        Markers, with the column surface.
    n
        At most so many a cluster and sign.

    Returns
    -------
    Columns ``cluster sign gene protein log2_fold_change pvalue_adj fraction_in fraction_out contrast``; ``contrast`` is
    the difference of the detected fractions; rows differ two-fold at least and are ordered by the test's statistic.
    """
    hits = table[table["surface"] & (table["pvalue_adj"] < 0.05) & (table["log2_fold_change"].abs() >= 1)].copy()
    hits["sign"] = np.where(hits["log2_fold_change"] > 0, "positive", "negative")
    hits["contrast"] = hits["fraction_in"] - hits["fraction_out"]
    hits["size"] = hits["statistic"].abs()
    hits = hits.sort_values(["cluster", "sign", "size", "gene"], ascending=[True, False, False, True])
    columns = ["cluster", "sign", "gene", "protein", "log2_fold_change", "pvalue_adj", "fraction_in", "fraction_out"]
    return hits.groupby(["cluster", "sign"], sort=False).head(n)[[*columns, "contrast"]].reset_index(drop=True)


def sample_cells(clusters: pd.Series, *, max_cells: int = MAX_CELLS, seed: int = 0) -> np.ndarray:
    """Choose at most ``max_cells`` cells, small clusters whole, large ones in proportion; positions in order."""
    if len(clusters) <= max_cells:
        return np.arange(len(clusters))
    rng = np.random.default_rng(seed)
    codes, names = pd.factorize(clusters.astype(str), sort=True)
    share = max_cells / len(clusters)
    kept = []
    for code in range(len(names)):
        cells = np.flatnonzero(codes == code)
        size = min(len(cells), max(int(share * len(cells)), 500))
        kept.append(rng.choice(cells, size, replace=False))
    return np.sort(np.concatenate(kept))


def main(input, output, params):
    """Read counts and clusters, write markers and surface shortlist; all genes of sampled cells are held at once."""
    light = counts.read_light(input.clusters)
    obs = counts.read_obs(input.h5ad)
    clusters = light.obs["leiden"]
    n_clusters = clusters.nunique()
    empty = pd.DataFrame(columns=COLUMNS)
    if n_clusters < 2:
        logger.info("One cluster: there is nothing to set apart, so the marker tables are empty.")
        table, short = empty, shortlist_surface(empty.astype({"surface": bool, "pvalue_adj": float}))
    else:
        clusters = clusters.iloc[sample_cells(clusters, seed=params.seed)]
        keep = obs.index.isin(clusters.index)
        clusters, chosen = clusters.loc[obs.index[keep]], obs[keep]
        genes = counts.read_var(input.h5ad).index
        totals = chosen["total_counts"].to_numpy(dtype=float)
        values = variable_genes.log_columns(input.h5ad, genes.to_numpy(), cells=keep, totals=totals)
        table = rank_markers(values, clusters, genes, threads=params.threads)
        surface = pd.read_csv(SURFACE, sep="\t", comment="#", keep_default_na=False).drop_duplicates("gene")
        protein = surface.set_index("gene")["protein"]
        table["surface"] = table["gene"].isin(protein.index)
        table["protein"] = table["gene"].map(protein).fillna("")
        table["n_donors"], table["n_donors_up"] = 0, 0
        for cluster in table["cluster"].unique():
            n, up = count_donors(values, clusters, chosen["donor_id"], cluster)
            rows = table["cluster"] == cluster
            table.loc[rows, "n_donors"] = n
            table.loc[rows, "n_donors_up"] = pd.Series(up, index=genes).loc[table.loc[rows, "gene"]].to_numpy()
        table = table[COLUMNS]
        short = shortlist_surface(table)
    for part, path in ((table, output.table), (short, output.surface)):
        part.to_csv(path, sep="\t", index=False, float_format="%.6g", lineterminator="\n")


if "snakemake" in globals():
    step.run(main, snakemake)
