"""Hold a backend against the CPU reference on the same input, function by function, with a limit for each measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.clustering import leiden_stability
from mscape.data.tables import TABLES
from mscape.embedding import batch_mixing, neighbor_search, pca_neighbors
from mscape.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import scipy.sparse as sp
    from anndata import AnnData

    from mscape.backends.contract import Backend

COLUMNS = TABLES["parity"].names
SEED_RUNS = 3  # runs with one seed, which must agree
LEADING = 10  # components whose space is compared
BLOCKS = 3  # in which the values are passed, as a file would be
AT_LEAST, AT_MOST = "at least", "at most"


@dataclass(frozen=True)
class Sample:
    """What the functions are compared on; every array comes from the reference.

    Attributes
    ----------
    X
        Log-normalised variable genes, CSR float32, shape (n_cells, n_genes).
    embedded
        ``obsm["X_pca"]`` and the neighbour graph of these cells.
    batch
        Batch of each cell, None with one batch.
    n_neighbors
        Neighbours of the graph, the cell itself counted.
    resolutions
        Of the communities.
    """

    X: sp.csr_matrix
    embedded: AnnData
    batch: pd.Series | None
    n_neighbors: int
    resolutions: tuple[float, ...]


def compare(reference: Backend, candidate: Backend, sample: Sample, *, seed: int = 0) -> pd.DataFrame:
    """Compare all functions that take arrays; one row a measure, columns ``COLUMNS``."""
    tables = [compare_function(name, reference, candidate, sample, seed=seed) for name in MEASURES]
    return pd.concat([table for table in tables if len(table)], ignore_index=True)


def compare_function(
    name: str, reference: Backend, candidate: Backend, sample: Sample, *, seed: int = 0
) -> pd.DataFrame:
    """Compare one function, a key of ``MEASURES``, on the same input.

    Returns
    -------
    As `compare`. A function that refuses its work (a `UserError`) fails, with the reason as its meaning.
    """
    try:
        return rows(name, list(MEASURES[name](reference, candidate, sample, seed)))
    except UserError as error:
        return rows(name, [("answer", np.nan, AT_LEAST, 1.0, str(error))])


def rows(function: str, found: Iterable[tuple], *, of: str = "") -> pd.DataFrame:
    """Make the table of the measures of one function; ``of`` goes before the name of each measure."""
    made = [
        judge(function, f"{of} {measure}".strip(), value, rule=rule, limit=limit, meaning=meaning)
        for measure, value, rule, limit, meaning in found
    ]
    return pd.DataFrame(made, columns=COLUMNS)


def records(table: pd.DataFrame) -> list[dict]:
    """Rows of the table as JSON takes them: a value that is not a number is None."""
    return [row | {"value": None if np.isnan(row["value"]) else row["value"]} for row in table.to_dict("records")]


def judge(function: str, measure: str, value: float, *, rule: str, limit: float, meaning: str) -> dict:
    """Make a row of the table: a value that is not a number does not pass."""
    passed = bool(value >= limit) if rule == AT_LEAST else bool(value <= limit)
    return dict(zip(COLUMNS, (function, measure, float(value), limit, rule, passed, meaning), strict=True))


def shared_space(one: np.ndarray, other: np.ndarray) -> float:
    """Mean squared canonical correlation of two sets of columns: 1 if they span the same space."""
    bases = [np.linalg.qr(part - part.mean(axis=0))[0] for part in (one, other)]
    return float((np.linalg.svd(bases[0].T @ bases[1], compute_uv=False) ** 2).mean())


def recall(expected: np.ndarray, found: np.ndarray) -> float:
    """Share of each row's expected positions that are found, averaged; both of shape (n_cells, k)."""
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(expected, found, strict=True)]))


def compare_scores(expected: pd.DataFrame, found: pd.DataFrame) -> Iterator[tuple]:
    """Compare scores of the same cells: their correlation, and how far they are apart.

    Yields
    ------
    measure, value, rule, limit, meaning: of the worst signature. A score that is shifted correlates perfectly, so the
    largest difference is measured too, in standard deviations of the score.
    """
    known = expected.columns[(expected.std() > 0).to_numpy()]
    a, b = expected[known].to_numpy(float), found.reindex(columns=known).to_numpy(float)
    with np.errstate(invalid="ignore"):
        r = [np.corrcoef(x, y)[0, 1] for x, y in zip(a.T, b.T, strict=True)]
    apart = np.abs(a - b).max(axis=0) / a.std(axis=0)
    yield "correlation", np.min(r), AT_LEAST, 0.999, "smallest correlation of a signature's scores"
    yield "difference", np.max(apart), AT_MOST, 0.01, "largest difference of a score, in standard deviations"


def compare_calls(expected: pd.Series, found: pd.Series) -> Iterator[tuple]:
    """Compare the gate's calls of the same cells: the share that is equal."""
    same = (expected.astype(str).to_numpy() == found.astype(str).to_numpy()).mean()
    yield "equal calls", same, AT_LEAST, 0.995, "share of cells with the same call"


def _pca(reference: Backend, candidate: Backend, sample: Sample, seed: int) -> Iterator[tuple]:
    n = min(sample.embedded.obsm["X_pca"].shape[1], *(size - 1 for size in sample.X.shape))
    size = -(-sample.X.shape[0] // BLOCKS)
    found = []
    for backend in (reference, candidate):
        blocks = (sample.X[start : start + size] for start in range(0, sample.X.shape[0], size))
        axes, mean, _ = (backend.pca or pca_neighbors.principal_axes)(blocks, sample.X.shape[1], n)
        found.append(sample.X @ axes - mean @ axes)
    one, other = found
    leading = slice(0, min(LEADING, n))
    yield (
        "shared space",
        shared_space(one[:, leading], other[:, leading]),
        AT_LEAST,
        0.99,
        f"mean squared canonical correlation of the first {leading.stop} components",
    )
    r = [abs(np.corrcoef(a, b)[0, 1]) for a, b in zip(one.T, other.T, strict=True)]
    yield "correlation", np.median(r), AT_LEAST, 0.99, "median correlation of the components"


def _knn(reference: Backend, candidate: Backend, sample: Sample, seed: int) -> Iterator[tuple]:
    distance, near, _ = _nearest(reference, sample.embedded.obsm["X_pca"], sample)
    far, other, _ = _nearest(candidate, sample.embedded.obsm["X_pca"], sample)
    share = recall(near, other) if len(other) == len(near) else 0.0
    yield "recall", share, AT_LEAST, 0.99, "share of the exact neighbours that are found"
    error = np.abs(distance - far).max() / distance.max() if far.shape == distance.shape else np.nan
    yield "distance", error, AT_MOST, 1e-3, "largest error of a distance, of the largest distance"


def _nearest(backend: Backend, points: np.ndarray, sample: Sample) -> tuple[np.ndarray, np.ndarray, str]:
    find = backend.knn or neighbor_search.nearest
    return find(points, sample.n_neighbors - 1, max_exact_cells=len(points), threads=1)


def _harmony(reference: Backend, candidate: Backend, sample: Sample, seed: int) -> Iterator[tuple]:
    if sample.batch is None:
        return
    rep, labels = sample.embedded.obsm["X_pca"], sample.batch.astype(str).to_numpy()
    one, other = (np.asarray(b.harmony(rep, sample.batch, seed=seed, threads=1)) for b in (reference, candidate))
    r = [abs(np.corrcoef(a, b)[0, 1]) for a, b in zip(one.T, other.T, strict=True)]
    yield "correlation", np.median(r), AT_LEAST, 0.95, "median correlation of the corrected components"
    apart = abs(batch_mixing.mixing(one, labels, seed=seed) - batch_mixing.mixing(other, labels, seed=seed))
    yield "mixing", apart, AT_MOST, 0.05, "difference of the mixing of batches, of the possible"


def _leiden(reference: Backend, candidate: Backend, sample: Sample, seed: int) -> Iterator[tuple]:
    from sklearn.metrics import adjusted_rand_score

    graph = leiden_stability.make_graph(sample.embedded.obsp["connectivities"])
    n_cells = graph.vcount()
    for resolution in sample.resolutions:

        def run(backend: Backend, seed: int, resolution: float = resolution) -> np.ndarray:
            return np.asarray(backend.leiden(graph, resolution=resolution, engine="igraph", seed=seed))

        at = f"at resolution {resolution:g}"
        expected, again = run(reference, seed), run(reference, seed + 1)
        found = [run(candidate, seed) for _ in range(SEED_RUNS)]
        counts = [len(np.unique(labels)) for labels in found]
        yield f"communities {at}", max(counts) / n_cells, AT_MOST, 0.1, "communities a cell; 1 is one for each cell"
        same = min(adjusted_rand_score(found[0], labels) for labels in found[1:])
        said = f"agreement of {SEED_RUNS} runs with one seed ({', '.join(map(str, counts))} communities)"
        yield f"one seed {at}", same, AT_LEAST, 0.99, said
        own = adjusted_rand_score(expected, again)
        limit = round(min(0.95, own - 0.05), 4)
        said = f"agreement with the reference; two seeds of the reference agree by {own:.3f}"
        yield f"agreement {at}", adjusted_rand_score(expected, found[0]), AT_LEAST, limit, said


def _umap(reference: Backend, candidate: Backend, sample: Sample, seed: int) -> Iterator[tuple]:
    near = _nearest(reference, sample.embedded.obsm["X_pca"], sample)[1]
    start = np.asarray(sample.embedded.obsm["X_pca"][:, :2], dtype=np.float32)
    kept = []
    for backend in (reference, candidate):
        flat = np.asarray(backend.umap(sample.embedded, epochs=200, start=start, seed=seed), dtype=float)
        there = np.isfinite(flat).all() and flat.shape == (len(near), 2)
        kept.append(recall(near, _nearest(reference, flat, sample)[1]) if there else np.nan)
    said = f"share of neighbours that the map keeps; the reference's keeps {kept[0]:.3f}"
    yield "neighbours kept", kept[1], AT_LEAST, round(kept[0] - 0.05, 4), said


MEASURES: dict[str, Callable[[Backend, Backend, Sample, int], Iterator[tuple]]] = {
    "pca": _pca,
    "knn": _knn,
    "harmony": _harmony,
    "leiden": _leiden,
    "umap": _umap,
}
