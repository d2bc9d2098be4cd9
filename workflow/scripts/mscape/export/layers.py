"""Write counts and log-normalised expression into the exported file, in blocks of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np
from isal import isal_zlib

from mscape.data import counts
from mscape.data.checksum import close_with_checksum

if TYPE_CHECKING:
    from pathlib import Path

CHUNK = 1 << 18  # values in a chunk of the compressed arrays
GZIP_LEVEL = 1
GZIP = {"compression": "gzip", "compression_opts": GZIP_LEVEL}


class ChunkWriter:
    """Fill an array of a file from parts, gzip-compressed outside HDF5.

    The file is the one that HDF5's own gzip filter writes, and any reader opens it; igzip takes a tenth of the time.

    Parameters
    ----------
    group, name, dtype
        Of the array that is made.
    size
        Values that will be added, at most.
    """

    def __init__(self, group: h5py.Group, name: str, size: int, dtype: type):
        self._chunk = min(CHUNK, max(size, 1))
        self._array = group.create_dataset(name, (size,), dtype=dtype, chunks=(self._chunk,), shuffle=True, **GZIP)
        self._pending: np.ndarray = np.zeros(0, dtype=dtype)
        self._at, self._size = 0, 0

    def add(self, values: np.ndarray) -> None:
        """Append values, shape (n,); what does not fill a chunk waits for the next."""
        self._size += len(values)
        self._pending = np.concatenate([self._pending, values.astype(self._array.dtype, copy=False)])
        whole = len(self._pending) // self._chunk * self._chunk
        for start in range(0, whole, self._chunk):
            self._write(self._pending[start : start + self._chunk])
        self._pending = self._pending[whole:]

    def close(self) -> None:
        """Write the last chunk, which HDF5 keeps at full length, and cut the array to what was added."""
        if len(self._pending):
            self._write(np.pad(self._pending, (0, self._chunk - len(self._pending))))
        if self._size < self._array.shape[0]:
            self._array.resize((self._size,))

    def _write(self, values: np.ndarray) -> None:
        by_place = np.ascontiguousarray(values.view(np.uint8).reshape(len(values), -1).T)  # HDF5's shuffle filter
        self._array.id.write_direct_chunk((self._at,), isal_zlib.compress(by_place, GZIP_LEVEL))
        self._at += len(values)


def write_matrices(
    path: str | Path,
    source: str | Path,
    *,
    raw: str = "layers/counts",
    dtype: type = np.int32,
    columns: np.ndarray | None = None,
    block_values: int = counts.BLOCK_VALUES,
) -> None:
    """Add counts and ``X`` = log1p of counts per 10,000 (float32) to a file, holding one block of rows.

    Both matrices have the same pattern, so the arrays of column indices and row starts are stored once and named twice
    (HDF5 hard links): readers see two ordinary CSR matrices.

    Parameters
    ----------
    path
        An h5ad file without matrices.
    source
        counts.h5ad.
    raw
        Where the counts go.
    dtype
        Type of the counts in the file.
    columns
        Columns of the source to write, in this order; all of them if not given. Counts per 10,000 are of all columns.
    block_values
        Values in a block.
    """
    with counts.open_file(source) as file:
        size = file["X/data"].shape[0]
        n_cells, n_genes = (int(n) for n in file["X"].attrs["shape"])
    shape = (n_cells, n_genes if columns is None else len(columns))
    with h5py.File(path, "r+") as file:
        for name in ("X", raw):
            if name in file:
                del file[name]
        layer, log = _create_csr(file, raw, shape), _create_csr(file, "X", shape)
        count = ChunkWriter(layer, "data", size, dtype)
        index = np.int32 if size <= np.iinfo(np.int32).max else np.int64  # scipy wants one type for both index arrays
        column = ChunkWriter(layer, "indices", size, index)
        value = ChunkWriter(log, "data", size, np.float32)
        starts, at = [np.zeros(1, dtype=np.int64)], 0
        for _, _, block in counts.blocks(source, block_values=block_values):
            block.sort_indices()
            normal = counts.lognorm(block, counts.totals(block))
            if columns is not None:
                block, normal = (matrix[:, columns] for matrix in (block, normal))
                block.sort_indices()
                normal.sort_indices()
            count.add(block.data)
            column.add(block.indices)
            value.add(normal.data)
            starts.append(block.indptr[1:].astype(np.int64) + at)
            at += block.nnz
        for writer in (count, column, value):
            writer.close()
        layer.create_dataset("indptr", data=np.concatenate(starts).astype(index), **GZIP)
        for name in ("indices", "indptr"):
            log[name] = layer[name]
    close_with_checksum(path)


def _create_csr(file: h5py.File, name: str, shape: tuple[int, int]) -> h5py.Group:
    group = file.create_group(name)
    group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": np.array(shape)})
    return group
