"""Settings of the control charts: the keys and defaults of the config section ``track``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class TrackOptions:
    """Settings of the control charts.

    Fields and defaults are those of the config section ``track``, whose schema describes each
    (``workflow/schemas/config.schema.yaml``); a test holds the two equal.
    """

    history: Sequence[str] = ()
    attributes: Sequence[str] = ()
    signatures: Sequence[str] = (
        "MSC_SENESCENCE_ARREST__SIGNED",
        "MSC_IMMUNOREG_CONSTITUTIVE",
        "MSC_IMMUNOREG_LICENSED",
        "MSC_OSTEOGENIC_EARLY",
    )
    by: Sequence[str] = ("tissue", "condition")
    min_history: int = 5
    false_alarms: float = 0.0027
    drift_warnings: float = 0.02
