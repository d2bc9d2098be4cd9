"""Which cells are pooled together, and what their libraries add to each."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp

from mscape.gating.calls import probabilities
from mscape.gating.lineages import Lineages
from mscape.gating.panels import LINEAGE
from mscape.gating.pooling import pool
from mscape.gating.posterior import dispersion_within, log_negative_binomial

if TYPE_CHECKING:
    from anndata import AnnData

    from mscape.gating.calls import Evidence
    from mscape.gating.options import GateOptions
    from mscape.gating.panels import Features

MIXTURES = (0.1, 0.3, 0.5, 0.7, 0.9)  # share of the stromal cell in a doublet


def pool_clusters(embedding: AnnData, *, resolution: float = 0.5, seed: int = 0) -> np.ndarray:
    """Leiden clusters (igraph's engine) in which cells are pooled, integers from 0, shape (n_cells,).

    Source: doi:10.1038/s41598-019-41695-z.
    """
    import igraph

    graph = embedding.obsp["connectivities"].tocoo()
    upper = graph.row < graph.col
    edges = np.column_stack([graph.row[upper], graph.col[upper]])
    if len(edges) == 0:
        return np.zeros(embedding.n_obs, int)
    net = igraph.Graph(n=embedding.n_obs, edges=edges)
    igraph.set_random_number_generator(random.Random(seed))
    part = net.community_leiden(
        objective_function="modularity", weights=graph.data[upper].tolist(), resolution=resolution, n_iterations=4
    )
    return np.asarray(part.membership)


def cluster_shares(connectivities, clusters: np.ndarray) -> sp.csr_matrix:
    """Share of each cell's graph neighbours (by weight) in each cluster, shape (n_cells, n_clusters)."""
    member = sp.csr_matrix((np.ones(len(clusters)), (np.arange(len(clusters)), clusters)))
    shares = sp.csr_matrix(connectivities) @ member
    total = np.asarray(shares.sum(axis=1)).ravel()
    return sp.csr_matrix(sp.diags(1 / np.maximum(total, 1e-12)) @ shares)


def ambient_rates(features: Features, totals: np.ndarray, libraries: np.ndarray) -> np.ndarray:
    """Ambient rate of each feature for each cell: the mean profile of its library, shape (n_cells, n_features)."""
    codes, names = pd.factorize(libraries)
    total = np.bincount(codes, totals, len(names))
    rates = np.column_stack([np.bincount(codes, x, len(names)) / total for x in features.x.T.astype(float)])
    return rates[codes]


def ambient_fractions(libraries: np.ndarray, measured: dict, default: float) -> np.ndarray:
    """Ambient fraction of each cell's library, the default where it was not measured; shape (n_cells,)."""
    known = {name: float(rho) for name, rho in measured.items() if rho is not None and np.isfinite(float(rho))}
    return np.array([min(max(known.get(name, default), 0.0), 0.5) for name in libraries])


def split_pools_by_lineage(
    evidence: Evidence,
    points: np.ndarray,
    groups: np.ndarray,
    thresholds: np.ndarray,
    *,
    options: GateOptions,
    threads: int = 1,
) -> tuple[Evidence, np.ndarray]:
    """Pool the markers a second time, cells of a lineage that fails apart from the others.

    Four T cells among MSC say nothing about CD45 of the MSC, and the MSC nothing about CD90 of the T cells. Cells that
    a lineage panel names pool with their like in the lot, the others in their cluster without them, and doublets of the
    two (:func:`lineage_doublets`) with neither: one MSC in twenty T cells would carry CD90 for all of them.

    Returns
    -------
    evidence
        With the markers' columns of ``pools`` and ``dispersion``, ``clusters`` and ``membership`` of the new groups.
    groups
        The new groups, shape (n_cells,).
    """
    lineages = Lineages(evidence, probabilities(evidence), options.min_probability)
    hit = lineages.any_fails
    if not hit.any():
        return evidence, groups
    n_clusters = int(evidence.clusters.max()) + 1
    clusters = np.where(hit, n_clusters + lineages.best, evidence.clusters)
    clusters[lineage_doublets(evidence, hit, lineages.best)] += len(evidence.lineages)
    new = pd.factorize(pd.MultiIndex.from_arrays([evidence.lots, clusters]), sort=True)[0]
    changed = np.flatnonzero(np.isin(groups, np.unique(groups[hit])))
    markers = np.flatnonzero(evidence.features.kind != LINEAGE)
    part = evidence.features.part(changed, markers)
    totals = evidence.totals
    pools, _ = pool(
        points[changed],
        new[changed],
        totals[changed],
        part,
        thresholds[np.ix_(changed, markers)],
        options=options,
        threads=threads,
    )
    where, columns = np.ix_(changed, markers), {}
    for name in ("count", "exposure", "size", "raw_count", "second", "carrier_fraction", "local_count"):
        columns[name] = getattr(evidence.pools, name).copy()
        columns[name][where] = getattr(pools, name)
    within = dispersion_within(evidence.features, totals, new, added=evidence.added, default=options.dispersion)[new]
    spread = evidence.dispersion.copy()
    spread[:, markers] = within[:, markers]
    membership = evidence.membership
    if membership is not None:
        member = sp.diags(np.where(hit, 0.0, 1.0)) @ membership
        membership = sp.csr_matrix(
            (member.data, member.indices, member.indptr), shape=(len(hit), int(clusters.max()) + 1)
        )
    split = replace(
        evidence,
        pools=replace(evidence.pools, **columns),
        dispersion=spread,
        clusters=clusters,
        membership=membership,
    )
    return split, new


def lineage_doublets(
    evidence: Evidence, hit: np.ndarray, best: np.ndarray, *, doublet_share: float = 0.05
) -> np.ndarray:
    """Find the cells of a lineage that hold a stromal cell too: doublets, by the caller or by their own stromal counts.

    The counts of the STROMAL panel are compared under the rate of the lineage's median cell in the lot (ambient RNA at
    least), and under its mixtures with the rate of the lot's other cells, any share being as likely as another.

    Parameters
    ----------
    evidence
        Counts, ambient RNA, doublets.
    hit, best
        Is the cell of a lineage that fails, and of which; shape (n_cells,).
    doublet_share
        Prior share of doublets.

    Returns
    -------
    Shape (n_cells,), bool.
    """
    e = evidence
    found = hit & e.doublet
    if "STROMAL" not in e.features.names:
        return found
    f = e.features.names.index("STROMAL")
    x, n = e.features.x[:, f].astype(float), e.totals.astype(float)
    for lot in np.unique(e.lots[hit]):
        rest = (e.lots == lot) & ~hit
        if not rest.any():
            continue
        stroma, shape = x[rest].sum() / n[rest].sum(), 1 / np.median(e.dispersion[rest, f])
        for lineage in np.unique(best[hit & (e.lots == lot)]):
            own = np.flatnonzero(hit & (e.lots == lot) & (best == lineage))
            rate = np.maximum(np.median(x[own] / n[own]), (e.rho * e.ambient[:, f])[own])
            rate = np.maximum(rate, 1e-9)
            single = log_negative_binomial(x[own], n[own] * rate, shape)
            mixed = [log_negative_binomial(x[own], n[own] * (rate + w * (stroma - rate)), shape) for w in MIXTURES]
            ratio = np.logaddexp.reduce(mixed, axis=0) - np.log(len(MIXTURES)) - single
            found[own] |= (stroma > rate) & (ratio > np.log(1 / doublet_share - 1))
    return found
