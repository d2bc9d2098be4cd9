"""Settings of quality control: the keys and defaults of the config section ``qc``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class QcOptions:
    """Settings of quality control.

    Fields and defaults are those of the config section ``qc``, whose schema describes each
    (``workflow/schemas/config.schema.yaml``); a test holds the two equal.
    """

    n_mads: float = 5
    min_counts: Mapping[str, Any] = field(default_factory=lambda: {"floor": 200, "ceiling": 1000})
    min_genes: Mapping[str, Any] = field(default_factory=lambda: {"floor": 100, "ceiling": 500})
    max_counts: float | None = None
    max_pct_mt: Mapping[str, Any] = field(default_factory=lambda: {"floor": 15, "ceiling": 50})
    mt_depth_mads: float = 1
    doublets: str = "flag"
    doublet_rate: float | None = None
