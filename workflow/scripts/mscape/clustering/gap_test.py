"""Test whether clusters are separated by a low-density gap, cross-fitted to avoid double dipping."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mscape.clustering.assignment import place_cells
from mscape.clustering.discriminant import Axes
from mscape.clustering.marker_separation import Profiles
from mscape.clustering.unimodality import hump_pvalue

if TYPE_CHECKING:
    import scipy.sparse as sp

BATCHES_APART = "a split that only sets batches apart"
FEW_MARKERS = "a gap with fewer marker genes than asked for"
NEAR = 3  # clusters that each cluster is tested against, by distance of the centres
ROUGH = 0.4  # share of min_match below which a first look ends the test


@dataclass
class Data:
    """What a gap is looked for in.

    Attributes
    ----------
    rep
        Embedding, float64, shape (n_cells, n_dims).
    batch
        Batch of each cell, integers, shape (n_cells,).
    fold
        0 or 1, shape (n_cells,): the axis of one half is judged on the other.
    values
        Log-normalised values of the variable genes, CSR, shape (n_cells, n_genes); None: markers are not asked for.
    valued
        Cells of the rows of ``values``, ascending, where these are not all; None: all.
    min_cells
        Smallest group that can be a cluster.
    min_markers
        Least number of genes that differ two-fold between two clusters.
    alpha
        Chance of calling a gap where there is none, for a whole search.
    min_match
        Least overlap (Jaccard) between a group and the cells beyond the gap.
    """

    rep: np.ndarray
    batch: np.ndarray
    fold: np.ndarray
    values: sp.csr_matrix | None = None
    valued: np.ndarray | None = None
    min_cells: int = 10
    min_markers: int = 5
    alpha: float = 0.01
    min_match: float = 0.6

    def subset(self, cells: np.ndarray, *, values: bool = False) -> Data:
        """Return the same for some cells (positions); without the expression values unless asked for."""
        kept = valued = None
        if values and self.values is not None:
            row = np.full(len(self.rep), -1)
            row[slice(None) if self.valued is None else self.valued] = np.arange(self.values.shape[0])
            valued = np.flatnonzero(row[cells] >= 0)
            kept = self.values[row[cells][valued]]
        part = {"rep": self.rep[cells], "batch": self.batch[cells], "fold": self.fold[cells]}
        return replace(self, **part, values=kept, valued=valued)

    def place(self, clusters: np.ndarray) -> np.ndarray:
        """Place each cell with the cluster that it resembles most; see `mscape.clustering.assignment.place_cells`."""
        return place_cells(self.rep, self.batch, self.fold, clusters, min_cells=self.min_cells)

    def profiles(self, clusters: np.ndarray) -> Profiles | None:
        """Sum the values by cluster; None without values."""
        if self.values is None:
            return None
        own = clusters if self.valued is None else clusters[self.valued]
        return Profiles(self.values, own, int(clusters.max()) + 1)


@dataclass(frozen=True)
class Gap:
    """Outcome of one test: chance under one hump, overlap of the group with the far side, and why it was not tested."""

    pvalue: float
    match: float
    untested: str = ""


def make_data(rep: np.ndarray, batch: np.ndarray, *, seed: int = 0, **options) -> Data:
    """Split cells at random into two folds; ``options`` are the other attributes of `Data`."""
    fold = np.random.default_rng(seed).permutation(len(rep)) % 2
    return Data(np.asarray(rep, dtype=np.float64), batch, fold, **options)


def test_gap(data: Data, group: np.ndarray) -> Gap:
    """Test for a gap between a group of cells and all others.

    Cells are placed on an axis that the other half of the cells has drawn. Batches are aligned on the cells outside the
    group, so that a shift of a whole batch is no gap; a batch without such cells says nothing and is left out. A single
    hump is then tested in the tail that holds the group and as many of its nearest cells: however a single hump is cut,
    it stays a single hump, and a small group weighs as much as a large one.

    Parameters
    ----------
    data
        The cells.
    group
        Membership, bool, shape (n_cells,).

    Returns
    -------
    p-value and overlap; p = 1 with the reason in ``untested`` if the test cannot be made.
    """
    axes = Axes(data.rep, data.fold, data.batch, group.astype(int))
    match, tail, untested = _far_side(data, np.arange(len(axes.counts[0])) == 1, axes)
    return Gap(hump_pvalue(tail) if len(tail) else 1.0, match, untested)


def _far_side(data: Data, members: np.ndarray, axes: Axes) -> tuple[float, np.ndarray, str]:
    """Overlap of a group with the far side of its axis, and the scores of the tail to test (none: not testable)."""
    group = axes.group(members)
    if group.sum() > len(group) / 2:
        group, members = ~group, ~members
    scores = axes.scores(members) if group.sum() >= data.min_cells else None
    if scores is None:
        return 0.0, np.empty(0), "too few cells"
    use = axes.comparable(group)
    for exact in (False, True):  # a first look with means ends most tests
        aligned, inside = axes.aligned(scores, group, exact=exact)[use], group[use]
        n = int(inside.sum())
        if min(n, len(inside) - n) < data.min_cells:
            return 0.0, np.empty(0), BATCHES_APART
        rough = _rough_match(aligned, inside)
        if rough < ROUGH * data.min_match:
            return rough, np.empty(0), ""
    order = np.argsort(-aligned, kind="stable")
    hits = np.cumsum(inside[order])
    match = float((hits / (np.arange(1, len(inside) + 1) + n - hits)).max())
    return match, aligned[order[: 2 * n]] if match >= data.min_match else np.empty(0), ""


def _rough_match(scores: np.ndarray, group: np.ndarray) -> float:
    """Jaccard overlap of a group with the cells beyond the middle between both means."""
    n = group.sum()
    inside = scores @ group
    middle = (inside / n + (scores.sum() - inside) / (len(group) - n)) / 2
    beyond = scores > middle
    both = np.count_nonzero(beyond & group)
    return both / max(np.count_nonzero(beyond) + n - both, 1)


def find_clusters(data: Data, labels: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Unite communities until every cluster that is left is separated by a gap from the others.

    From the top: of all groups of communities that a tree offers, the one with the clearest gap is split off; both
    parts are searched in the same way. Then clusters near each other are tested by pairs, and united without a gap.

    Parameters
    ----------
    data
        The cells.
    labels
        Communities, integers from 0, shape (n_cells,).

    Returns
    -------
    clusters
        Integers from 0, by size, shape (n_cells,).
    notes
        What was seen on the way ("only batches apart").
    """
    notes: set[str] = set()
    parts = _split(data, np.arange(len(labels)), labels, notes)
    clusters = np.empty(len(labels), dtype=int)
    for number, cells in enumerate(parts):
        clusters[cells] = number
    return by_size(_unite(data, clusters, notes)), sorted(notes)


def _unite(data: Data, clusters: np.ndarray, notes: set[str]) -> np.ndarray:
    """Unite the pair of clusters that is least apart, as long as one has no gap or too few markers."""
    names = list(range(clusters.max() + 1))
    profiles = data.profiles(clusters) if len(names) > 1 else None
    apart: dict[tuple[int, int], float] = {}
    while len(names) > 1:
        for a, b in _near_pairs(data.rep, clusters, names):
            if (a, b) not in apart:
                apart[a, b] = _pair_pvalue(data, clusters, a, b, profiles=profiles, notes=notes)
        pair = max(apart, key=lambda key: (apart[key], key))
        if apart[pair] <= data.alpha:
            break
        clusters = np.where(clusters == pair[1], pair[0], clusters)
        if profiles is not None:
            profiles.merge(*pair)
        names.remove(pair[1])
        apart = {key: value for key, value in apart.items() if not set(key) & set(pair)}
    return clusters


def _near_pairs(rep: np.ndarray, clusters: np.ndarray, names: list[int]) -> list[tuple[int, int]]:
    centres = np.array([rep[clusters == name].mean(0) for name in names])
    distance = ((centres[:, None] - centres[None]) ** 2).sum(2)
    np.fill_diagonal(distance, np.inf)
    near = np.argsort(distance, axis=1, kind="stable")[:, :NEAR]
    pairs = {(min(i, j), max(i, j)) for i in range(len(names)) for j in near[i] if i != j}
    return [(names[i], names[j]) for i, j in sorted(pairs)]


def _pair_pvalue(
    data: Data, clusters: np.ndarray, a: int, b: int, *, profiles: Profiles | None, notes: set[str]
) -> float:
    cells = np.flatnonzero((clusters == a) | (clusters == b))
    pvalue = test_gap(data.subset(cells), clusters[cells] == b).pvalue
    if pvalue <= data.alpha and profiles is not None and profiles.count_distinct(a, b) < data.min_markers:
        notes.add(FEW_MARKERS)
        return 1.0
    return pvalue


def _split(data: Data, cells: np.ndarray, labels: np.ndarray, notes: set[str]) -> list[np.ndarray]:
    """Split a set of cells at its clearest gap, and each part again."""
    here, labels_here = data.subset(cells), np.unique(labels[cells], return_inverse=True)[1]
    if labels_here.max() == 0:
        return [cells]
    axes = Axes(here.rep, here.fold, here.batch, labels_here)
    candidates = _candidates(axes)
    tails = []
    for members in candidates:
        match, tail, untested = _far_side(here, members, axes)
        notes |= {untested} & {BATCHES_APART}
        if len(tail):
            tails.append((match, tail, members))
    chosen = None
    for _, tail, members in sorted(tails, key=lambda item: -item[0]):
        if hump_pvalue(tail) <= data.alpha / len(candidates):
            chosen = axes.group(members)
            break
    if chosen is None:
        return [cells]
    return [part for side in (chosen, ~chosen) for part in _split(data, cells[side], labels, notes)]


def _candidates(axes: Axes) -> list[np.ndarray]:
    """List groups of communities by two trees over their centres, bool by community; one of each complementary pair."""
    from scipy.cluster.hierarchy import linkage

    n = len(axes.counts[0])
    centres = np.sum(axes.sums, axis=0) / np.sum(axes.counts, axis=0)[:, None]
    groups: dict[bytes, np.ndarray] = {}
    for method in ("average", "ward"):
        nodes = list(np.eye(n, dtype=bool))
        for a, b, *_ in linkage(centres, method=method):
            nodes.append(nodes[int(a)] | nodes[int(b)])
        for node in nodes[:-1]:
            small = min(node, ~node, key=lambda side: (side.sum(), (~side).tobytes()))
            groups[small.tobytes()] = small
    return list(groups.values())


def by_size(labels: np.ndarray) -> np.ndarray:
    """Renumber clusters by size, the largest 0; equal sizes in the order of their first cell."""
    names, first, size = np.unique(labels, return_index=True, return_counts=True)
    order = np.lexsort((first, -size))
    rank = np.empty(len(names), dtype=int)
    rank[order] = np.arange(len(names))
    return rank[np.searchsorted(names, labels)]
