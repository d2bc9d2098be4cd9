"""One way to read and write counts: blocks of rows, or the columns of some genes, never the whole matrix.

A source of counts is a stage file, or an AnnData in memory whose ``X`` holds them as CSR: the library's functions and
the workflow's steps take either.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from mscape.data.checksum import close_with_checksum, verify_stage
from mscape.data.prefetch import ahead
from mscape.data.sparse_arrays import check_indices, check_pointers
from mscape.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import h5py
    from anndata import AnnData

type Source = str | Path | AnnData

BLOCK_VALUES = 4_000_000  # non-zero values held at a time: 32 MB with their column indices
CHUNK = 1 << 17  # values that are compressed together


def write(adata: AnnData, path: str | Path) -> None:
    """Write a stage file, zstd-compressed.

    Parameters
    ----------
    adata
        Whole (``X`` = integer CSR counts) or light (no ``X``).
    path
        Target; its folder must exist.
    """
    adata.write_h5ad(path, **_zstd())
    close_with_checksum(path)


def open_file(path: str | Path) -> h5py.File:
    """Open a stage file for reading, with the filter that its compression needs.

    Raises
    ------
    mscape.errors.UserError
        Unless it is whole and as its step wrote it.
    """
    import h5py
    import hdf5plugin  # noqa: F401  registers zstd

    verify_stage(path)
    return h5py.File(path)


def read_light(source: Source, *, obs: Sequence[str] | None = None) -> AnnData:
    """Read everything of a source but its matrices (``X``, ``layers``, ``raw``).

    Parameters
    ----------
    source
        A stage file or an AnnData.
    obs
        Columns of ``obs`` to keep; all of them if not given.
    """
    import anndata

    slots = ("obs", "var", "obsm", "varm", "obsp", "uns")
    if isinstance(source, anndata.AnnData):
        parts = {key: getattr(source, key) for key in ("obs", "var")}
        parts |= {key: dict(getattr(source, key)) for key in slots[2:]}
    else:
        with open_file(source) as file:
            parts = {key: anndata.io.read_elem(file[key]) for key in slots if key in file}
    if obs is not None:
        parts["obs"] = parts["obs"][list(obs)]
    return anndata.AnnData(**parts)


def read_shape(source: Source) -> tuple[int, int]:
    """Numbers of cells and genes of a source of counts."""
    with _open_csr(source) as (_, _, _, shape):
        return int(shape[0]), int(shape[1])


def read_var(source: Source) -> pd.DataFrame:
    """Read ``var`` of a source, shape (n_genes, n_columns), index = gene symbols."""
    import anndata

    if isinstance(source, anndata.AnnData):
        return source.var
    with open_file(source) as file:
        return anndata.io.read_elem(file["var"])


def read_obs(source: Source) -> pd.DataFrame:
    """Read ``obs`` of a source, shape (n_cells, n_columns)."""
    import anndata

    if isinstance(source, anndata.AnnData):
        return source.obs
    with open_file(source) as file:
        return anndata.io.read_elem(file["obs"])


def blocks(
    source: Source, *, genes: Sequence[str] | np.ndarray | slice | None = None, block_values: int = BLOCK_VALUES
) -> Iterator[tuple[int, int, sp.csr_matrix]]:
    """Read counts a block of rows at a time, the next one while the caller works on this one.

    Parameters
    ----------
    source
        A whole stage file, or an AnnData, with ``X`` as CSR.
    genes
        Columns to keep: names, in this order, or a slice of all; every column if not given.
    block_values
        Upper bound of the non-zero values that a block holds before genes are chosen (a single row may exceed it).

    Yields
    ------
    start, stop
        The rows of the block.
    X
        Counts of these rows, CSR, shape (stop - start, n_genes), in the integer type of the file.

    Raises
    ------
    KeyError
        If a gene is not in ``var_names``.
    """
    columns = genes if genes is None or isinstance(genes, slice) else _columns(source, genes)
    with _open_csr(source) as (data, indices, indptr, shape):

        def read(rows: tuple[int, int]) -> tuple[int, int, sp.csr_matrix]:
            start, stop = rows
            span = slice(indptr[start], indptr[stop])
            where = check_indices(indices[span], size=shape[1], path=_named(source))
            arrays = data[span], where, indptr[start : stop + 1] - indptr[start]
            return start, stop, sp.csr_matrix(arrays, shape=(stop - start, shape[1]))

        for start, stop, block in ahead(read, spans(indptr, values=block_values)):
            yield start, stop, block if columns is None else block[:, columns]


def spans(indptr: np.ndarray, *, values: int) -> Iterator[tuple[int, int]]:
    """Split the rows of a CSR matrix, or the columns of a CSC one, into parts of at most so many values.

    Parameters
    ----------
    indptr
        Where each row begins and the last one ends, shape (n_rows + 1,).
    values
        Of a part; a single row may exceed it.

    Yields
    ------
    First row of a part, and the row after its last.
    """
    start, n_rows = 0, len(indptr) - 1
    while start < n_rows:
        stop = int(np.searchsorted(indptr, indptr[start] + values, side="right")) - 1
        stop = min(max(stop, start + 1), n_rows)
        yield start, stop
        start = stop


def read_genes(source: Source, genes: Sequence[str]) -> sp.csc_matrix:
    """Read the columns of some genes.

    Parameters
    ----------
    source
        A whole stage file, or an AnnData, with ``X`` as CSR.
    genes
        Names in ``var_names``; the columns of the result are in this order.

    Returns
    -------
    Counts, CSC, shape (n_cells, len(genes)).

    Raises
    ------
    KeyError
        If a gene is not in ``var_names``.
    """
    return sp.vstack([block for _, _, block in blocks(source, genes=genes)], format="csc")


def row_sums(source: Source) -> np.ndarray:
    """Total counts of each cell, int64, shape (n_cells,)."""
    return np.concatenate([totals(block) for _, _, block in blocks(source)])


def group_rows(groups: np.ndarray, n_groups: int) -> sp.csr_matrix:
    """Make the matrix whose product with counts sums them over groups of cells.

    Parameters
    ----------
    groups
        Group of each cell, int, shape (n_cells,); -1 for cells that are left out.
    n_groups
        Number of groups.

    Returns
    -------
    int64, shape (n_groups, n_cells).
    """
    cells = np.flatnonzero(groups >= 0)
    return sp.csr_matrix((np.ones(len(cells), np.int64), (groups[cells], cells)), shape=(n_groups, len(groups)))


def totals(block: sp.csr_matrix) -> np.ndarray:
    """Total counts of each cell of a block, int64, shape (n_cells,); no copy of the counts is made."""
    filled = np.flatnonzero(np.diff(block.indptr))
    sums = np.zeros(block.shape[0], dtype=np.int64)
    if filled.size:
        sums[filled] = np.add.reduceat(block.data, block.indptr[filled], dtype=np.int64)
    return sums


def lognorm(block: sp.csr_matrix, totals: np.ndarray, *, target: float = 1e4) -> sp.csr_matrix:
    """Scale each cell to the same total and take log(1 + x), as scanpy's ``normalize_total`` and ``log1p``.

    Parameters
    ----------
    block
        Counts, CSR, shape (n_cells, n_genes). Left as it is.
    totals
        Total counts of these cells over all genes, shape (n_cells,).
    target
        Counts a cell is scaled to.

    Returns
    -------
    float32 CSR of the same shape, sharing its index arrays with ``block``.
    """
    scale = (target / np.maximum(totals, 1)).astype(np.float32)
    data = np.repeat(scale, np.diff(block.indptr))
    np.log1p(np.multiply(block.data, data, out=data, dtype=np.float32), out=data)
    return sp.csr_matrix((data, block.indices, block.indptr), shape=block.shape)


def append(
    path: str | Path,
    parts: Iterable[sp.csr_matrix],
    *,
    obs: pd.DataFrame,
    var: pd.DataFrame,
    varm: dict[str, Any] | None = None,
    uns: dict[str, Any] | None = None,
) -> None:
    """Write a whole stage file from blocks of rows, holding one block at a time.

    Parameters
    ----------
    path
        Target.
    parts
        CSR blocks in the order of ``obs``; there must be at least one.
    obs, var, varm, uns
        The other slots. ``obs`` has as many rows as the blocks together.
    """
    import anndata
    import h5py

    write(anndata.AnnData(obs=obs, var=var, varm=varm or {}, uns=uns or {}), path)
    packed = {"shuffle": True, **_zstd()}  # bytes of one place are stored together, which suits small whole numbers
    pointers, rows = [np.zeros(1, dtype=np.int64)], 0
    with h5py.File(path, "r+") as file:
        if "X" in file:
            del file["X"]
        group = file.create_group("X")
        group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
        arrays: dict[str, h5py.Dataset] = {}
        for part in parts:
            if not arrays:
                arrays = {
                    key: group.create_dataset(key, (0,), dtype=dtype, maxshape=(None,), chunks=(CHUNK,), **packed)
                    for key, dtype in (("data", part.data.dtype), ("indices", np.int32))
                }
            start = int(pointers[-1][-1])
            for key, array in arrays.items():
                array.resize((start + part.nnz,))
                array[start:] = getattr(part, key)
            pointers.append(part.indptr[1:].astype(np.int64) + start)
            rows += part.shape[0]
        # both index arrays of one type, as readers expect
        indptr = np.concatenate(pointers)
        fits = indptr[-1] < 2**31
        group.create_dataset("indptr", data=indptr.astype(np.int32 if fits else np.int64), **packed)
        group.attrs["shape"] = np.array([rows, len(var)])
    close_with_checksum(path)
    if rows != len(obs):
        msg = f"{path}: {rows} rows of counts were written for {len(obs)} cells."
        raise ValueError(msg)


def _zstd() -> dict[str, Any]:
    import hdf5plugin

    return dict(hdf5plugin.Zstd(clevel=1))


def add_varm(path: str | Path, key: str, table: pd.DataFrame) -> None:
    """Add a table of the genes to a stage file; it is known only when all blocks are written."""
    import anndata
    import h5py

    with h5py.File(path, "r+") as file:
        anndata.io.write_elem(file["varm"], key, table)
    close_with_checksum(path)


def add_notes(path: str | Path, stage: str, notes: dict[str, str | dict[str, Any]]) -> None:
    """Add to ``uns["mscape"][stage]`` of a file what was only known once its counts were written."""
    import anndata
    import h5py

    with h5py.File(path, "r+") as file:
        for key, value in notes.items():
            anndata.io.write_elem(file["uns/mscape"][stage], key, value)
    close_with_checksum(path)


@contextmanager
def _open_csr(source: Source) -> Iterator[tuple[Any, ...]]:
    import anndata

    if isinstance(source, anndata.AnnData):
        if not (sp.issparse(source.X) and source.X.format == "csr"):
            msg = "expected counts in X as a CSR matrix (scipy.sparse.csr_matrix)."
            raise UserError(msg)
        yield source.X.data, source.X.indices, source.X.indptr.astype(np.int64), source.shape
        return
    with open_file(source) as file:
        group = file.get("X")
        if group is None or group.attrs.get("encoding-type") != "csr_matrix":
            msg = f"{source}: expected counts in X as a CSR matrix, as load_counts writes them."
            raise UserError(msg)
        shape, stored = tuple(group.attrs["shape"]), min(len(group["data"]), len(group["indices"]))
        indptr = check_pointers(group["indptr"][:], n_rows=int(shape[0]), n_values=stored, path=source)
        yield group["data"], group["indices"], indptr, shape


def _named(source: Source) -> str | Path:
    """Name a source in a message."""
    return source if isinstance(source, str | Path) else "the AnnData"


def _columns(source: Source, genes: Sequence[str] | np.ndarray) -> np.ndarray:
    columns: np.ndarray = read_var(source).index.get_indexer(pd.Index(genes))
    if (columns < 0).any():
        missing = [gene for gene, column in zip(genes, columns, strict=True) if column < 0]
        msg = f"{_named(source)} has no genes {missing}"
        raise KeyError(msg)
    return columns
