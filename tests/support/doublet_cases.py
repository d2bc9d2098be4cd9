"""Counts of singlets and doublets with known truth."""

import numpy as np
import scipy.sparse as sp


def mixture(n_cells=600, n_genes=800, n_types=3, n_doublets=40, seed=0):
    """Cells of some types and sums of two of them; returns counts and truth."""
    rng = np.random.default_rng(seed)
    base = rng.gamma(0.4, 2.0, n_genes)
    profiles = base * np.exp(rng.normal(0, 1.0, (n_types, n_genes)))
    kinds = rng.integers(0, n_types, n_cells + n_doublets)
    depth = rng.lognormal(0, 0.3, n_cells + n_doublets)
    counts = rng.poisson(profiles[kinds] * depth[:, None])
    merged = counts[:n_cells].copy()
    merged[:n_doublets] += counts[n_cells:]
    truth = np.arange(n_cells) < n_doublets
    return sp.csr_matrix(merged.astype(np.int32)), truth, kinds
