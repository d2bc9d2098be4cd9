"""Connectivity of clusters in the neighbour graph (PAGA), and pseudotime where the graph supports a path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.backends import cpu
from mscape.data.tables import TABLES
from mscape.embedding import landmarks

if TYPE_CHECKING:
    from anndata import AnnData

MIN_CONNECTIVITY = 0.05  # of PAGA: fewer edges than 5 % of what chance would give is no path
COLUMNS = TABLES["paga"].names


def connect_clusters(adata: AnnData, clusters: pd.Series) -> pd.DataFrame:
    """Measure how much clusters are connected: PAGA (Wolf 2019, doi:10.1186/s13059-019-1663-x), model 1.2.

    The same numbers as ``scanpy.tl.paga``, which fails where no edge joins two clusters.

    Parameters
    ----------
    adata
        With ``obsp["distances"]``: each cell's neighbours.
    clusters
        Categorical, of each cell.

    Returns
    -------
    Columns ``cluster_a cluster_b connectivity path``: edges between two clusters relative to those expected by chance,
    at most 1, and whether that is at least 0.05. Empty for one cluster.
    """
    import scipy.sparse as sp

    names, codes = list(clusters.cat.categories), clusters.cat.codes.to_numpy()
    n, k = len(codes), len(names)
    member = sp.csr_matrix((np.ones(n), (codes, np.arange(n))), shape=(k, n))
    edges = (member @ (sp.csr_matrix(adata.obsp["distances"]) > 0).astype(float) @ member.T).toarray()
    size, out = np.bincount(codes, minlength=k), edges.sum(1)
    expected = (np.outer(out, size) + np.outer(size, out)) / max(n - 1, 1)
    between = np.minimum((edges + edges.T) / np.maximum(expected, 1e-12), 1)
    rows = [(names[i], names[j], float(between[i, j])) for i in range(k) for j in range(i + 1, k)]
    table = pd.DataFrame(rows, columns=COLUMNS[:3])
    table["path"] = table["connectivity"] >= MIN_CONNECTIVITY
    return table


def reachable(table: pd.DataFrame, root: str) -> list[str]:
    """List the clusters that paths connect with the root, itself included."""
    paths = table[table["path"]]
    found, open_ = {root}, [root]
    while open_:
        name = open_.pop()
        near = {
            *paths.loc[paths["cluster_a"] == name, "cluster_b"],
            *paths.loc[paths["cluster_b"] == name, "cluster_a"],
        }
        open_ += sorted(near - found)
        found |= near
    return sorted(found)


def pseudotime(
    adata: AnnData,
    clusters: pd.Series,
    table: pd.DataFrame,
    *,
    use_rep: str,
    root: str | None = None,
    max_cells: int = 50_000,
    seed: int = 0,
) -> tuple[np.ndarray, str]:
    """Diffusion pseudotime (Haghverdi 2016, doi:10.1038/nmeth.3971) of the clusters that paths connect with the root.

    Parameters
    ----------
    adata, clusters, table
        As for and from `connect_clusters`.
    use_rep
        Key of ``obsm``: the root is the cell nearest the centre of the root cluster.
    root
        Cluster to start from; the largest one if not given.
    max_cells
        Cells up to which all of them diffuse; of more, as many do, and each other one gets the mean of its nearest.
    seed
        Start of the eigensolver.

    Returns
    -------
    time
        0 at the root, at most 1, NaN for cells that no path connects; shape (n_cells,).
    reason
        What was done, or why there is no pseudotime.
    """
    from anndata import AnnData

    time = np.full(adata.n_obs, np.nan)
    names = clusters.astype(str)
    if names.nunique() < 2:
        return time, "no pseudotime: there is one cluster, so no path between clusters"
    if root is not None and root not in set(names):
        return time, f"no pseudotime: there is no cluster {root!r} to start from"
    start = root if root is not None else names.value_counts().index[0]
    together = reachable(table, start)
    why = "as configured" if root is not None else "the largest cluster"
    if len(together) < 2:
        return time, f"no pseudotime: no path of the graph leads from cluster {start} ({why}) to another cluster"
    cells = np.flatnonzero(names.isin(together).to_numpy())
    rep = np.asarray(adata.obsm[use_rep], dtype=float)
    own = np.flatnonzero((names == start).to_numpy())
    nearest = own[np.linalg.norm(rep[own] - rep[own].mean(0), axis=1).argmin()]
    work = AnnData(obs=pd.DataFrame(index=adata.obs_names[cells]), obsm={use_rep: rep[cells]})
    work.uns["neighbors"] = adata.uns["neighbors"]
    origin = np.searchsorted(cells, nearest)
    if len(cells) <= max_cells:
        for key in ("connectivities", "distances"):
            work.obsp[key] = adata.obsp[key][cells][:, cells]
        found = _diffuse(work, origin, seed)
    else:
        drawn, some = landmarks.draw(work, max_cells, use_rep=use_rep, keep=origin, seed=seed)
        found = _diffuse(some, np.searchsorted(drawn, origin), seed)
        found = landmarks.spread(rep[cells], drawn, found[:, None])[:, 0]
    time[cells] = np.where(np.isfinite(found), np.round(found, 4), np.nan)
    return time, f"pseudotime from cluster {start} ({why}) over clusters {', '.join(together)}"


def _diffuse(work: AnnData, origin: int, seed: int) -> np.ndarray:
    """Pseudotime from one cell, shape (n_cells,)."""
    work.uns["iroot"] = int(origin)
    return cpu.diffusion_time(work, n_comps=min(15, work.n_obs - 2), seed=seed)
