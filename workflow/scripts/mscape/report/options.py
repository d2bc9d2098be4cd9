"""Settings of the report: the keys and defaults of the config section ``report``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """Settings of the report.

    Fields and defaults are those of the config section ``report``, whose schema describes each
    (``workflow/schemas/config.schema.yaml``); a test holds the two equal.
    """

    max_cells: int = 100_000
    max_signatures: int = 60
    max_genes: int = 60
    max_markers: int = 10
    genes: Sequence[str] = ()
    contact: str = ""
    analyst: str = ""
    figures: bool = True
    pseudonyms: bool = False
