"""RAPIDS on one GPU: rapids-singlecell, cuML and CuPy behind the contract of ``mscape.backends.active``.

Each function takes its library as the first argument, so that what is done around the library is tested without a card.
"""

from __future__ import annotations

import importlib
import importlib.util
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from mscape.backends.contract import Backend
from mscape.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    import igraph
    import pandas as pd
    import scipy.sparse as sp
    from anndata import AnnData

    from mscape.scoring.control_genes import Background

PACKAGES = ("cupy", "cudf", "cugraph", "cuml", "rapids_singlecell")
CHUNK_VALUES = 50_000_000  # distances held on the card at a time: float32, and their order as int64
CHUNK_ROWS = 100_000  # cells whose distances are computed again at a time
CHUNK_CELLS = 2_000  # cells whose background genes are dense on the card at a time
RESERVED = 1e9  # bytes that the libraries themselves take
SPARE = 1.5  # what is asked for over what the formula counts: copies and allocator blocks


def load() -> Backend:
    """Give the GPU's backend.

    Raises
    ------
    mscape.errors.UserError
        If a package or a card is missing.
    """
    cupy, rsc, neighbors = libraries()
    return Backend(
        name="gpu",
        pca=partial(pca, cupy),
        knn=partial(knn, neighbors),
        umap=partial(umap, rsc),
        harmony=partial(harmony, rsc),
        leiden=partial(leiden, rsc),
        pooled=partial(pooled, cupy),
        scores=partial(scores, (cupy, importlib.import_module("cupyx.scipy.sparse"))),
    )


def libraries() -> tuple[ModuleType, ModuleType, type]:
    """Import CuPy, rapids-singlecell and cuML's neighbour search, or say what is missing."""
    advice = "Use the environment of envs/gpu.yaml on a machine with an NVIDIA card, or set backend: cpu."
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        msg = f"backend: gpu needs packages that are not installed here: {', '.join(missing)}. {advice}"
        raise UserError(msg)
    try:
        cupy = importlib.import_module("cupy")
        cards = cupy.cuda.runtime.getDeviceCount()
    except (ImportError, RuntimeError) as error:  # CuPy's own errors are RuntimeErrors
        msg = f"backend: gpu finds no card that CUDA can use: {str(error).splitlines()[0]}. {advice}"
        raise UserError(msg) from error
    if cards < 1:
        msg = f"backend: gpu finds no card. {advice}"
        raise UserError(msg)
    try:
        return cupy, importlib.import_module("rapids_singlecell"), importlib.import_module("cuml").NearestNeighbors
    except ImportError as error:
        msg = f"backend: gpu cannot load RAPIDS: {error}. {advice}"
        raise UserError(msg) from error


def card() -> dict[str, str | float]:
    """Name and memory (GB) of the card, and the versions that compute, for the record of the run."""
    cupy, rsc, _ = libraries()
    properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.runtime.getDevice())
    free, total = cupy.cuda.runtime.memGetInfo()
    return {
        "card": properties["name"].decode(),
        "memory_gb": round(total / 1e9, 1),
        "free_gb": round(free / 1e9, 1),
        "cuda": str(cupy.cuda.runtime.runtimeGetVersion()),
        "rapids_singlecell": rsc.__version__,
    }


def needed_bytes(n_cells: int, *, n_genes: int = 2000, n_pcs: int = 30, k: int = 15) -> float:
    """Estimate the card's memory that the largest function takes.

    The formula counts arrays; it was not measured on a card. Components are summed over blocks and hold the covariance
    of the variable genes four times; neighbours the cells' components twice, k distances and positions, and the
    distances of a chunk with their order; Harmony the components twice and three tables of at most 100 clusters; graph
    functions the edge list and its compressed copy, three numbers of eight bytes an edge. One function runs at a time:
    the largest counts, times 1.5, and 1 GB for the libraries.

    Parameters
    ----------
    n_cells, n_genes, n_pcs, k
        Cells, variable genes, components, neighbours.
    """
    components = 4 * n_genes**2 * 8
    neighbours = 2 * n_cells * n_pcs * 4 + n_cells * k * 12 + CHUNK_VALUES * 12
    integration = n_cells * (2 * n_pcs + 3 * 100) * 8
    graph = 2 * (2 * n_cells * k) * 24
    return RESERVED + SPARE * max(components, neighbours, integration, graph)


def require_memory(need: float, free: float) -> None:
    """Refuse work that the card cannot hold.

    Raises
    ------
    mscape.errors.UserError
        If ``need`` is more than ``free`` (bytes).
    """
    if need > free:
        msg = (
            f"This dataset needs about {need / 1e9:.1f} GB on the card (estimate of mscape/backends/gpu.py), and "
            f"{free / 1e9:.1f} GB are free. Use a larger card, or set backend: cpu."
        )
        raise UserError(msg)


def pca(
    xp: ModuleType, blocks: Iterable[sp.csr_matrix], n_genes: int, n_comps: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Principal axes as `mscape.embedding.principal_axes` finds them, by CuPy: no more than a block is on the card."""
    gram, sums, n = xp.zeros((n_genes, n_genes)), xp.zeros(n_genes), 0
    for block in blocks:
        dense = xp.asarray(block.toarray(), dtype=np.float64)
        gram += dense.T @ dense
        sums += dense.sum(axis=0)
        n += len(dense)
    covariance = gram - xp.outer(sums, sums / n)
    values, axes = (to_numpy(part)[..., ::-1][..., :n_comps] for part in xp.linalg.eigh(covariance))
    return axes, to_numpy(sums / n), values / float(xp.trace(covariance))


def knn(
    neighbors: type, points: np.ndarray, k: int, *, max_exact_cells: int = 50_000, threads: int = 1
) -> tuple[np.ndarray, np.ndarray, str]:
    """Nearest other cells, exact at any size; the distances are computed again in float64, where they are few."""
    points = np.ascontiguousarray(points, dtype=np.float64)
    small = points.astype(np.float32)
    found = to_numpy(neighbors(n_neighbors=k + 1, algorithm="brute").fit(small).kneighbors(small)[1]).astype(np.int64)
    itself = found == np.arange(len(points))[:, None]
    itself[~itself.any(axis=1), -1] = True  # a cell that has k twins may not find itself
    near = found[~itself].reshape(-1, k)
    distance = np.empty(near.shape)
    for start in range(0, len(points), CHUNK_ROWS):
        rows = slice(start, start + CHUNK_ROWS)
        distance[rows] = np.linalg.norm(points[near[rows]] - points[rows, None], axis=2)
    order = np.argsort(distance, axis=1, kind="stable")
    return np.take_along_axis(distance, order, axis=1), np.take_along_axis(near, order, axis=1), "exact"


def umap(rsc: ModuleType, graph: AnnData, *, epochs: int, start: np.ndarray, seed: int = 0) -> np.ndarray:
    """Two-dimensional map of the neighbour graph by cuML, seeded."""
    rsc.tl.umap(graph, maxiter=epochs, init_pos=start, random_state=seed)
    return to_numpy(graph.obsm["X_umap"])


def harmony(rsc: ModuleType, rep: np.ndarray, batch: pd.Series, *, seed: int = 0, threads: int = 1) -> np.ndarray:
    """Harmony with the settings of the reference (the second version of the algorithm), in float64."""
    import pandas as pd
    from anndata import AnnData

    names = np.arange(len(rep)).astype(str)
    work = AnnData(obs=pd.DataFrame({"batch": pd.Categorical(batch.astype(str).to_numpy())}, index=names))
    work.obsm["X_pca"] = rep.astype(np.float64)
    rsc.pp.harmony_integrate(
        work, "batch", basis="X_pca", adjusted_basis="X_harmony", dtype=np.float64, random_state=seed
    )
    return to_numpy(work.obsm["X_harmony"])


def leiden(
    rsc: ModuleType, graph: igraph.Graph, *, resolution: float, engine: str = "igraph", seed: int = 0
) -> np.ndarray:
    """Communities by cuGraph, for each engine of the CPU.

    Raises
    ------
    mscape.errors.UserError
        If the communities are nearly as many as the cells, a known fault of cuGraph at some resolutions.
    """
    import pandas as pd
    import scipy.sparse as sp
    from anndata import AnnData

    n = graph.vcount()
    edges = np.array(graph.get_edgelist(), dtype=np.int64).reshape(-1, 2)
    upper = sp.csr_matrix((np.array(graph.es["weight"]), (edges[:, 0], edges[:, 1])), shape=(n, n))
    work = AnnData(obs=pd.DataFrame(index=np.arange(n).astype(str)))
    rsc.tl.leiden(
        work, resolution=resolution, adjacency=upper + upper.T, dtype="float64", random_state=seed, key_added="leiden"
    )
    labels = work.obs["leiden"].astype(int).to_numpy()
    refuse_collapse(labels, resolution=resolution)
    return labels


def refuse_collapse(labels: np.ndarray, *, resolution: float) -> None:
    """Raise if there are more communities than 20 and than a tenth of the cells."""
    n = len(np.unique(labels))
    if n > max(20, len(labels) / 10):
        msg = (
            f"The GPU's Leiden gave {n} communities for {len(labels)} cells at resolution {resolution:g}: a known "
            "fault of it, not a finding. Set gpu.on_mismatch: cpu, or backend: cpu."
        )
        raise UserError(msg)


def pooled(xp: ModuleType, points: np.ndarray, k: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Neighbours of the gate, as `mscape.gating.pooling.neighbours` finds them, by CuPy."""
    n = len(points)
    width = min(k + 1, n)
    here = xp.asarray(np.ascontiguousarray(points - points.mean(axis=0), dtype=np.float32))
    norm = (here * here).sum(axis=1)
    step = max(1, CHUNK_VALUES // n)
    for start in range(0, n, step):
        rows = slice(start, min(start + step, n))
        distance = norm - 2 * (here[rows] @ here.T)
        distance[xp.arange(rows.stop - start), xp.arange(start, rows.stop)] = -np.inf
        yield rows, to_numpy(xp.argsort(distance, axis=1)[:, :width])


def scores(
    math: tuple[ModuleType, ModuleType],
    block: sp.csr_matrix,
    weights: np.ndarray,
    background: Background,
    *,
    bins: np.ndarray,
    linear: np.ndarray,
    square: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Score a block of cells as `mscape.scoring.score_block` does, by CuPy."""
    from mscape.data import counts

    xp, sparse = math
    logged = counts.lognorm(block, counts.totals(block))
    onehot = np.zeros((len(bins), len(linear)))
    onehot[np.arange(len(bins)), bins] = 1
    size = xp.asarray(np.maximum(onehot.sum(axis=0), 1.0))
    onehot, linear, square, weights = (xp.asarray(a) for a in (onehot, linear, square, weights))
    first, last, shift = (xp.asarray(a) for a in (background.first, background.last, background.centre))
    parts = []
    for start in range(0, logged.shape[0], CHUNK_CELLS):
        some = logged[start : start + CHUNK_CELLS]
        values = sparse.csr_matrix(
            (xp.asarray(some.data), xp.asarray(some.indices), xp.asarray(some.indptr)), shape=some.shape
        )
        own = xp.asarray(some[:, background.pool].toarray().astype(np.float64))
        running = xp.concatenate([xp.zeros((len(own), 1)), xp.cumsum(own, axis=1)], axis=1)
        over = own - (running[:, last] - running[:, first] - own) / (last - first - 1) - shift
        mean = over @ onehot / size
        variance = xp.maximum((over * over) @ onehot / size - mean * mean, 0) * size / xp.maximum(size - 1, 1)
        parts.append((values @ weights, mean @ linear, xp.sqrt(variance @ square)))
    scores, centre, spread = (
        np.vstack([to_numpy(part) for part in column]).astype(np.float32) for column in zip(*parts, strict=True)
    )
    return scores, centre, spread


def to_numpy(array: object) -> np.ndarray:
    """Bring an array of the card to main memory; one that is there already is left as it is."""
    return array.get() if hasattr(array, "get") else np.asarray(array)
