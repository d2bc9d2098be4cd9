"""Settings of the reference of lots: the keys and defaults of the config section ``reference``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ReferenceOptions:
    """Settings of the reference of lots.

    Fields and defaults are those of the config section ``reference``, whose schema describes each
    (``workflow/schemas/config.schema.yaml``); a test holds the two equal.
    """

    path: str = ""
    build: bool = False
    lots: Sequence[str] = ()
    alpha: float = 0.05
    min_stratum: int = 10
