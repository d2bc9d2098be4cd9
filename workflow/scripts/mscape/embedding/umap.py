"""UMAP of an embedding."""

from __future__ import annotations

import functools
import logging

import numpy as np
from anndata import AnnData

from mscape.backends import active
from mscape.embedding import landmarks

logger = logging.getLogger(__name__)

FEW = 10_000  # cells up to which a map takes more epochs, as in scanpy


def layout(graph: AnnData, *, use_rep: str, umap_epochs: int | None = None, seed: int = 0) -> np.ndarray:
    """Map a neighbour graph to the plane by UMAP with a fixed seed (McInnes 2018, arXiv:1802.03426).

    The map starts from the first two components, which keeps the large-scale order of the cells as well as the graph's
    spectrum does, at a fraction of the time (Kobak 2021, doi:10.1038/s41587-020-00809-z).

    Parameters
    ----------
    graph
        ``obsm[use_rep]``, what the graph was built on; ``obsp["connectivities"]`` and ``uns["neighbors"]``. Left with
        the map in ``obsm["X_umap"]``.
    use_rep, umap_epochs, seed
        As in :func:`compute_umap`.

    Returns
    -------
    float32, shape (n_cells, 2).
    """
    start = np.asarray(graph.obsm[use_rep])[:, :2]
    start = (10 / max(float(start[:, 0].std()), 1e-6) * start).astype(np.float32)
    if umap_epochs is None:
        umap_epochs = 200 if graph.n_obs <= FEW else 100
    return np.asarray(active.active().umap(graph, epochs=umap_epochs, start=start, seed=seed), dtype=np.float32)


def compute_umap(
    light: AnnData, *, max_map_cells: int = 50_000, umap_epochs: int | None = None, seed: int = 0, threads: int = 1
) -> np.ndarray:
    """Map cells to the plane; of many cells a part is laid out, and each other one placed among its nearest of these.

    For the eye only: no other step reads it.

    Parameters
    ----------
    light
        A stage file of ``embed_cells``: the graph, and what it was built on.
    max_map_cells
        Cells that are laid out; drawn by their names, so that their order does not matter.
    umap_epochs
        Of UMAP; 200, and 100 from 10,000 cells on, if not given.
    seed, threads
        Of UMAP and of the neighbour search; the result does not depend on the threads.

    Returns
    -------
    float32, shape (n_cells, 2).
    """
    use_rep = str(light.uns["mscape"]["embed_cells"]["use_rep"])
    rep = np.asarray(light.obsm[use_rep])
    place = functools.partial(layout, use_rep=use_rep, umap_epochs=umap_epochs, seed=seed)
    if light.n_obs <= max_map_cells:
        return place(light)
    drawn, some = landmarks.draw(light, max_map_cells, use_rep=use_rep, seed=seed, threads=threads)
    return landmarks.spread(rep, drawn, place(some), threads=threads)
