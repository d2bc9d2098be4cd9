"""Settings of the gate: the keys and defaults of the config section ``gate``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, kw_only=True)
class GateOptions:
    """Settings of the gate.

    Fields and defaults are those of the config section ``gate``, whose schema describes each
    (``workflow/schemas/config.schema.yaml``); a test holds the two equal.
    """

    panel: str = "auto"
    panel_files: Sequence[str] = ()
    calibrate_from: Mapping[str, Sequence[str]] | None = field(default=None, hash=False)
    min_probability: float = 0.9
    max_neighbors: int = 300
    min_neighbors: int = 8
    exposure_positive: float = 20
    exposure_negative: float = 12
    exposure_lineage: float = 6
    resolution: float = 0.5
    dispersion: float = 0.3
    default_ambient: float = 0.05
    min_depth: float = 1000
    min_determinate: float = 0.5
    hidden_min_mean_count: float = 3
    max_hidden: float = 0.2
    n_bootstrap: int = 400
