"""Read a sample sheet as text by explicit rules, so that no value is lost and no column takes a result's place."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

import pandas as pd

from mscape.data import contract
from mscape.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas"}
RESERVED = {  # columns of obs that steps write, beside those of the contract
    *("culture", "dataset_id", "dpt_pseudotime", "leiden_name", "leiden_stable", "low_quality_group", "n_cells"),
    *("pct_counts_in_top_20_genes", "senescence_state", "cluster", "index", "_index", "barcode", "cell_id"),
}
_LINE_ENDS = re.compile(r"\r\n|\n|\r")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_RESERVED_START = re.compile(r"^(isct_|score_|leiden|X_|__)", re.IGNORECASE)


def read_rows(path: Path, *, keys: Collection[str] = ()) -> pd.DataFrame:
    """Read the rows of a table: fields separated by tabs, semicolons or commas, whichever the header holds first.

    A line that begins with ``#`` is a comment, unless it is the first and names columns; in a value ``#`` is a
    character as any other. Quotes may enclose a field. Empty lines are passed over.

    Parameters
    ----------
    path
        Text in UTF-8, or UTF-16 with its mark.
    keys
        Columns that name the rows and are not kept, so that they may have the name of a result.

    Returns
    -------
    All columns of text, stripped; the index is the number of the line in the file.

    Raises
    ------
    mscape.errors.UserError
        If it is no text, or with every row that has more or fewer fields than the header.
    """
    data = path.read_bytes()
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        msg = f"{path} is a workbook. Save its first sheet as text separated by tabs (or CSV) and name that file."
        raise UserError(msg)
    try:
        text = data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError as error:
        msg = f"{path} is not a tab-separated text table: {error}. Save it as tab-separated text in UTF-8."
        raise UserError(msg) from error
    lines = [(number, line) for number, line in enumerate(_LINE_ENDS.split(text), start=1) if line.strip()]
    first = next((place for place, (_, line) in enumerate(lines) if _names_columns(line)), None)
    if first is None:
        first = next((place for place, (_, line) in enumerate(lines) if not line.startswith("#")), None)
    if first is None:
        msg = f"{path} is not a tab-separated text table: it holds no header. Give a header and rows."
        raise UserError(msg)
    header_line = lines[first][1].removeprefix("#") if _names_columns(lines[first][1]) else lines[first][1]
    mark = next((mark for mark in SEPARATORS if mark in header_line), "\t")
    try:
        header = _fields(header_line, mark)
    except csv.Error:
        msg = f"{path}: a quote in the header has no counterpart. Take it out."
        raise UserError(msg) from None
    while header and header[-1] == "":
        header.pop()
    rows, numbers, faults = [], [], []
    for number, line in lines[first + 1 :]:
        if line.startswith("#"):
            continue
        try:
            fields = _fields(line, mark)
        except csv.Error:
            faults.append(f"line {number}: a quote that opens or ends a field has no counterpart; take it out")
            continue
        if not any(fields):
            continue
        if odd := next((field for field in fields if _CONTROL.search(field)), ""):
            faults.append(f"line {number}: {odd!r} holds a character that is no text; take it out")
            continue
        if len(fields) > len(header):
            surplus = fields[len(header) :]
            if any(surplus):
                faults.append(
                    f"line {number} has {len(fields)} fields, the header {len(header)}: no column for {surplus[0]!r}"
                )
                continue
            fields = fields[: len(header)]
        if len(fields) < len(header):
            faults.append(
                f"line {number} has {len(fields)} fields, the header {len(header)}: separate them with "
                f"{SEPARATORS[mark]}, also empty ones"
            )
            continue
        rows.append(fields)
        numbers.append(number)
    faults = column_faults(header, keys) + faults
    if faults:
        lines_of_faults = "\n".join(f"  - {fault}" for fault in faults)
        msg = f"{path} has {len(faults)} fault{'s' * (len(faults) > 1)}:\n{lines_of_faults}"
        raise UserError(msg)
    return pd.DataFrame(rows, columns=header, index=numbers, dtype=str)


def column_faults(header: list[str], keys: Collection[str] = ()) -> list[str]:
    """List names of columns that are taken, twice there, or cannot be kept in an AnnData file."""
    faults = []
    for number, name in enumerate(header, start=1):
        if not name:
            faults.append(f"column {number} has no name")
        elif "/" in name or name in {".", ".."} or any(ord(letter) < 32 for letter in name):
            faults.append(
                f"column {name!r}: a name may not hold '/' or be '.'; rename it, e.g. {re.sub(r'[/.]', '_', name)!r}"
            )
        elif is_reserved(name) and name not in keys:
            other = f"my_{name.strip('_')}"
            faults.append(f"column {name!r} is the name of a result, which it would replace; rename it, e.g. {other!r}")
    lower = [name.lower() for name in header]
    twice = sorted({name for name in header if lower.count(name.lower()) > 1 and name})
    return faults + [f"column {name!r} is in the header more than once" for name in twice]


def is_reserved(name: str) -> bool:
    """Say whether a column of the sheet would take the place of one that a step writes."""
    written = {key for stage in contract.STAGES.values() for key in stage.adds.get("obs", ())}
    of_sheet = set(contract.MERGED) - {"dataset_id", "culture"}
    return name.lower() in {key.lower() for key in (written | RESERVED) - of_sheet} or bool(_RESERVED_START.match(name))


def _names_columns(line: str) -> bool:
    return re.search(r"(^#?|[\t;,])\s*\"?sample_id\"?\s*([\t;,]|$)", line) is not None


def _fields(line: str, mark: str) -> list[str]:
    """Split a line at a mark; quotes may enclose a field, and a quote within a field is a character of it.

    Raises
    ------
    csv.Error
        If a field begins with a quote and does not end with one.
    """
    return [field.strip() for field in next(csv.reader(io.StringIO(line), delimiter=mark, strict=True))]
