"""Settings of the embedding: the keys and defaults of the config section ``embed``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EmbedOptions:
    """Settings of the embedding.

    Fields and defaults are those of the config section ``embed``, whose schema describes each
    (``workflow/schemas/config.schema.yaml``); a test holds the two equal.
    """

    method: str = "auto"
    batch_key: str = "auto"
    min_mixing: float = 0.7
    n_hvg: int = 2000
    n_pcs: int = 30
    n_neighbors: int = 15
    max_exact_cells: int = 50000
    regress_cell_cycle: bool = False
    max_map_cells: int = 50000
    umap_epochs: int | None = None
