"""Settle the genes of a sample: which rows count, their symbols and Ensembl ids, one row a gene."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp

from mscape.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

OWN = "own:"  # before the name of a gene of another species that has no human counterpart
GENE_TYPES = {"", "gene expression", "gene", "rna", "mrna"}
ENSEMBL = re.compile(r"^(ENS[A-Z]*G\d{6,})(\.\d+)?(_PAR_Y)?$")
_JOINED = re.compile(r"^(?P<id>ENS[A-Z]*G\d{6,})(\.\d+)?[_|:;](?!PAR_Y$)(?P<name>\S+)$")
_JOINED_REVERSED = re.compile(r"^(?P<name>\S+?)[_|:;](?P<id>ENS[A-Z]*G\d{6,})(\.\d+)?$")
_SPIKE = re.compile(r"^(gSpikein[_-])?ERCC-\d{5}$")
_GENOME = re.compile(r"^(GRC[a-z]{1,2}\d+|hg\d\d|mm\d\d?|rn\d|T2T-?CHM13\w*|EquCab\d(?:\.\d)?)_+(?=\S)", re.IGNORECASE)
_NOT_GENES = re.compile(
    r"^(__(no_feature|ambiguous|too_low_aQual|not_aligned|alignment_not_unique)|N_(unmapped|multimapping|noFeature|ambiguous))$"
)


@dataclass(kw_only=True)
class Genes:
    """The genes of a sample and where the columns of its file go.

    Parameters
    ----------
    var
        One row a gene, index = unique symbols; columns ``gene_id`` (Ensembl id without version, or "") and
        ``feature_name`` (as given).
    column
        For each feature of the file its row in ``var``, or -1 if it is left out.
    excluded
        Number of features left out, by kind.
    summed
        Symbols that more than one feature of the file bears.
    notes
        What a user should know.
    """

    var: pd.DataFrame
    column: np.ndarray
    excluded: dict[str, int]
    summed: list[str]
    notes: list[str] = field(default_factory=list)

    def apply(self, block: sp.csr_matrix) -> sp.csr_matrix:
        """Bring the columns of a block of the file into the order of ``var``; features of one gene are summed."""
        columns = self.column[block.indices]
        kept = columns >= 0
        if kept.all():
            data, indptr = block.data, block.indptr
        else:
            before = np.concatenate([[0], np.cumsum(kept)])
            columns, data, indptr = columns[kept], block.data[kept], before[block.indptr]
        result = sp.csr_matrix(
            (data, columns.astype(np.int32, copy=False), indptr.astype(np.int32)), shape=(block.shape[0], len(self.var))
        )
        result.has_sorted_indices = False
        if self.summed:
            result.sum_duplicates()
        result.sort_indices()
        if (result.data == 0).any():
            result.eliminate_zeros()
        return result


def settle(
    features: pd.DataFrame,
    known: pd.DataFrame,
    *,
    organism: str = "human",
    genome: str = "",
    orthologs: Mapping[str, str] | None = None,
) -> Genes:
    """Choose the rows that are genes and give each a unique symbol.

    Features that share a symbol are **summed**, where scanpy appends "-1" to the name of the second. A read
    of one gene is assigned to one of its annotated copies (pseudo-autosomal genes in X and Y, patches and
    read-through records such as TBCE or MATR3), so the gene's rate, by which a gate or a score judges it, is
    the sum; and no gene set contains a "CD99-1", whose counts would be lost to every later step in silence.
    Totals per cell stay as they were.

    Parameters
    ----------
    features
        Columns ``name``, ``id``, ``type``, ``genome``, as a reader hands them over.
    known
        ``resources/genes.tsv``: columns ``gene_id`` and ``symbol`` of human genes.
    organism
        Ids and symbols are looked up in ``known`` for ``human`` only.
    genome
        Genome to keep, where the file holds several.
    orthologs
        Human symbol by symbol or Ensembl id of another species' gene (see
        ``mscape.genes.orthologs``). A gene that is in it bears the human name; the others get ``OWN`` before
        theirs, because horse TP53BP3 is no human gene even where its name is one.

    Raises
    ------
    mscape.errors.UserError
        If no gene is left, or there are several genomes and none of them is chosen.
    """
    table = _split_names(features)
    excluded: dict[str, int] = {}
    notes: list[str] = []
    kept = np.ones(len(table), dtype=bool)

    def leave_out(rows: np.ndarray, kind: str) -> None:
        rows = rows & kept
        if rows.any():
            excluded[kind] = int(rows.sum())
            kept[rows] = False

    types = table["type"].str.strip()
    for kind in sorted(set(types[~types.str.lower().isin(GENE_TYPES)])):
        leave_out((types == kind).to_numpy(), kind)
    leave_out(table["name"].str.match(_SPIKE).to_numpy() | table["id"].str.match(_SPIKE).to_numpy(), "ERCC spike-in")
    leave_out(table["name"].str.match(_NOT_GENES).to_numpy(), "summary row")
    _choose_genome(table, kept, genome, leave_out)
    leave_out((table["name"] == "").to_numpy() & (table["id"] == "").to_numpy(), "feature without a name")
    if not kept.any():
        found = ", ".join(f"{count:,} x {kind}" for kind, count in excluded.items()) or "an empty table of features"
        msg = f"no gene is left ({found}). Give the file that holds the gene expression counts."
        raise UserError(msg)
    notes += [f"left out: {count:,} x {kind}" for kind, count in excluded.items()]

    table = table[kept]
    symbol_of = dict(zip(known["gene_id"], known["symbol"], strict=True)) if organism == "human" else {}
    id_of = {symbol: gene_id for gene_id, symbol in symbol_of.items()}
    named = ~table["name"].str.match(ENSEMBL)
    symbols = table["name"].where(named & (table["name"] != ""), table["id"].map(symbol_of))
    lost = int(symbols.isna().sum())
    symbols = symbols.where(symbols.notna(), table["id"])
    if lost:
        notes.append(f"{lost:,} Ensembl ids have no symbol in the gene table and keep their id as name")
    ids = table["id"].where(table["id"] != "", symbols.map(id_of)).fillna("")
    if orthologs is not None:
        human = symbols.map(orthologs).where(lambda names: names.notna(), ids.map(orthologs))
        notes.append(f"{int(human.notna().sum()):,} of {len(human):,} genes bear the name of their human ortholog")
        symbols = human.where(human.notna(), OWN + symbols)
    genes, first = _one_row_each(symbols.to_numpy(), ids.to_numpy(), id_of)
    column = np.full(len(features), -1, dtype=np.int64)
    column[np.flatnonzero(kept)] = genes
    counts = np.bincount(genes)
    var = pd.DataFrame(
        {
            "gene_id": pd.array(ids.to_numpy()[first], dtype=str),
            "feature_name": pd.array(features["name"].to_numpy()[kept][first].astype(str), dtype=str),
        },
        index=pd.Index(symbols.to_numpy()[first].astype(str), dtype=str),
    )
    summed = list(var.index[counts > 1])
    if summed:
        shown = ", ".join(summed[:5]) + (", ..." if len(summed) > 5 else "")
        notes.append(f"{len(summed):,} genes stand in several rows of the file, which were summed: {shown}")
    return Genes(var=var, column=column, excluded=excluded, summed=summed, notes=notes)


def _split_names(features: pd.DataFrame) -> pd.DataFrame:
    """Return name, id (Ensembl without version, or ""), type and genome with prefixes and joined names taken apart."""
    table = features[["name", "id", "type", "genome"]].astype(object).fillna("").astype(str).reset_index(drop=True)
    for key in ("name", "id"):
        prefix = table[key].str.extract(_GENOME, expand=True)[0].fillna("")
        table[key] = table[key].str.replace(_GENOME, "", regex=True)
        table["genome"] = table["genome"].where(table["genome"] != "", prefix)
    for pattern in (_JOINED, _JOINED_REVERSED):
        parts = table["name"].str.extract(pattern)
        joined = parts["id"].notna()
        if joined.any():
            table.loc[joined, "id"] = parts["id"][joined]
            table.loc[joined, "name"] = parts["name"][joined]
    unversioned = table["id"].str.extract(ENSEMBL)[0]
    from_name = table["name"].str.extract(ENSEMBL)[0]
    table["id"] = unversioned.where(unversioned.notna(), from_name).fillna("")
    return table


def _choose_genome(table: pd.DataFrame, kept: np.ndarray, genome: str, leave_out) -> None:
    """Keep one genome's rows."""
    genomes = sorted(set(table["genome"][kept]) - {""})
    if genome:
        if genome not in genomes:
            found = ", ".join(genomes) or "none named"
            msg = f"genome {genome!r} is not in the file; found: {found}. Correct the sheet's column 'genome'."
            raise UserError(msg)
        leave_out((table["genome"] != genome).to_numpy(), "gene of another genome")
    elif len(genomes) > 1:
        sizes = ", ".join(f"{name} ({int((table['genome'] == name).sum()):,} genes)" for name in genomes)
        msg = f"there are genes of several genomes: {sizes}. Name the one to use in the sheet's column 'genome'."
        raise UserError(msg)


def _one_row_each(symbols: np.ndarray, ids: np.ndarray, id_of: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Return each feature's gene number and each gene's leading feature: the one with the known id, else the first."""
    genes, names = pd.factorize(symbols)
    first = np.full(len(names), -1)
    for row in range(len(symbols) - 1, -1, -1):
        first[genes[row]] = row
    for row in np.flatnonzero(np.bincount(genes)[genes] > 1):
        if ids[row] and id_of.get(symbols[row]) == ids[row]:
            first[genes[row]] = row
    return genes, first
