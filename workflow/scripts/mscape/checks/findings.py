"""Report problems found in a sample, with suggested next steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mscape.checks.chemistry import name_family
from mscape.checks.inspect import FEW_COUNTS, looks_like_reads, looks_unfiltered
from mscape.gating.chemistry_basis import has_basis
from mscape.genes.species import species
from mscape.io.formats.samples_in_file import SUFFIX
from mscape.quality.sex import check_sex, sum_sex_genes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from mscape.checks.inspect import Facts

FEW_CELLS, TINY = 50, 10
FEW_GENES = 8_000
FEW_ORTHOLOGS = 2_000
SUSPECT_KINDS = {"sum of the genes", "number of genes", "summary row", "metadata", "antibody or tag"}
FEW_STRANGE, MUCH_STRANGE = 0.001, 0.05  # share of the counts under names that have not even the form of a gene's
MUCH_UNKNOWN, RIVAL = 0.02, 0.5  # share of the counts under one unknown name
SUMMED_SHARE = 0.005  # of the counts in second rows of genes
SOME_KNOWN = 0.2  # share of names that are known, below which the genes are of another kind than the table's
NUCLEAR_GENE, FEW_MITOCHONDRIAL = "MALAT1", 5  # RNA that stays in the nucleus; genes below which MT says nothing
NUCLEAR_SHARE, MITOCHONDRIAL_SHARE = (
    0.05,
    0.01,
)  # of the counts: whole cells of three real sets have 0.3 to 3 %, and 2 to 7 %
WELL_KNOWN = 0.95  # share of names that are known, from which each unknown one with many counts is named


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


def judge(facts: Facts, row: Mapping[str, str], *, organism: str, panel: Collection[str]) -> list[Finding]:
    """List what is wrong or remarkable with a sample.

    Parameters
    ----------
    facts
        What ``look`` saw.
    row
        The sample's row of the sheet: ``sex`` and ``assay`` are compared with the counts.
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
    found += _judge_samples(facts)
    found += _judge_genes(facts, organism, panel)
    found += judge_reading(facts)
    found += _judge_counts(facts)
    found += _judge_chemistry(facts, str(row.get("assay", "")))
    found += _judge_nuclei(facts, f"{row.get('assay', '')} {row.get('suspension_type', '')} {facts.chemistry.name}")
    found += _judge_sex(facts, str(row.get("sex", ""))) if species(organism).isct else []
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


def _judge_samples(facts: Facts) -> list[Finding]:
    found = []
    for name, values in facts.several:
        shown = ", ".join(values[:3]) + (", ..." if len(values) > 3 else "")
        choice = f"*{values[0]}" if name == SUFFIX else f"{name}={values[0]}"
        found.append(
            Finding(
                check="several samples",
                level="warning",
                found=f"{name} has {len(values)} values: {shown}",
                expected="cells of one sample",
                next_step=f"give each its own row with its cells in the column 'cells', such as {choice}",
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
        facts.species != organism
        if species(organism).has_markers
        else facts.sure_species and species(facts.species).has_markers
    )
    if wrong:
        found.append(
            Finding(
                check="species",
                level="error",
                found=f"genes of {facts.species}",
                expected=f"genes of {organism}, as the config says",
                next_step=f"set organism: {facts.species if species(facts.species).has_markers else 'other'}",
            )
        )
    elif panel and (species(organism).isct or facts.orthologs >= 0):
        missing = sorted(set(panel) - set(facts.genes))
        if missing:
            found.append(
                Finding(
                    check="panel",
                    level="error" if len(missing) == len(set(panel)) else "warning",
                    found=f"not in the feature table: {', '.join(missing)}",
                    expected="every gene of the gate, with or without counts",
                    next_step="give the matrix with all genes; criteria on these genes will not be assessable"
                    if species(organism).isct
                    else "nothing if they have no ortholog: the gate says nothing of them; else complete the table",
                )
            )
    if organism == "other":
        found.append(_judge_orthologs(facts))
    if not facts.genes.str.upper().str.startswith("MT-").any():
        found.append(
            Finding(
                check="mitochondria",
                level="warning",
                found="no gene named MT-...",
                expected="13 mitochondrial genes",
                next_step="damaged cells cannot be identified by them; nothing to do if the authors left them out",
            )
        )
    if len(facts.genes) < FEW_GENES:
        found.append(
            Finding(
                check="genes",
                level="warning",
                found=f"{len(facts.genes):,} genes",
                expected="the whole transcriptome",
                next_step="if genes were left out, give the matrix with all of them: scores and the gate need them",
            )
        )
    return found


def _judge_orthologs(facts: Facts) -> Finding:
    if facts.orthologs < 0:
        return Finding(
            check="orthologs",
            level="warning",
            found="no table of orthologs",
            expected="human names of the genes",
            next_step="give one in the dataset's 'orthologs'; without it there are no signature scores",
        )
    few = facts.orthologs < FEW_ORTHOLOGS
    return Finding(
        check="orthologs",
        level="error" if few else "note",
        found=f"{facts.orthologs:,} genes have a human ortholog in the table",
        expected=f"at least {FEW_ORTHOLOGS:,}",
        next_step="check that the table's column 'gene' has the symbols or ids of this file" if few else "",
    )


def judge_reading(facts: Facts) -> list[Finding]:
    """List what is wrong with the numbers and names themselves: no counts, no genes, no cells."""
    return [*_judge_numbers(facts), *_judge_sums(facts), *_judge_features(facts)]


def _judge_sums(facts: Facts) -> list[Finding]:
    if not facts.rival:
        return []
    name, share = facts.rival
    return [
        Finding(
            check="sum column",
            level="error",
            found=f"the cell {name!r} holds {share:.0%} of all counts",
            expected="no cell with as many counts as many others together",
            next_step="take it out of the file: it is a sum of cells",
        )
    ]


def _judge_features(facts: Facts) -> list[Finding]:
    """Features left out by their names or numbers, and those that hold many counts and are not known."""
    found = []
    said = [
        f"{count:,} x {kind} with {facts.excluded_share.get(kind, 0):.1%} of the counts"
        for kind, count in facts.excluded.items()
        if kind in SUSPECT_KINDS
    ]
    if said:
        found.append(
            Finding(
                check="no genes",
                level="warning",
                found=f"left out, by names or numbers: {'; '.join(said)}",
                expected="genes only",
                next_step="nothing, if they are no genes; else rename them",
            )
        )
    unknown = [(name, share) for name, share, _ in facts.unknown]
    strange = sum(share for _, share, of_gene in facts.unknown if not of_gene)
    largest = max((share for _, share in unknown), default=0.0)
    if strange >= FEW_STRANGE or largest >= MUCH_UNKNOWN or (facts.unknown and not _mostly_unknown(facts)):
        shown = ", ".join(f"{name} {share:.1%}" for name, share in unknown[:4])
        held = sum(share for _, share in unknown)
        wrong = facts.known_share >= SOME_KNOWN and (strange >= MUCH_STRANGE or largest >= RIVAL)
        found.append(
            Finding(
                check="unknown features",
                level="error" if wrong else "warning",
                found=f"{len(unknown)} features that are not known as genes hold {held:.1%} of the counts: {shown}",
                expected="known genes",
                next_step="take out what is no gene (sums, metadata, antibodies); transgenes and new genes may stay",
            )
        )
    rest = sum(share for _, share in facts.summed)
    if rest >= SUMMED_SHARE:
        shown = ", ".join(name for name, _ in facts.summed[:5])
        found.append(
            Finding(
                check="repeated genes",
                level="warning",
                found=f"second rows of genes hold {rest:.1%} of the counts and were summed: {shown}",
                expected="a gene's counts in one row",
                next_step="check that the second rows are no antibodies, isoforms or another species",
            )
        )
    if facts.dates:
        found.append(
            Finding(
                check="dates",
                level="warning",
                found=f"{len(facts.dates):,} names are dates of a spreadsheet: {', '.join(facts.dates[:4])}",
                expected="names of genes",
                next_step="give the text or h5 file that no spreadsheet has opened; these genes are lost",
            )
        )
    if facts.partial:
        found.append(
            Finding(
                check="parts",
                level="warning",
                found=f"{facts.matrix} holds a part of each gene's molecules",
                expected="all of them",
                next_step="give the folder without naming one matrix: its parts are then summed",
            )
        )
    found += [
        Finding(check="content", level="warning", found=text, next_step="check that nothing else was meant")
        for text in facts.warnings
    ]
    return found


def _mostly_unknown(facts: Facts) -> bool:
    """Say whether unknown names are common, as those of non-coding genes in a whole annotation are."""
    return facts.known_share < WELL_KNOWN


def _judge_numbers(facts: Facts) -> list[Finding]:
    if not facts.no_counts:
        return []
    return [
        Finding(
            check="no counts",
            level="error",
            found=f"whole numbers that are no counts: {facts.no_counts}",
            expected="counts of molecules or reads",
            next_step="give the counts before scaling, rounding or transforming",
        )
    ]


def _judge_counts(facts: Facts) -> list[Finding]:
    filled = facts.totals[facts.totals > 0]
    if len(filled) >= FEW_CELLS and np.mean(filled == np.median(filled)) > 0.9:
        return [
            Finding(
                check="depth",
                level="warning",
                found=f"{np.mean(filled == np.median(filled)):.0%} of the cells have {np.median(filled):,.0f} counts",
                expected="cells of different depth",
                next_step="if counts were drawn down to one depth, give those before: depth is evidence too",
            )
        ]
    if not looks_like_reads(facts.totals, facts.share_of_ones):
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


def _judge_chemistry(facts: Facts, assay: str) -> list[Finding]:
    seen, stated = facts.chemistry, name_family(assay)
    genes = f", median {np.median(facts.detected):,.0f} genes a cell" if facts.detected.size else ""
    found = f"{seen.sure}{': ' + seen.name if seen.name else ''} ({seen.why}{genes})"
    other_family = stated and seen.family and stated != seen.family and seen.sure in {"stated", "likely"}
    known = bool(assay) and assay != "unknown"
    other_basis = known and seen.sure == "stated" and has_basis(assay) != has_basis(seen.name)
    if other_family or other_basis:
        return [
            Finding(
                check="chemistry",
                level="warning",
                found=found,
                expected=f"{assay}, as the sheet's assay says",
                next_step="correct the column 'assay', or check that this is the right file",
            )
        ]
    return [Finding(check="chemistry", level="note", found=found)]


def _judge_nuclei(facts: Facts, said: str) -> list[Finding]:
    whole = facts.of_gene.sum()
    mitochondrial = facts.genes.str.startswith("MT-")
    if not has_basis(said) or mitochondrial.sum() < FEW_MITOCHONDRIAL or whole < FEW_COUNTS:
        return []
    kept, made = (float(facts.of_gene[of].sum() / whole) for of in (facts.genes == NUCLEAR_GENE, mitochondrial))
    if kept < NUCLEAR_SHARE or made > MITOCHONDRIAL_SHARE:
        return []
    return [
        Finding(
            check="nuclei",
            level="warning",
            found=f"{NUCLEAR_GENE} has {kept:.0%} of the counts, mitochondrial genes {made:.1%}: as in single nuclei",
            expected="whole cells, whose RNA the thresholds are for",
            next_step="if these are nuclei, write nucleus in the column 'suspension_type': a positive marker that is "
            "missing is then left open",
        )
    ]


def _judge_sex(facts: Facts, stated: str) -> list[Finding]:
    sex = check_sex(sum_sex_genes(facts.of_gene, facts.genes), stated)
    found = (
        f"{str(sex['found']).replace('_', ' ')} (XIST {sex['xist_cpm']:.0f}, Y {sex['y_cpm']:.0f} counts per million)"
    )
    if sex["agrees"] == "no":
        return [
            Finding(
                check="sex",
                level="warning",
                found=found,
                expected=f"{sex['stated']}, as the sheet says",
                next_step="check that samples were not swapped; cells long in culture may lose XIST or Y",
            )
        ]
    return [Finding(check="sex", level="note", found=found)] if sex["found"] != "not_assessable" else []
