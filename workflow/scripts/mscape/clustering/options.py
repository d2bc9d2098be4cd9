"""Settings of clustering: the keys and defaults of the config section ``cluster``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """Settings of clustering.

    Fields and defaults are those of the config section ``cluster``, whose schema describes each
    (``workflow/schemas/config.schema.yaml``); a test holds the two equal.
    """

    cells: str = "msc"
    min_cells: int = 50
    labels: str | None = None
    engine: str = "igraph"
    resolution: float | None = None
    resolutions: Sequence[Any] = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5)
    n_boot: int = 20
    max_boot_cells: int = 10000
    min_cluster_cells: int = 10
    min_markers: int = 5
    min_jaccard: float = 0.75
    root: str | None = None
