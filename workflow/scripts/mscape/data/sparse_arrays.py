"""Check the arrays of a sparse matrix before compiled code trusts them.

SciPy's compiled routines write where indices and row pointers say, inside their arrays or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from mscape.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def check_pointers(indptr: Any, *, n_rows: int, n_values: int, path: str | Path) -> np.ndarray:
    """Check where the rows of a CSR matrix, or the columns of a CSC one, begin.

    Parameters
    ----------
    indptr
        As stored, shape (n_rows + 1,).
    n_rows, n_values
        Rows, or columns, and stored values of the matrix.
    path
        Of the file, for the message.

    Returns
    -------
    The pointers, int64.

    Raises
    ------
    mscape.errors.UserError
        Unless they begin at 0, never fall and end at the number of values.
    """
    pointers = np.asarray(indptr)
    if pointers.ndim != 1 or pointers.dtype.kind not in "iu" or len(pointers) != n_rows + 1:
        raise _damaged(path, f"the pointers of {n_rows:,} rows are {pointers.dtype} of shape {pointers.shape}")
    if pointers[0] != 0 or pointers[-1] != n_values:
        raise _damaged(path, f"its rows begin at {pointers[0]:,} and end at {pointers[-1]:,} of {n_values:,} values")
    pointers = pointers.astype(np.int64)  # no pointer lies beyond the last one, unless one falls
    if (np.diff(pointers) < 0).any():
        raise _damaged(path, "a row ends before it begins")
    return pointers


def check_indices(indices: Any, *, size: int, path: str | Path) -> np.ndarray:
    """Check the positions of a sparse matrix's values.

    Parameters
    ----------
    indices
        As stored: columns of a CSR matrix, rows of a CSC one.
    size
        Number of these columns or rows.
    path
        Of the file, for the message.

    Returns
    -------
    The indices as they are, in int32 where they fit.

    Raises
    ------
    mscape.errors.UserError
        If one is negative or too large.
    """
    positions = np.asarray(indices)
    if positions.ndim != 1 or positions.dtype.kind not in "iu":
        raise _damaged(path, f"positions of values are {positions.dtype} of shape {positions.shape}")
    if positions.size and (positions.min() < 0 or positions.max() >= size):
        low, high = int(positions.min()), int(positions.max())
        raise _damaged(path, f"values are at positions {low:,} to {high:,}, but there are {size:,}")
    return positions.astype(np.int32 if size < 2**31 else np.int64, copy=False)


def check_matrix(
    data: Any, indices: Any, indptr: Any, shape: Sequence[int], *, encoding: str, path: str | Path
) -> sp.csr_matrix | sp.csc_matrix:
    """Put arrays of a file together after they were checked.

    Parameters
    ----------
    data, indices, indptr
        As stored.
    shape
        Of the matrix.
    encoding
        ``csr`` or ``csc``.
    path
        Of the file, for the message.
    """
    n_major, n_minor = shape if encoding == "csr" else shape[::-1]
    values = np.asarray(data)
    if values.ndim != 1 or len(values) != len(indices):
        raise _damaged(path, f"there are {len(values):,} values and {len(indices):,} positions")
    pointers = check_pointers(indptr, n_rows=n_major, n_values=len(values), path=path)
    positions = check_indices(indices, size=n_minor, path=path)
    build = sp.csr_matrix if encoding == "csr" else sp.csc_matrix
    return build((values, positions, pointers), shape=tuple(shape))


def _damaged(path: str | Path, what: str) -> UserError:
    msg = f"{path} is damaged: {what}. Copy it again, or write it anew from the object that it was made of."
    return UserError(msg)
