"""Number of genes that distinguish two groups of cells by effect size, not only by p-value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import scipy.sparse as sp

ROWS = 5000  # cells that are summed at a time
PSEUDO = 0.1  # scaled counts added to both means: a fold change of two near-silent genes is none


class Profiles:
    """Sums of log-normalised values, their squares, and scaled counts, by cluster.

    Parameters
    ----------
    values
        Log-normalised values, CSR, shape (n_cells, n_genes).
    clusters
        Integers from 0, shape (n_cells,).
    n_clusters
        If more than ``clusters`` shows.
    """

    def __init__(self, values: sp.csr_matrix, clusters: np.ndarray, n_clusters: int = 0) -> None:
        import scipy.sparse as sp

        k = n_clusters or int(clusters.max()) + 1
        self.n = np.bincount(clusters, minlength=k).astype(float)
        self.total, self.square, self.scaled = np.zeros((3, k, values.shape[1]))
        for start in range(0, values.shape[0], ROWS):
            part, own = values[start : start + ROWS], clusters[start : start + ROWS]
            member = sp.csr_matrix((np.ones(len(own)), (own, np.arange(len(own)))), shape=(k, len(own)))
            exact = part.data.astype(np.float64)
            for table, data in ((self.total, exact), (self.square, exact**2), (self.scaled, np.expm1(exact))):
                table += (member @ sp.csr_matrix((data, part.indices, part.indptr), shape=part.shape)).toarray()

    def merge(self, a: int, b: int) -> None:
        """Add cluster b to cluster a; b becomes empty."""
        for table in (self.n, self.total, self.square, self.scaled):
            table[a] += table[b]
            table[b] = 0

    def count_distinct(self, a: int, b: int, *, fdr: float = 0.05, min_fold: float = 2.0) -> int:
        """Count genes that differ between two clusters at least ``min_fold``-fold at a false discovery rate (Welch)."""
        from scipy.special import stdtr

        if min(self.n[a], self.n[b]) < 3:
            return 0
        mean_a, mean_b = self.total[a] / self.n[a], self.total[b] / self.n[b]
        error_a = np.maximum(self.square[a] - self.n[a] * mean_a**2, 0) / (self.n[a] - 1) / self.n[a]
        error_b = np.maximum(self.square[b] - self.n[b] * mean_b**2, 0) / (self.n[b] - 1) / self.n[b]
        error = error_a + error_b
        some = error > 0
        if not some.any():
            return 0
        freedom = error[some] ** 2 / (error_a[some] ** 2 / (self.n[a] - 1) + error_b[some] ** 2 / (self.n[b] - 1))
        pvalues = 2 * stdtr(freedom, -np.abs(mean_a - mean_b)[some] / np.sqrt(error[some]))
        ordered = np.sort(pvalues)
        below = ordered <= fdr * np.arange(1, len(ordered) + 1) / len(ordered)  # Benjamini and Hochberg 1995
        limit = ordered[below][-1] if below.any() else -1.0
        fold = np.abs(np.log2((self.scaled[a] / self.n[a] + PSEUDO) / (self.scaled[b] / self.n[b] + PSEUDO)))[some]
        return int(((pvalues <= limit) & (fold >= np.log2(min_fold))).sum())
