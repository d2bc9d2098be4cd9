"""Settings of the passport: the keys and defaults of the config section ``passport``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PassportOptions:
    """Settings of the passport.

    Fields and defaults are those of the config section ``passport``, whose schema describes each
    (``workflow/schemas/config.schema.yaml``); a test holds the two equal.
    """

    certificate: bool = False
    max_contaminants: float = 0.02
    fail_contaminants: float = 0.05
    min_cells: int = 100
    min_kept: float = 0.5
    min_depth: float = 5000
    floor_depth: float = 1000
    max_doublets: float = 0.1
    max_mt: float = 20
    max_ambient: float = 0.1
    min_stable: float = 0.8
    min_cycling: float = 0.05
    score_threshold: float = 3
