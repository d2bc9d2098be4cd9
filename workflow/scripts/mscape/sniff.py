"""Look at a sample before any work: what its genes, cells and counts are, and what is wrong with them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.formats import features as naming

if TYPE_CHECKING:
    from collections.abc import Collection

    from mscape.formats.table import CountTable

MAX_VALUES = 50_000_000  # counts looked at in one sample
FEW_CELLS, TINY = 50, 10
FEW_GENES = 8_000
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


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing to know of a sample.

    Parameters
    ----------
    check
        Name of the check.
    level
        ``error`` (the run would stop or its results would mislead), ``warning`` (look at it) or ``note``.
    found, expected, next_step
        One clause each.
    """

    check: str
    level: str
    found: str
    expected: str = ""
    next_step: str = ""


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
    species
        Guess, or "unknown".
    barcodes
        As given.
    totals
        Counts of the cells looked at, in the order of ``barcodes``.
    detected
        Genes seen in each of these cells.
    share_of_ones
        Share of the non-zero counts that are 1: most of them where molecules (UMI) are counted.
    excluded, repeated, notes
        Features left out by kind, barcodes that occur again, remarks of the reader.
    """

    format: str
    genes: pd.Index
    ids: str
    species: str
    barcodes: np.ndarray
    totals: np.ndarray
    detected: np.ndarray
    share_of_ones: float
    excluded: dict[str, int] = field(default_factory=dict)
    repeated: int = 0
    notes: list[str] = field(default_factory=list)


def look(
    table: CountTable,
    known: pd.DataFrame,
    *,
    organism: str = "human",
    genome: str = "",
    max_values: int = MAX_VALUES,
) -> Facts:
    """Read a sample's names and its first counts.

    Raises
    ------
    mscape.step.UserError
        If they cannot be read or are no raw counts.
    """
    genes = naming.settle(table.features, known, organism=organism, genome=genome)
    totals, detected, ones, values = [], [], 0, 0
    for raw in table.rows():
        block = genes.apply(raw)
        totals.append(np.asarray(block.sum(axis=1, dtype=np.int64)).ravel())
        detected.append(block.getnnz(axis=1))
        ones += int((block.data == 1).sum())
        values += block.nnz
        if values >= max_values:
            break
    return Facts(
        format=table.format,
        genes=genes.var.index,
        ids=kind_of_names(table.features["name"], table.features["id"]),
        species=guess_species(table.features["name"], table.features["id"], known),
        barcodes=table.barcodes,
        totals=np.concatenate(totals) if totals else np.array([], dtype=np.int64),
        detected=np.concatenate(detected) if detected else np.array([], dtype=np.int64),
        share_of_ones=ones / max(values, 1),
        excluded=genes.excluded,
        repeated=len(table.barcodes) - len(set(table.barcodes)),
        notes=table.notes + genes.notes,
    )


def judge(facts: Facts, *, organism: str, panel: Collection[str]) -> list[Finding]:
    """List what is wrong or remarkable with a sample.

    Parameters
    ----------
    facts
        What ``look`` saw.
    organism
        As the config says.
    panel
        Genes that the gate asks for.
    """
    found = [
        Finding(
            check="format",
            level="note",
            found=f"{facts.format}, {len(facts.barcodes):,} cells, {len(facts.genes):,} genes named by {facts.ids}"
            + (f", median {np.median(facts.totals):,.0f} counts" if facts.totals.size else ""),
        )
    ]
    found += _judge_cells(facts)
    found += _judge_genes(facts, organism, panel)
    found += _judge_counts(facts)
    found += [Finding(check="reading", level="note", found=note) for note in facts.notes]
    return found


def _judge_cells(facts: Facts) -> list[Finding]:
    n_cells = len(facts.barcodes)
    found = []
    if n_cells < TINY:
        found.append(
            Finding(
                check="cells",
                level="error" if n_cells == 0 else "warning",
                found=f"{n_cells} cells",
                expected=f"at least {FEW_CELLS}",
                next_step="check that the whole matrix was given; no fraction of so few cells means anything",
            )
        )
    elif n_cells < FEW_CELLS:
        found.append(
            Finding(
                check="cells",
                level="warning",
                found=f"{n_cells} cells",
                expected=f"at least {FEW_CELLS}",
                next_step="read the intervals of the report: they will be wide; doublets are not scored",
            )
        )
    if facts.totals.size and not facts.totals.any():
        found.append(
            Finding(
                check="counts", level="error", found="not one count", expected="counts", next_step="give the matrix"
            )
        )
    elif looks_unfiltered(facts.totals, n_cells):
        found.append(
            Finding(
                check="droplets",
                level="error",
                found=f"{n_cells:,} barcodes, {np.mean(facts.totals < 100):.0%} with fewer than 100 counts",
                expected="cells, not empty droplets",
                next_step="give filtered_feature_bc_matrix, or call cells with CellBender or emptyDrops",
            )
        )
    if facts.repeated:
        found.append(
            Finding(
                check="barcodes",
                level="warning",
                found=f"{facts.repeated:,} barcodes occur again in the same file",
                expected="each barcode once",
                next_step="if several samples were put into one file, give each its own row",
            )
        )
    return found


def _judge_genes(facts: Facts, organism: str, panel: Collection[str]) -> list[Finding]:
    found = []
    if facts.ids in {"numbers", "a mixture"}:
        found.append(
            Finding(
                check="ids",
                level="warning",
                found=f"genes are named by {facts.ids}",
                expected="gene symbols or Ensembl ids",
                next_step="give a file with symbols or Ensembl ids; genes that are not recognised are not used",
            )
        )
    wrong = facts.species != "unknown" and (
        facts.species != organism if organism in {"human", "mouse"} else facts.species in {"human", "mouse"}
    )
    if wrong:
        found.append(
            Finding(
                check="species",
                level="error",
                found=f"genes of {facts.species}",
                expected=f"genes of {organism}, as the config says",
                next_step=f"set organism: {facts.species if facts.species in {'human', 'mouse'} else 'other'}",
            )
        )
    elif organism == "human" and panel:
        missing = sorted(set(panel) - set(facts.genes))
        if missing:
            found.append(
                Finding(
                    check="panel",
                    level="error" if len(missing) == len(set(panel)) else "warning",
                    found=f"not in the feature table: {', '.join(missing)}",
                    expected="every gene of the gate, with or without counts",
                    next_step="give the unfiltered feature table; criteria on these genes will not be assessable",
                )
            )
    if not facts.genes.str.upper().str.startswith("MT-").any():
        found.append(
            Finding(
                check="mitochondria",
                level="warning",
                found="no gene named MT-...",
                expected="13 mitochondrial genes",
                next_step="damaged cells cannot be told by them; nothing to do if the authors left them out",
            )
        )
    if len(facts.genes) < FEW_GENES:
        found.append(
            Finding(
                check="genes",
                level="warning",
                found=f"{len(facts.genes):,} genes",
                expected="the whole transcriptome",
                next_step="if genes were filtered before, give the unfiltered matrix: scores and the gate need them",
            )
        )
    return found


def _judge_counts(facts: Facts) -> list[Finding]:
    if not counts_reads(facts):
        return []
    return [
        Finding(
            check="umi",
            level="warning",
            found=f"median {np.median(facts.totals):,.0f} counts a cell, {facts.share_of_ones:.0%} of the values are 1",
            expected="molecules (UMI), of which most genes have one or two",
            next_step="these seem to be reads of a full-length protocol: thresholds of the gate are for UMI, read its "
            "verdicts with care",
        )
    ]


def looks_unfiltered(totals: np.ndarray, n_barcodes: int) -> bool:
    """Say whether totals look like those of an unfiltered droplet matrix, not like those of cells."""
    return n_barcodes > MANY_BARCODES and totals.size > 0 and float(np.mean(totals < 100)) > 0.5


def counts_reads(facts: Facts) -> bool:
    """Say whether counts look like reads, not molecules: very many a cell, and few genes with just one."""
    return facts.totals.size > 0 and float(np.median(facts.totals)) > 50_000 and facts.share_of_ones < 0.3


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


def guess_species(names: pd.Series, ids: pd.Series, known: pd.DataFrame) -> str:
    """Guess the species from Ensembl prefixes, else from the spelling of symbols; horse and human are spelled alike."""
    text = pd.concat([ids.astype(str), names.astype(str)], ignore_index=True)
    prefix = text.str.extract(r"^(?:\S+?_+)?(ENS[A-Z]*G)\d{6,}")[0].dropna()
    if len(prefix) > 100 or len(prefix) > 0.2 * len(names):
        return SPECIES.get(prefix.value_counts().index[0], "another species")
    symbols = names.astype(str).str.replace(r"^(GRC[a-z]{1,2}\d+|hg\d\d|mm\d\d?)_+", "", regex=True)
    human = set(known["symbol"])
    exact = symbols.isin(human).mean()
    title = symbols.str.match(re.compile(r"^[A-Z][a-z0-9]+[A-Za-z0-9-]*$|^mt-")) & symbols.str.upper().isin(human)
    if max(exact, title.mean()) < 0.2:
        return "unknown"
    return "human" if exact >= title.mean() else "mouse"


def same_cells(samples: dict[str, Facts]) -> list[tuple[str, Finding]]:
    """Find samples that share cells: the same file twice, or one sample split over two rows.

    Droplet barcodes come from one list, so that a few per cent of them are shared by chance; cells are the
    same where barcodes and totals agree.
    """
    found = []
    tables = {
        name: pd.Series(one.totals, index=[_bare(b) for b in one.barcodes[: one.totals.size]])
        for name, one in samples.items()
    }
    tables = {name: table[~table.index.duplicated()] for name, table in tables.items() if len(table)}
    names = list(tables)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            common = tables[first].index.intersection(tables[second].index)
            smaller = min(len(tables[first]), len(tables[second]))
            if len(common) < max(5, 0.2 * smaller):
                continue
            equal = float((tables[first][common] == tables[second][common]).mean())
            same = equal > 0.5
            found.append(
                (
                    second,
                    Finding(
                        check="same cells",
                        level="error" if same else "warning",
                        found=f"{len(common):,} of {smaller:,} barcodes are also in {first}, {equal:.0%} counted alike",
                        expected="other cells in each sample",
                        next_step="the same file seems to be given twice: correct the path or member of one row"
                        if same
                        else "nothing, if barcodes are just numbers; else check that the files were not mixed up",
                    ),
                )
            )
    return found


def _bare(barcode: str) -> str:
    """Barcode without the number of the run that aggregation appends."""
    return re.sub(r"-\d+$", "", str(barcode))
