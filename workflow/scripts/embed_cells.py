"""Embed cells: variable genes, components, batches taken out where they show, neighbour graph."""

import logging

import numpy as np
import pandas as pd
from anndata import AnnData

from mscape.backends import active
from mscape.data import counts
from mscape.embedding import cell_cycle, highly_variable_genes, integration, pca_neighbors
from mscape.embedding.embed import allowed_genes, choose_cells, embed_cells, hvg_groups, named
from mscape.errors import UserError
from mscape.genes import registry
from mscape.run import step

logger = logging.getLogger("mscape.embed_cells")


def main(input, output, params):
    """Read counts (and the gate's calls), write ``embedding.{scope}.h5ad``."""
    settings, cluster = dict(params.settings), params.cluster
    scope, seed, threads = params.scope, params.seed, params.threads
    obs, shell = counts.read_obs(input.h5ad), counts.read_light(input.h5ad, obs=[])
    genes = registry.load_markers(input.markers)
    calls = None
    if scope == "msc":
        calls = counts.read_obs(input.gate)["isct_call"].reindex(obs.index)
    keep, which, reason = choose_cells(calls, len(obs), cells=cluster["cells"], min_cells=cluster["min_cells"])
    obs = obs[keep]

    batch_key, batch_reason = integration.choose_batch(obs, batch_key=settings.pop("batch_key"))
    left_out = named(registry.all_marker_genes(genes), shell.var) if scope == "all" else set()
    allowed, numbers = allowed_genes(shell.var, shell.varm.get("measured"), left_out)
    groups = hvg_groups(obs, batch_key)
    mean, variance, _, totals = highly_variable_genes.gene_moments(input.h5ad, cells=keep, groups=groups)
    n_hvg = settings.pop("n_hvg")
    chosen = np.zeros(len(allowed), dtype=bool)
    names = shell.var_names.to_numpy().astype(str)
    chosen[allowed] = highly_variable_genes.variable_genes(
        mean[:, allowed], variance[:, allowed], names[allowed], n_hvg=n_hvg
    )
    if chosen.sum() < 3:
        msg = (
            f"Only {chosen.sum()} genes vary among those that every sample measured ({allowed.sum()} of {len(names)} "
            "genes). Check that the samples use the same gene names."
        )
        raise UserError(msg)
    hvg = names[chosen]
    components, variance_ratio = pca_neighbors.principal_components(
        input.h5ad, hvg, cells=keep, totals=totals, n_pcs=settings.pop("n_pcs")
    )
    regress, shares = settings.pop("regress_cell_cycle"), (np.nan, np.nan)
    method = settings.pop("method")
    if scope == "all":
        method = "none"
        settings.pop("min_mixing")
    if regress:
        columns, members = cell_cycle.find_sets(genes.signatures, shell.var, organism=params.organism)
        values = highly_variable_genes.log_columns(input.h5ad, columns, cells=keep, totals=totals)
        scores = cell_cycle.cycle_scores(values, members)
        before, components = components, np.round(cell_cycle.without_cycle(components, scores), 4).astype(np.float32)
        shares = [cell_cycle.explained(rep, scores) for rep in (before, components)]
    adata = AnnData(obs=obs, obsm={"X_pca": components})
    if method == "scvi":
        raw = counts.read_genes(input.h5ad, list(hvg)).tocsr()[keep]
        adata = AnnData(obs=obs, var=pd.DataFrame(index=hvg), obsm=dict(adata.obsm), layers={"counts": raw})
    for key in ("max_map_cells", "umap_epochs"):  # of compute_umap
        settings.pop(key)
    record = embed_cells(adata, method=method, batch_key=batch_key, seed=seed, threads=threads, **settings)
    if scope == "all":
        record["reason"] = "the gate looks at cells as they are: batches are not integrated in this scope"
    record |= {"batch_key": batch_key or "", "batch_reason": batch_reason, "integration_reason": record["reason"]}
    record |= {"scope": scope, "cells": which, "reason": reason, "n_hvg": int(chosen.sum()), "seed": seed} | numbers
    record |= {
        "highly_variable_genes": hvg,
        "regress_cell_cycle": regress,
        "cycle_before": shares[0],
        "cycle_after": shares[1],
        "pca_variance": variance_ratio,
    }
    for key in ("reason", "batch_reason", "integration_reason", "warning"):
        if record[key]:
            logger.info("%s: %s", key, record[key])
    light = AnnData(obs=pd.DataFrame(index=obs.index), obsm=dict(adata.obsm), obsp=dict(adata.obsp))
    light.uns = {"neighbors": adata.uns["neighbors"], "mscape": {"embed_cells": record}}
    counts.write(light, output.h5ad)


if "snakemake" in globals():
    step.run(active.with_backend(main), snakemake)
