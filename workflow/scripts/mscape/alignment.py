"""Centre batches, and tell whether batches laid over each other hold the same populations in the same places."""

from __future__ import annotations

import itertools

import numpy as np

MAX_REGIONS = 10
MIN_CELLS = 5  # of either batch, for a region to be compared


def centre_batches(rep: np.ndarray, batch: np.ndarray) -> np.ndarray:
    """Move the mean of every batch to the mean of all cells.

    Parameters
    ----------
    rep
        Shape (n_cells, n_dims).
    batch
        Shape (n_cells,).

    Returns
    -------
    float64, shape of ``rep``. Distances within a batch stay as they are.
    """
    rep = np.asarray(rep, dtype=np.float64)
    names, codes = np.unique(batch, return_inverse=True)
    means = np.stack([rep[codes == code].mean(0) for code in range(len(names))])
    return rep - means[codes] + rep.mean(0)


def same_places(before: np.ndarray, after: np.ndarray, batch: np.ndarray, *, seed: int = 0) -> float:
    """Whether what an integration lays together lies in the same places of each batch before it.

    The integrated cells are cut into regions. In each batch, the means of its regions before the integration form a
    pattern; if the batches hold the same populations, the patterns of two batches differ by a shift only. If different
    populations were laid over each other, they differ in more. The agreement of the two patterns about their centres,
    2 sum(x y) / sum(x^2 + y^2), is corrected for the sampling noise of the means. A single population a batch has no
    pattern, so that nothing speaks against laying one over another.

    Parameters
    ----------
    before, after
        Embeddings, shape (n_cells, n_dims).
    batch
        Shape (n_cells,).
    seed
        Of the regions (k-means).

    Returns
    -------
    Agreement of the two batches that agree least, about 1 for the same pattern; NaN when no two batches share two
    regions.
    """
    from sklearn.cluster import KMeans

    before, batch = np.asarray(before, dtype=np.float64), np.asarray(batch)
    names = np.unique(batch)
    n_regions = max(2, min(MAX_REGIONS, len(after) // (20 * len(names))))
    regions = KMeans(n_regions, n_init=3, random_state=seed).fit(np.asarray(after, dtype=np.float64)).labels_
    summaries = {name: _summarise(before[batch == name], regions[batch == name], n_regions) for name in names}
    agreements = [_agreement(*summaries[a], *summaries[b]) for a, b in itertools.combinations(names, 2)]
    known = [value for value in agreements if not np.isnan(value)]
    return round(float(min(known)), 4) if known else float("nan")


def _summarise(rep: np.ndarray, regions: np.ndarray, n_regions: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells, mean, and squared standard error of the mean of each region; zeros where there are too few cells."""
    size, mean, noise = np.zeros(n_regions, dtype=int), np.zeros((n_regions, rep.shape[1])), np.zeros(n_regions)
    for region in range(n_regions):
        part = rep[regions == region]
        if len(part) >= MIN_CELLS:
            size[region], mean[region] = len(part), part.mean(0)
            noise[region] = part.var(0, ddof=1).sum() / len(part)
    return size, mean, noise


def _agreement(n_x, x, noise_x, n_y, y, noise_y) -> float:
    both = (n_x > 0) & (n_y > 0)
    if both.sum() < 2:
        return float("nan")
    weight = 1 / (1 / n_x[both] + 1 / n_y[both])
    x, y = (part[both] - np.average(part[both], axis=0, weights=weight) for part in (x, y))
    size = (weight * ((x**2).sum(1) + (y**2).sum(1) - noise_x[both] - noise_y[both])).sum()
    return float(2 * (weight * (x * y).sum(1)).sum() / size) if size > 0 else float("nan")
