"""Result of every reader: names, notes, and the counts as blocks of cells."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from mscape.data.counts import spans
from mscape.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import pandas as pd

BLOCK_VALUES = 10_000_000  # non-zero values read at a time
FEW_VALUES = 20  # below, two matrices may be equal by chance
EXACT_FLOAT16 = 2**11  # up to which it holds every whole number
LARGEST = np.iinfo(np.int32).max


def _no_column(name: str) -> np.ndarray:
    raise KeyError(name)


@dataclass(kw_only=True)
class CountTable:
    """Counts of one sample as found in a file.

    Parameters
    ----------
    format
        Name of the format as recognised, e.g. ``10x h5 v3``.
    barcodes
        Names of the cells as given, shape (n_cells,).
    features
        One row a feature; columns ``name`` (as given), ``id`` (as given, or ""), ``type`` (feature type, or
        ""), ``genome`` (or "").
    rows
        Starts an iteration over CSR blocks of cells, in the order of ``barcodes``; the columns are
        ``features``.
    notes
        What a user should know about how the file was read.
    chemistry
        Protocol that the file states, or "".
    maker
        Program that seems to have written the file, or "".
    matrix, why
        Which of the file's matrices the counts were taken from, and why.
    partial
        Whether the counts are a part of each gene's molecules only, such as the spliced ones.
    warnings
        What was done to the file's content that a user should look at.
    columns, column
        Names of the text columns that the file has of its cells, and the values of one of them, shape (n_cells,).
    """

    format: str
    barcodes: np.ndarray
    features: pd.DataFrame
    rows: Callable[[], Iterator[sp.csr_matrix]]
    notes: list[str] = field(default_factory=list)
    chemistry: str = ""
    maker: str = ""
    matrix: str = ""
    why: str = ""
    partial: bool = False
    warnings: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    column: Callable[[str], np.ndarray] = _no_column


def choose_cells(table: CountTable, chosen: np.ndarray) -> CountTable:
    """Keep some cells.

    Parameters
    ----------
    table
        Counts of a file.
    chosen
        Whether each cell is kept, shape (n_cells,).
    """

    def rows() -> Iterator[sp.csr_matrix]:
        start = 0
        for block in table.rows():
            mask = chosen[start : start + block.shape[0]]
            start += block.shape[0]
            if mask.any():
                yield block[mask]

    return replace(
        table, barcodes=table.barcodes[chosen], rows=rows, column=lambda name: np.asarray(table.column(name))[chosen]
    )


def as_counts(values: np.ndarray, path: Path | str) -> np.ndarray:
    """Turn values into int32 counts.

    Parameters
    ----------
    values
        Values of a matrix, of any numeric type.
    path
        Where they stand, for the message.

    Raises
    ------
    mscape.errors.UserError
        With the evidence, if a value is negative, not whole, not finite or too large for a count.
    """
    if values.size == 0 or (values.dtype == np.int32 and values.min() >= 0):
        return values.astype(np.int32, copy=False)
    evidence = why_not_counts(values)
    if evidence:
        msg = (
            f"{path}: these are not raw counts ({evidence}). Raw UMI or read counts are needed: whole numbers from 0 "
            "up. Give the file that holds the counts before normalisation."
        )
        raise UserError(msg)
    return values.astype(np.int32)


def why_not_counts(values: np.ndarray) -> str:
    """Say in a few words why values cannot be raw counts; "" if they can."""
    if values.size == 0:
        return ""
    if values.dtype.kind not in "iufb":
        return f"values of type {values.dtype}"
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(low) or not np.isfinite(high):
        return f"{int((~np.isfinite(values)).sum())} of {values.size} values are missing or infinite"
    if low < 0:
        share = float((values < 0).mean())
        return f"{share:.0%} of the values are negative, down to {low:.3g}: scaled or residual values"
    if high > LARGEST:
        return f"the largest value is {high:.3g}"
    if values.dtype == np.float16 and high > EXACT_FLOAT16:
        return f"float16 rounds whole numbers above {EXACT_FLOAT16:,}, and the largest value is {high:,.0f}"
    if values.dtype.kind == "f":
        decimal = values != np.rint(values)
        if decimal.any():
            first = float(values[decimal][0])
            kind = "log-transformed values" if high < 25 else "normalised or estimated values"
            return f"{decimal.mean():.0%} of the values have decimals, e.g. {first:.4g}, largest {high:.4g}: {kind}"
    return ""


def sum_counts(matrices: list[sp.csr_matrix], path: Path) -> sp.csr_matrix:
    """Sum matrices of counts of the same shape.

    Raises
    ------
    mscape.errors.UserError
        If a sum is larger than a count can be.
    """
    total = matrices[0]
    for one in matrices[1:]:
        total = total.astype(np.int64) + one.astype(np.int64)
    total = total.tocsr()
    total.data = as_counts(total.data, path)
    return total


def sum_parts(parts: Iterable[tuple[str, sp.csr_matrix]], path: Path) -> sp.csr_matrix:
    """Sum the parts of each gene's molecules (spliced, unspliced ...), which are of the same shape.

    Parameters
    ----------
    parts
        Name and matrix of each, taken one after the other.
    path
        The file or folder, for messages.

    Raises
    ------
    mscape.errors.UserError
        If two are copies of one matrix, so that the sum is no count, or a sum is larger than a count can be.
    """
    total: sp.csr_matrix | None = None
    seen: dict[bytes, str] = {}
    for name, part in parts:
        part.sort_indices()
        digest = hashlib.blake2b(part.indptr.astype(np.int64).tobytes())
        digest.update(part.indices.astype(np.int32).tobytes())
        digest.update(part.data.astype(np.int64).tobytes())
        before = seen.setdefault(digest.digest(), name)
        if before != name and part.nnz >= FEW_VALUES:
            msg = (
                f"{path}: {before} and {name} hold the same numbers: copies of one matrix, not parts of each gene's "
                f"molecules, and their sum is no count. Name the one to read in the sheet's column 'member' (files) or "
                "'parts' (layers)."
            )
            raise UserError(msg)
        total = part if total is None else sum_counts([total, part], path)
    if total is None:
        msg = "no part was given"
        raise ValueError(msg)
    return total


def sum_twins(block: sp.csr_matrix, path: Path | str) -> sp.csr_matrix:
    """Sum the values that stand at the same place of a block, in which each may stand once; sorts the places.

    Raises
    ------
    mscape.errors.UserError
        If a sum is larger than a count can be.
    """
    if not block.has_canonical_format:
        if int(block.data.max(initial=0)) * int(np.diff(block.indptr).max(initial=0)) > LARGEST:
            block.data = block.data.astype(np.int64)  # a sum of a row can be larger than int32 holds
        block.sum_duplicates()
        block.data = as_counts(block.data, path)
    return block


def slices(matrix: sp.csr_matrix, *, values: int = BLOCK_VALUES) -> Iterator[sp.csr_matrix]:
    """Cut a CSR matrix into blocks of rows that hold at most so many values, int32."""
    for start, stop in spans(matrix.indptr, values=values):
        span = slice(matrix.indptr[start], matrix.indptr[stop])
        indptr = (matrix.indptr[start : stop + 1] - matrix.indptr[start]).astype(np.int32)
        yield sp.csr_matrix(
            (matrix.data[span].astype(np.int32), matrix.indices[span].astype(np.int32), indptr),
            shape=(stop - start, matrix.shape[1]),
        )


def decode(values: Iterable) -> np.ndarray:
    """Turn names of any kind (bytes, objects, numbers) into an array of stripped strings."""
    return np.array(
        [
            (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip()
            for value in np.asarray(values)
        ],
        dtype=object,
    )
