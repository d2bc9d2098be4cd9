"""Read AnnData files (h5ad, zarr) and loom: find the raw counts wherever they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp

from mscape.data.counts import spans
from mscape.errors import UserError
from mscape.io.formats.count_table import BLOCK_VALUES, CountTable, as_counts, decode, slices, why_not_counts
from mscape.io.formats.detect import open_hdf5

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROBE = 1_000_000  # values looked at to tell counts from log or scaled values
_ID_COLUMNS = ("gene_ids", "gene_id", "ensembl_id", "ensembl", "ensembl_gene_id", "Accession", "id")
_NAME_COLUMNS = ("feature_name", "gene_symbols", "gene_symbol", "gene_name", "gene_short_name", "symbol", "Symbol")
_TYPE_COLUMNS = ("feature_types", "feature_type")


def read_h5ad(path: Path) -> CountTable:
    """Read an h5ad file, old or new; the matrix is taken from the first of X, layers and raw that holds counts."""
    with open_hdf5(path) as file:
        place, var, notes = _find_counts(file, path)
        features = _features(_read_frame(file[var], path))
        barcodes = decode(_read_frame(file["obs"], path).index)
        _check_shape(_shape(file[place]), len(barcodes), len(features), path, place)
    return CountTable(
        format="h5ad", barcodes=barcodes, features=features, rows=lambda: _h5ad_rows(path, place), notes=notes
    )


def read_zarr(path: Path) -> CountTable:
    """Read an AnnData zarr store; the matrix is held in memory."""
    import anndata
    import zarr

    try:
        store = zarr.open_group(str(path), mode="r")
        place, var, notes = _find_counts(store, path)
        features = _features(anndata.io.read_elem(store[var]))
        barcodes = decode(anndata.io.read_elem(store["obs"]).index)
        matrix = sp.csr_matrix(anndata.io.read_elem(store[place]))
    except (OSError, ValueError, KeyError) as error:
        msg = f"{path} is a zarr folder that cannot be read as AnnData ({error}). Copy it again, with its hidden files."
        raise UserError(msg) from error
    _check_shape(matrix.shape, len(barcodes), len(features), path, place)
    matrix.data = as_counts(matrix.data, path)
    return CountTable(format="zarr", barcodes=barcodes, features=features, rows=lambda: slices(matrix), notes=notes)


def read_loom(path: Path) -> CountTable:
    """Read a loom file: genes in rows, cells in columns."""
    with open_hdf5(path) as file:
        rows, columns = file["row_attrs"], file["col_attrs"]
        n_genes, n_cells = file["matrix"].shape
        names = _attribute(rows, ("Gene", "gene", *_NAME_COLUMNS, "var_names"), n_genes)
        ids = _attribute(rows, ("Accession", *_ID_COLUMNS), n_genes)
        if names is None and ids is None:
            msg = f"{path} has no gene names among its row attributes ({', '.join(rows)}). Add one called Gene."
            raise UserError(msg)
        barcodes = _attribute(columns, ("CellID", "cellid", "cell_id", "barcode", "obs_names"), n_cells)
        notes = [] if barcodes is not None else ["there is no CellID attribute; cells are numbered"]
        if barcodes is None:
            barcodes = np.array([f"cell{number}" for number in range(1, n_cells + 1)], dtype=object)
        evidence = why_not_counts(file["matrix"][:, : max(1, PROBE // max(1, n_genes))].ravel())
        place = "matrix"
        if evidence:
            place = next(
                (
                    f"layers/{name}"
                    for name in file.get("layers", {})
                    if not why_not_counts(file["layers"][name][:, : max(1, PROBE // max(1, n_genes))].ravel())
                ),
                "",
            )
            if not place:
                raise _no_counts(path, [f"matrix: {evidence}"])
            notes.append(f"counts taken from {place}")
    names, ids = (ids if names is None else names), (names if ids is None else ids)
    return CountTable(
        format="loom",
        barcodes=barcodes,
        features=pd.DataFrame({"name": names, "id": ids, "type": "", "genome": ""}),
        rows=lambda: _dense_rows(path, place, transposed=True),
        notes=notes,
    )


def _find_counts(store, path: Path) -> tuple[str, str, list[str]]:
    """Return the place of the counts, the place of their var, and notes."""
    layers = list(store["layers"]) if "layers" in store else []
    layers.sort(key=lambda name: (name != "counts", "count" not in name.lower(), "raw" not in name.lower(), name))
    places = [("X", "var")] if "X" in store else []
    places += [(f"layers/{name}", "var") for name in layers]
    places += [("raw/X", "raw/var")] if "raw" in store and "X" in store["raw"] else []
    if "raw.X" in store:
        places.append(("raw.X", "raw.var"))
    tried = []
    for place, var in places:
        evidence = why_not_counts(_probe(store[place]))
        if not evidence:
            return place, var, [f"counts taken from {place} ({'; '.join(tried)})"] if tried else []
        tried.append(f"{place}: {evidence}")
    raise _no_counts(path, tried)


def _no_counts(path: Path, tried: list[str]) -> UserError:
    found = "; ".join(tried) or "no matrix at all"
    msg = (
        f"{path} holds no raw counts ({found}). Raw whole-number counts were looked for in X, layers and raw. Ask the "
        "authors for the counts, or give the matrices of the original deposit."
    )
    return UserError(msg)


def _probe(matrix) -> np.ndarray:
    """Read some values of a sparse or dense matrix on disk."""
    if hasattr(matrix, "keys"):
        data = matrix["data"]
        half = PROBE // 2
        return data[:] if data.shape[0] <= PROBE else np.concatenate([data[:half], data[-half:]])
    return np.asarray(matrix[: max(1, PROBE // max(1, matrix.shape[-1]))]).ravel()


def _shape(matrix) -> tuple[int, int]:
    if not hasattr(matrix, "keys"):
        return tuple(matrix.shape)
    return tuple(int(n) for n in matrix.attrs.get("shape", matrix.attrs.get("h5sparse_shape")))


def _check_shape(shape: tuple, n_cells: int, n_genes: int, path: Path, place: str) -> None:
    if tuple(shape) != (n_cells, n_genes):
        msg = (
            f"{path}: {place} is {shape[0]:,} x {shape[1]:,}, but there are {n_cells:,} cell names and {n_genes:,} "
            "gene names. The file is inconsistent; export it again."
        )
        raise UserError(msg)


def _h5ad_rows(path: Path, place: str) -> Iterator[sp.csr_matrix]:
    with open_hdf5(path) as file:
        matrix = file[place]
        if not hasattr(matrix, "keys"):
            yield from _dense_blocks(matrix, path, transposed=False)
            return
        encoding = str(matrix.attrs.get("encoding-type", matrix.attrs.get("h5sparse_format", "csr")))
        shape, indptr = _shape(matrix), matrix["indptr"][:].astype(np.int64)
        if encoding.startswith("csc"):
            whole = sp.csc_matrix((as_counts(matrix["data"][:], path), matrix["indices"][:], indptr), shape=shape)
            yield from slices(whole.tocsr())
            return
        for start, stop in spans(indptr, values=BLOCK_VALUES):
            span = slice(int(indptr[start]), int(indptr[stop]))
            block = sp.csr_matrix(
                (
                    as_counts(matrix["data"][span], path),
                    matrix["indices"][span].astype(np.int32),
                    (indptr[start : stop + 1] - indptr[start]).astype(np.int32),
                ),
                shape=(stop - start, shape[1]),
            )
            block.sum_duplicates()
            yield block


def _dense_rows(path: Path, place: str, *, transposed: bool) -> Iterator[sp.csr_matrix]:
    with open_hdf5(path) as file:
        yield from _dense_blocks(file[place], path, transposed=transposed)


def _dense_blocks(matrix, path: Path, *, transposed: bool) -> Iterator[sp.csr_matrix]:
    n_cells, n_genes = matrix.shape[::-1] if transposed else matrix.shape
    step = max(1, BLOCK_VALUES // max(1, n_genes))
    for start in range(0, n_cells, step):
        block = matrix[:, start : start + step].T if transposed else matrix[start : start + step]
        yield sp.csr_matrix(as_counts(np.ascontiguousarray(block), path))


def _read_frame(group, path: Path) -> pd.DataFrame:
    """Read obs or var, of today's files or of those before 2020 (one compound dataset)."""
    import anndata
    import h5py

    if isinstance(group, h5py.Dataset):
        table = group[:]
        columns = {
            name: decode(table[name]) if table[name].dtype.kind in "SOU" else table[name] for name in table.dtype.names
        }
        frame = pd.DataFrame(columns)
        return frame.set_index("index" if "index" in frame else frame.columns[0])
    try:
        return anndata.io.read_elem(group)
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = f"{path}: {group.name} cannot be read ({error}). Open the file with anndata and write it again."
        raise UserError(msg) from error


def _features(var: pd.DataFrame) -> pd.DataFrame:
    index = decode(var.index)
    columns = {name: _column(var, options) for name, options in (("name", _NAME_COLUMNS), ("id", _ID_COLUMNS))}
    types = _column(var, _TYPE_COLUMNS)
    genome = _column(var, ("genome",))
    empty = np.full(len(var), "", dtype=object)
    return pd.DataFrame(
        {
            "name": index if columns["name"] is None else columns["name"],
            "id": index if columns["id"] is None else columns["id"],
            "type": empty if types is None else types,
            "genome": empty if genome is None else genome,
        }
    )


def _column(var: pd.DataFrame, options: tuple[str, ...]) -> np.ndarray | None:
    for name in options:
        if name in var and not pd.api.types.is_numeric_dtype(var[name]):
            return decode(var[name].astype(object).where(var[name].notna(), ""))
    return None


def _attribute(group, options: tuple[str, ...], size: int) -> np.ndarray | None:
    for name in options:
        if name in group and group[name].shape == (size,):
            return decode(group[name][:])
    return None
