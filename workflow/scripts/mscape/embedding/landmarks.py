"""Run expensive steps on a subsample (landmarks) and interpolate the other cells from their nearest landmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.data import sampling
from mscape.embedding import neighbor_search, pca_neighbors

if TYPE_CHECKING:
    from anndata import AnnData

NEAR = 5  # landmarks between which another cell is placed


def draw(
    light: AnnData, n: int, *, use_rep: str, keep: np.ndarray | None = None, seed: int = 0, threads: int = 1
) -> tuple[np.ndarray, AnnData]:
    """Draw cells by their names, so that their order does not matter, and build their own neighbour graph.

    Parameters
    ----------
    light
        ``obsm[use_rep]``, shape (n_cells, n_components), and ``uns["neighbors"]``.
    n
        How many cells.
    keep
        Positions of cells that are taken in any case.
    seed, threads
        Of the draw and of the neighbour search; no result depends on the threads.

    Returns
    -------
    drawn
        Positions, ascending.
    landmarks
        These cells with ``obsm[use_rep]`` and the graph.
    """
    from anndata import AnnData

    drawn = sampling.stable_order(light.obs_names, seed)[:n]
    drawn = np.union1d(drawn, [] if keep is None else keep).astype(np.int64)
    rep = np.asarray(light.obsm[use_rep])[drawn]
    landmarks = AnnData(obs=pd.DataFrame(index=light.obs_names[drawn]), obsm={use_rep: rep})
    k = int(light.uns["neighbors"]["params"]["n_neighbors"])
    pca_neighbors.add_neighbors(landmarks, use_rep=use_rep, n_neighbors=k, max_exact_cells=len(drawn), threads=threads)
    return drawn, landmarks


def spread(rep: np.ndarray, drawn: np.ndarray, values: np.ndarray, *, threads: int = 1) -> np.ndarray:
    """Give every cell the values of its nearest landmarks, weighted by inverse distance.

    Parameters
    ----------
    rep
        Of all cells, shape (n_cells, n_components).
    drawn
        Positions of the landmarks.
    values
        Of the landmarks, shape (n_landmarks, n_values).

    Returns
    -------
    The dtype of ``values``, shape (n_cells, n_values).
    """
    others = np.setdiff1d(np.arange(len(rep)), drawn)
    distance, near = neighbor_search.search(rep[drawn], rep[others], NEAR, threads=threads)
    weight = 1 / np.maximum(distance, 1e-6)
    placed = np.empty((len(rep), values.shape[1]), dtype=values.dtype)
    placed[drawn] = values
    placed[others] = np.einsum("ij,ijk->ik", weight / weight.sum(axis=1, keepdims=True), values[near])
    return placed
