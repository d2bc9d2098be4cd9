"""Read Matrix Market files in blocks of lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp

from mscape.errors import UserError
from mscape.io.formats.count_table import LARGEST, as_counts
from mscape.io.formats.detect import damaged, open_binary

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

BLOCK_LINES = 4_000_000


def read_shape(path: Path) -> tuple[int, int, int]:
    """Read number of rows, columns and stored values from the head of a Matrix Market file."""
    with open_binary(path) as file:
        return _read_head(file, path)


def read_matrix(path: Path, *, cells_in_rows: bool, block_lines: int = BLOCK_LINES) -> sp.csr_matrix:
    """Read a Matrix Market file of counts as cells x genes.

    Parameters
    ----------
    path
        The file, compressed or not.
    cells_in_rows
        Whether rows of the file are cells (kallisto, alevin) and not genes (10x).
    block_lines
        Lines parsed at a time.

    Returns
    -------
    CSR, shape (n_cells, n_genes), in the smallest unsigned types that hold its column indices and counts:
    with 16 bits each, 10^8 values take 400 MB.

    Raises
    ------
    mscape.errors.UserError
        If values are no counts, indices are out of range, or lines are missing.
    """
    with open_binary(path) as file:
        n_rows, n_cols, n_values = _read_head(file, path)
        n_cells, n_genes = (n_rows, n_cols) if cells_in_rows else (n_cols, n_rows)
        genes = np.empty(n_values, np.uint16 if n_genes <= 2**16 else np.uint32)
        counts = np.empty(n_values, np.uint16)
        per_cell = np.zeros(n_cells + 1, np.int64)
        cells: list[
            np.ndarray
        ] = []  # filled from the first line that is out of order: until there, per_cell gives the cells
        last, done = 0, 0
        for block in _read_blocks(file, path, block_lines):
            row, col, value = block
            cell, gene = (row, col) if cells_in_rows else (col, row)
            stop = done + len(value)
            if stop > n_values or _outside(cell, n_cells) or _outside(gene, n_genes):
                msg = (
                    f"{path}: line after value {done:,} does not fit the head of the file, which announces "
                    f"{n_rows:,} x {n_cols:,} with {n_values:,} values. Export the file again."
                )
                raise UserError(msg)
            value = as_counts(value, path)
            if counts.dtype == np.uint16 and value.max(initial=0) > 2**16 - 1:
                counts = counts.astype(np.uint32)
            genes[done:stop], counts[done:stop] = gene - 1, value
            if not cells and (cell[0] < last or (np.diff(cell) < 0).any()):
                cells.append(np.repeat(np.arange(n_cells + 1, dtype=np.int32), per_cell))
            if cells:
                cells.append(cell.astype(np.int32))
            per_cell += np.bincount(cell, minlength=n_cells + 1)
            last, done = cell[-1], stop
    if done < n_values:
        msg = (
            f"{path} is cut short: {done:,} of {n_values:,} values are there. Download or copy it again and compare "
            "its size."
        )
        raise UserError(msg)
    indptr = np.cumsum(per_cell)
    if cells:
        order = np.argsort(np.concatenate(cells), kind="stable")
        genes, counts = genes[order], counts[order]
    return _assemble(counts, genes, indptr, (n_cells, n_genes))


def _assemble(counts: np.ndarray, genes: np.ndarray, indptr: np.ndarray, shape: tuple[int, int]) -> sp.csr_matrix:
    """Put arrays into a CSR without the constructor's copy to wider index types."""
    matrix = sp.csr_matrix(shape, dtype=counts.dtype)
    matrix.data, matrix.indices, matrix.indptr = counts, genes, indptr
    return matrix


def _outside(index: np.ndarray, size: int) -> bool:
    return bool(index.min(initial=1) < 1 or index.max(initial=1) > size)


def _read_head(file: BinaryIO, path: Path) -> tuple[int, int, int]:
    first = file.readline(1000).decode("utf-8", "replace").lower().split()
    if first[:2] != ["%%matrixmarket", "matrix"]:
        msg = f"{path} does not begin with '%%MatrixMarket matrix'. Give a Matrix Market file."
        raise UserError(msg)
    if "coordinate" not in first or {"symmetric", "hermitian", "complex", "skew-symmetric"} & set(first):
        msg = f"{path}: expected a 'coordinate general' matrix, found {' '.join(first[2:])!r}. Export it again."
        raise UserError(msg)
    line = file.readline(10_000)
    while line.startswith(b"%") or (line and not line.strip()):
        line = file.readline(10_000)
    try:
        n_rows, n_cols, n_values = map(int, line.split())
    except ValueError as error:
        msg = f"{path}: the line with the matrix's size reads {line[:40]!r}, not three whole numbers. Export it again."
        raise UserError(msg) from error
    if max(n_rows, n_cols) > LARGEST:
        msg = f"{path} announces {n_rows} x {n_cols}, more than can be held. Export it again."
        raise UserError(msg)
    return n_rows, n_cols, n_values


def _read_blocks(file: BinaryIO, path: Path, block_lines: int):
    """Yield (row, column, value) of blocks of lines."""
    try:
        chunks = pd.read_csv(file, sep=r"\s+", header=None, chunksize=block_lines, comment="%", low_memory=False)
        for chunk in chunks:
            if chunk.shape[1] == 2:
                msg = f"{path} holds positions without values ('pattern'). Export it again with counts."
                raise UserError(msg)
            if chunk.shape[1] > 3:
                msg = (
                    f"{path} holds {chunk.shape[1] - 2} values a line, as an early STARsolo wrote spliced, unspliced "
                    "and ambiguous molecules. Give the folder Gene of the same run, which holds the counts."
                )
                raise UserError(msg)
            rows, columns, values = (chunk[name].to_numpy() for name in chunk.columns[:3])
            if rows.dtype.kind != "i" or columns.dtype.kind != "i" or values.dtype.kind not in "if":
                msg = f"{path} holds lines that are not 'row column value'. Export it again."
                raise UserError(msg)
            yield rows, columns, values
    except pd.errors.EmptyDataError:
        return
    except pd.errors.ParserError as error:
        raise damaged(path, error) from error
