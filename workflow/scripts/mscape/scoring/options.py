"""Settings of the signature scores: the keys and defaults of the config section ``score``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """Settings of the signature scores.

    Fields and defaults are those of the config section ``score``, whose schema describes each
    (``workflow/schemas/config.schema.yaml``); a test holds the two equal.
    """

    signature_files: Sequence[Any] = ()
    controls: int = 100
    max_rank: int = 1500
    random_sets: int = 1000
    min_genes: int = 10
    min_coverage: float = 0.6
    max_depth_rho: float = 0.1
    alpha: float = 0.05
    min_cells: int = 50
