"""Gene sets in summed counts of lots and clusters, by gseapy."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mscape.comparison import pseudobulk
from mscape.scoring.enrichment import fitting, quietly

MIN_ROWS = 3  # GSVA places a row among the others
COLUMNS = ["row", "term", "ssgsea", "gsva", "n_genes", "n_rows"]


def score_sums(
    sums: pd.DataFrame, sets: dict[str, list[str]], *, min_size: int = 5, max_size: int = 500, threads: int = 1
) -> pd.DataFrame:
    """Score summed counts by ssGSEA and GSVA: a third view beside the scores of cells, at the depth bulk methods need.

    ssGSEA (Barbie 2009, doi:10.1038/nature08460) ranks the genes within a row, so that it needs no other row. GSVA
    (Haenzelmann 2013, doi:10.1186/1471-2105-14-7) ranks them by how high the row is among the rows.

    Parameters
    ----------
    sums
        Raw sums of cells, such as a lot's MSC, shape (n_rows, n_genes).
    sets
        Genes by set.
    min_size, max_size
        Genes of a set that are measured; other sets are left out.
    threads
        Does not change the result.

    Returns
    -------
    One row a row of ``sums`` and set, of :data:`COLUMNS`; ``ssgsea`` is over the range of all of
    them; ``gsva`` lies between -1 and 1 and is missing with fewer than ``MIN_ROWS`` rows to compare.
    """
    import gseapy

    usable = fitting(sets, sums.columns, min_size, max_size)
    if not usable or sums.empty:
        return pd.DataFrame(columns=COLUMNS)
    logs = pseudobulk.log_cpm(sums.to_numpy(dtype=float), sums.sum(axis=1).to_numpy(dtype=float))
    data = pd.DataFrame(logs.T, index=sums.columns.astype(object), columns=sums.index.astype(object))
    options = {"gene_sets": usable, "outdir": None, "min_size": min_size, "max_size": max_size, "threads": threads}
    with quietly():
        single = gseapy.ssgsea(data=data, no_plot=True, **options).res2d
        varied = gseapy.gsva(data=data, **options).res2d if len(sums) >= MIN_ROWS else single.assign(ES=np.nan)
    table = pd.DataFrame({"row": single["Name"], "term": single["Term"], "ssgsea": single["NES"].astype(float)})
    other = pd.DataFrame({"row": varied["Name"], "term": varied["Term"], "gsva": varied["ES"].astype(float)})
    table = table.merge(other, on=["row", "term"], how="left", validate="1:1")
    table["n_genes"] = table["term"].map({name: len(genes) for name, genes in usable.items()})
    return table.assign(n_rows=len(sums)).sort_values(["row", "term"], ignore_index=True)[COLUMNS]
