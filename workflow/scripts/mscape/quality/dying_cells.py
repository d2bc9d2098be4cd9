"""Find groups of dying cells that pass the limits one by one: similar cells with little, mostly mitochondrial RNA."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

CELLS_PER_GROUP = 200
COMPONENTS = 10  # later ones are noise in a sample of one kind, and scatter shallow cells
MOST_GROUPS = 15
LEAST_CELLS = 20  # of a group, below which its medians say little
LITTLE_RNA = 0.5  # of the sample's median counts outside mitochondria
MITO_ABOVE = 5.0  # percent of counts above the sample's median


@dataclass(frozen=True, kw_only=True)
class LowQualityGroup:
    """A group of similar cells that seem to be dying.

    Parameters
    ----------
    cells
        Their rows.
    counts, pct_mt
        Medians of the group.
    """

    cells: np.ndarray
    counts: float
    pct_mt: float


def find_low_quality(
    embedding: np.ndarray, totals: np.ndarray, pct_mt: np.ndarray, *, seed: int
) -> list[LowQualityGroup]:
    """Group cells by k-means and pick the groups that are low in RNA and high in mitochondrial counts.

    A limit looks at one cell, which may be small or rich in mitochondria for good reasons. A whole cluster of similar
    cells that is both, beside other cells of the sample, is a sign of damage. It is flagged and kept: small cells of
    another lineage can look like it, and only a person who knows the sample can say.

    Parameters
    ----------
    embedding
        Principal components of log counts, shape (n_cells, n_components).
    totals
        Counts of each cell, shape (n_cells,).
    pct_mt
        Mitochondrial share in percent, shape (n_cells,); no group is found where it is NaN.
    seed
        Of the first centres.

    Returns
    -------
    The groups, the one with the fewest counts first; none that holds more than half of the sample.
    """
    from scipy.cluster.vq import kmeans2

    n_groups = min(len(embedding) // CELLS_PER_GROUP, MOST_GROUPS)
    if n_groups < 2 or np.isnan(pct_mt).any():
        return []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="One of the clusters is empty")  # it is no group then
        _, group = kmeans2(embedding[:, :COMPONENTS], n_groups, minit="++", rng=np.random.default_rng(seed))
    nuclear = totals * (1 - pct_mt / 100)
    found = []
    for number in range(n_groups):
        cells = np.flatnonzero(group == number)
        if not LEAST_CELLS <= cells.size <= len(embedding) / 2:
            continue
        little = np.median(nuclear[cells]) < LITTLE_RNA * np.median(nuclear)
        if little and np.median(pct_mt[cells]) > np.median(pct_mt) + MITO_ABOVE:
            counts, share = float(np.median(totals[cells])), float(np.median(pct_mt[cells]))
            found.append(LowQualityGroup(cells=cells, counts=counts, pct_mt=share))
    return sorted(found, key=lambda one: one.counts)
