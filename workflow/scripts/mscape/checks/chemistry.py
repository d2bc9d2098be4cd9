"""Guess how a sample was made, from the form of its barcodes and its counts, and say how sure that is."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mscape.io.formats.orientation import BASES, RUN, WELL

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

LOOKED_AT = 2000  # barcodes
USUAL = 0.9  # share of the barcodes that must have one form
PLATES = 5000  # cells above which names of wells are no evidence of plates
_LENGTHS = {  # bases of a barcode -> family, name, how sure
    14: ("10x", "10x 3' v1", "likely"),
    12: ("Drop-seq", "Drop-seq or Seq-Well", "likely"),
    27: ("Rhapsody", "BD Rhapsody", "likely"),
    24: ("split-pool", "split-pool (SPLiT-seq, Parse)", "possible"),
    6: ("plate", "plates with UMI (MARS-seq, CEL-seq2)", "possible"),
    7: ("plate", "plates with UMI (MARS-seq, CEL-seq2)", "possible"),
    8: ("plate", "plates with UMI (MARS-seq, CEL-seq2)", "possible"),
}
_FAMILIES = {  # words in a sheet's assay -> family
    "10x": ("10x", "chromium", "gem-x", "cell ranger"),
    "Drop-seq": ("drop-seq", "dropseq", "seq-well"),
    "inDrop": ("indrop",),
    "Rhapsody": ("rhapsody",),
    "split-pool": ("split-seq", "parse", "split-pool"),
    "plate": ("smart-seq", "smartseq", "fluidigm", "c1", "cel-seq", "mars-seq", "plate"),
}


@dataclass(frozen=True, kw_only=True)
class Chemistry:
    """How a sample seems to have been made.

    Parameters
    ----------
    name
        In words; "" if it is not known.
    family
        Protocols that are distinguished: ``10x Drop-seq inDrop Rhapsody split-pool plate``, or "".
    sure
        ``stated`` (by the file), ``likely``, ``possible`` or ``not known``.
    why
        The evidence.
    """

    name: str = ""
    family: str = ""
    sure: str = "not known"
    why: str


def guess_chemistry(barcodes: Sequence[str] | np.ndarray, *, stated: str = "", reads: bool = False) -> Chemistry:
    """Guess the protocol.

    Versions 2, 3 and GEM-X of 10x all have barcodes of 16 bases, and differ by lists of barcodes that are not
    shipped here: they are distinguished only where the file states its chemistry.

    Parameters
    ----------
    barcodes
        Names of the cells, as given.
    stated
        What the file says of its chemistry (10x h5 of Cell Ranger), or "".
    reads
        Whether counts look like reads, not molecules.
    """
    if stated:
        return Chemistry(name=stated, family=name_family(stated) or "10x", sure="stated", why="the file says so")
    names = [str(name) for name in barcodes[:LOOKED_AT]]
    runs = [tuple(map(len, BASES.findall(name))) for name in names]
    shape, times = Counter(runs).most_common(1)[0] if runs else ((), 0)
    if sum(map(bool, runs)) < USUAL * max(len(runs), 1):
        return _guess_from_names(names, len(barcodes), reads=reads)
    if all(len(run) == 2 and 8 <= run[0] <= 11 and run[1] == 8 for run in runs):
        return Chemistry(name="inDrop", family="inDrop", sure="likely", why="barcodes of 8 to 11 and 8 bases")
    if times < USUAL * len(runs) or len(shape) != 1:
        return Chemistry(why="barcodes are sequences of different lengths")
    why = f"barcodes of {shape[0]} bases"
    if shape[0] == 16:
        numbered = sum(bool(re.search(r"-\d+$", name)) for name in names) >= USUAL * len(names)
        kind = "10x v2 or later (the version does not show)" + ("" if numbered else ", or inDrop v3")
        sure, why = ("likely", why + " and a number") if numbered else ("possible", why)
        return Chemistry(name=kind, family="10x" if numbered else "", sure=sure, why=why)
    if shape[0] in _LENGTHS:
        family, kind, sure = _LENGTHS[shape[0]]
        return Chemistry(name=kind, family=family, sure=sure, why=why)
    return Chemistry(why=f"{why}, as no common protocol has")


def _guess_from_names(names: list[str], n_cells: int, *, reads: bool) -> Chemistry:
    """Guess from names that are no sequences: wells, runs of an archive, or anything."""
    if reads:
        why = "counts like reads, and no barcodes"
        return Chemistry(
            name="plates or chips, full-length reads (Smart-seq, C1)", family="plate", sure="likely", why=why
        )
    for pattern, what in ((WELL, "names of wells"), (RUN, "a sequencing run for each cell")):
        share = sum(bool(pattern.search(name)) for name in names) / max(len(names), 1)
        if names and share >= USUAL and n_cells <= PLATES:
            return Chemistry(name="plates", family="plate", sure="possible", why=what)
    return Chemistry(why="names of cells are no sequences")


def name_family(assay: str) -> str:
    """Name the family of protocols that a sheet's assay belongs to; "" if it is not known."""
    text = assay.lower()
    for family, words in _FAMILIES.items():
        if any(re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z])", text) for word in words):
            return family
    return ""
