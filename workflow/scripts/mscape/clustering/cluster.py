"""Cluster at the resolution that resampling supports."""

from __future__ import annotations

import functools
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData

from mscape.backends import active
from mscape.clustering import gap_test, heterogeneity, leiden_stability, resampling, trajectory
from mscape.clustering.remarks import describe_clusters, find_cycling
from mscape.data import counts
from mscape.data.tables import TABLES
from mscape.embedding import cell_cycle, highly_variable_genes, integration
from mscape.errors import UserError

if TYPE_CHECKING:
    from mscape.clustering.options import ClusterOptions
    from mscape.data.counts import Source
    from mscape.genes.registry import Markers

logger = logging.getLogger(__name__)

ENGINES = ("leidenalg", "igraph")
MAX_VALUED = 50_000  # cells whose expression is read to count marker genes; the embedding of all cells is used
TOLERANCE = 0.03  # resolutions that agree with their resamples within this of the best count as equally stable


def choose_resolution(table: pd.DataFrame, *, min_agreement: float = 0.6) -> tuple[float, str]:
    """Choose the resolution with the most clusters among those that resampling supports best.

    Parameters
    ----------
    table
        One row a resolution: ``resolution n_clusters n_resamples ari_mean``. Those with all resamples can be chosen.
    min_agreement
        Adjusted Rand index with the resamples below which a partition is chance.

    Returns
    -------
    resolution
        0 when there is one cluster.
    reason
        In words.
    """
    found = table[table["n_clusters"] > 1]
    if not len(found):
        return 0.0, (
            "one cluster: at no resolution is any group of cells separated from the others by a gap on cells held out "
            "when the boundary was drawn"
        )
    best = found["ari_mean"].max()
    if best < min_agreement:
        return 0.0, (
            f"one cluster: splits were seen at {len(found)} of {len(table)} resolutions, but subsamples do not find "
            f"them again (agreement at most {best:.2f}; {min_agreement:g} is asked)"
        )
    complete = found[found["n_resamples"] == found["n_resamples"].max()]
    equal = complete[complete["ari_mean"] >= complete["ari_mean"].max() - TOLERANCE]
    row = equal.sort_values(["n_clusters", "ari_mean", "resolution"], ascending=[False, False, True]).iloc[0]
    return float(row["resolution"]), (
        f"{int(row['n_clusters'])} clusters at resolution {row['resolution']:g}: each set apart by a gap on held-out "
        f"cells, and subsamples of 80 % find them again (agreement {row['ari_mean']:.2f}; best of all resolutions "
        f"{best:.2f}; among the equally stable the one with most clusters is taken)"
    )


def cluster_cells(
    graph,
    data: gap_test.Data,
    connect,
    *,
    engine: str = "igraph",
    resolution: float | None = None,
    resolutions: tuple[float, ...] = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5),
    n_boot: int = 20,
    max_boot_cells: int = 10_000,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame, dict]:
    """Cluster at each resolution, unite what no gap separates, resample, choose.

    Parameters
    ----------
    graph
        Of all cells, with weights.
    data
        In which gaps are looked for.
    connect
        See ``mscape.clustering.resampling.make_bases``.
    engine
        ``igraph`` or ``leidenalg``: which one's clusters are kept. The grid and the resamples are searched with igraph.
    resolution
        Fixed by the user: communities are then taken as they are, gaps or not.
    resolutions
        Grid of the automatic choice.
    n_boot, max_boot_cells
        Number and largest size of the subsamples. With more cells than these are drawn from, the resolution is chosen
        on random sets of cells, and all cells are clustered at that one.
    seed
        Of everything.

    Returns
    -------
    clusters
        Integers by size, shape (n_cells,).
    jaccard
        Mean overlap of each cluster with its best match in the subsamples.
    table
        ``resolution n_communities n_clusters n_resamples ari_mean ari_low ari_high chosen``.
    record
        resolution, reason, engine, n_clusters, agreement of both engines on the first set of cells, cells that the
        choice was made on, notes.
    """
    from sklearn.metrics import adjusted_rand_score

    def partition(part, cells: gap_test.Data, name: str) -> np.ndarray:
        labels = leiden_stability.leiden(part, resolution=chosen, engine=name, seed=seed)
        return labels if resolution is not None else gap_test.find_clusters(cells, labels)[0]

    grid = sorted(set(resolutions) | ({resolution} if resolution is not None else set()))
    bases = resampling.make_bases(graph, data, connect, n_boot=n_boot, max_cells=max_boot_cells, seed=seed)
    searches, table = resampling.search_grid(bases, grid, seed=seed)
    chosen, reason = choose_resolution(table) if resolution is None else (resolution, "")
    clusters, overlap, agreement = np.zeros(len(data.rep), dtype=int), np.ones(1), 1.0
    if chosen:
        both = {name: partition(bases[0].graph, bases[0].data, name) for name in ENGINES}
        agreement = float(adjusted_rand_score(*both.values()))
        clusters = both[engine] if len(bases) == 1 else partition(graph, data, engine)
        samples = [base.cells[cells] for base in bases for cells in base.samples]
        if resolution is None:
            clusters = gap_test.by_size(data.place(clusters))
            again = [found for search in searches for found in search.again[chosen]]
            again = [data.subset(cells).place(found) for cells, found in zip(samples, again, strict=True)]
        else:
            again = [found for base in bases for found in resampling.leiden_again(base, chosen, seed=seed)]
            supported = int(table.loc[table["resolution"] == chosen, "n_clusters"].item())
            reason = f"resolution {chosen:g} as configured: {clusters.max() + 1} clusters; gaps support {supported}"
        overlap = leiden_stability.compare_samples(clusters, samples, again)[1]
    n_searched = len(np.unique(np.concatenate([base.cells for base in bases])))
    if len(bases) > 1:
        reason += f"; chosen on {len(bases)} random sets of {len(bases[0].cells):,} of {len(clusters):,} cells"
        if chosen and resolution is None:
            reason += f", by which all cells fall into {clusters.max() + 1}"
    table["chosen"] = table["resolution"] == chosen
    ran = engine if active.active().leiden is active.load("cpu").leiden else "cugraph"
    record = {"resolution": chosen, "reason": reason, "engine": ran, "n_clusters": int(clusters.max()) + 1}
    record |= {"agreement": agreement, "n_searched": n_searched}
    record["notes"] = "; ".join(sorted({note for search in searches for note in search.notes}))
    return clusters, overlap, table, record


def read_values(
    path, hvg: np.ndarray, others: np.ndarray, *, cells: np.ndarray, valued: np.ndarray, totals: np.ndarray
) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Read log-normalised values in one pass: the variable genes of some cells, a few other genes of all cells.

    Parameters
    ----------
    path
        A whole stage file.
    hvg, others
        Gene names.
    cells
        Which cells of the file count, bool.
    valued
        Of these, the cells whose variable genes are kept, bool, shape (cells.sum(),).
    totals
        Total counts of the cells that count.

    Returns
    -------
    CSR, float32, of shapes (valued.sum(), len(hvg)) and (cells.sum(), len(others)).
    """
    parts, seen = [], 0
    for logs in highly_variable_genes.log_blocks(path, np.concatenate([hvg, others]), cells=cells, totals=totals):
        here = slice(seen, seen + logs.shape[0])
        parts.append((logs[valued[here], : len(hvg)], logs[:, len(hvg) :]))
        seen = here.stop
    own, few = (sp.vstack(column, format="csr") for column in zip(*parts, strict=True))
    own.sort_indices()
    return own, few


@dataclass(frozen=True)
class _Partition:
    """Clusters of some cells: integers, their names, and how they came about."""

    clusters: np.ndarray
    names: list[str]
    overlap: np.ndarray | None
    resolutions: pd.DataFrame
    record: dict
    cycling: dict[int, str]


def take_labels(labels: pd.Series) -> _Partition:
    """Take the labels that a user gave for clusters, the largest first; nothing is measured of their stability.

    Parameters
    ----------
    labels
        Label of each cell; its name is the column that they are from.
    """
    sizes = labels.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    names = [str(name) for name in sizes.index]
    clusters = pd.Categorical(labels, categories=names).codes.astype(int)
    record = {"labels": str(labels.name), "n_clusters": len(names), "notes": ""}
    record["reason"] = f"{len(names)} labels of the column {labels.name}, given by the user; stability was not measured"
    return _Partition(clusters, names, None, pd.DataFrame(columns=TABLES["resolutions"].names), record, {})


def _find_partition(
    light: AnnData,
    options: ClusterOptions,
    *,
    batch: np.ndarray,
    values: sp.csr_matrix,
    valued: np.ndarray,
    scores: np.ndarray,
    seed: int,
) -> _Partition:
    """Search clusters, and find those that are nothing but cell cycle; arguments as in `cluster_dataset`."""
    embedded = light.uns["mscape"]["embed_cells"]
    data = gap_test.make_data(
        light.obsm[str(embedded["use_rep"])],
        batch,
        values=values,
        valued=valued,
        seed=seed,
        min_cells=options.min_cluster_cells,
        min_markers=options.min_markers,
    )
    connect = functools.partial(
        integration.connect_cells,
        method=str(embedded["method"]),
        n_neighbors=int(light.uns["neighbors"]["params"]["n_neighbors"]),
        seed=seed,
    )
    clusters, overlap, table, record = cluster_cells(
        leiden_stability.make_graph(light.obsp["connectivities"]),
        data,
        connect,
        engine=options.engine,
        resolution=options.resolution,
        resolutions=tuple(options.resolutions),
        n_boot=options.n_boot,
        max_boot_cells=options.max_boot_cells,
        seed=seed,
    )
    names = [str(c) for c in range(record["n_clusters"])]
    return _Partition(clusters, names, overlap, table, record, find_cycling(data, clusters, scores))


@dataclass(frozen=True)
class Clusters:
    """Clusters of a dataset.

    Attributes
    ----------
    cells
        Without counts: ``obs["leiden"]``, ``leiden_stable``, ``dpt_pseudotime``, and what was done in
        ``uns["mscape"]["cluster_cells"]``.
    stability, resolutions, paga, heterogeneity
        Tables of the stage.
    """

    cells: AnnData
    stability: pd.DataFrame
    resolutions: pd.DataFrame
    paga: pd.DataFrame
    heterogeneity: pd.DataFrame


def cluster_dataset(
    source: Source,
    light: AnnData,
    options: ClusterOptions,
    *,
    markers: Markers,
    organism: str = "human",
    labels: pd.Series | None = None,
    seed: int = 0,
) -> Clusters:
    """Cluster embedded cells at the resolution that resampling supports, and say how stable each cluster is.

    Parameters
    ----------
    source
        Counts of all cells.
    light
        Embedding of the cells to cluster (:func:`mscape.embedding.embed.embed_dataset`).
    options
        Settings.
    markers
        Registry: the cell-cycle sets.
    organism
        Species whose symbols the counts bear.
    labels
        A user's own labels that take the place of clusters, index = cells; cells without one are in no cluster.
    seed
        Of resamples and Leiden.

    Raises
    ------
    mscape.errors.UserError
        If none of the embedded cells has a label.
    """
    n_embedded = light.n_obs
    if labels is not None:
        light = light[light.obs_names.isin(labels.index)].copy()
        if not light.n_obs:
            msg = (
                f"none of the {n_embedded} cells that are clustered has a label in {labels.name!r}. Label them, set "
                "cluster.cells: all, or leave cluster.labels out."
            )
            raise UserError(msg)
    embedded = light.uns["mscape"]["embed_cells"]
    obs = counts.read_obs(source)
    keep = obs.index.isin(light.obs_names)
    obs = obs.loc[light.obs_names]
    var = counts.read_var(source)
    batch_key = str(embedded["batch_key"])
    batch = pd.factorize(obs[batch_key].astype(str), sort=True)[0] if batch_key else np.zeros(len(obs), dtype=int)

    hvg = np.asarray(embedded["highly_variable_genes"] if labels is None else []).astype(str)
    sets, members = cell_cycle.find_sets(markers.signatures, var, organism=organism)
    totals = obs["total_counts"].to_numpy(dtype=float)
    valued = np.zeros(len(obs), dtype=bool)
    valued[np.random.default_rng(seed).permutation(len(obs))[:MAX_VALUED]] = True
    values, cycle_values = read_values(source, hvg, sets.astype(str), cells=keep, valued=valued, totals=totals)
    scores = cell_cycle.cycle_scores(cycle_values, members)

    if labels is None:
        found = _find_partition(
            light, options, batch=batch, values=values, valued=np.flatnonzero(valued), scores=scores, seed=seed
        )
    else:
        found = take_labels(labels.loc[light.obs_names])
        found.record["reason"] += f"; {n_embedded - light.n_obs} of {n_embedded} cells have none and are in no group"
    clusters, record = found.clusters, found.record
    described = describe_clusters(
        clusters,
        found.overlap,
        obs,
        names=found.names,
        cycling=found.cycling,
        batch_key=batch_key,
        min_jaccard=options.min_jaccard,
    )
    logger.info("%s", record["reason"])
    for note in (record["notes"], *described["reason"]):
        if note:
            logger.info("%s", note)

    use_rep = str(embedded["use_rep"])
    leiden = pd.Series(pd.Categorical.from_codes(clusters, categories=found.names), index=light.obs_names)
    paths = trajectory.connect_clusters(light, leiden)
    times, record["pseudotime"] = trajectory.pseudotime(
        light, leiden, paths, use_rep=use_rep, root=options.root, seed=seed
    )
    logger.info("%s", record["pseudotime"])
    lots = heterogeneity.describe_lots(light.obsm["X_pca"].astype(float), clusters, scores, obs, seed=seed)
    columns: dict[str, Any] = {"leiden": leiden}
    if found.overlap is not None:
        columns["leiden_stable"] = described["stable"].to_numpy(dtype=bool)[clusters]
    result = AnnData(obs=pd.DataFrame(columns | {"dpt_pseudotime": times}, index=light.obs_names))
    record |= {"cells": str(embedded["cells"]), "cells_reason": str(embedded["reason"]), "seed": seed}
    settings = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in asdict(options).items()
        if value is not None
    }
    result.uns["mscape"] = {"cluster_cells": record | {"settings": settings}}
    return Clusters(result, described, found.resolutions, paths, lots)
