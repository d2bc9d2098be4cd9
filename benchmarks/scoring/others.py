"""The same sets by other libraries, where they are installed: each function gives cells x sets, or None."""

import importlib.metadata

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp
from cells import lognormal_adata

from mscape.scoring.methods import GeneSet


def version(package: str) -> str:
    """Installed version, or nothing."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def by_scanpy(x: sp.csr_matrix, sets: list[GeneSet], *, seed: int = 0) -> np.ndarray:
    """Score with ``scanpy.tl.score_genes``, defaults."""
    import scanpy as sc

    adata = lognormal_adata(x)
    for genes in sets:
        sc.tl.score_genes(adata, list(adata.var_names[genes.up]), score_name=genes.name, random_state=seed)
    return adata.obs[[s.name for s in sets]].to_numpy()


def by_plain_mean(x: sp.csr_matrix, sets: list[GeneSet]) -> np.ndarray:
    """Score with the mean of the log values, nothing subtracted."""
    logged = lognormal_adata(x).X.tocsc()
    return np.column_stack([np.asarray(logged[:, s.up].mean(axis=1)).ravel() for s in sets])


def by_pyucell(x: sp.csr_matrix, sets: list[GeneSet]) -> np.ndarray | None:
    """Score with pyUCell's UCell, max_rank 1500, mean ranks of ties."""
    if not version("pyucell"):
        return None
    import pyucell

    adata = ad.AnnData(x.astype(np.float32))
    adata.var_names = [f"G{i:05}" for i in range(x.shape[1])]
    adata.obs_names = [f"cell{i}" for i in range(x.shape[0])]
    pyucell.compute_ucell_scores(adata, {s.name: list(adata.var_names[s.up]) for s in sets}, suffix="", n_jobs=1)
    return adata.obs[[s.name for s in sets]].to_numpy()


def by_aucell(x: sp.csr_matrix, sets: list[GeneSet]) -> np.ndarray | None:
    """Score with decoupler's AUCell, the first 5 % of the genes."""
    if not version("decoupler"):
        return None
    import decoupler

    adata = lognormal_adata(x)
    net = pd.DataFrame([(s.name, adata.var_names[gene]) for s in sets for gene in s.up], columns=["source", "target"])
    decoupler.mt.aucell(adata, net, tmin=1, raw=False)
    return adata.obsm["score_aucell"][[s.name for s in sets]].to_numpy()
