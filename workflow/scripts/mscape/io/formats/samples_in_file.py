"""Several samples in one file: seen by what the file says of its cells, and one of them chosen."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from mscape.io.formats.count_table import CountTable

# Columns of obs that name samples, donors, lots or libraries, in lower case, those of hashtags included.
SAMPLE_COLUMNS = (
    *("sample", "sample_id", "sampleid", "sample_name", "orig.ident", "donor", "donor_id", "patient", "patient_id"),
    *("individual", "subject", "subject_id", "lot", "lot_id", "library", "library_id", "gem_group", "batch", "channel"),
    *("hto_maxid", "hash.id", "multi_id"),
)
SUFFIX = "end of the barcode"
_SUFFIX = re.compile(r"^[ACGT]{10,}-(\d{1,3})$")
CELLS_EACH = 5  # cells a value, at least on average: fewer, and the column names cells
NO_VALUE = {"", "nan", "NA"}
CHOICE = re.compile(r"^([^=|*?\[\]]+)=(.*)$")  # column=value


def several_samples(table: CountTable) -> list[tuple[str, list[str]]]:
    """Find columns by which a file's cells are of several samples, and barcodes that end in several numbers.

    Parameters
    ----------
    table
        The file, or the cells of it that were chosen.

    Returns
    -------
    Name and values, sorted, of each column that has several; one of those that divide the cells in the same way.
    """
    values = {
        name: table.column(name)
        for name in sorted(table.columns, key=lambda name: _rank(name))
        if name.lower() in SAMPLE_COLUMNS
    }
    ends = [_SUFFIX.match(str(name)) for name in table.barcodes]
    if all(ends):
        values[SUFFIX] = np.array([f"-{end[1]}" for end in ends if end], dtype=object)
    found: dict[bytes, tuple[str, list[str]]] = {}
    for name, of_cells in values.items():
        codes, names = pd.factorize(of_cells)
        known = sorted({str(one) for one in names} - NO_VALUE)
        if 2 <= len(known) <= len(of_cells) / CELLS_EACH:
            found.setdefault(codes.tobytes(), (name, known))  # of columns that divide the cells in one way, the first
    return list(found.values())


def _rank(name: str) -> int:
    return SAMPLE_COLUMNS.index(name.lower()) if name.lower() in SAMPLE_COLUMNS else len(SAMPLE_COLUMNS)


def match_cells(table: CountTable, pattern: str, path: Path) -> np.ndarray:
    """Find the cells that the sheet's column ``cells`` asks for.

    Parameters
    ----------
    table
        Counts of a file that holds several samples.
    pattern
        Globs of cell names or ``column=value`` of the file's obs, with ``|`` between them, such as ``*-1|*-3`` or
        ``donor_id=D1``; the value may be a glob.
    path
        The file, for the message.

    Returns
    -------
    Whether each cell is one of them, shape (n_cells,).

    Raises
    ------
    mscape.errors.UserError
        If there is none, or no such column.
    """
    chosen = np.zeros(len(table.barcodes), dtype=bool)
    for part in (part.strip() for part in pattern.split("|")):
        choice = CHOICE.match(part)
        if choice and choice[1] not in table.columns:
            there = ", ".join(table.columns[:8]) + (", ..." if len(table.columns) > 8 else "") or "none"
            msg = (
                f"{path} has no column {choice[1]!r} by which to choose cells; there are: {there}. Correct the sheet's "
                "column 'cells'."
            )
            raise UserError(msg)
        values = table.column(choice[1]) if choice else table.barcodes
        expression = re.compile(fnmatch.translate(choice[2] if choice else part))
        matched = np.array([expression.match(str(value)) is not None for value in values], dtype=bool)
        chosen |= matched
        if choice and not matched.any():
            shown = ", ".join(sorted(set(map(str, values)))[:3])
            msg = f"{path}: no cell has {part!r}; {choice[1]} is {shown} and so on. Correct the sheet's column 'cells'."
            raise UserError(msg)
    if not chosen.any():
        shown = ", ".join(map(str, table.barcodes[:3]))
        msg = f"{path}: no barcode matches {pattern!r}; they are like {shown}. Correct the sheet's column 'cells'."
        raise UserError(msg)
    return chosen
