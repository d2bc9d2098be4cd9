"""Enrichment of signatures among the genes of clusters and contrasts, and scores of lots' sums."""

from __future__ import annotations

import logging

import pandas as pd
from anndata import AnnData

from mscape.data.tables import TABLES
from mscape.scoring.enrichment import HITS, count_overlap, rank_genes, run_prerank
from mscape.scoring.gsva import score_sums

logger = logging.getLogger(__name__)

KEYS = ["scope", "cluster"]
COLUMNS, SUMS = TABLES["enrichment"].names, TABLES["lot_enrichment"].names


def enrich_clusters(
    markers: pd.DataFrame,
    sets: dict[str, list[str]],
    *,
    ora_genes: int = 100,
    ora_fdr: float = 0.05,
    ora_log2_fold_change: float = 0.5,
    min_ranked: int = 500,
    threads: int = 1,
    **options: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Enrich each cluster's markers.

    Parameters
    ----------
    markers
        ``cluster gene statistic log2_fold_change pvalue_adj``; every tested gene, or at least ``min_ranked`` of them.
    sets
        Genes by set.
    ora_genes, ora_fdr, ora_log2_fold_change
        Over-representation takes at most so many genes, by falling statistic, that pass both limits.
    min_ranked
        Shorter lists are not ranked lists: they get over-representation only.
    threads
        Does not change the result.
    **options
        ``permutation_num``, ``min_size``, ``max_size``, ``seed`` of :func:`run_prerank`.

    Returns
    -------
    table
        :data:`COLUMNS`; no rows with fewer than two clusters, because a cluster's markers are against the others.
    hits
        Genes of the first sets of each ranking, for plots: ``scope cluster`` and
        :data:`mscape.scoring.enrichment.HITS`.
    """
    clusters = list(dict.fromkeys(markers["cluster"]))
    tables, drawn = [], []
    if len(clusters) < 2:
        logger.info("%d cluster: no markers, nothing to enrich", len(clusters))
        clusters = []
    background = pd.Index(sorted(markers["gene"].unique()))
    sizes = {key: options[key] for key in ("min_size", "max_size") if key in options}
    for cluster in clusters:
        own, key = markers[markers["cluster"] == cluster].set_index("gene"), {"scope": "cluster", "cluster": cluster}
        ranked = rank_genes(own["statistic"])
        if len(ranked) >= min_ranked:
            table, hits = run_prerank(ranked, sets, threads=threads, **options)
            tables.append(table.assign(method="prerank", **key))
            drawn.append(hits.assign(**key))
        else:
            logger.info("cluster %s: %d ranked genes, at least %d needed for prerank", cluster, len(ranked), min_ranked)
        up = own[(own["pvalue_adj"] < ora_fdr) & (own["log2_fold_change"] >= ora_log2_fold_change)]
        top = list(rank_genes(up["statistic"]).index[:ora_genes])
        tables.append(count_overlap(top, sets, background, **sizes).assign(method="ora", **key))
    return stack_tables(tables, COLUMNS), stack_tables(drawn, KEYS + HITS)


def enrich_contrasts(
    contrasts: pd.DataFrame, sets: dict[str, list[str]], *, min_ranked: int = 500, threads: int = 1, **options: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Enrich each contrast's genes, ranked by test statistic, or by effect where donors are too few for a test.

    The p-values of prerank are of random gene sets, not of donors: they say that a set moves more than other genes do
    in these donors, not that it would in others.

    Parameters
    ----------
    contrasts
        Table of compare_groups.
    sets
        Genes by set.
    min_ranked
        Contrasts with fewer genes are left out.
    threads
        Does not change the result.
    **options
        As in :func:`enrich_clusters`.

    Returns
    -------
    Both tables of :func:`enrich_clusters`, with the contrast's name in ``cluster``.
    """
    genes = contrasts[contrasts["kind"] == "gene"]
    tables, drawn = [], []
    for name in dict.fromkeys(genes["contrast"]):
        own, key = genes[genes["contrast"] == name].set_index("feature"), {"scope": "contrast", "cluster": name}
        tested = own["pvalue"].notna().any()
        ranked = rank_genes(own["statistic"] if tested else own["estimate"])
        if len(ranked) >= min_ranked:
            table, hits = run_prerank(ranked, sets, threads=threads, **options)
            tables.append(table.assign(method="prerank", **key))
            drawn.append(hits.assign(**key))
    return stack_tables(tables, COLUMNS), stack_tables(drawn, KEYS + HITS)


def score_lots(bulk: AnnData, sets: dict[str, list[str]], *, min_cells: int = 20, **options: int) -> pd.DataFrame:
    """Score the summed MSC of each lot, and of each of its clusters, by ssGSEA and GSVA.

    Parameters
    ----------
    bulk
        Raw sums of lots and clusters; ``obs``: ``lot_id cluster n_cells``.
    sets
        Genes by set.
    min_cells
        Sums of fewer cells are left out.
    **options
        ``min_size``, ``max_size``, ``threads`` of :func:`mscape.scoring.gsva.score_sums`.

    Returns
    -------
    :data:`SUMS`, with "" in ``cluster`` for all MSC of the lot. Lots are compared with lots, clusters of lots with each
    other.
    """
    obs = bulk.obs[["lot_id", "cluster", "n_cells"]].astype({"lot_id": str, "cluster": str})
    sums = pd.DataFrame(bulk.X.toarray(), index=bulk.obs_names, columns=bulk.var_names)
    lots = obs.groupby("lot_id", as_index=False)["n_cells"].sum().assign(cluster="").set_index("lot_id", drop=False)
    tables = []
    for rows, values in ((lots, sums.groupby(obs["lot_id"]).sum()), (obs, sums)):
        rows = rows[rows["n_cells"] >= min_cells]
        found = score_sums(values.loc[rows.index], sets, **options)
        tables.append(found.merge(rows, left_on="row", right_index=True))
    return stack_tables(tables, SUMS)


def stack_tables(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """Put tables under each other; an empty table with these columns where there is none."""
    tables = [table for table in tables if not table.empty]
    return pd.concat(tables, ignore_index=True).reindex(columns=columns) if tables else pd.DataFrame(columns=columns)
