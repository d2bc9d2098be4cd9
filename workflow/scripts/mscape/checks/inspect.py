"""Look at a sample before any work: what its genes, cells and counts are."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.checks.chemistry import Chemistry, guess_chemistry
from mscape.genes.names import names_of_table
from mscape.genes.species import BY_PREFIX
from mscape.genes.spelling import ENSEMBL, is_known, looks_like_gene
from mscape.io.formats import features as naming
from mscape.io.formats.evidence import features_no_genes, rival_cell, why_no_counts
from mscape.io.formats.samples_in_file import several_samples

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import scipy.sparse as sp

    from mscape.io.formats.count_table import CountTable

MAX_VALUES = 3_000_000  # counts examined in one sample
FIRST_CELLS = 2_000  # and
FIRST_VALUES = 2_000_000  # counts by which it is judged whether they are counts, and features genes
_TITLE = re.compile(r"^[A-Z][a-z0-9]+[A-Za-z0-9-]*$|^mt-")  # how mouse and rat symbols are spelled
MANY_BARCODES = 20_000
FEW_COUNTS = 1_000  # below, shares of single features say nothing
UNKNOWN_SHARE = 0.002  # of all counts, from which a feature that is not known is named
SUMMED_SHARE = 0.005  # of all counts that rows after the first of a gene hold, from which these are named


@dataclass(kw_only=True)
class Facts:
    """What was seen of a sample.

    Parameters
    ----------
    format
        As recognised.
    genes
        Unique symbols.
    ids
        Kind of gene names: symbols, Ensembl ids, mixed, numbers.
    species, sure_species
        Guess, or "unknown"; sure where Ensembl ids identify it, since mammals share the spelling of symbols.
    orthologs
        Number of genes that bear the name of a human ortholog; -1 where no table is given.
    barcodes
        As given.
    totals
        Counts of the cells examined, in the order of ``barcodes``.
    detected
        Genes seen in each of these cells.
    share_of_ones
        Share of the non-zero counts that are 1: most of them where molecules (UMI) are counted.
    of_gene
        Counts of each gene in the cells examined, in the order of ``genes``.
    chemistry
        How the sample seems to have been made.
    excluded, repeated, notes
        Features left out by kind, barcodes that occur again, remarks of the reader.
    excluded_share
        Share of all counts that the features left out hold, by kind, in the cells examined.
    no_counts
        Why the whole numbers seem to be no counts, or "".
    unknown
        Features that are not known as genes and hold many counts: name, share of all counts in the first cells, and
        whether the name has the form of a gene's.
    summed
        Genes that stand in several rows whose later rows hold many counts: name, share of all counts.
    rival
        Cell that holds as many counts as the others together: name, share; or None.
    warnings
        What the reader did to the content that a user should look at.
    maker, matrix, why, partial
        See ``CountTable``.
    rewrites, dates
        See ``Genes``.
    known_share
        Share of the features' names that are known.
    several
        Columns by which the cells are of several samples, and their values; see ``several_samples``.
    """

    format: str
    genes: pd.Index
    ids: str
    species: str
    sure_species: bool
    barcodes: np.ndarray
    totals: np.ndarray
    detected: np.ndarray
    share_of_ones: float
    of_gene: np.ndarray
    chemistry: Chemistry
    orthologs: int = -1
    excluded: dict[str, int] = field(default_factory=dict)
    repeated: int = 0
    notes: list[str] = field(default_factory=list)
    excluded_share: dict[str, float] = field(default_factory=dict)
    no_counts: str = ""
    unknown: list[tuple[str, float, bool]] = field(default_factory=list)
    summed: list[tuple[str, float]] = field(default_factory=list)
    rival: tuple[str, float] | None = None
    warnings: list[str] = field(default_factory=list)
    maker: str = ""
    matrix: str = ""
    why: str = ""
    partial: bool = False
    rewrites: list[str] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)
    known_share: float = 1.0
    several: list[tuple[str, list[str]]] = field(default_factory=list)


ARRAYS = ("totals", "detected", "of_gene")  # of Facts


def pack(facts: Facts) -> dict:
    """Turn facts into what an AnnData file can hold in ``uns``: arrays, and the rest as JSON.

    Genes and barcodes are left out: they are the names of the file's own rows and columns.
    """
    rest = {
        one.name: getattr(facts, one.name) for one in fields(facts) if one.name not in {*ARRAYS, "genes", "barcodes"}
    }
    rest["chemistry"] = asdict(facts.chemistry)
    return {name: getattr(facts, name) for name in ARRAYS} | {"rest": json.dumps(rest)}


def unpack(packed: Mapping, *, genes: pd.Index, barcodes: np.ndarray) -> Facts:
    """Turn back what ``pack`` made, with the names that it left out."""
    rest = json.loads(str(packed["rest"]))
    rest["chemistry"] = Chemistry(**rest["chemistry"])
    rest["unknown"] = [tuple(one) for one in rest["unknown"]]
    rest["several"] = [tuple(one) for one in rest["several"]]
    rest["summed"] = [tuple(one) for one in rest["summed"]]
    rest["rival"] = tuple(rest["rival"]) if rest["rival"] else None
    rest |= {name: np.asarray(packed[name]) for name in ARRAYS}
    return Facts(**rest, genes=genes, barcodes=barcodes)


class Watched:
    """A sample that is read once: its genes are settled by its first cells, its blocks passed on and examined.

    Parameters
    ----------
    table
        The sample.
    known, organism, genome, orthologs, parts
        See ``features.settle``.
    max_values
        Counts after which no more is examined; all blocks are passed on.

    Attributes
    ----------
    genes
        The genes of the sample and where its features go.

    Raises
    ------
    mscape.errors.UserError
        If names or counts cannot be read or are no raw counts.
    """

    def __init__(
        self,
        table: CountTable,
        known: pd.DataFrame,
        *,
        organism: str = "human",
        genome: str = "",
        orthologs: Mapping[str, str] | None = None,
        parts: str = "",
        max_values: int = MAX_VALUES,
    ):
        settle = functools.partial(
            naming.settle, table.features, known, organism=organism, genome=genome, orthologs=orthologs, parts=parts
        )
        self.table, self._known, self._organism, self._max_values = table, known, organism, max_values
        self._orthologs = orthologs
        self.genes = settle()
        self._blocks = iter(table.rows())
        self._head = next(self._blocks, None)
        first = _first_cells(self._head)
        self._no_counts = ""
        self._unknown: list[tuple[str, float, bool]] = []
        self._summed: list[tuple[str, float]] = []
        if first is not None:
            no_genes = features_no_genes(self.genes.names, self.genes.kinds, first, organism=organism)
            if no_genes:
                self.genes = settle(no_genes=no_genes)
            self._judge_features(first)
        self._codes = self._code_kinds()
        self._totals: list[np.ndarray] = []
        self._detected: list[np.ndarray] = []
        self._ones, self._values = 0, 0
        self._of_gene = np.zeros(len(self.genes.var))
        self._of_kind = np.zeros(len(self._kinds) + 1)

    def blocks(self) -> Iterator[sp.csr_matrix]:
        """Pass on all blocks of cells x genes, and examine the first of them."""
        if self._head is None:
            return
        block, self._head = self._head, None
        while block is not None:
            if self._kinds:
                self._of_kind += np.bincount(
                    self._codes[block.indices], weights=block.data, minlength=len(self._of_kind)
                )
            counted = self.genes.apply(block)
            if self._values < self._max_values:
                self._look_at(counted)
            yield counted
            block = next(self._blocks, None)

    def facts(self, totals: np.ndarray | None = None) -> Facts:
        """Tell what was seen.

        Parameters
        ----------
        totals
            Counts of all cells, if they are known; those of the cells examined if not given.
        """
        table, genes = self.table, self.genes
        seen = np.concatenate(self._totals) if self._totals else np.array([], dtype=np.int64)
        total = seen if totals is None else totals
        share_of_ones = self._ones / max(self._values, 1)
        species, sure = guess_species(pd.Series(genes.names), table.features["id"], self._known)
        names = genes.var.index
        whole = self._of_kind.sum()
        return Facts(
            format=table.format,
            genes=names,
            ids=kind_of_names(pd.Series(genes.names), table.features["id"]),
            species=species,
            sure_species=sure,
            orthologs=-1 if self._orthologs is None else int((~names.str.startswith(naming.OWN)).sum()),
            barcodes=table.barcodes,
            totals=total,
            detected=np.concatenate(self._detected) if self._detected else np.array([], dtype=np.int64),
            share_of_ones=share_of_ones,
            of_gene=self._of_gene,
            chemistry=guess_chemistry(
                table.barcodes, stated=table.chemistry, reads=looks_like_reads(seen, share_of_ones)
            ),
            excluded=genes.excluded,
            repeated=len(table.barcodes) - len(set(table.barcodes)),
            notes=table.notes + genes.notes,
            excluded_share={
                kind: float(self._of_kind[number] / whole) if whole else 0.0
                for number, kind in enumerate(self._kinds, 1)
            },
            no_counts=self._no_counts,
            unknown=self._unknown,
            summed=self._summed,
            rival=_find_rival(table.barcodes, total),
            warnings=table.warnings,
            maker=table.maker,
            matrix=table.matrix,
            why=table.why,
            partial=table.partial,
            rewrites=genes.rewrites,
            dates=genes.dates,
            known_share=sum(is_known(str(name)) for name in genes.names) / max(len(genes.names), 1),
            several=several_samples(table),
        )

    def _code_kinds(self) -> np.ndarray:
        """Give each feature the number of its kind, 0 for genes."""
        self._kinds = sorted(set(self.genes.kinds) - {""})
        number = {kind: i for i, kind in enumerate(self._kinds, 1)} | {"": 0}
        return np.array([number[kind] for kind in self.genes.kinds], dtype=np.int64)

    def _judge_features(self, first: sp.csr_matrix) -> None:
        """Judge by the first cells whether the numbers are counts, and which features that hold many are not known."""
        counts = np.bincount(first.indices, weights=first.data, minlength=first.shape[1])
        self._no_counts = why_no_counts(self.genes.apply(first))  # last: it sorts the values in place
        kept = self.genes.column >= 0
        whole = counts[kept].sum()
        if whole < FEW_COUNTS:
            return
        share = np.where(kept, counts / whole, 0.0)
        ids = self.table.features["id"].astype(str).str.match(ENSEMBL).to_numpy()
        for row in np.argsort(-share, kind="stable")[:200]:
            name = str(self.genes.names[row])
            if share[row] >= UNKNOWN_SHARE and not ids[row] and not is_known(name):
                self._unknown.append((name, float(share[row]), looks_like_gene(name, organism=self._organism)))
        if self.genes.summed and not self.genes.by_parts:
            self._summed = self._find_summed(share)

    def _find_summed(self, share: np.ndarray) -> list[tuple[str, float]]:
        """Genes whose rows after the richest hold many counts."""
        rows = pd.DataFrame({"gene": self.genes.column, "share": share})
        rows = rows[rows["gene"] >= 0]
        by_gene = rows.groupby("gene")["share"]
        rest = (by_gene.sum() - by_gene.max()).sort_values(ascending=False)
        rest = rest[rest >= SUMMED_SHARE / 10]
        return [(str(self.genes.var.index[gene]), float(value)) for gene, value in rest.items()]

    def _look_at(self, block: sp.csr_matrix) -> None:
        self._totals.append(np.asarray(block.sum(axis=1, dtype=np.int64)).ravel())
        self._detected.append(block.getnnz(axis=1))
        self._of_gene += np.bincount(block.indices, weights=block.data, minlength=len(self._of_gene))
        self._ones += int((block.data == 1).sum())
        self._values += block.nnz


def _first_cells(block: sp.csr_matrix | None) -> sp.csr_matrix | None:
    """First cells of a block, without explicit zeros."""
    if block is None or not block.shape[0]:
        return None
    stop = int(np.searchsorted(block.indptr, FIRST_VALUES, side="right")) - 1
    stop = max(1, min(stop, FIRST_CELLS, block.shape[0]))
    first = block[:stop].copy()
    first.sum_duplicates()
    first.eliminate_zeros()
    return first


def _find_rival(barcodes: np.ndarray, totals: np.ndarray) -> tuple[str, float] | None:
    """Find a cell that holds as many counts as all others: a sum of them, or no cell."""
    row = rival_cell(totals) if len(totals) == len(barcodes) else None
    return None if row is None else (str(barcodes[row]), float(totals[row] / totals.sum()))


def look(
    table: CountTable,
    known: pd.DataFrame,
    *,
    organism: str = "human",
    genome: str = "",
    orthologs: Mapping[str, str] | None = None,
    parts: str = "",
    max_values: int = MAX_VALUES,
) -> Facts:
    """Read a sample's names and its first counts.

    Raises
    ------
    mscape.errors.UserError
        If they cannot be read or are no raw counts.
    """
    watched = Watched(
        table, known, organism=organism, genome=genome, orthologs=orthologs, parts=parts, max_values=max_values
    )
    seen = 0
    for block in watched.blocks():
        seen += block.nnz
        if seen >= max_values:
            break
    return watched.facts()


def looks_unfiltered(totals: np.ndarray, n_barcodes: int) -> bool:
    """Say whether totals look like those of an unfiltered droplet matrix, not like those of cells."""
    return n_barcodes > MANY_BARCODES and totals.size > 0 and float(np.mean(totals < 100)) > 0.5


def looks_like_reads(totals: np.ndarray, share_of_ones: float) -> bool:
    """Say whether counts look like reads, not molecules: very many a cell, and few genes with just one."""
    return totals.size > 0 and float(np.median(totals)) > 50_000 and share_of_ones < 0.3


def kind_of_names(names: pd.Series, ids: pd.Series) -> str:
    """Say by what genes are named: symbols, Ensembl ids, numbers, or a mixture."""
    names = names.astype(str)
    share_ensembl = names.str.match(ENSEMBL).mean()
    share_numbers = names.str.fullmatch(r"\d+").mean()
    has_ids = ids.astype(str).str.match(ENSEMBL).mean() > 0.5
    if share_numbers > 0.5:
        return "numbers"
    if share_ensembl > 0.9:
        return "Ensembl ids"
    # annotated genes without a symbol bear their id for a name: a minority that is no mixture
    if share_ensembl > 0.5 and not has_ids:
        return "a mixture"
    return "symbols and Ensembl ids" if has_ids else "symbols"


def guess_species(names: pd.Series, ids: pd.Series, known: pd.DataFrame) -> tuple[str, bool]:
    """Guess the species from Ensembl prefixes, which are sure, else from the spelling of symbols, which is not.

    Symbols of horse and human have the same spelling, and so do those of mouse and rat.
    """
    text = pd.concat([ids.astype(str), names.astype(str)], ignore_index=True)
    prefix = text.str.extract(r"^(?:\S+?_+)?(ENS[A-Z]*G)\d{6,}")[0].dropna()
    if len(prefix) > 100 or len(prefix) > 0.2 * len(names):
        return BY_PREFIX.get(prefix.value_counts().index[0], "another species"), True
    symbols = names.astype(str).str.replace(r"^(GRC[a-z]{1,2}\d+|hg\d\d|mm\d\d?)_+", "", regex=True)
    _, human = names_of_table(known)
    spelled = symbols.tolist()
    exact = sum(name in human for name in spelled) / max(len(spelled), 1)
    title = sum(name.upper() in human and _TITLE.match(name) is not None for name in spelled) / max(len(spelled), 1)
    if max(exact, title) < 0.2:
        return "unknown", False
    return "human" if exact >= title else "mouse", False
