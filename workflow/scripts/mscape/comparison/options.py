"""Settings of the comparison of lots: the keys and defaults of the config section ``compare``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """Settings of the comparison of lots.

    Fields and defaults are those of the config section ``compare``, whose schema describes each
    (``workflow/schemas/config.schema.yaml``); a test holds the two equal.
    """

    factors: Sequence[Any] = ("condition", "tissue", "passage", "disease", "sex")
    covariates: Sequence[Any] = ("batch", "assay")
    adjust: bool = True
    contrasts: Sequence[Any] = ()
    equivalence: Sequence[Any] = ()
    reference: Mapping[str, Any] = field(default_factory=lambda: {})
    min_donors: int = 3
    min_cells: int = 20
    score: str = "matched"
    genes: bool = True
    min_cpm: float = 5
    confidence: float = 0.95
    enrichment: Mapping[str, Any] = field(
        default_factory=lambda: {
            "permutation_num": 1000,
            "min_size": 5,
            "max_size": 500,
            "min_ranked": 500,
            "ora_genes": 100,
            "ora_fdr": 0.05,
            "ora_log2_fold_change": 0.5,
        }
    )
