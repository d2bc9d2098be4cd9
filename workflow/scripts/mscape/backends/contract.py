"""Interface of a backend: the heavy functions that it provides."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np


@dataclasses.dataclass(frozen=True)
class Backend:
    """Heavy functions. All take and give arrays in main memory; a seed fixes what chance decides.

    Attributes
    ----------
    name
        Where it runs, for the record.
    umap
        ``(graph, *, epochs, start, seed) -> coordinates`` of a neighbour graph, from the places ``start``; both of
        shape (n_cells, 2). May set ``obsm["X_umap"]``.
    harmony
        ``(rep, batch, *, seed, threads) -> corrected``, shape of ``rep``, float64.
    leiden
        ``(graph, *, resolution, engine, seed) -> labels``: communities by modularity, integers, shape (n_cells,).
    pca, knn, pooled, scores
        In the place of ``embedding.pca_neighbors.principal_axes``, ``embedding.neighbor_search.nearest``,
        ``gating.pooling.neighbours`` and ``scoring.methods.score_block``, with their signatures (signs of axes are
        free). None means these: the reference.
    """

    name: str
    umap: Callable[..., np.ndarray]
    harmony: Callable[..., np.ndarray]
    leiden: Callable[..., np.ndarray]
    pca: Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]] | None = None
    knn: Callable[..., tuple[np.ndarray, np.ndarray, str]] | None = None
    pooled: Callable[..., Iterator[tuple[slice, np.ndarray]]] | None = None
    scores: Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]] | None = None


FUNCTIONS = tuple(field.name for field in dataclasses.fields(Backend) if field.name != "name")
