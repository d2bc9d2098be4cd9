"""Context of the report's templates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mscape.report import page
from mscape.report.options import ReportOptions
from mscape.report.section import build_sections
from mscape.report.sections import summary

if TYPE_CHECKING:
    from pathlib import Path

    from mscape.report.dataset import Dataset


def when_recorded(files: list[Path]) -> str:
    """Give the minute in which a run's record was written (UTC), "" without one. It enters no digest of the run."""
    if not files:
        return ""
    return datetime.fromtimestamp(files[0].stat().st_mtime, UTC).strftime("%Y-%m-%d %H:%M UTC")


def describe(dataset: Dataset, options: ReportOptions | None = None, *, title: str = "MSC study") -> dict:
    """Turn a dataset into all that the page shows.

    Parameters
    ----------
    dataset
        The stage files, read.
    options
        The config section ``report``.
    title
        Of the study.

    Returns
    -------
    Names of the page's template; ``sections`` are those of :func:`mscape.report.section.build_sections`, ``data`` is
    what each built, by the section's id.
    """
    options = options or ReportOptions()
    sections = build_sections(dataset, options)
    data = {one.section.id: one.data for one in sections}
    terms = page.glossary()
    for one in data.values():
        terms |= one.get("terms", {})
    return {
        "dataset": dataset,
        "title": title,
        "contact": options.contact,
        "analyst": options.analyst,
        "made": when_recorded(dataset.files.get("run", [])),
        "version": page.version(),
        "hero": summary.hero(dataset),
        "sections": sections,
        "data": data,
        "terms": terms,
        **data["explore"],
        "header_json": page.to_json(data["explore"]["header"]),
    }
