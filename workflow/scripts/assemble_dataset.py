"""Join counts, calls, clusters, scores and maps into the one file to share, a block of rows at a time."""

import json
import logging
from collections.abc import Iterable

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData

from mscape.data import contract, counts
from mscape.data.json_file import read_json
from mscape.data.table_io import read_table
from mscape.export.layers import GZIP, write_matrices
from mscape.report.charts import colours
from mscape.report.dataset import natural
from mscape.run import step

logger = logging.getLogger(__name__)
COLORED = ("isct_call", "isct_identity", "leiden", "leiden_name", "lot_id", "phase")


def join_obs(given: pd.DataFrame, *parts: pd.DataFrame) -> pd.DataFrame:
    """Join what the steps say about cells.

    Parameters
    ----------
    given
        ``obs`` of counts.h5ad; decides cells and order.
    *parts
        ``obs`` of later stages, of the same cells or of some of them. A column that stands there already is not taken
        again.

    Returns
    -------
    All columns. A cell that a stage left out has a missing value (NaN) in a categorical column or a number, "" in a
    text and False in a boolean one.
    """
    joined = given.copy()
    for part in parts:
        for name in part.columns.difference(joined.columns, sort=False):
            joined[name] = _spread(part[name], given.index)
    return joined


def spread_rows(values: np.ndarray, rows: pd.Index, cells: pd.Index) -> np.ndarray:
    """Put the rows of some cells into an array of all cells, NaN elsewhere, float32."""
    spread = np.full((len(cells), *values.shape[1:]), np.nan, dtype=np.float32)
    spread[cells.get_indexer(rows)] = values
    return spread


def spread_graph(graph: sp.csr_matrix, rows: pd.Index, cells: pd.Index) -> sp.csr_matrix:
    """Put a graph of some cells into one of all cells, in which the others have no neighbors."""
    graph, at = sp.coo_matrix(graph), cells.get_indexer(rows)
    return sp.csr_matrix((graph.data, (at[graph.row], at[graph.col])), shape=(len(cells), len(cells)))


def name_graph(record: dict, suffix: str) -> dict:
    """Name the graph of a scope as scanpy looks for it: ``neighbors_key="neighbors_msc"``, or none for all cells."""
    keys = {f"{name}_key": f"{name}{suffix}" for name in ("connectivities", "distances")}
    params = dict(record.get("params", {}))
    if "use_rep" in params:
        params["use_rep"] = f"{params['use_rep']}{suffix}"
    return record | keys | {"params": params}


def variable_genes(genes: pd.Index, overview: AnnData, msc: AnnData) -> dict[str, np.ndarray]:
    """Mark the variable genes of both scopes: those of all cells under scanpy's name."""
    chosen = {"": overview.uns["mscape"]["embed_cells"], "_msc": msc.uns["mscape"]["embed_cells"]}
    return {
        f"highly_variable{suffix}": genes.isin(record.get("highly_variable_genes", []))
        for suffix, record in chosen.items()
    }


def colors_of(obs: pd.DataFrame, columns: Iterable[str] = COLORED) -> dict[str, np.ndarray]:
    """Give each category the color that the report draws it in, as scanpy looks for it (``leiden_colors``)."""
    result = {}
    for name in columns:
        if name in obs and isinstance(obs[name].dtype, pd.CategoricalDtype):
            used = list(dict.fromkeys(obs[name].dropna().astype(str)))  # lots: in the order of the sheet
            used = used if name == "lot_id" else natural(used)
            names = [*used, *(level for level in obs[name].cat.categories.astype(str) if level not in used)]
            shade = dict(zip(names, colours.categories(names), strict=True))
            result[f"{name}_colors"] = np.array(
                [shade[level] for level in obs[name].cat.categories.astype(str)], object
            )
    return result


def join_stages(stages: list[dict]) -> dict:
    """Collect ``uns["mscape"]`` of the stages, by step; a step that ran twice keeps both by scope."""
    joined = {}
    for stage in stages:
        for name, content in stage.get("mscape", {}).items():
            if name in joined and name in ("embed_cells", "compute_umap"):
                joined[name] = {"all": joined[name], "msc": content}
            else:
                joined.setdefault(name, content)
    return joined


def main(input, output, params):
    """Read the stages, join them, write the file."""
    import anndata

    whole = contract.read(input.counts, "counts")
    gate, clusters = contract.read(input.gate, "gate"), contract.read(input.clusters, "clusters")
    scores = contract.read(input.scores, "scores")
    names = read_table(input.names, "cluster_names").set_index("cluster")["name"]
    clusters.obs["leiden_name"] = pd.Categorical(clusters.obs["leiden"].astype(str).map(names))
    overview, msc = contract.read(input.embedding, "embedding"), contract.read(input.embedding_msc, "embedding")
    maps = contract.read(input.map, "map"), contract.read(input.map_msc, "map")
    cells = whole.obs_names

    obsm, obsp, uns = {}, {}, {}
    for suffix, part in (("", overview), ("_msc", msc)):
        obsm |= {
            f"{key}{suffix}": spread_rows(np.asarray(values), part.obs_names, cells)
            for key, values in part.obsm.items()
            if key.startswith("X_")
        }
        obsp |= {f"{key}{suffix}": spread_graph(graph, part.obs_names, cells) for key, graph in part.obsp.items()}
        uns[f"neighbors{suffix}"] = name_graph(dict(part.uns.get("neighbors", {})), suffix)
    for key, one in zip(("X_umap", "X_umap_msc"), maps, strict=True):
        obsm[key] = spread_rows(np.asarray(one.obsm["X_umap"]), one.obs_names, cells)
    tables = {key: table for key, table in scores.obsm.items() if key.startswith("score_")}
    tables |= {key: table for key, table in gate.obsm.items() if key.startswith("isct_")}
    obsm |= {key: table if table.index.equals(cells) else table.reindex(cells) for key, table in tables.items()}
    run = read_json(input.run)
    stages = join_stages([part.uns for part in (whole, overview, msc, *maps, gate, clusters, scores)])
    stages["run"] = {
        "run_id": run["run_id"],
        "title": str(run.get("title", "")),
        "json": json.dumps(run, sort_keys=True),
    }
    probability = [name for name in gate.obs if name.startswith("isct_p_")]
    obsm["isct_p"] = gate.obs[probability].rename(columns=lambda name: name.removeprefix("isct_p_")).reindex(cells)
    own = counts.read_obs(input.annotations) if input.annotations else whole.obs[[]]
    obs = join_obs(whole.obs, gate.obs.drop(columns=probability), clusters.obs, scores.obs, own)
    uns |= colors_of(obs, (*COLORED, *own))
    uns |= {"mscape": stages, "title": str(run.get("title", "")), "simulated": "simulate" in run.get("config", {})}
    joined = AnnData(
        obs=obs,
        var=whole.var.assign(**variable_genes(whole.var_names, overview, msc)),
        obsm=obsm,
        obsp=obsp,
        varm=dict(whole.varm),
        uns=uns,
    )
    with anndata.settings.override(allow_write_nullable_strings=False):  # plain text arrays, which any reader opens
        joined.write_h5ad(output.h5ad, **GZIP)
    write_matrices(output.h5ad, input.counts)
    logger.info("%d cells and %d genes written", joined.n_obs, joined.n_vars)


def _spread(column: pd.Series, cells: pd.Index) -> pd.Series:
    """Give a column of some cells to all cells."""
    whole = column.reindex(cells)
    if not whole.isna().any():
        return whole
    if isinstance(column.dtype, pd.CategoricalDtype):
        return whole
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.astype(object).reindex(cells).eq(other=True)
    if pd.api.types.is_numeric_dtype(column.dtype):
        return whole.astype(float)
    return whole.astype(object).fillna("").astype(str)


if "snakemake" in globals():
    step.run(main, snakemake)
