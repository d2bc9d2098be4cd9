"""Find the signatures that a cluster's or a contrast's ranked genes carry, offline, with the genes that lead."""

import logging

import numpy as np
import pandas as pd

from mscape import counts, pseudobulk, step
from mscape.enrichment import count_overlap, find_sets, rank_genes, run_prerank, score_lots
from mscape.markers import load_markers

logger = logging.getLogger(__name__)

COLUMNS = ["cluster", "method", "term", "nes", "pvalue", "fdr", "genes", "n_genes", "scope", "odds_ratio", "overlap"]


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
) -> pd.DataFrame:
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
    Table of :data:`COLUMNS`; no rows with fewer than two clusters, because a cluster's markers are against the others.
    """
    clusters = list(dict.fromkeys(markers["cluster"]))
    if len(clusters) < 2:
        logger.info("%d cluster: no markers, nothing to enrich", len(clusters))
        return pd.DataFrame(columns=COLUMNS)
    background = pd.Index(sorted(markers["gene"].unique()))
    sizes = {key: options[key] for key in ("min_size", "max_size") if key in options}
    parts = []
    for cluster in clusters:
        own = markers[markers["cluster"] == cluster].set_index("gene")
        ranked = rank_genes(own["statistic"])
        if len(ranked) >= min_ranked:
            parts.append(
                run_prerank(ranked, sets, threads=threads, **options).assign(cluster=cluster, method="prerank")
            )
        else:
            logger.info("cluster %s: %d ranked genes, at least %d needed for prerank", cluster, len(ranked), min_ranked)
        up = own[(own["pvalue_adj"] < ora_fdr) & (own["log2_fold_change"] >= ora_log2_fold_change)]
        hits = list(rank_genes(up["statistic"]).index[:ora_genes])
        parts.append(count_overlap(hits, sets, background, **sizes).assign(cluster=cluster, method="ora"))
    return _stack(parts, "cluster")


def enrich_contrasts(
    contrasts: pd.DataFrame, sets: dict[str, list[str]], *, min_ranked: int = 500, threads: int = 1, **options: int
) -> pd.DataFrame:
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
    Table of :data:`COLUMNS` with the contrast's name in ``cluster``.
    """
    genes = contrasts[contrasts["kind"] == "gene"]
    parts = []
    for name in dict.fromkeys(genes["contrast"]):
        own = genes[genes["contrast"] == name].set_index("feature")
        tested = own["pvalue"].notna().any()
        ranked = rank_genes(own["statistic"] if tested else own["estimate"])
        if len(ranked) >= min_ranked:
            parts.append(run_prerank(ranked, sets, threads=threads, **options).assign(cluster=name, method="prerank"))
    return _stack(parts, "contrast")


def main(input, output, params):
    """Read markers, contrasts and gene sets; write enrichment."""
    settings = dict(params.settings["enrichment"]) | {"seed": params.seed}
    registry = load_markers(input.markers_yaml, extra=input.signature_files)
    reading = {"sep": "\t", "keep_default_na": False, "na_values": [""]}
    markers = pd.read_csv(input.markers, dtype={"cluster": str, "gene": str}, **reading)
    table = pd.read_csv(input.contrasts, dtype={"feature": str, "contrast": str}, **reading)
    names = pd.Index(sorted({*markers["gene"], *table.loc[table["kind"] == "gene", "feature"]}))
    sets = find_sets(registry.signatures, names, organism=params.organism)
    ora = {key: settings.pop(key) for key in ("ora_genes", "ora_fdr", "ora_log2_fold_change") if key in settings}
    parts = [
        enrich_clusters(markers, sets, threads=params.threads, **ora, **settings),
        enrich_contrasts(table, sets, threads=params.threads, **settings),
    ]
    parts = [part for part in parts if not part.empty]
    result = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
    _write(result, output.table)
    sums = _read_lots(input.pseudobulk)
    sizes = {key: settings[key] for key in ("min_size", "max_size")}
    own = find_sets(registry.signatures, sums.columns, organism=params.organism)
    _write(score_lots(sums, own, threads=params.threads, **sizes), output.lots)


def _read_lots(path: str) -> pd.DataFrame:
    """Sum the clusters of each lot."""
    names, genes = counts.read_obs(path)["lot_id"].astype(str), counts.read_var(path).index
    lots = pd.Index(sorted(names.unique()))
    sums = pseudobulk.sum_groups(path, lots.get_indexer(names), len(lots)) if len(lots) else np.zeros((0, len(genes)))
    return pd.DataFrame(sums if isinstance(sums, np.ndarray) else sums.toarray(), index=lots, columns=genes)


def _write(table: pd.DataFrame, path: str) -> None:
    table.to_csv(path, sep="\t", index=False, float_format="%.6g", lineterminator="\n")


def _stack(parts: list[pd.DataFrame], scope: str) -> pd.DataFrame:
    parts = [part for part in parts if not part.empty]
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(parts, ignore_index=True).assign(scope=scope).reindex(columns=COLUMNS)


if "snakemake" in globals():
    step.run(main, snakemake)
