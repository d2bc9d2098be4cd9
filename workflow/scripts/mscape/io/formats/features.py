"""Settle the genes of a sample: which rows count, their symbols and Ensembl ids, one row a gene."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp

from mscape.errors import UserError
from mscape.genes.names import names_of_table
from mscape.genes.species import BY_PREFIX
from mscape.genes.spelling import ENSEMBL, gene_share, id_share, is_symbol, take_apart
from mscape.io.formats.count_table import sum_twins
from mscape.io.formats.evidence import kind_by_name

if TYPE_CHECKING:
    from collections.abc import Mapping

OWN = "own:"  # before the name of a gene of another species that has no human counterpart
EXPRESSION = "gene expression"  # 10x's word; where it stands, the words of the column are kinds of features
_GENE_WORDS = {"", EXPRESSION, "gene", "genes", "rna", "mrna", "transcriptome", "exon"}
_OTHER_WORDS = re.compile(
    r"antibod|antigen|\badt\b|\bhto\b|hashtag|\bprotein\b|abseq|\bcite|crispr|guide|sgrna|multiplex|\bcmo\b|lipid|custom"
    r"|peak|\batac\b|chromatin|\btag\b|spike|\bercc\b|\bvdj\b|\btcr\b|\bbcr\b|isotype|barcode",
    re.IGNORECASE,
)
_SPIKE = re.compile(r"^(gSpikein[_-])?(ERCC-\d{5}|SIRV\d\S*)$")
_PROBE = re.compile(r"^(?P<id>ENS[A-Z]*G\d{6,})\|(?P<name>[^|]+)\|[0-9a-f]{7}$")
_TRANSCRIPT = re.compile(r"^(ENS[A-Z]*T\d{6,}|[NX][MR]_\d{5,})(\.\d+)?")
MANY_IDS = 50  # of a second species, or a twentieth of the features
PARTS = {  # suffix of a feature's name -> what part of a gene's molecules it holds
    "U": "unspliced",
    "A": "ambiguous",
    "I": "unspliced",
    "S": "spliced",
}
_PART = re.compile(r"^(?P<base>.+?)-(?P<part>[UAIS])$")
DEFAULT_PARTS = ("spliced", "ambiguous")  # of alevin-fry's three, as its own tools take for whole cells


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
    kinds
        For each feature of the file the kind by which it was left out, "" if it is kept; shape (n_features,).
    rewrites
        What was done to the names, in words.
    dates
        Names that a spreadsheet turned into dates.
    names
        Of the features after rewriting, shape (n_features,).
    by_parts
        Whether features that are parts of a gene's molecules were summed.
    """

    var: pd.DataFrame
    column: np.ndarray
    excluded: dict[str, int]
    summed: list[str]
    notes: list[str] = field(default_factory=list)
    kinds: np.ndarray
    rewrites: list[str] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)
    names: np.ndarray
    by_parts: bool = False

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
        result.sort_indices()
        result = sum_twins(result, f"the sum of the rows of one gene ({', '.join(self.summed[:3])})")
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
    parts: str = "",
    no_genes: Mapping[int, str] | None = None,
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
        Genome to keep, where the file holds several; also a species, where ids or spelling show two of them.
    orthologs
        Human symbol by symbol or Ensembl id of another species' gene (see
        ``mscape.genes.orthologs``). A gene that is in it bears the human name; the others get ``OWN`` before
        theirs, because horse TP53BP3 is no human gene even where its name is one.
    parts
        Which parts of a gene's molecules to sum, where features hold them apart (``GENE``, ``GENE-U``, ``GENE-A``):
        ``all``, or names with ``+`` between them; ``DEFAULT_PARTS`` if "".
    no_genes
        Position of a feature -> kind, of those whose numbers say that they are no genes (see
        ``evidence.features_no_genes``).

    Raises
    ------
    mscape.errors.UserError
        If no gene is left, or there are several genomes or species and none of them is chosen.
    """
    table = features[["name", "id", "type", "genome"]].astype(object).fillna("").astype(str).reset_index(drop=True)
    if len(table) and table["id"].str.match(_PROBE).mean() > 0.5:
        msg = (
            "rows are probes, not genes. Give filtered_feature_bc_matrix (or sample_filtered_feature_bc_matrix) of the "
            "same run, where Cell Ranger has counted the probes of each gene."
        )
        raise UserError(msg)
    kinds = np.full(len(table), "", dtype=object)
    notes: list[str] = []

    def leave_out(rows: np.ndarray, kind: str) -> None:
        kinds[np.asarray(rows, dtype=bool) & (kinds == "")] = kind

    for kind, rows in _other_types(table, notes).items():
        leave_out(rows, kind)
    for row, kind in (no_genes or {}).items():
        leave_out(np.arange(len(table)) == row, kind)
    by_parts = _leave_out_parts(table, parts, leave_out, notes)
    spelled = take_apart(table["name"], table["id"], table["genome"], organism=organism)
    table = table.assign(name=spelled.name, id=spelled.id, genome=spelled.genome)
    leave_out(
        table["name"].str.match(_SPIKE) | features["id"].astype(str).str.match(_SPIKE).to_numpy(), "ERCC spike-in"
    )
    for kind, rows in _named_otherwise(table, kinds).items():
        leave_out(rows, kind)
    _choose_genome(table, kinds, genome, leave_out)
    leave_out((table["name"] == "") & (table["id"] == ""), "feature without a name")
    kept = kinds == ""
    excluded = {kind: int(count) for kind, count in pd.Series(kinds[~kept]).value_counts(sort=False).items()}
    if not kept.any():
        found = ", ".join(f"{count:,} x {kind}" for kind, count in list(excluded.items())[:6]) or "no feature at all"
        msg = f"no gene is left ({found}). Give the file that holds the gene expression counts."
        raise UserError(msg)
    notes += [f"left out: {count:,} x {kind}" for kind, count in excluded.items()]
    notes += spelled.rewrites

    every = table["name"].where(table["name"] != "", table["id"]).to_numpy()
    table = table[kept]
    symbol_of, id_of = names_of_table(known) if organism == "human" else ({}, {})
    named = ~table["name"].str.match(ENSEMBL)
    in_table = pd.Series([symbol_of.get(gene_id) for gene_id in table["id"].tolist()], index=table.index, dtype=object)
    symbols = table["name"].where(named & (table["name"] != ""), in_table)
    lost = int(symbols.isna().sum())
    symbols = symbols.where(symbols.notna(), table["id"])
    if lost:
        notes.append(f"{lost:,} Ensembl ids have no symbol in the gene table and keep their id as name")
    in_table = pd.Series([id_of.get(symbol, "") for symbol in symbols.tolist()], index=table.index, dtype=object)
    ids = table["id"].where(table["id"] != "", in_table).fillna("")
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
        notes.append(f"{len(summed):,} genes have several rows in the file, which were summed: {shown}")
    return Genes(
        var=var,
        column=column,
        excluded=excluded,
        summed=summed,
        notes=notes,
        kinds=kinds,
        rewrites=spelled.rewrites,
        dates=spelled.dates,
        names=every,
        by_parts=by_parts,
    )


def _other_types(table: pd.DataFrame, notes: list[str]) -> dict[str, np.ndarray]:
    """Find rows whose type says that they are no genes; words that are no kinds of features, as biotypes, say nothing.

    A word unknown here leaves rows out only where 10x's "Gene Expression" occurs too and its rows do not bear
    names of genes.
    """
    types = table["type"].str.strip()
    words = types.str.lower()
    classes = pd.unique(words[~words.isin(_GENE_WORDS)])
    ours = bool((words == EXPRESSION).any())
    other: dict[str, np.ndarray] = {}
    passed_over = []
    for word in sorted(classes)[:1000]:
        rows = (words == word).to_numpy()
        named = types[rows].iloc[0]
        strange = ours and gene_share(table["name"][rows].tolist()) < 0.5 and id_share(table["id"][rows].tolist()) < 0.5
        if (_OTHER_WORDS.search(word) and not word.endswith("_coding")) or strange:
            other[named] = rows
        else:
            passed_over.append(named)
    if passed_over:
        shown = ", ".join(passed_over[:3]) + (", ..." if len(passed_over) > 3 else "")
        notes.append(f"the column of types holds no kinds of features ({shown}); its rows are genes")
    return other


def _named_otherwise(table: pd.DataFrame, kinds: np.ndarray) -> dict[str, np.ndarray]:
    """Find rows that are no genes by their names: sums, metadata of cells, antibodies and tags."""
    kept = (kinds == "") & (table["id"] == "").to_numpy()
    found: dict[str, np.ndarray] = {}
    names = table["name"].tolist()
    for row in np.flatnonzero(kept):
        name = names[row]
        if is_symbol(name):
            continue
        kind = kind_by_name(name)
        if kind:
            found.setdefault(kind, np.zeros(len(table), dtype=bool))[row] = True
    return found


def _leave_out_parts(table: pd.DataFrame, parts: str, leave_out, notes: list[str]) -> bool:
    """Keep the parts of each gene's molecules that are asked for, where they are features of their own."""
    if sum(map(str.endswith, table["name"].tolist(), [tuple(f"-{part}" for part in PARTS)] * len(table))) < 0.1 * len(
        table
    ):
        return False
    matched = table["name"].str.extract(_PART)
    suffixed = matched["part"].notna()
    if suffixed.sum() < 0.1 * len(table) or len(table) < 3:
        return False
    plain = set(table["name"][~suffixed])
    twins = suffixed & matched["base"].isin(plain)
    if twins.sum() < 0.9 * suffixed.sum():
        return False
    part = matched["part"].where(twins).map(PARTS).fillna("spliced")
    there = list(dict.fromkeys(part))
    wanted = choose_parts(there, parts, default=DEFAULT_PARTS)
    for one in there:
        if one not in wanted:
            leave_out((part == one).to_numpy(), f"{one} molecules")
    table.loc[twins, "name"] = matched["base"][twins]
    same = table["id"].str.extract(_PART)["base"]
    table.loc[twins & same.notna(), "id"] = same
    notes.append(f"molecules of each gene summed: {' + '.join(wanted)}, of {', '.join(there)}")
    return True


def choose_parts(there: list[str], parts: str, *, default: tuple[str, ...] | None = None) -> list[str]:
    """Choose which parts of a gene's molecules to sum.

    Parameters
    ----------
    there
        Parts that the file holds, such as spliced, unspliced, ambiguous.
    parts
        What the sheet says: ``all``, or names with ``+`` between them, or "".
    default
        Taken where the sheet does not say; all if not given.

    Raises
    ------
    mscape.errors.UserError
        If one that is asked for is not there.
    """
    if not parts and default is not None and set(default) & set(there):
        return [one for one in there if one in default]
    if parts in {"", "all", "unknown"}:
        return there
    wanted = [part.strip().lower() for part in parts.split("+")]
    missing = [part for part in wanted if part not in there]
    if missing:
        msg = (
            f"the part {missing[0]!r} is not in the file, which holds {', '.join(there)}. Correct the sheet's column "
            "'parts'."
        )
        raise UserError(msg)
    return [one for one in there if one in wanted]


def _choose_genome(table: pd.DataFrame, kinds: np.ndarray, genome: str, leave_out) -> None:
    """Keep one genome's rows; ids and spelling separate two species where no genome is named."""
    kept = kinds == ""
    named = table["genome"].where(kept, "")
    if len(set(named) - {""}) < 2:
        species = _species_of_each(table, kept)
        if species is not None:
            given = set(named) - {""}
            table["genome"] = species.where(species != "", table["genome"])
            if genome and genome in given:
                genome = str(species[(table.index.isin(np.flatnonzero(kept))) & (species != "")].mode().iat[0])
    genomes = sorted(set(table["genome"][kept]) - {""})
    if genome and genome not in genomes:
        twin = [one for one in genomes if one.lower() == genome.lower()]
        if not twin:
            found = ", ".join(genomes) or "none named"
            msg = f"genome {genome!r} is not in the file; found: {found}. Correct the sheet's column 'genome'."
            raise UserError(msg)
        genome = twin[0]
    if genome:
        leave_out((table["genome"] != genome).to_numpy(), "gene of another genome")
    elif len(genomes) > 1:
        sizes = ", ".join(f"{name} ({int((table['genome'] == name).sum()):,} genes)" for name in genomes[:4])
        msg = f"there are genes of several genomes: {sizes}. Name the one to use in the sheet's column 'genome'."
        raise UserError(msg)


def _species_of_each(table: pd.DataFrame, kept: np.ndarray) -> pd.Series | None:
    """Species of each feature where there are two: by the prefix of ids, or by capitals of symbols; else None."""
    prefix = table["id"].where(kept, "").str.extract(r"^(ENS[A-Z]*G)\d")[0].fillna("")
    species = prefix.map(BY_PREFIX).fillna(prefix)
    sizes = species[species != ""].value_counts()
    if len(sizes) > 1 and sizes.iloc[1] >= min(MANY_IDS, 0.05 * kept.sum()):
        return species
    names = table["name"].where(kept, "")
    upper = names.str.upper()
    twice = upper.duplicated(keep=False) & ~names.duplicated(keep=False) & (names != "")
    title = twice & names.str.match(r"^([A-Z][a-z]|mt-)")
    if title.sum() >= max(5, 0.05 * kept.sum()):
        mouse = names.str.match(r"^([A-Z][a-z0-9]*[a-z][A-Za-z0-9.-]*$|mt-|[0-9A-Z]+Rik$|Gm\d+$)") & ~names.str.match(
            r"^C[0-9XY]+orf"
        )
        return pd.Series(np.where(mouse, "mouse", "human"), index=table.index).where(names != "", "")
    return None


def _one_row_each(symbols: np.ndarray, ids: np.ndarray, id_of: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Return each feature's gene number and each gene's leading feature: the one with the known id, else the first."""
    genes, names = pd.factorize(symbols)
    first = np.full(len(names), -1)
    for row in range(len(symbols) - 1, -1, -1):
        first[genes[row]] = row
    for row in np.flatnonzero(np.bincount(genes)[genes] > 1).tolist():
        if ids[row] and id_of.get(symbols[row]) == ids[row]:
            first[genes[row]] = row
    return genes, first
