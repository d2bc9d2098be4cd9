"""CPU backend, the reference: maintained libraries, the same numbers for any number of threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mscape.backends.contract import Backend

if TYPE_CHECKING:
    import igraph
    import pandas as pd
    from anndata import AnnData


def umap(graph: AnnData, *, epochs: int, start: np.ndarray, seed: int = 0) -> np.ndarray:
    """Two-dimensional map of the neighbour graph, one thread (McInnes 2018, arXiv:1802.03426)."""
    import scanpy as sc

    sc.tl.umap(graph, maxiter=epochs, init_pos=start, random_state=seed)
    return np.asarray(graph.obsm["X_umap"])


def skip_search() -> None:
    """Import pynndescent without compiling it, which takes 6 s: UMAP imports it, and never calls it for a given graph.

    For a process that only maps: a search by pynndescent would be right there, but slow.
    """
    import numba

    before, numba.config.DISABLE_JIT = numba.config.DISABLE_JIT, True
    try:
        import pynndescent  # noqa: F401
    finally:
        numba.config.DISABLE_JIT = before


def harmony(rep: np.ndarray, batch: pd.Series, *, seed: int = 0, threads: int = 1) -> np.ndarray:
    """Harmony (Korsunsky 2019, doi:10.1038/s41592-019-0619-0)."""
    import harmonypy
    import pandas as pd

    table = pd.DataFrame({"batch": batch.astype(str)})
    return harmonypy.run_harmony(
        rep.astype(np.float64), table, ["batch"], random_state=seed, ncores=threads, verbose=False
    ).Z_corr


def leiden(graph: igraph.Graph, *, resolution: float, engine: str = "igraph", seed: int = 0) -> np.ndarray:
    """Communities by leidenalg or igraph, two iterations (Traag 2019, doi:10.1038/s41598-019-41695-z)."""
    if engine == "leidenalg":
        import leidenalg

        parts = leidenalg.find_partition(
            graph,
            leidenalg.RBConfigurationVertexPartition,
            weights="weight",
            resolution_parameter=resolution,
            n_iterations=2,
            seed=seed,
        )
        return np.asarray(parts.membership)
    import random

    import igraph

    generator = random.Random(seed)
    igraph.set_random_number_generator(generator)
    try:
        parts = graph.community_leiden("modularity", weights="weight", resolution=resolution, n_iterations=2)
    finally:
        igraph.set_random_number_generator(random)
    return np.asarray(parts.membership)


def diffusion_time(adata: AnnData, *, n_comps: int, seed: int = 0) -> np.ndarray:
    """Diffusion pseudotime from the cell ``uns["iroot"]``; the reference only, no other backend has it.

    Haghverdi 2016 (doi:10.1038/nmeth.3971), by scanpy. Sets what scanpy sets. Returns shape (n_cells,).
    """
    import scanpy as sc

    sc.tl.diffmap(adata, n_comps=n_comps, random_state=seed)
    sc.tl.dpt(adata, n_dcs=min(10, n_comps))
    return adata.obs["dpt_pseudotime"].to_numpy(dtype=float)


BACKEND = Backend("cpu", umap, harmony, leiden)
