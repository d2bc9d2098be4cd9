"""Pool each cell with its nearest neighbours until the counts distinguish the rate of a marker from its threshold."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from mscape.backends import active
from mscape.gating.panels import LINEAGE, NEGATIVE, POSITIVE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mscape.gating.options import GateOptions
    from mscape.gating.panels import Features

MAX_LEAF = 4_000  # cells among which neighbours are searched exactly; larger clusters are cut along their widest axis
MIXED_SHARE = 0.85  # a pool in which fewer cells carry a lineage is mixed
N_NEAR = 8  # neighbours by which a cell's isolation is judged
CHUNK_VALUES = 12_000_000  # distances held at a time (float32)


@dataclass
class Pools:
    """Sufficient statistics of the pools, each of shape (n_cells, n_features), the cell itself included.

    Attributes
    ----------
    count
        Pooled count. No cell speaks for its pool: a cell counts at most
        ``max(2, 4 n tau)`` (tau with the ambient rate), so that one macrophage among ten MSC does not make them
        all HLA-DR positive, and one doublet does not make a T cell CD90 positive.
    exposure
        Pooled total counts.
    size
        Number of cells.
    raw_count
        Pooled count without the bound.
    second
        Pooled count of a lineage without the gene that is strongest in the pool, each gene of a cell bounded as above;
        0 for a marker.
    carrier_fraction
        Estimated share of the pool's cells that carry the marker (1 where it cannot be estimated); lineages only.
    local_count
        Pooled raw count of the cell and its four nearest neighbours, ``local_exposure`` (n_cells,) their total.
    isolation
        Distance to the eighth neighbour over the median of that distance among these neighbours, shape (n_cells,);
        1 for a cell whose neighbours are as close as theirs.
    """

    count: np.ndarray
    exposure: np.ndarray
    size: np.ndarray
    raw_count: np.ndarray
    second: np.ndarray
    carrier_fraction: np.ndarray
    local_count: np.ndarray
    local_exposure: np.ndarray
    isolation: np.ndarray


def split(points: np.ndarray, members: np.ndarray, max_size: int) -> list[np.ndarray]:
    """Cut a set of cells at the median of its widest axis until no part is larger than ``max_size``.

    Parameters
    ----------
    points
        Coordinates of all cells, shape (n_cells, n_dims).
    members
        Rows to cut.
    max_size
        Largest part.

    Returns
    -------
    The parts, in a fixed order; each keeps the order of ``members``.
    """
    if len(members) <= max_size:
        return [members]
    part = points[members]
    axis = int(np.argmax(part.var(axis=0)))
    order = np.argsort(part[:, axis], kind="stable")
    low = np.zeros(len(members), bool)
    low[order[: len(members) // 2]] = True
    return [*split(points, members[low], max_size), *split(points, members[~low], max_size)]


def neighbours(points: np.ndarray, k: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Exact nearest neighbours, a chunk of rows at a time.

    Parameters
    ----------
    points
        Coordinates, shape (n, n_dims).
    k
        Neighbours wanted besides the point itself.

    Yields
    ------
    rows
        The rows of the chunk.
    index
        Shape (n_rows, 1 + min(k, n - 1)): the point itself, then its neighbours by distance.
    """
    n = len(points)
    width = min(k + 1, n)
    points = np.ascontiguousarray(points - points.mean(axis=0), dtype=np.float32)
    norm = np.einsum("ij,ij->i", points, points)
    step = max(1, CHUNK_VALUES // n)
    for start in range(0, n, step):
        rows = slice(start, min(start + step, n))
        distance = points[rows] @ points.T
        distance *= -2
        distance += norm
        distance[np.arange(rows.stop - start), np.arange(start, rows.stop)] = -np.inf
        if width < n:
            index = np.argpartition(distance, width - 1, axis=1)[:, :width]
        else:
            index = np.broadcast_to(np.arange(n), distance.shape)
        order = np.argsort(np.take_along_axis(distance, index, axis=1), axis=1)
        yield rows, np.take_along_axis(index, order, axis=1)


def pool(
    points: np.ndarray,
    groups: np.ndarray,
    totals: np.ndarray,
    features: Features,
    thresholds: np.ndarray,
    *,
    options: GateOptions,
    threads: int = 1,
) -> tuple[Pools, np.ndarray]:
    """Grow the pool of each cell and feature until its exposure is enough, inside the cell's group.

    Parameters
    ----------
    points
        Embedding made without gate and lineage genes, shape (n_cells, n_dims).
    groups
        Cells pool only inside their group (cluster and lot), shape (n_cells,), integers from 0.
    totals
        Total counts, shape (n_cells,).
    features
        Markers and lineages.
    thresholds
        Observed rate at the threshold, ambient RNA included, shape (n_cells, n_features).
    options
        ``max_neighbors`` and ``min_neighbors`` bound the number of neighbours. ``exposure_positive``,
        ``exposure_negative`` and ``exposure_lineage`` are the wanted exposure times threshold, that is the count
        expected at the threshold. Positives need 20 to distinguish twice the threshold from the threshold. Zero counts
        at 3 already exclude it, but ambient RNA may add a fifth of the threshold to a negative marker, which is still
        resolved at 12. Where it adds more, more is wanted.
    threads
        Parts of the cells that are searched at a time; the result does not depend on it.

    Returns
    -------
    pools
        The sufficient statistics.
    leaf
        The part of its group in which a cell's neighbours were searched, shape (n_cells,).
    """
    n_cells, n_features = features.x.shape
    totals = totals.astype(float)
    cap = np.maximum(2, np.ceil(4 * totals[:, None] * np.maximum(thresholds, features.tau))).astype(np.int32)
    capped = np.minimum(features.x, cap).T.copy()
    plain = features.x.T.copy()
    genes = _bounded_genes(features, totals)
    wanted = {
        POSITIVE: options.exposure_positive,
        NEGATIVE: options.exposure_negative,
        LINEAGE: options.exposure_lineage,
    }
    base = np.array([wanted[kind] for kind in features.kind]) / features.tau
    out = {
        name: np.zeros((n_cells, n_features), np.float32)
        for name in ("count", "exposure", "size", "raw_count", "second", "local_count")
    }
    out["carrier_fraction"] = np.ones((n_cells, n_features), np.float32)
    local_exposure = np.zeros(n_cells)
    reach = np.zeros(n_cells)
    nearest = np.tile(np.arange(n_cells)[:, None], (1, N_NEAR))
    leaf = np.zeros(n_cells, np.int64)
    find = active.active().pooled or neighbours
    order = np.argsort(groups, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    leaves = [members for group in parts for members in split(points, group, MAX_LEAF)]

    def fill(number: int) -> None:
        members = leaves[number]
        leaf[members] = number
        need = base * _more_for_ambient(thresholds[members].mean(axis=0), features)
        for rows, local in find(points[members], options.max_neighbors):
            cells = members[rows]
            index = members[local]
            local_exposure[cells] = totals[index[:, :5]].sum(axis=1)
            close = index[:, 1 : N_NEAR + 1]
            nearest[cells, : close.shape[1]] = close
            reach[cells] = np.linalg.norm(points[index[:, min(N_NEAR, index.shape[1] - 1)]] - points[cells], axis=1)
            _pool_rows(
                cells,
                index,
                totals=totals,
                features=features,
                capped=capped,
                plain=plain,
                genes=genes,
                need=need,
                min_neighbors=options.min_neighbors,
                out=out,
            )

    with ThreadPoolExecutor(threads) as pool_of_threads:  # each leaf fills rows of its own
        list(pool_of_threads.map(fill, range(len(leaves))))
    isolation = reach / np.maximum(np.median(reach[nearest], axis=1), 1e-12)
    return Pools(**out, local_exposure=local_exposure, isolation=isolation), leaf


def _pool_rows(cells, index, *, totals, features, capped, plain, genes, need, min_neighbors, out) -> None:
    """Fill the statistics of some cells from their sorted neighbours ``index`` (the cell itself first)."""
    reach = np.cumsum(totals[index], axis=1)
    rows, width = np.arange(len(cells)), index.shape[1]
    for wanted in np.unique(need):
        size = np.minimum(np.maximum((reach < wanted).sum(axis=1) + 1, min_neighbors + 1), width)
        use = index[:, : size.max()]
        inside = np.arange(use.shape[1]) < size[:, None]
        square = (totals[use] ** 2 * inside).sum(axis=1)
        exposure = reach[rows, size - 1]
        for f in np.flatnonzero(need == wanted):
            out["size"][cells, f] = size
            out["exposure"][cells, f] = exposure
            raw = plain[f][use]
            if not raw.any():
                continue  # the counts are zero, and a pool without counts is not mixed
            out["local_count"][cells, f] = raw[:, :5].sum(axis=1)
            raw *= inside
            out["raw_count"][cells, f] = total = raw.sum(axis=1)
            out["count"][cells, f] = (capped[f][use] * inside).sum(axis=1)
            if features.kind[f] == LINEAGE:
                pairs = np.einsum("ij,ij->i", raw, raw - 1.0)
                out["carrier_fraction"][cells, f] = mixing_share(total, pairs, exposure, square)
        lineages = np.intersect1d(np.flatnonzero(need == wanted), features.feature_of)
        if len(lineages):
            out["second"][np.ix_(cells, lineages)] = _without_strongest(
                use, inside, genes, features.feature_of, lineages
            )


def _more_for_ambient(thresholds: np.ndarray, features: Features) -> np.ndarray:
    """Factor of the wanted exposure that still separates a rate from its threshold on top of much ambient RNA.

    The variance of a count grows with the ambient RNA, the difference that is looked for does not. Steps, so that
    features share their pools; positive markers, whose rates lie above their thresholds, stay as they are.
    """
    steps = np.array([1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0])
    wanted = np.where(features.kind == POSITIVE, 1.0, thresholds / features.tau - 0.5)
    return steps[np.minimum(np.searchsorted(steps, wanted), len(steps) - 1)]


def _bounded_genes(features: Features, totals: np.ndarray) -> sp.csr_matrix:
    """Bound the counts of single genes by four times what a cell at the threshold without one gene shows."""
    genes = features.genes.copy()
    rows = np.repeat(np.arange(genes.shape[0]), np.diff(genes.indptr))
    expected = totals[rows] * features.tau_second[features.feature_of[genes.indices]]
    genes.data = np.minimum(genes.data, np.maximum(2, np.ceil(4 * expected))).astype(np.int32)
    return genes


def _without_strongest(use, inside, genes, feature_of, lineages) -> np.ndarray:
    """Pooled count of some lineages without the gene that is strongest in the pool, shape (n_pools, n_lineages)."""
    n_pools, width = use.shape
    members = sp.csr_matrix(
        (inside.ravel().astype(np.int32), use.ravel(), np.arange(0, n_pools * width + 1, width)),
        shape=(n_pools, genes.shape[0]),
    )
    columns = np.flatnonzero(np.isin(feature_of, lineages))
    pooled = (members @ genes[:, columns]).toarray()
    start = np.searchsorted(feature_of[columns], lineages)
    return np.add.reduceat(pooled, start, axis=1) - np.maximum.reduceat(pooled, start, axis=1)


def mixing_share(count, pairs, exposure, square, *, dispersion: float = 0.5) -> np.ndarray:
    """Share of a pool's cells that carry a lineage, from two moments.

    With a share s of cells at rate r and variance inflation (1 + dispersion) the expected sum of x is s r N1 and that
    of x (x - 1) is s r² (1 + dispersion) N2, where N1 and N2 are the sums of the totals and of their squares.

    Parameters
    ----------
    count, pairs
        Sums of x and of x (x - 1) over the pool.
    exposure, square
        Sums of the totals and of their squares.
    dispersion
        Squared coefficient of variation of the rate among cells that carry the lineage.

    Returns
    -------
    Share between 0 and 1; 1 where fewer than six counts leave it open.
    """
    first = count / exposure
    second = np.maximum(pairs, 1e-9) / square
    share = np.minimum(1.0, (1 + dispersion) * first**2 / second)
    return np.where(count >= 6, share, 1.0)
