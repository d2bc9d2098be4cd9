"""Reason codes of the gate: one enum with a sentence for a cell, one for a lot, and the next step.

Gate, passport, report, glossary and manual read the sentences here. Some codes carry a name after the underscore:
``MISSING_CD73`` is `Reason.MISSING` of CD73 (:func:`parse`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import cast


class Reason(StrEnum):
    """Why a cell is not called MSC-like, or why a lot's criterion is not met.

    Attributes
    ----------
    cell
        Meaning for one cell.
    lot
        Meaning for a lot; ``{name}`` is replaced by what follows the code.
    next_step
        What to do about it.
    named
        Whether the code is followed by a marker, criterion or lineage.
    """

    cell: str
    lot: str
    next_step: str
    named: bool

    def __new__(cls, code: str, cell: str, lot: str, next_step: str) -> Reason:
        """Make a member from its code and sentences."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.cell, member.lot, member.next_step, member.named = cell, lot, next_step, "{name}" in lot
        return member

    MISSING = (
        "MISSING",
        "the rate of this positive marker is below its threshold",
        "The RNA of {name} is missing in too many cells that are deep enough to show it.",
        "Check the marker by flow cytometry, and whether the cells were lifted with an enzyme or have drifted.",
    )
    NEG = (
        "NEG",
        "this negative criterion is broken, and a lineage that can break it is present",
        "The RNA of {name} is present in too many cells, with other genes of that lineage beside it.",
        "See the contaminants table; confirm by flow cytometry and deplete or re-plate the culture.",
    )
    LINEAGE = (
        "LINEAGE",
        "genes of this lineage are present: the cell is no MSC, regardless of its ISCT markers; of a mural cell, "
        "adipocyte, osteoblast or chondrocyte that passes, a remark",
        "Too many cells carry the genes of another lineage ({name}).",
        "See the contaminants table; confirm by flow cytometry and deplete or re-plate the culture.",
    )
    UNEXPLAINED = (
        "UNEXPLAINED",
        "no panel names the cell, and it lacks the collagen matrix of the lot's stroma",
        "Too many cells lack the collagen matrix of stroma, and no panel names them.",
        "Look at the marker genes of their cluster to name them; authenticate the culture by STR profiling.",
    )
    LINEAGE_UNSUPPORTED = (
        "LINEAGE_UNSUPPORTED",
        "a negative marker is present without the genes of a lineage that carries it",
        "A negative marker is present without other genes of its lineage.",
        "Confirm by flow cytometry; RNA of this marker without its lineage is common in MSC.",
    )
    HLADR_INDUCED = (
        "HLADR_INDUCED",
        "HLA-DR is present with an interferon response and without a blood or endothelial lineage",
        "HLA-DR is present together with an interferon response, as after licensing.",
        "If the lot was licensed on purpose this is expected; else look for inflammation in the culture.",
    )
    CD34_ALLOWED_SVF = (
        "CD34_ALLOWED_SVF",
        "CD34 is present, which this panel allows",
        "CD34 is expected in fresh adipose stroma and is not judged there.",
        "Judge CD34 after expansion.",
    )
    LOW_EXPOSURE = (
        "LOW_EXPOSURE",
        "too few counts, pooled over all comparable neighbors, to distinguish the rate from its threshold",
        "The cells are too shallow, or similar cells too few, to distinguish absence of a marker from chance.",
        "Sequence deeper or load more cells.",
    )
    TOO_FEW_CELLS = (
        "TOO_FEW_CELLS",
        "of a lot: too few cells for a share of them",
        "The lot has too few cells: a share of them says nothing of the lot.",
        "Load more cells, or pool the lot's libraries in the sample sheet.",
    )
    AMBIGUOUS = (
        "AMBIGUOUS",
        "the rate is too near its threshold to decide the side",
        "The counts do not settle on which side of its limit the share of cells lies.",
        "Sequence deeper, or calibrate the thresholds with control samples (gate.calibrate_from).",
    )
    AMBIENT_RISK = (
        "AMBIENT_RISK",
        "the call would change with another ambient fraction",
        "The answer depends on how much ambient RNA, of the lots of this study or of others, is assumed.",
        "Give the output of CellBender, which removes ambient RNA, or measure the marker by flow cytometry.",
    )
    CHEMISTRY_UNCALIBRATED = (
        "CHEMISTRY_UNCALIBRATED",
        "a positive marker is missing by a threshold that has no basis for this protocol, which may catch it less",
        "The thresholds of positive markers have no basis for this protocol (5' kit, probes, nuclei), which may catch "
        "a gene less.",
        "Check the marker by flow cytometry, or set thresholds with controls of this protocol (gate.calibrate_from).",
    )
    POOL_MIXED = (
        "POOL_MIXED",
        "the neighborhood holds more than one lineage and the cell's own counts do not decide",
        "Neighboring cells belong to more than one lineage.",
        "Look at the UMAP around these cells; sort or re-cluster.",
    )
    HIDDEN_MIXTURE = (
        "HIDDEN_MIXTURE",
        "part of the cluster lacks this marker, and the cell's own counts do not decide its side",
        "The marker's counts vary more than one population would: a subset may lack it.",
        "Measure the marker by flow cytometry, which sees single cells.",
    )
    HOMOGENEITY_ASSUMED = (
        "HOMOGENEITY_ASSUMED",
        "of a lot: the marker is met if neighboring cells are homogeneous; the counts could hide a subset",
        "A subset that differs in this marker alone could be hidden in the counts.",
        "Measure the marker by flow cytometry, which sees single cells.",
    )
    CELL_UNRESOLVED = (
        "CELL_UNRESOLVED",
        "the cell is unlike its neighbors and too shallow to be judged by itself",
        "Single cells that differ from their neighbors are too shallow to call.",
        "Sequence deeper.",
    )
    DOUBLET_SUSPECT = (
        "DOUBLET_SUSPECT",
        "the doublet caller marked the barcode (a remark)",
        "Many of the cells may be doublets.",
        "Load fewer cells per lane, or set qc.doublets to remove.",
    )
    GENE_NOT_IN_REFERENCE = (
        "GENE_NOT_IN_REFERENCE",
        "a marker is not in the feature table: absent is not negative",
        "The gene is not in the feature table: absent from the file is not absent from the cell.",
        "Align to a reference that holds the gene, or choose a panel without it (gate.panel).",
    )
    SPECIES_NOT_COVERED = (
        "SPECIES_NOT_COVERED",
        "the panel makes no statement about this organism",
        "The ISCT phenotype is defined for human cells.",
        "Read the lineage panels; there is no agreed phenotype for this species.",
    )


def parse(code: str) -> tuple[Reason, str]:
    """Split a code into its reason and the name that follows it, "" where none does.

    Raises
    ------
    ValueError
        If the code is none of the gate's.
    """
    known = Reason._value2member_map_
    if code in known:
        return cast("Reason", known[code]), ""
    head, _, name = code.partition("_")
    reason = cast("Reason | None", known.get(head))
    if reason is not None and reason.named and name:
        return reason, name
    msg = f"{code!r} is no reason code; they are: {', '.join(Reason)}."
    raise ValueError(msg)


def explain(code: str) -> str:
    """Say what a reason code means and what to do about it.

    Parameters
    ----------
    code
        As in ``obs["isct_reason"]`` or the column ``reason`` of a lot's criteria, such as ``"POOL_MIXED"`` or
        ``"MISSING_CD73"``.

    Returns
    -------
    The meaning for a cell, for a lot, and the next step, each a sentence.

    Raises
    ------
    ValueError
        If the code is none of the gate's: all codes.
    """
    reason, name = parse(code)
    about = f" ({name})" if name else ""
    cell = reason.cell[0].upper() + reason.cell[1:]
    return f"{cell}{about}. {reason.lot.format(name=name or 'the marker')} {reason.next_step}"


def table() -> str:
    """Write the codes as the Markdown table of the reference page."""
    rows = ["| code | of a cell | of a lot | next step |", "|---|---|---|---|"]
    for reason in Reason:
        code = f"{reason}_<NAME>" if reason.named else str(reason)
        rows.append(f"| `{code}` | {reason.cell} | {reason.lot.format(name='the marker')} | {reason.next_step} |")
    return "\n".join(rows)
