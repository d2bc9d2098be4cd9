"""Which clusters are separated by a gap, on cells that did not draw the boundary? The guard against double dipping."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mscape.distinct import Profiles
from mscape.modes import hump_pvalue

if TYPE_CHECKING:
    import scipy.sparse as sp

BATCHES_APART = "a split that only sets batches apart"
NEAR = 3  # clusters that each cluster is tested against, by distance of the centres
SHRINKAGE = 0.1  # of the covariance towards a sphere: steadies the axis where cells are few


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
    min_cells: int = 10
    min_markers: int = 5
    alpha: float = 0.01
    min_match: float = 0.6

    def subset(self, cells: np.ndarray, *, values: bool = False) -> Data:
        """Return the same for some cells; without the expression values unless asked for."""
        kept = self.values[cells] if values and self.values is not None else None
        return replace(self, rep=self.rep[cells], batch=self.batch[cells], fold=self.fold[cells], values=kept)


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


class Axes:
    """Axes from the rest of some cells to a group of them, for many groups of the same cells.

    Parameters
    ----------
    rep
        Shape (n_cells, n_dims).
    fold
        0 or 1, shape (n_cells,).
    """

    def __init__(self, rep: np.ndarray, fold: np.ndarray) -> None:
        self.halves = [np.flatnonzero(fold == half) for half in (0, 1)]
        self.parts = [rep[cells] for cells in self.halves]
        self.sums = [part.sum(0) for part in self.parts]
        self.grams = [part.T @ part for part in self.parts]

    def scores(self, group: np.ndarray) -> np.ndarray | None:
        """Place each cell on the axis from the rest (0) to the group (1), drawn without the cell's own half.

        The axis is Fisher's linear discriminant with a shrunken covariance.

        Parameters
        ----------
        group
            Membership, bool, shape (n_cells,).

        Returns
        -------
        Shape (n_cells,), or None when a half lacks three cells of either side.
        """
        scores = np.empty(len(group))
        for train, test in ((0, 1), (1, 0)):
            inside = group[self.halves[train]]
            n, n_in = len(inside), int(inside.sum())
            if min(n_in, n - n_in) < 3:
                return None
            far = inside @ self.parts[train]
            near = (self.sums[train] - far) / (n - n_in)
            far /= n_in
            within = self.grams[train] - n_in * np.outer(far, far) - (n - n_in) * np.outer(near, near)
            sphere = np.trace(within) / len(near)
            within = (1 - SHRINKAGE) * within + (SHRINKAGE * sphere + 1e-9) * np.eye(len(near))
            axis = np.linalg.solve(within, far - near)
            length = axis @ (far - near)
            if not length > 0:
                return None
            scores[self.halves[test]] = (self.parts[test] - near) @ axis / length
        return scores


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
    match, tail, untested = _far_side(data, group, Axes(data.rep, data.fold))
    return Gap(hump_pvalue(tail) if len(tail) else 1.0, match, untested)


def _far_side(data: Data, group: np.ndarray, axes: Axes) -> tuple[float, np.ndarray, str]:
    """Overlap of a group with the far side of its axis, and the scores of the tail to test (none: not testable)."""
    if group.sum() > len(group) / 2:
        group = ~group
    scores = axes.scores(group) if group.sum() >= data.min_cells else None
    if scores is None:
        return 0.0, np.empty(0), "too few cells"
    if data.batch.max(initial=0) > 0:
        scores, use = _align(scores, group, data.batch)
        scores, group = scores[use], group[use]
    n = int(group.sum())
    if min(n, len(group) - n) < data.min_cells:
        return 0.0, np.empty(0), BATCHES_APART
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(group[order])
    match = float((hits / (np.arange(1, len(group) + 1) + n - hits)).max())
    return match, scores[order[: 2 * n]] if match >= data.min_match else np.empty(0), ""


def _align(scores: np.ndarray, group: np.ndarray, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scores = scores.copy()
    use = np.zeros(len(scores), dtype=bool)
    for name in np.unique(batch):
        cells = batch == name
        outside = cells & ~group
        # Cells of a whole batch drawn by the boundary leave a few stragglers outside: they are no reference.
        if outside.sum() >= max(5, 0.02 * cells.sum()):
            scores[cells] -= np.median(scores[outside])
            use |= cells
    return scores, use


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
    profiles = Profiles(data.values, clusters) if data.values is not None and len(names) > 1 else None
    apart: dict[tuple[int, int], float] = {}
    while len(names) > 1:
        for a, b in _near_pairs(data.rep, clusters, names):
            if (a, b) not in apart:
                apart[a, b] = _pair_pvalue(data, clusters, a, b, profiles, notes)
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


def _pair_pvalue(data: Data, clusters: np.ndarray, a: int, b: int, profiles: Profiles | None, notes: set[str]) -> float:
    cells = np.flatnonzero((clusters == a) | (clusters == b))
    pvalue = test_gap(data.subset(cells), clusters[cells] == b).pvalue
    if pvalue <= data.alpha and profiles is not None and profiles.count_distinct(a, b) < data.min_markers:
        notes.add("a gap with fewer marker genes than asked for")
        return 1.0
    return pvalue


def _split(data: Data, cells: np.ndarray, labels: np.ndarray, notes: set[str]) -> list[np.ndarray]:
    """Split a set of cells at its clearest gap, and each part again."""
    here, labels_here = data.subset(cells), np.unique(labels[cells], return_inverse=True)[1]
    candidates = _candidates(here.rep, labels_here)
    axes = Axes(here.rep, here.fold) if candidates else None
    tails = []
    for members in candidates:
        group = np.isin(labels_here, list(members))
        match, tail, untested = _far_side(here, group, axes)
        notes |= {untested} & {BATCHES_APART}
        if len(tail):
            tails.append((match, tail, group))
    chosen = None
    for _, tail, group in sorted(tails, key=lambda item: -item[0]):
        if hump_pvalue(tail) <= data.alpha / len(candidates):
            chosen = group
            break
    if chosen is None:
        return [cells]
    return [part for side in (chosen, ~chosen) for part in _split(data, cells[side], labels, notes)]


def _candidates(rep: np.ndarray, labels: np.ndarray) -> list[frozenset]:
    """List groups of communities by two trees over their centres; one of each complementary pair."""
    from scipy.cluster.hierarchy import linkage

    n = int(labels.max()) + 1
    if n < 2:
        return []
    member = np.zeros((n, len(labels)))
    member[labels, np.arange(len(labels))] = 1
    centres = member @ rep / member.sum(1, keepdims=True)
    groups: dict[frozenset, None] = {}
    for method in ("average", "ward"):
        nodes = [frozenset([i]) for i in range(n)]
        for a, b, *_ in linkage(centres, method=method):
            nodes.append(nodes[int(a)] | nodes[int(b)])
        for node in nodes:
            if len(node) < n:
                other = frozenset(range(n)) - node
                groups[min(node, other, key=lambda s: (len(s), sorted(s)))] = None
    return list(groups)


def by_size(labels: np.ndarray) -> np.ndarray:
    """Renumber clusters by size, the largest 0; equal sizes in the order of their first cell."""
    names, first, size = np.unique(labels, return_index=True, return_counts=True)
    order = np.lexsort((first, -size))
    rank = np.empty(len(names), dtype=int)
    rank[order] = np.arange(len(names))
    return rank[np.searchsorted(names, labels)]
