"""Repeat the search for clusters on subsamples, to see at which resolution they are found again."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.gaps import FEW_MARKERS, Data, find_clusters
from mscape.stability import compare_samples, leiden, make_graph

if TYPE_CHECKING:
    from collections.abc import Callable

    import igraph
    import scipy.sparse as sp

FRACTION = 0.8
SCREEN = 0.25  # share of the samples that every resolution gets
N_BASES = 4  # sets of cells on which the choice is made, where not all cells are used


@dataclass(frozen=True)
class Base:
    """Cells on which the choice of a resolution is made.

    Attributes
    ----------
    cells
        Their positions in the dataset, ascending, shape (n,).
    graph, data
        Of these cells.
    samples
        Positions in ``cells`` of each subsample.
    """

    cells: np.ndarray
    graph: igraph.Graph
    data: Data
    samples: list[np.ndarray]


def make_bases(
    graph: igraph.Graph,
    data: Data,
    connect: Callable[[np.ndarray, np.ndarray], sp.csr_matrix],
    *,
    n_boot: int = 20,
    max_cells: int = 10_000,
    seed: int = 0,
) -> list[Base]:
    """Choose the cells that resampling works on: all of them, or four random sets where there are too many.

    A subsample keeps the edges among its cells. With 80 % of the cells enough of them are left; with a small part of a
    large dataset the graph would fall to pieces, so that each set gets a graph of its own.

    Parameters
    ----------
    graph, data
        Of all cells.
    connect
        Builds the connectivities of some cells from their embedding and batch.
    n_boot
        Subsamples in all.
    max_cells
        Largest size of a subsample of 80 %.
    seed
        Of the draws.

    Returns
    -------
    Their subsamples together are ``n_boot``.
    """
    n, size = len(data.rep), int(max_cells / FRACTION)
    if n <= size:
        return [Base(np.arange(n), graph, data, draws(n, n_boot=n_boot, seed=seed))]
    rng = np.random.default_rng(seed)
    bases = []
    for number, own in enumerate(np.array_split(np.arange(n_boot), N_BASES)):
        cells = np.sort(rng.choice(n, size, replace=False))
        part = data.subset(cells, values=True)
        samples = draws(size, n_boot=len(own), seed=seed + number)
        bases.append(Base(cells, make_graph(connect(part.rep, part.batch)), part, samples))
    return bases


def draws(n_cells: int, *, n_boot: int = 20, seed: int = 0) -> list[np.ndarray]:
    """Subsamples of 80 % of the cells without replacement, in the order of the cells."""
    rng = np.random.default_rng(seed)
    size = max(2, int(FRACTION * n_cells))
    return [np.sort(rng.choice(n_cells, size, replace=False)) for _ in range(n_boot)]


def resample(
    base: Base, resolutions: list[float], numbers: range, *, with_values: set[float] = frozenset(), seed: int = 0
) -> dict[float, list[np.ndarray]]:
    """Find clusters again in subsamples by the whole procedure, Leiden and gaps, at each resolution.

    Parameters
    ----------
    base
        The cells; a subsample keeps the edges among its cells.
    resolutions
        To run.
    numbers
        Which of the subsamples.
    with_values
        Resolutions at which markers are counted again (they cost time, and decide only where a gap lacked them).
    seed
        Of the engine (igraph, for speed).

    Returns
    -------
    Resolution -> the clusters of each subsample, integers from 0, shape (len(sample),).
    """
    found: dict[float, list[np.ndarray]] = {resolution: [] for resolution in resolutions}
    for number in numbers if resolutions else ():
        part = base.graph.induced_subgraph(base.samples[number])
        here = base.data.subset(base.samples[number], values=bool(with_values & set(resolutions)))
        bare = replace(here, values=None)
        for resolution in resolutions:
            again = leiden(part, resolution=resolution, seed=seed + number)
            found[resolution].append(find_clusters(here if resolution in with_values else bare, again)[0])
    return found


def resample_best(
    base: Base, partitions: dict[float, np.ndarray], *, with_values: set[float] = frozenset(), seed: int = 0
) -> dict[float, list[np.ndarray]]:
    """As `resample`, with all samples for the resolutions that can be chosen, and the first few for the others.

    A resolution can be chosen if it has several clusters and the first samples agree with it within 0.1 of the best.
    """
    n, few = len(base.samples), math.ceil(SCREEN * len(base.samples))
    first = resample(base, list(partitions), range(few), with_values=with_values, seed=seed)
    several = {
        r: compare_samples(clusters, base.samples, first[r])[0].mean()
        for r, clusters in partitions.items()
        if clusters.max() > 0
    }
    close = [r for r, mean in several.items() if mean >= max(several.values()) - 0.1]
    rest = resample(base, close, range(few, n), with_values=with_values, seed=seed)
    return {r: first[r] + rest.get(r, []) for r in partitions}


def search_grid(base: Base, grid: list[float], *, seed: int = 0) -> dict:
    """Find communities, clusters, and clusters of the subsamples, at each resolution.

    Parameters
    ----------
    base
        Cells to search.
    grid
        Resolutions.
    seed
        Of the engine (igraph).

    Returns
    -------
    ``communities``, ``clusters``: resolution -> integers by cell. ``again``: resolution -> those of each subsample.
    ``ari``: resolution -> agreement with each subsample. ``notes``: what was seen.
    """
    communities = {r: leiden(base.graph, resolution=r, seed=seed) for r in grid}
    found = {r: find_clusters(base.data, labels) for r, labels in communities.items()}
    clusters = {r: labels for r, (labels, _) in found.items()}
    few = {r for r, (_, notes) in found.items() if FEW_MARKERS in notes}
    again = resample_best(base, clusters, with_values=few, seed=seed)
    ari = {r: compare_samples(clusters[r], base.samples, again[r])[0] for r in grid}
    notes = {note for _, notes in found.values() for note in notes}
    return {"communities": communities, "clusters": clusters, "again": again, "ari": ari, "notes": notes}


def tabulate_grid(searches: list[dict], grid: list[float]) -> pd.DataFrame:
    """One row a resolution: ``resolution n_communities n_clusters n_resamples ari_mean ari_low ari_high``.

    Where several sets of cells were searched, the numbers are those of most sets (of these the smallest), and the
    agreement is taken over the subsamples of all.
    """
    rows = []
    for r in grid:
        ari = np.concatenate([search["ari"][r] for search in searches])
        numbers = [
            int(np.bincount([search[key][r].max() + 1 for search in searches]).argmax())
            for key in ("communities", "clusters")
        ]
        rows.append((r, *numbers, len(ari), ari.mean(), *np.quantile(ari, [0.05, 0.95])))
    return pd.DataFrame(
        rows,
        columns=["resolution", "n_communities", "n_clusters", "n_resamples", "ari_mean", "ari_low", "ari_high"],
    )


def leiden_again(base: Base, resolution: float, *, seed: int = 0) -> list[np.ndarray]:
    """Communities of each subsample, by Leiden alone."""
    return [
        leiden(base.graph.induced_subgraph(cells), resolution=resolution, seed=seed + number)
        for number, cells in enumerate(base.samples)
    ]
