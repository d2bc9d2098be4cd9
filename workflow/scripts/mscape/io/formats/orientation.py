"""Find out whether rows or columns of a table of text are the genes: by evidence, never by a guess."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from mscape.errors import UserError
from mscape.genes.spelling import gene_share

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CLEAR = 0.15  # share of names that are known genes, from which they are no coincidence
TIMES = 2.0  # as many known names as the other side has
USUAL = 0.9  # share of names of the form of barcodes, from which they are cells
LOOKED_AT = 500  # names of cells
CELLS = re.compile(
    r"^(cells?|cell[ _.]?(id|name|barcode|index|label)s?|barcodes?|cell_?bc|cb|bc|well|cell_barcodes?|obs_names)$",
    re.IGNORECASE,
)
BASES = re.compile(r"(?<![A-Za-z])[ACGTN]{6,}(?![A-Za-z])")
WELL = re.compile(r"(^|[._-])[A-P]0?\d{1,2}([._-]|$)")
RUN = re.compile(r"^[SED]R[RXS]\d{5,}")
_GENES = re.compile(
    r"^(genes?|features?|gene[ _.]?(id|name|symbol|short[ _.]?name)s?|symbols?|ensembl(_?(gene_?)?id)?"
    r"|entrez(_?(gene_?)?id)?|hgnc(_?id|_?symbol)?|var_names|chr(omosome)?|strand|gene_?length|gene_?(bio)?type|gc_?content)$",
    re.IGNORECASE,
)


class Side(NamedTuple):
    """Names of rows or of columns: how they are called, and the names, or those of several columns of names."""

    called: list[str]
    names: list[list[str]]


def find_orientation(rows: Side, columns: Side, path: Path) -> tuple[bool, str]:
    """Say whether rows are genes, and by what this is known.

    In this order: names of one side that are known genes, names of the form of barcodes, a heading that says what the
    names are.

    Parameters
    ----------
    rows, columns
        What names the rows (headings and values of the columns of names) and the columns.
    path
        The file, for the message.

    Returns
    -------
    Whether rows are genes, and the evidence in words.

    Raises
    ------
    mscape.errors.UserError
        If there is evidence for neither.
    """
    barcodes = [max(map(_barcode_share, side.names), default=0.0) >= USUAL for side in (rows, columns)]
    known = [max(map(gene_share, side.names), default=0.0) for side in (rows, columns)]
    if barcodes[0] != barcodes[1]:
        known[barcodes.index(True)] = 0.0  # wells such as C3, C5 and F2 are called like genes
    if max(known) >= CLEAR and max(known) >= TIMES * min(known):
        return known[0] > known[1], "by their names"
    if barcodes[0] != barcodes[1]:
        return barcodes[1], "since the cells have the form of barcodes"
    genes = [any(map(_GENES.match, side.called)) for side in (rows, columns)]
    cells = [any(map(CELLS.match, side.called)) for side in (rows, columns)]
    for one, other in ((0, 1), (1, 0)):
        if (genes[one] or cells[other]) and not (genes[other] or cells[one]):
            return one == 0, "by the heading of their names" if genes[one] else "by the heading of the cells"
    shown = [", ".join(side.names[0][:2]) if side.names else "" for side in (rows, columns)]
    msg = (
        f"{path}: nothing shows whether rows ({shown[0]} ...) or columns ({shown[1]} ...) are genes: {known[0]:.0%} "
        f"and {known[1]:.0%} of their names are known genes, and barcodes do not distinguish them. Call the first "
        "column 'gene' if it names genes, 'cell' if it names cells."
    )
    raise UserError(msg)


def _barcode_share(names: Sequence[str]) -> float:
    names = names[:: max(1, len(names) // LOOKED_AT)]
    return sum(any(form.search(name) for form in (BASES, WELL, RUN)) for name in names) / max(len(names), 1)
