"""Tables of the report: what a cell shows, what it sorts by, and how numbers are written."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mscape.report.charts import percent
from mscape.report.collect import finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


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
    groups: list[tuple[str, int]] = field(default_factory=list)  # spanning heads: (title, columns)


def number(value: object, digits: int = 3) -> str:
    """Write a number with few digits; large ones with thin spaces between thousands."""
    value = finite(value)
    if value is None:
        return "n/a"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}".replace(",", "\u202f")
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", "\u202f")
    if value and abs(value) < 1e-3:
        return f"{value:.1e}"
    return f"{value:.{digits}g}"


def is_fraction(unit: str) -> bool:
    """Whether a value of this unit is a share between 0 and 1."""
    return unit.startswith(("fraction", "share"))


def value_text(value: object, unit: str = "") -> str:
    """Write an attribute's value with its unit; fractions become per cent."""
    value = finite(value)
    if value is None:
        return "n/a"
    if is_fraction(unit):
        return percent(value)
    if unit.split(" ")[0] == "z":
        return f"z {value:+.2f}"
    if unit.startswith("%"):
        return f"{number(value)} %"
    short = unit if len(unit) <= 6 else ""
    return f"{number(value)} {short}".strip()


def interval_text(low: object, high: object, unit: str = "") -> str:
    """Write an interval, or nothing where there is none."""
    low, high = finite(low), finite(high)
    if low is None or high is None:
        return ""
    if is_fraction(unit):
        return f"{percent(low)} to {percent(high)}"
    if unit.split(" ")[0] == "z":
        return f"{low:+.2f} to {high:+.2f}"
    return f"{number(low)} to {number(high)}"


def cell(value: object, kind: str) -> Cell:
    """Make a cell of a kind: text, number, percent, p, verdict, flag."""
    if kind == "text":
        return Cell("" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value))
    if kind == "flag":
        return Cell("yes" if str(value).lower() in ("true", "1", "1.0", "yes") else "no")
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
    """Make a table of the columns (name, title, kind, term) of a frame that are there; others of the frame are left out."""
    there = [column for column in columns if column[0] in frame]
    rows = [
        [cell(value, kind) for value, (_, _, kind, _) in zip(values, there, strict=True)]
        for values in frame[[c[0] for c in there]].itertuples(index=False, name=None)
    ]
    return Table(id, caption, [(title, kind, term) for _, title, kind, term in there], rows, note=note, more=more)


def guess_columns(frame: pd.DataFrame) -> list[tuple[str, str, str, str]]:
    """Columns of a table whose form the report does not know."""
    import pandas as pd

    kinds = [
        "flag"
        if pd.api.types.is_bool_dtype(frame[c])
        else "number"
        if pd.api.types.is_numeric_dtype(frame[c])
        else "text"
        for c in frame
    ]
    return [(str(c), str(c).replace("_", " "), kind, "") for c, kind in zip(frame, kinds, strict=True)]
