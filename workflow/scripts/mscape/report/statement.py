"""Pages beside the report: a statement, numbers under it, and sections of text, figures and tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mscape.report import page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from mscape.report.tables import Table

SCRIPTS = ("00_base.js", "10_tables.js", "20_save.js", "30_cells.js")


@dataclass(frozen=True)
class Number:
    """A number below the statement: value, what it is, and a remark."""

    value: str
    label: str
    note: str = ""


@dataclass(frozen=True)
class Part:
    """A section of the page.

    Attributes
    ----------
    title
        Its heading.
    text
        Paragraphs, plain text.
    figures
        (title, SVG, note).
    tables
        Shown in this order.
    """

    title: str
    text: Sequence[str] = ()
    figures: Sequence[tuple[str, Markup, str]] = ()
    tables: Sequence[Table] = field(default_factory=list)


def render_statement(
    *,
    kind: str,
    title: str,
    statement: str,
    numbers: Sequence[Number],
    parts: Sequence[Part],
    simulated: Sequence[str] = (),
) -> str:
    """Write a page that loads nothing.

    Parameters
    ----------
    kind
        What the page is, such as ``comparison of runs``.
    title
        Of the study.
    statement
        The answer, one sentence.
    numbers, parts
        What follows it.
    simulated
        Names of simulated datasets behind the page.
    """
    return page.render(
        "statement.html.j2",
        scripts=SCRIPTS,
        kind=kind,
        title=title,
        statement=statement,
        numbers=numbers,
        parts=parts,
        simulated=simulated,
        terms=page.glossary(),
        version=page.version(),
    )
