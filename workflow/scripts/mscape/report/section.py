"""A section of the report is one object and one template; the page, its navigation and its checks go through the list.

To add one: ``report/sections/<id>.py`` with ``SECTION = Section(id="<id>", ...)``, and its template
``workflow/report/sections/<id>.html.j2``, which sees what `build` gave as ``s``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mscape.modules import members

if TYPE_CHECKING:
    from collections.abc import Callable

    from mscape.report.dataset import Dataset
    from mscape.report.options import ReportOptions


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section of the page.

    Attributes
    ----------
    id
        Its anchor, name of its module and of its template.
    title
        Heading, and entry of the navigation.
    order
        Place on the page: sections are sorted by rising order.
    build
        Makes what the template shows, of the dataset and the options of the report; None leaves the section out. Under
        the key ``terms`` it may give definitions for question marks, under ``missing`` the reason why there is nothing.
    tables
        Stage tables that it shows (keys of ``mscape.data.tables.TABLES``).
    needs
        Those of them without which there is nothing to show: the reason is shown in the section's place.
    term
        Definition behind the question mark of the heading, a key of the glossary.
    """

    id: str
    title: str
    order: int
    build: Callable[[Dataset, ReportOptions], dict | None]
    tables: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    term: str = ""

    @property
    def template(self) -> str:
        """Path of the template, below ``workflow/report``."""
        return f"sections/{self.id}.html.j2"


@dataclass(frozen=True)
class Built:
    """A section as the page shows it: the object, what its `build` gave, and why it is not shown, if it is not."""

    section: Section
    data: dict
    missing: str


def find_sections() -> list[Section]:
    """Find all sections, in the order of the page."""
    return sorted(members("mscape.report.sections", "SECTION"), key=lambda section: (section.order, section.id))


def build_sections(dataset: Dataset, options: ReportOptions) -> list[Built]:
    """Build the sections that the dataset has something for."""
    built = []
    for section in find_sections():
        absent = [name for name in section.needs if name not in dataset.tables]
        data = {} if absent else section.build(dataset, options)
        if data is not None:
            missing = dataset.missing_table(absent[0]) if absent else data.get("missing") or ""
            built.append(Built(section, data, missing))
    return built
