"""Find the signatures that a cluster's or a contrast's ranked genes carry, offline, with the genes that lead."""

import contextlib
import logging
import warnings

import numpy as np
import pandas as pd

from mscape import step

logger = logging.getLogger(__name__)

COLUMNS = ["cluster", "method", "term", "nes", "pvalue", "fdr", "genes", "n_genes", "scope", "odds_ratio", "overlap"]


def rank_genes(statistic: pd.Series) -> pd.Series:
    """Order genes by a statistic, ties by name, so that one order is the order.

    Parameters
    ----------
    statistic
        Indexed by gene; missing and infinite values are dropped; a gene that stands twice keeps its stronger value.

    Returns
    -------
    Falling values. Ties are split by steps far below the values' last digit.
    """
    values = statistic.astype(float).replace([np.inf, -np.inf], np.nan).dropna()
    table = values.rename("value").rename_axis("gene").reset_index()
    table = table.assign(size=-table["value"].abs()).sort_values(["size", "gene"]).drop_duplicates("gene")
    table = table.sort_values(["value", "gene"], ascending=[False, True])
    value = table["value"].to_numpy()
    tied = np.concatenate([[False], np.diff(value) == 0]) if len(value) else np.zeros(0, dtype=bool)
    run = np.arange(len(value)) - np.maximum.accumulate(np.where(tied, 0, np.arange(len(value))))
    scale = 1e-9 * max(1.0, float(np.abs(value).max(initial=0)))
    return pd.Series(value - run * scale, index=table["gene"].to_numpy())


def run_prerank(
    ranked: pd.Series,
    sets: dict[str, list[str]],
    *,
    permutation_num: int = 1000,
    min_size: int = 5,
    max_size: int = 500,
    seed: int = 0,
    threads: int = 1,
) -> pd.DataFrame:
    """Find sets at the ends of a ranked list (Subramanian 2005, doi:10.1073/pnas.0506580102) with gseapy.

    gseapy: doi:10.1093/bioinformatics/btac757.

    Parameters
    ----------
    ranked
        From :func:`rank_genes`.
    sets
        Genes by set.
    permutation_num
        Random sets per set; a p-value cannot be below one over it and is raised to it.
    min_size, max_size
        Genes of a set that are in the list; other sets are left out.
    seed
        Of the permutations.
    threads
        Does not change the result.

    Returns
    -------
    ``term nes pvalue fdr genes n_genes``, strongest first; ``genes`` is the leading edge, ``n_genes`` counts the set's
    genes in the list. No rows if no set qualifies.
    """
    import gseapy

    present = {name: ranked.index.intersection(genes) for name, genes in sets.items()}
    usable = {name: list(genes) for name, genes in present.items() if min_size <= len(genes) <= max_size}
    if not usable or len(ranked) <= max(map(len, usable.values())):
        return pd.DataFrame(columns=["term", "nes", "pvalue", "fdr", "genes", "n_genes"])
    with _quiet():
        result = gseapy.prerank(
            rnk=ranked,
            gene_sets=usable,
            outdir=None,
            no_plot=True,
            min_size=min_size,
            max_size=max_size,
            permutation_num=permutation_num,
            seed=seed,
            threads=threads,
            verbose=False,
        ).res2d
    floor = 1 / permutation_num
    table = pd.DataFrame(
        {
            "term": result["Term"].astype(str),
            "nes": result["NES"].astype(float),
            "pvalue": result["NOM p-val"].astype(float).clip(lower=floor),
            "fdr": result["FDR q-val"].astype(float).clip(lower=floor),
            "genes": result["Lead_genes"].astype(str),
        }
    )
    table["n_genes"] = table["term"].map({name: len(genes) for name, genes in usable.items()})
    return _sort(table, -table["nes"].abs())


def count_overlap(
    hits: list[str], sets: dict[str, list[str]], background: pd.Index, *, min_size: int = 5, max_size: int = 500
) -> pd.DataFrame:
    """Find sets over-represented among a cluster's top genes, against the genes that were measured.

    Parameters
    ----------
    hits
        The genes.
    sets
        Genes by set.
    background
        All genes that could have been hits.
    min_size, max_size
        Genes of a set in the background; other sets are left out.

    Returns
    -------
    ``term pvalue fdr genes n_genes odds_ratio overlap``, strongest first; a row for each set that shares a gene.
    """
    import gseapy

    present = {name: list(background.intersection(genes)) for name, genes in sets.items()}
    usable = {name: genes for name, genes in present.items() if min_size <= len(genes) <= max_size}
    if not any(set(hits) & set(genes) for genes in usable.values()):
        return pd.DataFrame(columns=["term", "pvalue", "fdr", "genes", "n_genes", "odds_ratio", "overlap"])
    with _quiet():
        result = gseapy.enrich(
            gene_list=list(hits), gene_sets=usable, background=list(background), outdir=None, no_plot=True
        ).results
    table = pd.DataFrame(
        {
            "term": result["Term"].astype(str),
            "pvalue": result["P-value"].astype(float),
            "fdr": result["Adjusted P-value"].astype(float),
            "genes": [";".join(sorted(genes.split(";"))) for genes in result["Genes"]],
            "odds_ratio": result["Odds Ratio"].astype(float),
            "overlap": result["Overlap"].astype(str),
        }
    )
    table["n_genes"] = table["term"].map({name: len(genes) for name, genes in usable.items()})
    return _sort(table, table["pvalue"])


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


def find_sets(signatures: dict[str, dict], genes: pd.Index, *, organism: str = "human") -> dict[str, list[str]]:
    """Name the genes of each signature as the dataset names them, by symbol, alias or ortholog.

    Parameters
    ----------
    signatures
        Registry entries with ``genes``.
    genes
        The dataset's genes.
    organism
        ``human`` or ``mouse``.

    Returns
    -------
    Present genes by signature.
    """
    from mscape.markers import resolve_genes

    wanted = sorted({gene for entry in signatures.values() for gene in entry["genes"]})
    found, _ = resolve_genes(wanted, list(genes), organism=organism)
    return {
        name: list(dict.fromkeys(found[gene] for gene in entry["genes"] if gene in found))
        for name, entry in signatures.items()
    }


def main(input, output, params):
    """Read markers, contrasts and gene sets; write enrichment."""
    from mscape.markers import load_markers

    settings = dict(params.settings["enrichment"]) | {"seed": params.seed}
    registry = load_markers(input.markers_yaml, extra=getattr(params, "signature_files", ()))
    reading = {"sep": "\t", "keep_default_na": False, "na_values": [""]}
    markers = pd.read_csv(input.markers, dtype={"cluster": str, "gene": str}, **reading)
    table = pd.read_csv(input.contrasts, dtype={"feature": str, "contrast": str}, **reading)
    names = pd.Index(sorted({*markers["gene"], *table.loc[table["kind"] == "gene", "feature"]}))
    sets = find_sets(registry.signatures, names, organism=getattr(params, "organism", "human"))
    ora = {key: settings.pop(key) for key in ("ora_genes", "ora_fdr", "ora_log2_fold_change") if key in settings}
    parts = [
        enrich_clusters(markers, sets, threads=params.threads, **ora, **settings),
        enrich_contrasts(table, sets, threads=params.threads, **settings),
    ]
    parts = [part for part in parts if not part.empty]
    result = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
    result.to_csv(output.table, sep="\t", index=False, float_format="%.6g", lineterminator="\n")


def _sort(table: pd.DataFrame, key: pd.Series) -> pd.DataFrame:
    return table.assign(key=key).sort_values(["key", "term"]).drop(columns="key").reset_index(drop=True)


def _stack(parts: list[pd.DataFrame], scope: str) -> pd.DataFrame:
    parts = [part for part in parts if not part.empty]
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(parts, ignore_index=True).assign(scope=scope).reindex(columns=COLUMNS)


@contextlib.contextmanager
def _quiet():
    """Keep gseapy's use of pandas' deprecated ``inplace`` and its chatter out of the log."""
    level = logging.getLogger("gseapy").level
    logging.getLogger("gseapy").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=pd.errors.Pandas4Warning)
        warnings.simplefilter("ignore", category=FutureWarning)
        yield
    logging.getLogger("gseapy").setLevel(level)


if "snakemake" in globals():
    step.run(main, snakemake)
