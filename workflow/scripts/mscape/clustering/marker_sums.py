"""Sums of every gene by cluster and donor, block by block: fold changes, detection, donors that agree."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.sparse as sp

MIN_DONOR_CELLS = 10  # of a donor, in the cluster and outside it


class Sums:
    """Scaled counts and detections of each gene, summed over the cells of each cluster of each donor.

    Parameters
    ----------
    clusters, donors
        Names, of each cell.
    n_genes
        Number of genes.
    """

    def __init__(self, clusters: pd.Series, donors: pd.Series, n_genes: int) -> None:
        groups = pd.MultiIndex.from_arrays([clusters.astype(str), donors.astype(str)])
        self.codes, self.groups = pd.factorize(groups, sort=True)
        self.n = np.bincount(self.codes, minlength=len(self.groups))
        self.scaled, self.seen = np.zeros((2, len(self.groups), n_genes))

    def add(self, start: int, values: sp.csr_matrix) -> None:
        """Add cells from position ``start`` on; ``values`` are log-normalised, shape (n, n_genes)."""
        n = values.shape[0]
        member = sp.csr_matrix((np.ones(n), (self.codes[start : start + n], np.arange(n))), shape=(len(self.groups), n))
        scaled = np.expm1(values.data.astype(np.float64))
        for table, data in ((self.scaled, scaled), (self.seen, np.ones_like(scaled))):
            table += (member @ sp.csr_matrix((data, values.indices, values.indptr), shape=values.shape)).toarray()

    def detected(self) -> np.ndarray:
        """Count the cells in which each gene is seen, integers, shape (n_genes,)."""
        return self.seen.sum(axis=0).astype(np.int64)

    def compare(self, cluster: str, donor: str | None = None) -> dict[str, np.ndarray]:
        """Compare the cells in a cluster with those outside it, of one donor or of all.

        Returns
        -------
        ``log2_fold_change``: ratio of the mean scaled counts, each plus 0.01; ``fraction_in``, ``fraction_out``: cells
        that detect the gene; each of shape (n_genes,). ``n_in``, ``n_out``: cells.
        """
        own = np.ones(len(self.n), dtype=bool)
        if donor is not None:
            own = self.groups.get_level_values(1) == donor
        inside = self.groups.get_level_values(0) == cluster
        n_in, n_out = (int(self.n[own & side].sum()) for side in (inside, ~inside))
        means, fractions = (
            [table[own & side].sum(0) / max(n, 1) for side, n in ((inside, n_in), (~inside, n_out))]
            for table in (self.scaled, self.seen)
        )
        change = np.log2((means[0] + 0.01) / (means[1] + 0.01))
        return {
            "log2_fold_change": change,
            "fraction_in": fractions[0],
            "fraction_out": fractions[1],
            "n_in": n_in,
            "n_out": n_out,
        }

    def count_donors(self, cluster: str) -> tuple[int, np.ndarray]:
        """Count the donors in which a gene is higher in the cluster than outside, by pseudobulk.

        Returns
        -------
        n
            Donors with at least 10 cells inside and outside.
        up
            Of these, those with a positive difference, shape (n_genes,).
        """
        up, n = np.zeros(self.scaled.shape[1], dtype=int), 0
        for donor in self.groups.get_level_values(1).unique().sort_values():
            found = self.compare(cluster, donor)
            if min(found["n_in"], found["n_out"]) >= MIN_DONOR_CELLS:
                n += 1
                up += found["log2_fold_change"] > 0
        return n, up
