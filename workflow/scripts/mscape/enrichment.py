"""Gene sets among ranked genes, top genes and the sums of lots, offline: gseapy behind fixed seeds and plain tables."""

from __future__ import annotations

import contextlib
import logging
import warnings

import numpy as np
import pandas as pd

from mscape import pseudobulk
from mscape.markers import resolve_genes


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
    wanted = sorted({gene for entry in signatures.values() for gene in entry["genes"]})
    found, _ = resolve_genes(wanted, list(genes), organism=organism)
    return {
        name: list(dict.fromkeys(found[gene] for gene in entry["genes"] if gene in found))
        for name, entry in signatures.items()
    }


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


def score_lots(
    sums: pd.DataFrame, sets: dict[str, list[str]], *, min_size: int = 5, max_size: int = 500, threads: int = 1
) -> pd.DataFrame:
    """Score each lot's summed MSC by ssGSEA (Barbie 2009, doi:10.1038/nature08460): a third view beside cell scores.

    It ranks the genes within a lot, so that it needs no other lot; sums of cells have the depth that bulk methods need.

    Parameters
    ----------
    sums
        Raw sums of the MSC, shape (n_lots, n_genes).
    sets
        Genes by set.
    min_size, max_size
        Genes of a set that are measured; other sets are left out.
    threads
        Does not change the result.

    Returns
    -------
    One row a lot and set: ``lot_id term es nes n_genes``; ``nes`` is ``es`` over the range of all ``es``.
    """
    import gseapy

    columns = ["lot_id", "term", "es", "nes", "n_genes"]
    present = {name: list(sums.columns.intersection(genes)) for name, genes in sets.items()}
    usable = {name: genes for name, genes in present.items() if min_size <= len(genes) <= max_size}
    if not usable or sums.empty:
        return pd.DataFrame(columns=columns)
    logs = pseudobulk.log_cpm(sums.to_numpy(dtype=float), sums.sum(axis=1).to_numpy(dtype=float))
    data = pd.DataFrame(logs.T, index=sums.columns, columns=sums.index)
    with _quiet():
        result = gseapy.ssgsea(
            data=data,
            gene_sets=usable,
            outdir=None,
            no_plot=True,
            min_size=min_size,
            max_size=max_size,
            threads=threads,
        ).res2d
    table = pd.DataFrame(
        {
            "lot_id": result["Name"].astype(str),
            "term": result["Term"].astype(str),
            "es": result["ES"].astype(float),
            "nes": result["NES"].astype(float),
        }
    )
    table["n_genes"] = table["term"].map({name: len(genes) for name, genes in usable.items()})
    return table.sort_values(["lot_id", "term"]).reset_index(drop=True)[columns]


def _sort(table: pd.DataFrame, key: pd.Series) -> pd.DataFrame:
    return table.assign(key=key).sort_values(["key", "term"]).drop(columns="key").reset_index(drop=True)


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
