"""Gene sets among ranked genes and top genes, offline: gseapy behind fixed seeds and plain tables."""

from __future__ import annotations

import contextlib
import logging
import warnings

import numpy as np
import pandas as pd

from mscape.genes.names import resolve_genes
from mscape.stats import adjust_pvalues

LEAST_P = 1e-4  # a smaller p says no more: it is of random gene sets, not of donors
MOST_DRAWN = 6  # sets of a ranking whose genes are listed one by one, for its plots
PRERANK = ["term", "es", "nes", "pvalue", "fdr", "genes", "n_leading", "n_genes", "n_list"]
HITS = ["term", "gene", "rank", "statistic", "running", "leading"]
ORA = ["term", "pvalue", "fdr", "genes", "n_genes", "n_list", "overlap", "odds_ratio", "odds_low", "odds_high"]


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
    """Order genes by a statistic around its median, ties by name, so that one order is the order.

    Enrichment asks which sets move more than other genes do. Where nearly all genes move to one side, as in a
    cluster of deeper cells, zero is not where the other genes are; their median is.

    Parameters
    ----------
    statistic
        Indexed by gene; missing and infinite values are dropped; a gene that occurs twice keeps its stronger value.

    Returns
    -------
    Falling values, less their median. Ties are split by steps far below the values' last digit.
    """
    values = statistic.astype(float).replace([np.inf, -np.inf], np.nan).dropna()
    table = values.rename("value").rename_axis("gene").reset_index()
    table = table.assign(size=-table["value"].abs()).sort_values(["size", "gene"]).drop_duplicates("gene")
    table = table.sort_values(["value", "gene"], ascending=[False, True])
    value = table["value"].to_numpy()
    tied = np.concatenate([[False], np.diff(value) == 0]) if len(value) else np.zeros(0, dtype=bool)
    run = np.arange(len(value)) - np.maximum.accumulate(np.where(tied, 0, np.arange(len(value))))
    scale = 1e-9 * max(1.0, float(np.abs(value).max(initial=0)))
    middle = np.median(value) if len(value) else 0.0
    # plain objects: gseapy picks names one by one, which takes seconds on Arrow strings
    return pd.Series(value - middle - run * scale, index=pd.Index(table["gene"], dtype=object, name=None))


def run_prerank(
    ranked: pd.Series,
    sets: dict[str, list[str]],
    *,
    permutation_num: int = 1000,
    min_size: int = 5,
    max_size: int = 500,
    seed: int = 0,
    threads: int = 1,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Find sets at the ends of a ranked list (Subramanian 2005, doi:10.1073/pnas.0506580102) with gseapy.

    gseapy: doi:10.1093/bioinformatics/btac757. p by multilevel splitting (Korotkevich 2021, doi:10.1101/060012), which
    needs a quarter of the time of plain permutation and no floor of one over the number of permutations.

    Parameters
    ----------
    ranked
        From :func:`rank_genes`.
    sets
        Genes by set.
    permutation_num
        Random sets of each size, whose mean score is the unit of ``nes`` and from which p-values that are not small are
        counted.
    min_size, max_size
        Genes of a set that are in the list; other sets are left out.
    seed
        Of the random sets.
    threads
        Does not change the result.

    Returns
    -------
    table
        :data:`PRERANK`, strongest first; p not below ``LEAST_P`` and missing where no random set lies on that side of
        zero; fdr by Benjamini and Hochberg over the sets; ``genes`` the ``n_leading`` leading genes, strongest first;
        ``n_genes`` counts the set's genes in the list, ``n_list`` all genes of it.
    hits
        :data:`HITS` of the first ``MOST_DRAWN`` sets: where their genes stand, and the running sum behind each.

    No rows if no set qualifies.
    """
    import gseapy

    usable = fitting(sets, ranked.index, min_size, max_size)
    if not usable or len(ranked) <= max(map(len, usable.values())):
        return pd.DataFrame(columns=PRERANK), pd.DataFrame(columns=HITS)
    with quietly():
        result = gseapy.prerank(
            rnk=ranked,
            gene_sets=usable,
            outdir=None,
            no_plot=True,
            min_size=min_size,
            max_size=max_size,
            permutation_num=permutation_num,
            method="multilevel",
            eps=LEAST_P,
            seed=seed,
            threads=threads,
            verbose=False,
        )
    found = result.res2d
    table = pd.DataFrame(
        {
            "term": found["Term"].astype(str),
            "es": found["ES"].astype(float),
            "nes": found["NES"].astype(float),
            "pvalue": found["NOM p-val"].astype(float).clip(lower=LEAST_P),
            "genes": found["Lead_genes"].astype(str),
        }
    )
    table["fdr"] = adjust_pvalues(table["pvalue"].to_numpy())
    table["n_leading"] = table["genes"].str.split(";").str.len()
    table["n_genes"] = table["term"].map({name: len(genes) for name, genes in usable.items()})
    table = _sort(table.assign(n_list=len(ranked)), -table["nes"].abs())[PRERANK]
    return table, list_hits(ranked, table.head(MOST_DRAWN), result.results)


def list_hits(ranked: pd.Series, table: pd.DataFrame, results: dict) -> pd.DataFrame:
    """List the positions of the genes of some sets in a ranked list, for running-sum plots.

    Parameters
    ----------
    ranked
        The list.
    table
        Sets, from :func:`run_prerank`.
    results
        gseapy's, by set, with ``hits`` (positions in the list) and ``RES`` (running sum at each position).

    Returns
    -------
    :data:`HITS`; ``rank`` counts from 1, ``leading`` marks the leading edge.
    """
    parts = [pd.DataFrame(columns=HITS)]
    for row in table.itertuples():
        hits = np.asarray(results[row.term]["hits"])
        genes = ranked.index[hits]
        columns = {
            "term": row.term,
            "gene": genes,
            "rank": hits + 1,
            "statistic": ranked.to_numpy()[hits],
            "running": np.asarray(results[row.term]["RES"])[hits],
            "leading": genes.isin(row.genes.split(";")),
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts[1:] or parts, ignore_index=True)


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
    :data:`ORA`, strongest first; a row for each set that shares a gene. ``n_list`` counts the hits; the odds ratio has
    0.5 added to each cell of its table, its 95 % interval is Woolf's.
    """
    import gseapy

    usable = fitting(sets, background, min_size, max_size)
    if not any(set(hits) & set(genes) for genes in usable.values()):
        return pd.DataFrame(columns=ORA)
    with quietly():
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
    table["n_list"] = len(hits)
    shared = table["genes"].str.split(";").str.len()
    cells = (
        shared,
        table["n_genes"] - shared,
        len(hits) - shared,
        len(background) - table["n_genes"] - len(hits) + shared,
    )
    spread = np.exp(1.959964 * np.sqrt(sum(1 / (cell + 0.5) for cell in cells)))
    table["odds_low"], table["odds_high"] = table["odds_ratio"] / spread, table["odds_ratio"] * spread
    return _sort(table, table["pvalue"])[ORA]


def fitting(sets: dict[str, list[str]], genes: pd.Index, min_size: int, max_size: int) -> dict[str, list[str]]:
    """Keep the genes of each set that are there, and the sets of which the right number is."""
    present = {name: list(genes.intersection(members)) for name, members in sets.items()}
    return {name: found for name, found in present.items() if min_size <= len(found) <= max_size}


def _sort(table: pd.DataFrame, key: pd.Series) -> pd.DataFrame:
    return table.assign(key=key).sort_values(["key", "term"]).drop(columns="key").reset_index(drop=True)


@contextlib.contextmanager
def quietly():
    """Keep gseapy's use of pandas' deprecated ``inplace`` and its chatter out of the log."""
    level = logging.getLogger("gseapy").level
    logging.getLogger("gseapy").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=pd.errors.Pandas4Warning)
        warnings.simplefilter("ignore", category=FutureWarning)
        yield
    logging.getLogger("gseapy").setLevel(level)
