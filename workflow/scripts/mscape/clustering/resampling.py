"""Stability of clusters under resampling: repeat the clustering on subsamples at each resolution."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.clustering.gap_test import FEW_MARKERS, Data, find_clusters
from mscape.clustering.leiden_stability import compare_samples, leiden, make_graph

if TYPE_CHECKING:
    from collections.abc import Callable

    import igraph
    import scipy.sparse as sp

FRACTION = 0.8
SCREEN = 0.25  # share of the samples that every resolution gets
N_BASES = 2  # sets of cells on which the choice is made, where not all cells are used


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
    """Choose the cells that resampling works on: all of them, or two random sets where there are too many.

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


class Search:
    """Communities and clusters of a base at each resolution, and the clusters found again in its subsamples.

    Parameters
    ----------
    base
        The cells.
    grid
        Resolutions.
    seed
        Of the engine (igraph, for speed).

    Attributes
    ----------
    communities, clusters
        Resolution -> integers from 0, by cell.
    again
        Resolution -> clusters of the first subsamples, integers from 0, shape (len(sample),); see `resample`.
    notes
        What was seen on the way.
    """

    def __init__(self, base: Base, grid: list[float], *, seed: int = 0) -> None:
        self.base, self.seed = base, seed
        self.communities = {r: leiden(base.graph, resolution=r, seed=seed) for r in grid}
        found = {r: find_clusters(base.data, labels) for r, labels in self.communities.items()}
        self.clusters = {r: labels for r, (labels, _) in found.items()}
        self.notes = {note for _, notes in found.values() for note in notes}
        # Markers are counted again where a gap lacked them: they cost time, and decide nowhere else.
        self.few = {r for r, (_, notes) in found.items() if FEW_MARKERS in notes}
        self.again: dict[float, list[np.ndarray]] = {r: [] for r in grid}

    def resample(self, resolutions: list[float], numbers: range) -> None:
        """Find clusters again in some subsamples by the whole procedure, Leiden and gaps."""
        for number in numbers if resolutions else ():
            part = self.base.graph.induced_subgraph(self.base.samples[number])
            here = self.base.data.subset(self.base.samples[number], values=bool(self.few & set(resolutions)))
            bare = replace(here, values=None)
            for r in resolutions:
                labels = leiden(part, resolution=r, seed=self.seed + number)
                self.again[r].append(find_clusters(here if r in self.few else bare, labels)[0])

    def ari(self, resolution: float) -> np.ndarray:
        """Agreement of the clusters with those of each subsample done so far."""
        return compare_samples(self.clusters[resolution], self.base.samples, self.again[resolution])[0]


def search_grid(bases: list[Base], grid: list[float], *, seed: int = 0) -> tuple[list[Search], pd.DataFrame]:
    """Find clusters at each resolution, and again in subsamples: in all of them for the resolutions that can be chosen.

    A quarter of the subsamples is seen at every resolution. One can be chosen if it has several clusters, agrees within
    0.1 of the best, and none with as many clusters agrees better (or as well and is lower).

    Parameters
    ----------
    bases
        Cells to search.
    grid
        Resolutions.
    seed
        Of the engine.

    Returns
    -------
    searches
        One a base.
    table
        One row a resolution: ``resolution n_communities n_clusters n_resamples ari_mean ari_low ari_high``. Where bases
        differ in a number, it is that of most (of these the smallest); the agreement is over the subsamples of all.
    """
    searches = [Search(base, grid, seed=seed) for base in bases]
    for search in searches:
        search.resample(grid, range(math.ceil(SCREEN * len(search.base.samples))))
    first = tabulate_grid(searches, grid)
    first = first[first["n_clusters"] > 1].sort_values(["ari_mean", "resolution"], ascending=[False, True])
    close = first[first["ari_mean"] >= first["ari_mean"].max() - 0.1].drop_duplicates("n_clusters")
    for search in searches:
        n = len(search.base.samples)
        search.resample(list(close["resolution"]), range(math.ceil(SCREEN * n), n))
    return searches, tabulate_grid(searches, grid)


def tabulate_grid(searches: list[Search], grid: list[float]) -> pd.DataFrame:
    """Write the table of `search_grid` from what was resampled so far."""
    rows = []
    for r in grid:
        ari = np.concatenate([search.ari(r) for search in searches])
        both = ([search.communities[r] for search in searches], [search.clusters[r] for search in searches])
        numbers = [int(np.bincount([labels.max() + 1 for labels in found]).argmax()) for found in both]
        rows.append((r, *numbers, len(ari), ari.mean(), *np.quantile(ari, [0.05, 0.95])))
    names = ["resolution", "n_communities", "n_clusters", "n_resamples", "ari_mean", "ari_low", "ari_high"]
    return pd.DataFrame(rows, columns=names)


def leiden_again(base: Base, resolution: float, *, seed: int = 0) -> list[np.ndarray]:
    """Communities of each subsample, by Leiden alone."""
    return [
        leiden(base.graph.induced_subgraph(cells), resolution=resolution, seed=seed + number)
        for number, cells in enumerate(base.samples)
    ]
