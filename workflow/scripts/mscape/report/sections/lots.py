"""The verdict of each lot, one row each, with the attributes that bear on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mscape.report.lot_matrix import lot_matrix
from mscape.report.section import Section
from mscape.report.sections.summary import definitions, passport_table

if TYPE_CHECKING:
    from mscape.report.dataset import Dataset
    from mscape.report.options import ReportOptions


def lots(dataset: Dataset, options: ReportOptions) -> dict:
    """Give the matrix of all lots, the table of their verdicts, and the definitions that the passports bring along."""
    return {
        "matrix": lot_matrix(dataset.passports),
        "table": passport_table(dataset),
        "terms": definitions(dataset),
    }


SECTION = Section(id="lots", title="Lots", order=10, term="verdict", build=lots)
