"""Join counts, calls, clusters, scores and maps into the one file to hand on, a block of rows at a time."""

import json
import logging
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from anndata import AnnData
from isal import isal_zlib

from mscape import contract, counts, step

logger = logging.getLogger(__name__)

CHUNK = 1 << 18  # values in a chunk of the compressed arrays
GZIP = {"compression": "gzip", "compression_opts": 1}


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
            if name in joined and name in ("embed_cells", "map_cells"):
                joined[name] = {"all": joined[name], "msc": content}
            else:
                joined.setdefault(name, content)
    return joined


class ChunkWriter:
    """Fill an array of a file from parts, gzip-compressed outside HDF5.

    The file is the one that HDF5's own gzip filter writes, and any reader opens it; igzip takes a tenth of the time.

    Parameters
    ----------
    group, name, size, dtype
        Of the array that is made.
    """

    def __init__(self, group: h5py.Group, name: str, size: int, dtype: type):
        self._chunk = min(CHUNK, max(size, 1))
        self._array = group.create_dataset(name, (size,), dtype=dtype, chunks=(self._chunk,), shuffle=True, **GZIP)
        self._pending, self._at = np.zeros(0, dtype=dtype), 0

    def add(self, values: np.ndarray) -> None:
        """Append values, shape (n,); what does not fill a chunk waits for the next."""
        self._pending = np.concatenate([self._pending, values.astype(self._array.dtype, copy=False)])
        whole = len(self._pending) // self._chunk * self._chunk
        for start in range(0, whole, self._chunk):
            self._write(self._pending[start : start + self._chunk])
        self._pending = self._pending[whole:]

    def close(self) -> None:
        """Write the last chunk, which HDF5 keeps at full length."""
        if len(self._pending):
            self._write(np.pad(self._pending, (0, self._chunk - len(self._pending))))

    def _write(self, values: np.ndarray) -> None:
        by_place = np.ascontiguousarray(values.view(np.uint8).reshape(len(values), -1).T)  # HDF5's shuffle filter
        self._array.id.write_direct_chunk((self._at,), isal_zlib.compress(by_place, GZIP["compression_opts"]))
        self._at += len(values)


def write_matrices(path: str | Path, source: str | Path, *, block_values: int = counts.BLOCK_VALUES) -> None:
    """Add ``layers["counts"]`` and ``X`` = log1p of counts per 10,000 (float32) to a file, holding one block of rows.

    Both matrices have the same pattern, so the arrays of column indices and row starts are stored once and named twice
    (HDF5 hard links): readers see two ordinary CSR matrices.

    Parameters
    ----------
    path
        An h5ad file without matrices.
    source
        counts.h5ad.
    block_values
        Values in a block.
    """
    with h5py.File(source) as file:
        size, shape = file["X/data"].shape[0], tuple(int(n) for n in file["X"].attrs["shape"])
    with h5py.File(path, "r+") as file:
        for name in ("X", "layers/counts"):
            if name in file:
                del file[name]
        layer = _create_csr(file, "layers/counts", shape)
        log = _create_csr(file, "X", shape)
        raw = ChunkWriter(layer, "data", size, np.int32)
        column = ChunkWriter(layer, "indices", size, np.int32)
        value = ChunkWriter(log, "data", size, np.float32)
        starts, at = [np.zeros(1, dtype=np.int64)], 0
        for _, _, block in counts.blocks(source, block_values=block_values):
            block.sort_indices()
            raw.add(block.data)
            column.add(block.indices)
            value.add(counts.lognorm(block, counts.totals(block)).data)
            starts.append(block.indptr[1:].astype(np.int64) + at)
            at += block.nnz
        for writer in (raw, column, value):
            writer.close()
        layer.create_dataset("indptr", data=np.concatenate(starts), **GZIP)
        for name in ("indices", "indptr"):
            log[name] = layer[name]


def main(input, output, params):
    """Read the stages, join them, write the file."""
    import anndata

    whole = contract.read(input.counts, "counts")
    gate, clusters = contract.read(input.gate, "gate"), contract.read(input.clusters, "clusters")
    scores = contract.read(input.scores, "scores")
    names = pd.read_csv(input.names, sep="\t", dtype=str, keep_default_na=False).set_index("cluster")["name"]
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
    obsm |= {key: table if table.index.equals(cells) else table.reindex(cells) for key, table in tables.items()}
    run = json.loads(Path(input.run).read_text(encoding="utf-8"))
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


def _create_csr(file: h5py.File, name: str, shape: tuple[int, int]) -> h5py.Group:
    group = file.create_group(name)
    group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": np.array(shape)})
    return group


if "snakemake" in globals():
    step.run(main, snakemake)
