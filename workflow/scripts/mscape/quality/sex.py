"""Compare the sheet's sex with XIST and Y-linked transcripts, pooled over a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

Y_GENES = ("RPS4Y1", "DDX3Y", "UTY", "USP9Y", "KDM5D", "EIF1AY", "ZFY", "NLGN4Y")
GENES = {"XIST": ("XIST",), "Y": Y_GENES}
ENOUGH = 100_000  # counts of a sample
PRESENT = 10.0  # counts per million


def sum_sex_genes(of_gene: np.ndarray, genes: pd.Index) -> dict[str, int]:
    """Add up the counts of the sex-specific genes.

    Parameters
    ----------
    of_gene
        Counts of each gene, summed over the sample's cells, shape (n_genes,).
    genes
        Their symbols.

    Returns
    -------
    Counts of ``XIST``, of the Y-linked genes (``Y``) and of all genes (``all``); -1 where none of the genes is in the
    feature table.
    """
    columns = {"XIST": np.flatnonzero(genes == "XIST"), "Y": np.flatnonzero(genes.isin(Y_GENES))}
    sums = {key: int(of_gene[where].sum()) if where.size else -1 for key, where in columns.items()}
    return sums | {"all": int(of_gene.sum())}


def check_sex(sums: dict[str, int], stated: str) -> dict[str, str | float]:
    """Compare the sheet's sex with a sample's transcripts.

    Parameters
    ----------
    sums
        As ``sum_sex_genes`` makes them.
    stated
        Sex in the sheet: female, male, f, m, or anything else.

    Returns
    -------
    ``xist_cpm``, ``y_cpm``, ``found`` (female, male, both, unclear or not_assessable), ``stated``, and
    ``agrees`` (yes, no or not_assessable). Long-cultured cells may lose XIST or Y: a disagreement calls for a
    look, not for exclusion.
    """
    xist, linked = (1e6 * sums[key] / max(sums["all"], 1) if sums[key] >= 0 else np.nan for key in ("XIST", "Y"))
    if np.isnan(linked) or sums["all"] < ENOUGH:
        found = "not_assessable"
    else:
        has_y, has_xist = linked >= PRESENT, xist >= PRESENT
        found = {(True, False): "male", (False, True): "female", (True, True): "both", (False, False): "unclear"}[
            bool(has_y), bool(has_xist)
        ]
    stated = {"f": "female", "m": "male"}.get(stated.lower(), stated.lower())
    known = found in {"male", "female"} and stated in {"male", "female"}
    agrees = ("yes" if found == stated else "no") if known else "not_assessable"
    return {"xist_cpm": float(xist), "y_cpm": float(linked), "found": found, "stated": stated, "agrees": agrees}
