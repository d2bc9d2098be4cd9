"""Chunks of an array on disk that are not there: what reads them takes them for zeros."""

from __future__ import annotations

from math import ceil, prod
from typing import TYPE_CHECKING, Any

from mscape.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


def missing_chunks(array: Any) -> tuple[int, int]:
    """Count the chunks of an array on disk that were never written, or were lost when the store was copied.

    Parameters
    ----------
    array
        Dataset of h5py, or array of zarr.

    Returns
    -------
    Chunks (of zarr: shards, where it has them) that are missing, and all of them; a dataset in one piece is one chunk.
    """
    if prod(array.shape) == 0:
        return 0, 0
    if array.chunks is None:
        return int(array.id.get_storage_size() == 0), 1
    if not hasattr(array, "nchunks_initialized"):
        n = _pieces(array.shape, array.chunks)
        return n - array.id.get_num_chunks(), n
    file = array.shards or array.chunks  # zarr counts all chunks of a shard, those beyond the array's end, too
    n = _pieces(array.shape, file)
    return n - array.nchunks_initialized // _pieces(file, array.chunks), n


def _pieces(shape: tuple[int, ...], piece: tuple[int, ...]) -> int:
    return prod(ceil(size / length) for size, length in zip(shape, piece, strict=True))


def refuse_missing(array: Any, path: Path) -> None:
    """Stop where a part of an array is missing that cannot be zeros.

    Zarr leaves out chunks of zeros. Values and positions of a sparse matrix and names of cells hold no such chunk.

    Raises
    ------
    mscape.errors.UserError
        With the number of chunks that are missing.
    """
    missing, n = missing_chunks(array)
    if missing:
        msg = (
            f"{path} is incomplete: {missing:,} of {n:,} chunks of {array.name.strip('/')} are missing, and would be "
            "read as zeros or blanks. Copy all of it again, or write it anew from the object that it was made of."
        )
        raise UserError(msg)


def note_missing(array: Any) -> list[str]:
    """Say that chunks of a dense matrix are read as zeros; empty if all are there."""
    missing, n = missing_chunks(array)
    if not missing:
        return []
    return [
        f"{missing:,} of {n:,} chunks of {array.name.strip('/')} are not in the file and were read as zeros: chunks of "
        "zeros that were left out, or an incomplete copy"
    ]
