"""Between a user's AnnData and the functions of the rooms: counts by current symbols, metadata, results put back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData

from mscape.data import counts
from mscape.data.contract import MERGED
from mscape.data.reference_table import read_reference
from mscape.errors import UserError
from mscape.genes.names import GENES
from mscape.io.formats import features

SYMBOL_COLUMNS = ("feature_name", "gene_symbols", "gene_symbol", "gene_name", "gene_names", "symbol")
ID_COLUMNS = ("gene_ids", "gene_id", "ensembl_id", "feature_id")
CHECKED = 100_000  # values that are examined to distinguish counts from other numbers


def counts_of(
    adata: AnnData,
    *,
    layer: str | None = None,
    sample_key: str = "sample_id",
    lot_key: str = "lot_id",
    organism: str = "human",
    passing: bool = True,
) -> AnnData:
    """Give the raw counts of an AnnData in the form in which the workflow holds them.

    Parameters
    ----------
    adata
        Anything that scanpy reads. Left as it is.
    layer
        Layer with the raw counts. If not given: the layer ``counts``, else ``X``, else ``raw``, the first that holds
        counts (whole numbers, not all 0 or 1).
    sample_key, lot_key
        Columns of ``obs``; where there is none, all cells are one sample, and a lot is a sample.
    organism
        Of the cells; human ids and symbols are looked up in the gene table.
    passing
        Leave out the cells that quality control marked (``obs["qc"]``).

    Returns
    -------
    Counts as CSR in ``X``, columns by unique current symbol with ``gene_id``; ``obs`` with the workflow's metadata
    ("unknown" where ``adata`` does not say) and ``total_counts``; ``varm["measured"]``, all genes in all samples, and
    ``varm["counts"]``, the counts of each gene in each sample.

    Raises
    ------
    mscape.errors.UserError
        If no matrix holds counts: which were examined.
    """
    matrix, var = _matrix(adata, layer)
    known = read_reference(GENES)
    genes = features.settle(_features(var), known, organism=organism)
    obs = metadata(adata.obs, sample_key, lot_key)
    if passing and "qc" in adata.obs:
        keep = (adata.obs["qc"] == "pass").to_numpy()
        if not keep.any():
            msg = "no cell passes quality control (adata.obs['qc']). Widen its limits (options of mscape.qc)."
            raise UserError(msg)
        matrix, obs = matrix[keep], obs[keep]
    matrix = genes.apply(sp.csr_matrix(matrix))
    if matrix.dtype.kind == "f":
        matrix = matrix.astype(np.int64 if matrix.max() > np.iinfo(np.int32).max else np.int32)
    if "total_counts" not in obs:
        obs = obs.assign(total_counts=counts.totals(matrix))
    code, samples = pd.factorize(obs["sample_id"].astype(str))
    varm = {
        "measured": pd.DataFrame(data=True, index=genes.var.index, columns=list(samples)),
        "counts": pd.DataFrame(
            (counts.group_rows(code, len(samples)) @ matrix).toarray().T, index=genes.var.index, columns=list(samples)
        ),
    }
    return AnnData(matrix, obs=obs, var=genes.var, varm=varm)


def _matrix(adata: AnnData, layer: str | None) -> tuple[sp.spmatrix | np.ndarray, pd.DataFrame]:
    """Find the raw counts and the table of their genes."""
    places = {"layers['counts']": adata.layers.get("counts"), "X": adata.X}
    if layer is not None:
        if layer not in adata.layers:
            there = ", ".join(str(name) for name in adata.layers if name) or "none"
            msg = f"there is no layer {layer!r}; there are: {there}."
            raise UserError(msg)
        places = {f"layers[{layer!r}]": adata.layers[layer]}
    elif adata.raw is not None:
        places["raw.X"] = adata.raw.X
    looked = []
    for place, matrix in places.items():
        if matrix is None:
            continue
        fault = _fault(matrix)
        if not fault:
            return matrix, adata.raw.var if place == "raw.X" else adata.var
        looked.append(f"{place} {fault}")
    msg = f"no raw counts were found: {'; '.join(looked) or 'there is no matrix'}. Give their layer (layer=...)."
    raise UserError(msg)


def _fault(matrix: sp.spmatrix | np.ndarray) -> str:
    """Say why a matrix holds no counts; "" if it does."""
    values = np.asarray(matrix.data if sp.issparse(matrix) else matrix).ravel()
    values = values[:: max(1, len(values) // CHECKED)]
    if not len(values) or not np.isfinite(values).all():
        return "is empty or not finite"
    if (values < 0).any():
        return "has negative values"
    if (values != np.round(values)).any():
        return "has decimals"
    return "is only 0 and 1" if values.max() <= 1 else ""


def _features(var: pd.DataFrame) -> pd.DataFrame:
    """Name, id, type and genome of each feature, as readers of files give them."""
    index = var.index.astype(str)
    name = next((var[column].astype(str) for column in SYMBOL_COLUMNS if column in var), pd.Series(index, index=index))
    if not features.ENSEMBL.match(str(index[0])) if len(index) else True:
        name = pd.Series(index, index=index)
    ids = next((var[column].astype(str) for column in ID_COLUMNS if column in var), None)
    ids = pd.Series(index, index=index) if ids is None else ids
    return pd.DataFrame({"name": name.to_numpy(), "id": ids.to_numpy(), "type": "", "genome": ""})


def metadata(obs: pd.DataFrame, sample_key: str, lot_key: str) -> pd.DataFrame:
    """Columns of ``obs`` under the workflow's names."""
    obs = obs.drop(columns="qc", errors="ignore").copy()
    sample = obs[sample_key].astype(str) if sample_key in obs else pd.Series("sample", obs.index)
    obs["sample_id"] = sample.astype("category")
    obs["lot_id"] = (obs[lot_key].astype(str) if lot_key in obs else sample).astype("category")
    for column in MERGED:
        if column not in obs:
            obs[column] = pd.Categorical(["unknown"] * len(obs))
    return obs


def embedding_of(adata: AnnData, source: AnnData, use_rep: str) -> AnnData:
    """Give the embedding of the cells of ``source``: components and graph.

    Raises
    ------
    mscape.errors.UserError
        If the components or their graph are not there.
    """
    missing = [f"obsm[{use_rep!r}]"] if use_rep not in adata.obsm else []
    missing += ["obsp['connectivities']"] if "connectivities" not in adata.obsp else []
    if missing:
        msg = f"{' and '.join(missing)} not found; run mscape.embed(adata), or scanpy.pp.neighbors on your components."
        raise UserError(msg)
    rows = adata.obs_names.get_indexer(source.obs_names)
    points = np.asarray(adata.obsm[use_rep])[rows]
    graph = sp.csr_matrix(adata.obsp["connectivities"])[rows][:, rows]
    return AnnData(obs=source.obs[[]], obsm={"X_pca": points}, obsp={"connectivities": graph})


def calls_of(adata: AnnData) -> pd.Series:
    """Give the gate's call of each cell.

    Raises
    ------
    mscape.errors.UserError
        If the cells were not gated.
    """
    if "isct_call" not in adata.obs or "gate" not in adata.uns.get("mscape", {}):
        msg = "the cells were not gated: run mscape.gate(adata) first."
        raise UserError(msg)
    return adata.obs["isct_call"]


def put_obs(adata: AnnData, table: pd.DataFrame) -> None:
    """Put columns of some cells into ``obs``; the other cells have none."""
    for column, values in table.items():
        kept = values.astype("boolean") if values.dtype == bool else values  # of objects otherwise, which no file holds
        adata.obs[column] = kept.reindex(adata.obs_names)


def put_obsm(adata: AnnData, light: AnnData, key: str, key_added: str) -> None:
    """Put an array of some cells into ``obsm``; NaN for the other cells."""
    values = np.asarray(light.obsm[key])
    full = np.full((adata.n_obs, values.shape[1]), np.nan, dtype=values.dtype)
    full[adata.obs_names.get_indexer(light.obs_names)] = values
    adata.obsm[key_added] = full


def expand_graph(adata: AnnData, light: AnnData, key: str) -> sp.csr_matrix:
    """Give a graph of some cells the shape of all; the other cells have no neighbors."""
    graph = light.obsp[key].tocoo()
    rows = adata.obs_names.get_indexer(light.obs_names)
    return sp.csr_matrix((graph.data, (rows[graph.row], rows[graph.col])), shape=(adata.n_obs, adata.n_obs))


def note(adata: AnnData, verb: str, record: dict | str) -> None:
    """Keep what a verb found and did in ``uns["mscape"]``, in a form that a file can hold."""
    adata.uns.setdefault("mscape", {})[verb] = _writable(record)


def _writable(record: Any) -> Any:
    """Turn the tuples of settings into lists, and columns of truth values with gaps into those that may have gaps."""
    if isinstance(record, dict):
        return {key: _writable(value) for key, value in record.items()}
    if isinstance(record, pd.DataFrame):
        gaps = [
            name
            for name, values in record.items()
            if values.dtype == object and pd.api.types.infer_dtype(values, skipna=True) == "boolean"
        ]
        return record.astype(dict.fromkeys(gaps, "boolean"))
    return list(record) if isinstance(record, tuple) else record


MEASURED = ("total_counts", "pct_counts_mt")  # columns of obs that quality control makes, and scanpy's of these names


def need_measured(adata: AnnData, verb: str) -> None:
    """Stop where what quality control measures is missing.

    Raises
    ------
    mscape.errors.UserError
        With the columns.
    """
    if missing := [name for name in MEASURED if name not in adata.obs]:
        msg = f"mscape.{verb} needs {' and '.join(missing)} in adata.obs: run mscape.qc(adata) first."
        raise UserError(msg)
