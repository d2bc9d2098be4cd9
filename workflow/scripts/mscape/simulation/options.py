"""Settings of a simulated lot: keys and defaults of ``simulate`` in the config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class SimulateOptions:
    """Settings of a simulated lot.

    Fields and defaults are those of ``simulate`` in a dataset of the config, whose schema describes each
    (``workflow/schemas/config.schema.yaml``), but for the seed, the number of genes and the lots themselves; a test
    holds the two equal.
    """

    cells: int = 1000
    umi_median: float = 8000
    umi_sd: float = 0.4
    ambient_fraction: float = 0.05
    doublet_fraction: float = 0.03
    mito_fraction: float = 0.06
    damaged_fraction: float = 0.02
    cycling_fraction: float = 0.25
    osteogenic_fraction: float = 0.12
    senescent_fraction: float = 0.05
    licensed_fraction: float = 0.0
    contamination: Mapping[str, float] = field(default_factory=dict, hash=False)
    dispersion: float = 0.25
    donor_sd: float = 0.2
