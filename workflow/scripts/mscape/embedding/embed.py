"""Variable genes, principal components, integration and neighbor graph of a dataset."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
from anndata import AnnData

from mscape.embedding import highly_variable_genes, integration, pca_neighbors
from mscape.genes.names import resolve_genes

logger = logging.getLogger(__name__)


def choose_cells(calls: pd.Series | None, n_cells: int, *, cells: str = "msc", min_cells: int = 50) -> tuple:
    """Say which cells are embedded for the clusters.

    Parameters
    ----------
    calls
        ``isct_call`` of every cell, or None before the gate.
    n_cells
        Cells in the dataset.
    cells
        ``msc``: those that pass the gate; ``all``: every cell.
    min_cells
        Fewer MSC than this are not embedded alone.

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
    if calls is None:
        return everything, "all", "before the gate: all cells"
    if cells == "all":
        return everything, "all", "cluster.cells is set to all"
    keep = (calls == "pass").to_numpy()
    if keep.sum() < min_cells:
        said = f"only {keep.sum()} of {n_cells} cells pass the gate, fewer than {min_cells}: all cells are used"
        return everything, "all", said
    return keep, "msc", f"{keep.sum()} of {n_cells} cells pass the gate"


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
