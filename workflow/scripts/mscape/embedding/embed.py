"""Variable genes, principal components, integration and neighbor graph of a dataset."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from anndata import AnnData

from mscape.data import counts
from mscape.embedding import cell_cycle, highly_variable_genes, integration, pca_neighbors
from mscape.errors import UserError
from mscape.genes import registry
from mscape.genes.names import resolve_genes

if TYPE_CHECKING:
    from mscape.data.counts import Source
    from mscape.embedding.options import EmbedOptions
    from mscape.genes.registry import Markers

logger = logging.getLogger(__name__)


def choose_cells(chosen: pd.Series | None, n_cells: int, *, cells: str = "msc", min_cells: int = 50) -> tuple:
    """Say which cells are embedded for the clusters.

    Parameters
    ----------
    chosen
        Does the gate choose the cell (:func:`mscape.gating.scope.analyzed_cells`)? None before the gate.
    n_cells
        Cells in the dataset.
    cells
        ``msc``: those that the gate chooses; ``all``: every cell.
    min_cells
        Fewer chosen cells than this are not embedded alone.

    Returns
    -------
    keep
        bool, shape (n_cells,).
    which
        ``msc`` or ``all``.
    reason
        In words.
    """
    everything = np.ones(n_cells, dtype=bool)
    if chosen is None:
        return everything, "all", "before the gate: all cells"
    if cells == "all":
        return everything, "all", "cluster.cells is set to all"
    keep = chosen.to_numpy(bool)
    if keep.sum() < min_cells:
        said = (
            f"only {keep.sum()} of {n_cells} cells pass the gate or are left open, fewer than {min_cells}: all are used"
        )
        return everything, "all", said
    return keep, "msc", f"{keep.sum()} of {n_cells} cells pass the gate or are left open by it"


def allowed_genes(var: pd.DataFrame, measured: pd.DataFrame | None, left_out: set[str]) -> tuple[np.ndarray, dict]:
    """Genes that may be chosen: measured in every sample, and not among those the gate judges by.

    Parameters
    ----------
    var
        Genes of the dataset.
    measured
        ``varm["measured"]``: genes x samples, bool; None when unknown.
    left_out
        Gene symbols that must not be chosen.

    Returns
    -------
    allowed
        bool, shape (n_genes,).
    numbers
        How many genes each rule leaves out.
    """
    everywhere = np.ones(len(var), dtype=bool) if measured is None else measured.to_numpy(dtype=bool).all(1)
    judged = var.index.isin(left_out)
    return everywhere & ~judged, {
        "n_not_measured_everywhere": int((~everywhere).sum()),
        "n_gate_genes_left_out": int((judged & everywhere).sum()),
    }


def embed_cells(
    adata: AnnData,
    *,
    method: str = "auto",
    batch_key: str | None = None,
    n_neighbors: int = 15,
    min_mixing: float = 0.7,
    max_exact_cells: int = 50_000,
    seed: int = 0,
    threads: int = 1,
) -> dict:
    """Integration and neighbour graph of cells with components.

    Parameters
    ----------
    adata
        ``obsm["X_pca"]``; ``obs`` with the batch column.
    method, batch_key, min_mixing
        See ``mscape.embedding.integration.integrate``.
    n_neighbors, max_exact_cells
        See ``mscape.embedding.add_neighbors``.
    seed, threads
        Of Harmony and of the search; the result does not depend on the threads.

    Sets
    ----
    obsm["X_<method>"], obsp["distances"], obsp["connectivities"], uns["neighbors"].

    Returns
    -------
    What was done and why, for ``uns``.
    """
    record = integration.integrate(
        adata,
        method=method,
        batch_key=batch_key,
        min_mixing=min_mixing,
        n_neighbors=n_neighbors,
        seed=seed,
        threads=threads,
    )
    if record["method"] != "bbknn":
        record["neighbor_search"] = pca_neighbors.add_neighbors(
            adata,
            use_rep=record["use_rep"],
            n_neighbors=n_neighbors,
            max_exact_cells=max_exact_cells,
            threads=threads,
        )
    return record


def named(genes: set[str], var: pd.DataFrame) -> set[str]:
    """Find the names that a dataset has for some genes, older symbols and Ensembl ids included.

    Parameters
    ----------
    genes
        Symbols.
    var
        Genes of the dataset, with ``gene_id`` where known.
    """
    ids = var["gene_id"].astype(str).tolist() if "gene_id" in var else None
    found, _ = resolve_genes(sorted(genes), var.index.tolist(), ids)
    return genes | set(found.values())


def hvg_groups(obs: pd.DataFrame, batch_key: str | None) -> np.ndarray:
    """Group of each cell within which genes are ranked: its batch, batches under 20 cells together.

    Parameters
    ----------
    obs
        Cells.
    batch_key
        Column of the batches, or None.

    Returns
    -------
    Integers from 0, shape (n_cells,).
    """
    if batch_key is None:
        return np.zeros(len(obs), dtype=int)
    batch = obs[batch_key].astype(str)
    size = batch.map(batch.value_counts())
    return pd.factorize(batch.where(size >= highly_variable_genes.MIN_BATCH, "pooled"), sort=True)[0]


def embed_dataset(
    source: Source,
    options: EmbedOptions,
    *,
    chosen: pd.Series | None = None,
    cells: str = "msc",
    min_cells: int = 50,
    markers: Markers,
    organism: str = "human",
    seed: int = 0,
    threads: int = 1,
) -> AnnData:
    """Embed all cells without the gate's genes, or those that the gate calls MSC.

    Parameters
    ----------
    source
        Counts of all cells; ``obs`` with batches, ``varm["measured"]`` where samples differ in their genes.
    options
        Settings.
    chosen
        Does the gate choose the cell? Those are embedded, with batches integrated where they show. None before the
        gate: all cells are, as they are, without the genes that the gate judges by.
    cells, min_cells
        See :func:`choose_cells`.
    markers
        Registry: the gate's genes and the cell-cycle sets.
    organism
        Species whose symbols the counts bear.
    seed, threads
        Of Harmony and of the search; no result depends on the threads.

    Returns
    -------
    Without counts: ``obsm["X_pca"]`` and the integrated components, ``obsp["distances"]``, ``obsp["connectivities"]``,
    ``uns["neighbors"]``, and what was done in ``uns["mscape"]["embed_cells"]``.

    Raises
    ------
    mscape.errors.UserError
        If fewer than three genes vary among those that every sample measured.
    """
    scope = "all" if chosen is None else "msc"
    obs, shell = counts.read_obs(source), counts.read_light(source, obs=[])
    keep, which, reason = choose_cells(chosen, len(obs), cells=cells, min_cells=min_cells)
    obs = obs[keep]

    batch_key, batch_reason = integration.choose_batch(obs, batch_key=options.batch_key)
    left_out = named(registry.all_marker_genes(markers), shell.var) if scope == "all" else set()
    allowed, numbers = allowed_genes(shell.var, shell.varm.get("measured"), left_out)
    groups = hvg_groups(obs, batch_key)
    mean, variance, _, totals = highly_variable_genes.gene_moments(source, cells=keep, groups=groups)
    chosen = np.zeros(len(allowed), dtype=bool)
    names = shell.var_names.to_numpy().astype(str)
    chosen[allowed] = highly_variable_genes.variable_genes(
        mean[:, allowed], variance[:, allowed], names[allowed], n_hvg=options.n_hvg
    )
    if chosen.sum() < 3:
        msg = (
            f"Only {chosen.sum()} genes vary among those that every sample measured ({allowed.sum()} of {len(names)} "
            "genes). Check that the samples use the same gene names."
        )
        raise UserError(msg)
    hvg = names[chosen]
    components, variance_ratio = pca_neighbors.principal_components(
        source, hvg, cells=keep, totals=totals, n_pcs=options.n_pcs
    )
    shares = (np.nan, np.nan)
    if options.regress_cell_cycle:
        columns, members = cell_cycle.find_sets(markers.signatures, shell.var, organism=organism)
        values = highly_variable_genes.log_columns(source, columns, cells=keep, totals=totals)
        scores = cell_cycle.cycle_scores(values, members)
        before, components = components, np.round(cell_cycle.without_cycle(components, scores), 4).astype(np.float32)
        shares = (cell_cycle.explained(before, scores), cell_cycle.explained(components, scores))
    method = "none" if scope == "all" else options.method
    adata = AnnData(obs=obs, obsm={"X_pca": components})
    if method == "scvi":
        raw = counts.read_genes(source, list(hvg)).tocsr()[keep]
        adata = AnnData(obs=obs, var=pd.DataFrame(index=hvg), obsm=dict(adata.obsm), layers={"counts": raw})
    record = embed_cells(
        adata,
        method=method,
        batch_key=batch_key,
        n_neighbors=options.n_neighbors,
        min_mixing=options.min_mixing,
        max_exact_cells=options.max_exact_cells,
        seed=seed,
        threads=threads,
    )
    if scope == "all":
        record["reason"] = "the gate uses uncorrected components: batches are not integrated in this scope"
    record |= {"batch_key": batch_key or "", "batch_reason": batch_reason, "integration_reason": record["reason"]}
    record |= {"scope": scope, "cells": which, "reason": reason, "n_hvg": int(chosen.sum()), "seed": seed} | numbers
    record |= {
        "highly_variable_genes": hvg,
        "regress_cell_cycle": options.regress_cell_cycle,
        "cycle_before": shares[0],
        "cycle_after": shares[1],
        "pca_variance": variance_ratio,
    }
    for key in ("reason", "batch_reason", "integration_reason", "warning"):
        if record[key]:
            logger.info("%s: %s", key, record[key])
    light = AnnData(obs=pd.DataFrame(index=obs.index), obsm=dict(adata.obsm), obsp=dict(adata.obsp))
    light.uns = {"neighbors": adata.uns["neighbors"], "mscape": {"embed_cells": record}}
    return light
