"""Cross-fitted linear discriminant: each half of the cells is scored on the axis fitted to the other half."""

from __future__ import annotations

import numpy as np

SHRINKAGE = 0.1  # of the covariance towards a sphere: steadies the axis where cells are few
REFERENCE = 5  # cells outside the group that a batch needs to be aligned by
STRAGGLERS = 0.02  # share of a batch that the boundary between two batches may leave on the wrong side


class Axes:
    """Axes from the rest of some cells to a group of them, for many groups of the same communities.

    Parameters
    ----------
    rep
        Shape (n_cells, n_dims).
    fold
        0 or 1, shape (n_cells,).
    batch
        Integers from 0, shape (n_cells,).
    labels
        Communities, integers from 0, shape (n_cells,). Their sums are taken once, so that an axis costs one product.
    """

    def __init__(self, rep: np.ndarray, fold: np.ndarray, batch: np.ndarray, labels: np.ndarray) -> None:
        self.batch = batch
        self.labels = labels
        self.sizes = np.bincount(batch)
        self.by_batch = np.argsort(batch, kind="stable")
        self.bounds = np.concatenate([[0], np.cumsum(self.sizes)])
        self.halves = [np.flatnonzero(fold == half) for half in (0, 1)]
        self.parts = [rep[cells] for cells in self.halves]
        self.grams = [part.T @ part for part in self.parts]
        k = int(labels.max()) + 1
        self.counts = [np.bincount(labels[cells], minlength=k) for cells in self.halves]
        self.sums = [group_sums(part, labels[cells], k) for part, cells in zip(self.parts, self.halves, strict=True)]

    def group(self, members: np.ndarray) -> np.ndarray:
        """Cells of some communities, bool, shape (n_cells,); ``members`` has shape (n_communities,)."""
        return members[self.labels]

    def scores(self, members: np.ndarray) -> np.ndarray | None:
        """Score each cell on the axis from the rest (0) to the group (1), fitted without the cell's own half.

        The axis is Fisher's linear discriminant with a shrunken covariance.

        Parameters
        ----------
        members
            Which communities are the group, bool, shape (n_communities,).

        Returns
        -------
        Shape (n_cells,), or None when a half lacks three cells of either side.
        """
        scores = np.empty(len(self.labels))
        for train, test in ((0, 1), (1, 0)):
            n_in, n_out = (int(self.counts[train][side].sum()) for side in (members, ~members))
            if min(n_in, n_out) < 3:
                return None
            far, near = self.sums[train][members].sum(0) / n_in, self.sums[train][~members].sum(0) / n_out
            within = self.grams[train] - n_in * np.outer(far, far) - n_out * np.outer(near, near)
            axis = np.linalg.solve(shrunken(within), far - near)
            length = axis @ (far - near)
            if not length > 0:
                return None
            scores[self.halves[test]] = (self.parts[test] @ axis - near @ axis) / length
        return scores

    def comparable(self, group: np.ndarray) -> np.ndarray:
        """Choose the cells of batches that have cells outside the group, bool, shape (n_cells,).

        A boundary between two batches leaves a few stragglers on the wrong side: these are no reference.
        """
        if len(self.sizes) == 1:
            return np.ones(len(group), dtype=bool)
        outside = self.sizes - np.bincount(self.batch[group], minlength=len(self.sizes))
        return (outside >= np.maximum(REFERENCE, STRAGGLERS * self.sizes))[self.batch]

    def aligned(self, scores: np.ndarray, group: np.ndarray, *, exact: bool) -> np.ndarray:
        """Shift each batch so that its cells outside the group have the median (or mean, if not exact) zero."""
        if len(self.sizes) == 1:
            return scores
        outside = ~group
        if not exact:
            n = np.bincount(self.batch[outside], minlength=len(self.sizes))
            sums = np.bincount(self.batch[outside], scores[outside], minlength=len(self.sizes))
            return scores - (sums / np.maximum(n, 1))[self.batch]
        centres = np.zeros(len(self.sizes))
        ordered, kept = scores[self.by_batch], outside[self.by_batch]
        for number, (start, stop) in enumerate(zip(self.bounds[:-1], self.bounds[1:], strict=True)):
            own = ordered[start:stop][kept[start:stop]]
            if len(own):
                centres[number] = np.partition(own, len(own) // 2)[len(own) // 2]
        return scores - centres[self.batch]


def group_sums(rep: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Sum of the cells of each label, shape (k, n_dims)."""
    import scipy.sparse as sp

    cells = np.arange(len(labels))
    return sp.csr_matrix((np.ones(len(labels)), (labels, cells)), shape=(k, len(labels))) @ rep


def shrunken(scatter: np.ndarray) -> np.ndarray:
    """Shrink a scatter matrix towards a sphere of the same trace; shape (n_dims, n_dims)."""
    sphere = np.trace(scatter) / len(scatter)
    return (1 - SHRINKAGE) * scatter + (SHRINKAGE * sphere + 1e-9) * np.eye(len(scatter))
