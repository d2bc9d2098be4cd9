"""Tables of the report: displayed value, sort key and number format of each cell."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from mscape.report.charts import colours
from mscape.report.numbers import finite, number, percent

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Cell:
    """One cell: the text that is shown, the value that is sorted and exported."""

    text: str
    sort: float | str | None = None
    verdict: str = ""
    bin: int | None = None  # bin on the diverging ramp
    note: str = ""
    link: str = ""
    hint: str = ""  # shown on hover
    term: str = ""  # definition behind a question mark


@dataclass
class Table:
    """A table with its caption. ``columns`` are (title, kind, glossary term or "")."""

    id: str
    caption: str
    columns: list[tuple[str, str, str]]
    rows: list[list[Cell]]
    note: str = ""
    more: str = ""  # said when rows were left out
    classes: str = ""
    term: str = ""  # definition behind the question mark of the caption
    groups: list[tuple[str, int]] = field(default_factory=list)  # spanning heads: (title, columns)


def cell(value: object, kind: str) -> Cell:
    """Make a cell of a kind: text, number, percent, p, verdict, flag."""
    if kind == "text":
        return Cell("" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value))
    if kind == "flag":
        return Cell("" if pd.isna(value) else "yes" if value else "no")
    if kind == "verdict":
        return Cell(str(value).replace("_", " "), verdict=VERDICTS.get(str(value), str(value)))
    shown = finite(value)
    if kind == "percent":
        return Cell(percent(shown), shown)
    return Cell(number(shown), shown)


VERDICTS = {"meets": "PASS", "fails": "FAIL", "inconclusive": "WARN", "not_assessable": "NOT ASSESSABLE"}


def from_frame(
    frame: pd.DataFrame,
    *,
    id: str,
    caption: str,
    columns: Sequence[tuple[str, str, str, str]],
    note: str = "",
    more: str = "",
) -> Table:
    """Make a table of those of the columns (name, title, kind, term) that the frame has."""
    there = [column for column in columns if column[0] in frame]
    rows = [
        [cell(value, kind) for value, (_, _, kind, _) in zip(values, there, strict=True)]
        for values in frame[[c[0] for c in there]].itertuples(index=False, name=None)
    ]
    return Table(id, caption, [(title, kind, term) for _, title, kind, term in there], rows, note=note, more=more)


def heat_cell(value: float | None, edges: tuple[float, ...], hint: str, digits: int = 1) -> Cell:
    """Make a coloured square with its number."""
    text = "n/a" if value is None else f"{value:+.{digits}f}".replace("-", "−")
    text = text[1:] if value is not None and not text.strip("+−0.") else text
    return Cell(text, value, bin=colours.ramp_bin(value, edges), note=hint)
