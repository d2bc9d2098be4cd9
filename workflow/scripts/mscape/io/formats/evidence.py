"""Evidence that whole numbers are no counts, that a feature is no gene, and that a column is no cell.

A whole number is not a count, and what is not recognised is not a gene: both are judged on the first cells of a
matrix, which every reader holds anyway, so that nothing is read twice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from mscape.genes.spelling import is_known, looks_like_gene

if TYPE_CHECKING:
    import scipy.sparse as sp

FEW_CELLS = 20  # below, counts are not distinguishable from other whole numbers
MEAN = 0.5  # of a gene, from which its variance is compared with its mean
FEW_GENES = 10  # such genes
SUB_POISSON = 0.75  # variance / mean: 1 or more for counts of molecules or reads
SCALED_SHARE = 0.5  # of the cells have no value of 1 though many genes are seen
SAME_SUMS = 0.25  # coefficient of variation of the cells' sums below which they are compared with the genes seen
FLAT = 0.5  # sums that vary less than half as much as the number of genes seen
_SUMMARY = {  # without separators, lower case
    *(
        "total",
        "totals",
        "sum",
        "sums",
        "grandtotal",
        "mean",
        "average",
        "median",
        "rowsum",
        "rowsums",
        "colsum",
        "colsums",
    ),
    *("totalcounts", "totalcount", "totalumi", "totalumis", "totalreads", "libsize", "librarysize", "allgenes"),
    *("nofeature", "ambiguous", "toolowaqual", "notaligned", "alignmentnotunique", "unmapped", "multimapping"),
    *("nunmapped", "nmultimapping", "nnofeature", "nambiguous", "unaligned", "unassigned", "multimapped", "intergenic"),
    *("nocountfeature", "noncountable", "mapped", "uniquelymapped"),
}
_SUMMARY_START = re.compile(r"^(unassigned_|assigned$|__)", re.IGNORECASE)
_METADATA = {
    *("ncount", "nfeature", "ncountrna", "nfeaturerna", "ncountadt", "nfeatureadt", "ncounthto", "nfeaturehto"),
    *(
        "ncountsct",
        "nfeaturesct",
        "ncountatac",
        "nfeatureatac",
        "numi",
        "ngene",
        "ngenes",
        "numis",
        "ncounts",
        "nreads",
    ),
    *("ngenesbycounts", "log1ptotalcounts", "log1pngenesbycounts", "totalcountsmt", "pctcountsmt", "percentmt"),
    *("percentmito", "percentribo", "percentrp", "percentrb", "pctmt", "mitopercent", "mtfraction", "mitofraction"),
    *("seuratclusters", "origident", "leiden", "louvain", "cluster", "clusters", "celltype", "celltypes", "cellid"),
    *("cellindex", "barcode", "barcodes", "batch", "sample", "sampleid", "donor", "donorid", "patient", "passage"),
    *("sscore", "g2mscore", "phase", "doubletscore", "doubletscores", "predicteddoublet", "predicteddoublets"),
    *("scrubletscore", "dfclassifications", "umap1", "umap2", "tsne1", "tsne2", "louvainclusters"),
    *("condition", "treatment", "group", "replicate", "age", "sex", "plate", "well", "lane", "library", "run"),
    *("genecount", "umicount", "readcount", "tscpcount", "featurecount", "dropletscore", "size", "sizefactor"),
}
_METADATA_START = re.compile(
    r"^(n_?(count|feature)s?_\w+|rna_snn_res\.?\S*|sct_snn_res\S*|integrated_snn_res\S*|snn_res\S*|pct[_.]counts\S*"
    r"|percent[._]\S+|leiden_\S+|louvain_\S+|cluster_\S+|(x_)?(umap|tsne|pca?|dim)[_.]\d+|qc_\S+)$",
    re.IGNORECASE,
)
_ANTIBODY = re.compile(
    r"(total_?-?seq[-_]?[abcd]?\d*$|[-_.|: ](adt|hto|pabo|abo|ab|antibody|protein|prot|abseq|cite)\d*$"
    r"|^(adt|hto|cite|abseq|cmo|lmo|hash|sgrna|grna|anti)[-_.: ]\S+"
    r"|^(adt|hto|cmo|hashtag|sampletag|multi-?seq)[-_. ]?\d+\S*$"
    r"|^hash(tag)?[-_. ]?(ab|antibody)?[-_. ]?\d*$|^hashtag\S*|isotype|igg\d?[a-z]?[-_. ]?(ctrl|control)|\|pabo$"
    r"|[-_.](sgrna|grna|guide)[-_.]?\d*$)",
    re.IGNORECASE,
)


def kind_by_name(name: str) -> str:
    """Say what a feature is that is no gene by its name: summary row, metadata, or antibody or tag; else ""."""
    bare = re.sub(r"[^a-z0-9]", "", name.lower())
    if bare in _SUMMARY or _SUMMARY_START.match(name):
        return "summary row"
    if bare in _METADATA or _METADATA_START.match(name):
        return "metadata"
    return "antibody or tag" if _ANTIBODY.search(name) else ""


def why_no_counts(block: sp.csr_matrix) -> str:
    """Say why whole numbers are no counts; "" where nothing speaks against it or the cells are too few.

    Counts of molecules or reads vary at least as much as a Poisson variable of the same mean, some genes of each cell
    are seen once, and cells with more counts show more genes.

    Parameters
    ----------
    block
        Whole numbers from 0 up of the first cells, shape (n_cells, n_genes).
    """
    totals = np.asarray(block.sum(axis=1, dtype=np.float64)).ravel()
    seen = block.getnnz(axis=1)
    n_cells = int((totals > 0).sum())
    if n_cells < FEW_CELLS:
        return ""
    filled = totals > 0
    rich = np.flatnonzero(seen >= 50)
    # two molecules of one gene in a cell, if all genes had one rate; they do not, so there are more
    pairs = float((totals[rich] ** 2).sum()) / max(block.shape[1], 1) / 2
    if block.data.max(initial=0) <= 1:
        many = len(rich) >= FEW_CELLS and pairs > FEW_CELLS
        return "no value is above 1: presence and absence, not counts" if many else ""
    if len(rich) >= FEW_CELLS:
        least = np.minimum.reduceat(block.data, block.indptr[:-1][seen > 0])[seen[seen > 0] >= 50]
        share = float((least > 1).mean())
        if share > SCALED_SHARE:
            smallest = int(np.median(least))
            return f"no gene has the value 1 in {share:.0%} of the cells, the smallest is {smallest}: scaled values"
    ratio = _dispersion(block[filled], n_cells)
    if len(ratio) >= FEW_GENES and float(np.median(ratio)) < SUB_POISSON:
        return (
            f"values vary less than counts can (variance / mean {np.median(ratio):.2f} over {len(ratio):,} genes, at "
            "least 1 for counts): scaled, rounded or transformed"
        )
    spread, spread_seen = (float(one[filled].std() / one[filled].mean()) for one in (totals, seen))
    if spread and spread < min(SAME_SUMS, FLAT * spread_seen):  # without any spread: drawn down to one depth
        return (
            f"the cells' sums are nearly the same (they vary by {spread:.1%}, the genes seen by {spread_seen:.1%}): "
            "scaled to one depth"
        )
    return ""


def _dispersion(block: sp.csr_matrix, n_cells: int) -> np.ndarray:
    """Variance / mean of the genes with a mean of ``MEAN`` or more."""
    n_genes = block.shape[1]
    values = block.data.astype(np.float64)
    sums = np.bincount(block.indices, weights=values, minlength=n_genes)
    squares = np.bincount(block.indices, weights=values**2, minlength=n_genes)
    mean = sums / n_cells
    chosen = mean >= MEAN
    mean, squares = mean[chosen], squares[chosen]
    return (squares / n_cells - mean**2) * n_cells / (n_cells - 1) / mean


def features_no_genes(names: np.ndarray, kinds: np.ndarray, block: sp.csr_matrix, *, organism: str) -> dict[int, str]:
    """Find features that are no genes by their numbers: the sum of all genes, or the number of genes seen.

    Parameters
    ----------
    names
        Of the features, shape (n_features,); names that are known are genes, regardless of their counts.
    kinds
        Kind of each feature that is left out already, "" for the others.
    block
        First cells, shape (n_cells, n_features).
    organism
        For the form of its genes' names.

    Returns
    -------
    Position of a feature -> kind: ``sum of the genes`` or ``number of genes``.
    """
    n_cells = block.shape[0]
    if n_cells < 3 or not block.nnz:
        return {}
    counts = np.bincount(block.indices, weights=block.data, minlength=block.shape[1])
    cells = np.bincount(block.indices, minlength=block.shape[1])
    # a sum or a number of genes stands in nearly every cell, and is large
    dense = (cells >= 0.9 * (block.getnnz(axis=1) > 0).sum()) & (counts >= 0.005 * counts.sum()) & (kinds == "")
    suspects = [row for row in np.flatnonzero(dense).tolist() if not is_known(str(names[row]))]
    if not suspects:
        return {}
    matrix = block.tocsc()
    columns = {row: matrix[:, row].toarray().ravel() for row in suspects}
    genes = kinds == ""
    genes[suspects] = False
    sure = matrix[:, np.flatnonzero(genes)].tocsr()
    total, seen = np.asarray(sure.sum(axis=1)).ravel(), sure.getnnz(axis=1)
    found: dict[int, str] = {}
    for row, values in columns.items():
        # other suspects may be genes after all (MALAT1): the sum is tried with and without those of a gene's form
        others = [other for other in suspects if other != row and looks_like_gene(str(names[other]), organism=organism)]
        more = sum((columns[other] for other in others), np.zeros(n_cells))
        more_seen = sum((columns[other] > 0 for other in others), np.zeros(n_cells))
        if any(np.array_equal(values, sums) for sums in (total, total + more)):
            found[row] = "sum of the genes"
        elif any(np.array_equal(values, number) for number in (seen, seen + more_seen)):
            found[row] = "number of genes"
    return found


def cells_no_cells(barcodes: np.ndarray, matrix: sp.csr_matrix) -> dict[int, str]:
    """Find columns that are no cells: one that holds the sum of all others, or is described as a summary.

    Parameters
    ----------
    barcodes, matrix
        Of the whole sample, which is in memory; shape (n_cells, n_genes).

    Returns
    -------
    Position of a cell -> why.
    """
    n_cells = matrix.shape[0]
    if n_cells < 3 or not matrix.nnz:
        return {}
    totals = np.asarray(matrix.sum(axis=1, dtype=np.int64)).ravel()
    found: dict[int, str] = {}
    named = {row: kind for row, name in enumerate(barcodes) if (kind := kind_by_name(str(name))) == "summary row"}
    large = [row for row in np.argsort(totals)[::-1][:3] if 3 * totals[row] >= totals.sum() - totals[row]]
    for row in {*named, *large}:
        other = np.ones(n_cells, dtype=bool)
        other[[row, *[one for one in named if one != row]]] = False
        column = np.asarray(matrix[other].sum(axis=0, dtype=np.int64)).ravel()
        if np.array_equal(matrix[row].toarray().ravel(), column):
            found[row] = "the sum of all cells"
        elif row in named:
            found[row] = "named as a summary, not as a cell"
    return found


def rival_cell(totals: np.ndarray) -> int | None:
    """Position of a cell whose counts are the sum of all others, or rival it; None if there is none.

    Among ten and more cells no real one holds more than half of what all others do.
    """
    if len(totals) < 3:
        return None
    largest = int(np.argmax(totals))
    rest = int(totals.sum() - totals[largest])
    if not rest:
        return None
    rivals = totals[largest] == rest or (len(totals) >= 10 and totals[largest] > 0.5 * rest)
    return largest if rivals else None
