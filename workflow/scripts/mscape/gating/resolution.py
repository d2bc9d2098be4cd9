"""Resolution of a lot: how large a hidden subset its counts allow, and the cells or counts that would limit it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaln

from mscape.gating import hidden_subset_bound as bound
from mscape.gating.panels import NEGATIVE, POSITIVE

if TYPE_CHECKING:
    import scipy.sparse as sp

    from mscape.gating.calls import Evidence

CARRIERS = (1.0, 4.0)  # rates of a cell that has a negative marker, in thresholds: hidden best, and of a plain carrier
SILENT = 0.1  # rate of a cell that lacks a positive marker, in thresholds, beside ambient RNA
MAX_CELLS = 2000  # of a cluster whose single cells show the marker, enough for a bound below 1 %
MANY_COUNTS = 3.0
FACTORS = (1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32)  # multiples of cells or of counts that are tried
MARGIN = 0.8  # part of the limit that is aimed at, for the counts to come vary


@dataclass
class GeneLimit:
    """What the counts of one marker allow in one lot.

    Attributes
    ----------
    curve
        Profile log likelihood of the share of the hidden subset, on ``hidden_subset_bound.TOTAL``.
    expected
        Posterior mean of the share in each cluster, shape (n_clusters,).
    cells, clusters
        Rows that count as positive (of a negative marker, as negative) and their cluster, shape (n,).
    """

    curve: np.ndarray
    expected: np.ndarray = field(default_factory=lambda: np.zeros(0))
    cells: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    clusters: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    fits: list[bound.CellClasses] = field(default_factory=list)
    prior: tuple[float, float] = (0.0, 1.0)
    spread: float = 0.5

    @property
    def mean_expected(self) -> float:
        """Posterior mean of the share over all cells that were examined."""
        return float(self.expected[self.clusters].mean()) if len(self.clusters) else 0.0


@dataclass(frozen=True)
class ComparedGenes:
    """Other genes of a lot, and the clusters in which they and the markers are examined.

    ``codes`` is the cluster of each of the lot's cells, small clusters as one; shape (n_cells,).
    """

    codes: np.ndarray
    genes: bound.ReferenceGenes


def compare_genes(
    cells: np.ndarray, evidence: Evidence, groups: np.ndarray, reference: sp.csr_matrix | None
) -> ComparedGenes:
    """Measure how much other genes vary in a lot, inside clusters and between them.

    Parameters
    ----------
    cells
        Rows of the lot that no lineage fails.
    evidence, groups
        Of all cells.
    reference
        Counts of other genes, CSR, shape (n_all_cells, n_genes). Without them next to nothing is assumed of a marker's
        dispersion.
    """
    if not len(cells):
        return ComparedGenes(np.zeros(0, int), bound.NO_REFERENCE)
    codes = np.unique(groups[cells], return_inverse=True)[1]
    size = np.bincount(codes)
    codes = np.unique(np.where(size[codes] < bound.MIN_CLUSTER, len(size), codes), return_inverse=True)[1]
    if reference is None:
        return ComparedGenes(codes, bound.NO_REFERENCE)
    return ComparedGenes(codes, bound.measure_reference(reference[cells].tocsc(), evidence.totals[cells], codes))


def limit_lot(
    cells: np.ndarray,
    evidence: Evidence,
    p: np.ndarray,
    compared: ComparedGenes,
    *,
    kinds: tuple[int, ...] = (POSITIVE, NEGATIVE),
) -> dict[str, GeneLimit]:
    """Limit the hidden subset of each marker in one lot.

    Parameters
    ----------
    cells
        Rows of the lot that no lineage fails.
    evidence, p
        Of all cells. Of a positive marker the cells with ``p`` of one half or more are examined, of a negative one the
        others, by cluster.
    compared
        Of the same cells, by :func:`compare_genes`.
    kinds
        Markers to examine.

    Returns
    -------
    Gene -> limit; genes without such a cell, or absent from the feature table, are left out.
    """
    e, out = evidence, dict[str, GeneLimit]()
    if not len(cells):
        return out
    codes, genes = compared.codes, compared.genes
    for f in np.flatnonzero(np.isin(e.features.kind, kinds)):
        positive = e.features.kind[f] == POSITIVE
        looked_at = (p[cells, f] >= 0.5) if positive else (p[cells, f] < 0.5)
        if not looked_at.any():
            continue
        own, clusters = cells[looked_at], codes[looked_at]
        x, n = e.features.x[own, f], e.totals[own].astype(float)
        prior = genes.dispersion_prior(max(x.sum(), 1) / n.sum())
        if positive:
            none = e.added[own, f] + SILENT * e.features.tau[f]
            spread = genes.between_clusters(max(x.sum(), 1) / n.sum())
            out[e.features.names[f]] = _limit(
                own, clusters, x, n, other=n * none, other_dispersion=0.0, prior=prior, spread=spread
            )
        else:
            soup, at = n * e.added[own, f], n * (1 - e.rho[own]) * e.features.tau[f]
            limit = partial(_limit, own, clusters, x, n, other_dispersion=np.exp(prior[0]), prior=prior, spread=None)
            limits = [limit(other=soup + fold * at, ambient=soup) for fold in CARRIERS]
            out[e.features.names[f]] = GeneLimit(np.max([limit.curve for limit in limits], axis=0))
    return out


def _limit(cells, clusters, x, n, *, other, other_dispersion, prior, spread, ambient=None) -> GeneLimit:
    """Limit one marker; ``spread`` None leaves the clusters' rates free of each other."""
    ambient = np.zeros(len(x)) if ambient is None else ambient
    kept, classes = [], []
    for cluster in np.unique(clusters):
        own = np.flatnonzero(clusters == cluster)
        if len(own) > MAX_CELLS and x[own].mean() > MANY_COUNTS:
            own = own[np.linspace(0, len(own) - 1, MAX_CELLS).astype(int)]
        classes.append(bound.classify(x[own], n[own], other[own], other_dispersion, ambient=ambient[own]))
        kept.append(cluster)
    size = np.bincount(clusters)[kept]
    fits = [bound.fit_cluster(cells_of) for cells_of in classes]
    curve = bound.profile_total(fits, size, prior, spread)
    if spread is None:
        return GeneLimit(curve)
    return GeneLimit(
        curve,
        bound.expected_shares(fits, size, prior, spread),
        cells,
        np.searchsorted(kept, clusters),
        classes,
        prior,
        spread,
    )


def cap_probabilities(limits: dict[str, GeneLimit], evidence: Evidence, keep: np.ndarray) -> np.ndarray:
    """Probability of each cell not to be of a hidden subset, which caps that of its positive markers.

    Parameters
    ----------
    limits
        Of one lot.
    evidence
        Of all cells.
    keep
        ``p_expressing`` of :func:`mscape.gating.hidden_subset_test.find_hidden_mixtures`, shape (n_cells, n_features);
        where a subset was found in a cell's cluster, it stays as it is. Changed in place.

    Returns
    -------
    ``keep``.
    """
    for gene, limit in limits.items():
        if not len(limit.cells):
            continue
        f = evidence.features.names.index(gene)
        for cluster, expected in enumerate(limit.expected):
            own = limit.cells[limit.clusters == cluster]
            if (keep[own, f] == 1).all():
                keep[own, f] = 1 - expected
    return keep


def needed(limit: GeneLimit, max_hidden: float) -> tuple[float, float]:
    """Multiple of the cells, and multiple of the counts a cell, that would bring the bound of a pure lot to a limit.

    The likelihood is that of the counts expected of a lot without a hidden subset, with the rates of this lot.

    Returns
    -------
    Factor of cells at the same depth, factor of depth at the same cells; NaN where no factor up to 32 is enough, 1
    where this lot's size would be.
    """

    def reached(cells: float, depth: float) -> bool:
        sizes, fits = [], []
        for classes in limit.fits:
            more = _expected_classes(classes, np.exp(limit.prior[0]), cells, depth)
            fits.append(bound.fit_cluster(more))
            sizes.append(more.weight.sum())
        curve = bound.profile_total(fits, np.array(sizes), limit.prior, limit.spread)
        return bound.upper_bound(curve) <= MARGIN * max_hidden

    if reached(1, 1):
        return 1.0, 1.0
    return _first(lambda k: reached(k, 1)), _first(lambda k: reached(1, k))


def _first(enough) -> float:
    """Smallest of ``FACTORS`` that is enough, by bisection; NaN where the largest is not."""
    low, high = 0, len(FACTORS) - 1
    if not enough(FACTORS[high]):
        return float("nan")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(FACTORS[middle]) else (middle, high)
    return float(FACTORS[high])


def _expected_classes(classes: bound.CellClasses, dispersion: float, cells: float, depth: float) -> bound.CellClasses:
    """Classes of a homogeneous cluster with the rate of these, at multiples of its cells and of its counts."""
    exposure, first = np.unique(classes.exposure, return_index=True)
    weight = np.bincount(np.searchsorted(exposure, classes.exposure), classes.weight)
    rate = max(classes.weight @ classes.count, 0.5) / (classes.weight @ classes.exposure)
    exposure = exposure * depth
    other = classes.other_mean[first] * depth
    mean, shape = exposure * rate, 1 / dispersion
    largest = int(np.ceil(mean.max() + 8 * np.sqrt(mean.max() * (1 + dispersion * mean.max())) + 8))
    x = np.unique(np.concatenate([np.arange(min(largest, 24)), np.linspace(24, largest, 40).astype(int)]))
    x = x[x <= largest].astype(float)
    log = gammaln(x + shape) - gammaln(shape) - gammaln(x + 1) + shape * np.log(shape)
    log = log - (x + shape) * np.log(shape + mean[:, None]) + x * np.log(mean[:, None])
    share = np.exp(log)
    share /= share.sum(axis=1, keepdims=True)
    grid, shown = np.broadcast_to(x, share.shape), share > 1e-9
    hidden = np.broadcast_to(other[:, None], share.shape)
    return bound.CellClasses(
        grid[shown],
        np.broadcast_to(exposure[:, None], share.shape)[shown],
        (grid * np.log(hidden) - hidden - gammaln(grid + 1))[shown],
        hidden[shown],
        (cells * weight[:, None] * share)[shown],
    )
