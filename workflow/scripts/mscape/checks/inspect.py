"""Look at a sample before any work: what its genes, cells and counts are."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.checks.chemistry import Chemistry, guess_chemistry
from mscape.io.formats import features as naming

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mscape.io.formats.count_table import CountTable

MAX_VALUES = 50_000_000  # counts looked at in one sample
MANY_BARCODES = 20_000
SPECIES = {
    "ENSG": "human",
    "ENSMUSG": "mouse",
    "ENSRNOG": "rat",
    "ENSECAG": "horse",
    "ENSSSCG": "pig",
    "ENSCAFG": "dog",
    "ENSBTAG": "cow",
    "ENSMMUG": "macaque",
    "ENSOCUG": "rabbit",
}


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
        Guess, or "unknown"; sure where Ensembl ids tell it, since mammals share the spelling of symbols.
    orthologs
        Number of genes that bear the name of a human ortholog; -1 where no table is given.
    barcodes
        As given.
    totals
        Counts of the cells looked at, in the order of ``barcodes``.
    detected
        Genes seen in each of these cells.
    share_of_ones
        Share of the non-zero counts that are 1: most of them where molecules (UMI) are counted.
    of_gene
        Counts of each gene in the cells looked at, in the order of ``genes``.
    chemistry
        How the sample seems to have been made.
    excluded, repeated, notes
        Features left out by kind, barcodes that occur again, remarks of the reader.
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


def look(
    table: CountTable,
    known: pd.DataFrame,
    *,
    organism: str = "human",
    genome: str = "",
    orthologs: Mapping[str, str] | None = None,
    max_values: int = MAX_VALUES,
) -> Facts:
    """Read a sample's names and its first counts.

    Raises
    ------
    mscape.errors.UserError
        If they cannot be read or are no raw counts.
    """
    genes = naming.settle(table.features, known, organism=organism, genome=genome, orthologs=orthologs)
    totals, detected, ones, values = [], [], 0, 0
    of_gene = np.zeros(len(genes.var))
    for raw in table.rows():
        block = genes.apply(raw)
        totals.append(np.asarray(block.sum(axis=1, dtype=np.int64)).ravel())
        detected.append(block.getnnz(axis=1))
        of_gene += np.bincount(block.indices, weights=block.data, minlength=len(of_gene))
        ones += int((block.data == 1).sum())
        values += block.nnz
        if values >= max_values:
            break
    total = np.concatenate(totals) if totals else np.array([], dtype=np.int64)
    share_of_ones = ones / max(values, 1)
    species, sure = guess_species(table.features["name"], table.features["id"], known)
    return Facts(
        format=table.format,
        genes=genes.var.index,
        ids=kind_of_names(table.features["name"], table.features["id"]),
        species=species,
        sure_species=sure,
        orthologs=-1 if orthologs is None else int((~genes.var.index.str.startswith(naming.OWN)).sum()),
        barcodes=table.barcodes,
        totals=total,
        detected=np.concatenate(detected) if detected else np.array([], dtype=np.int64),
        share_of_ones=share_of_ones,
        of_gene=of_gene,
        chemistry=guess_chemistry(table.barcodes, stated=table.chemistry, reads=looks_like_reads(total, share_of_ones)),
        excluded=genes.excluded,
        repeated=len(table.barcodes) - len(set(table.barcodes)),
        notes=table.notes + genes.notes,
    )


def looks_unfiltered(totals: np.ndarray, n_barcodes: int) -> bool:
    """Say whether totals look like those of an unfiltered droplet matrix, not like those of cells."""
    return n_barcodes > MANY_BARCODES and totals.size > 0 and float(np.mean(totals < 100)) > 0.5


def looks_like_reads(totals: np.ndarray, share_of_ones: float) -> bool:
    """Say whether counts look like reads, not molecules: very many a cell, and few genes with just one."""
    return totals.size > 0 and float(np.median(totals)) > 50_000 and share_of_ones < 0.3


def kind_of_names(names: pd.Series, ids: pd.Series) -> str:
    """Say by what genes are named: symbols, Ensembl ids, numbers, or a mixture."""
    names = names.astype(str)
    share_ensembl = names.str.match(naming.ENSEMBL).mean()
    share_numbers = names.str.fullmatch(r"\d+").mean()
    has_ids = ids.astype(str).str.match(naming.ENSEMBL).mean() > 0.5
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

    Symbols of horse and human are spelled alike, and so are those of mouse and rat.
    """
    text = pd.concat([ids.astype(str), names.astype(str)], ignore_index=True)
    prefix = text.str.extract(r"^(?:\S+?_+)?(ENS[A-Z]*G)\d{6,}")[0].dropna()
    if len(prefix) > 100 or len(prefix) > 0.2 * len(names):
        return SPECIES.get(prefix.value_counts().index[0], "another species"), True
    symbols = names.astype(str).str.replace(r"^(GRC[a-z]{1,2}\d+|hg\d\d|mm\d\d?)_+", "", regex=True)
    human = set(known["symbol"])
    exact = symbols.isin(human).mean()
    title = symbols.str.match(re.compile(r"^[A-Z][a-z0-9]+[A-Za-z0-9-]*$|^mt-")) & symbols.str.upper().isin(human)
    if max(exact, title.mean()) < 0.2:
        return "unknown", False
    return "human" if exact >= title.mean() else "mouse", False
