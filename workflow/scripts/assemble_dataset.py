"""Join counts, calls, clusters, scores and maps into the one file to share, a block of rows at a time."""

import json
import logging

import numpy as np
import pandas as pd
from anndata import AnnData

from mscape.data import contract
from mscape.data.json_file import read_json
from mscape.data.table_io import read_table
from mscape.export.layers import GZIP, write_matrices
from mscape.run import step

logger = logging.getLogger(__name__)


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
    All columns. A cell that a stage left out has "" in a categorical or text column, False in a boolean one and NaN in
    a number.
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

    obsm = {
        key: spread_rows(np.asarray(values), overview.obs_names, cells)
        for key, values in overview.obsm.items()
        if key.startswith("X_")
    }
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
    joined = AnnData(
        obs=join_obs(whole.obs, gate.obs, clusters.obs, scores.obs),
        var=whole.var,
        obsm=obsm,
        varm=dict(whole.varm),
        uns={"mscape": stages, "title": str(run.get("title", "")), "simulated": "simulate" in run.get("config", {})},
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
        names = [""] if "" not in column.cat.categories else []
        return whole.cat.add_categories(names).fillna("")
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.astype(object).reindex(cells).eq(other=True)
    if pd.api.types.is_numeric_dtype(column.dtype):
        return whole.astype(float)
    return whole.astype(object).fillna("").astype(str)


if "snakemake" in globals():
    step.run(main, snakemake)
