"""Read what markers are ranked by: sums of all genes, and values, a part of the genes at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from mscape.data import counts
from mscape.embedding import highly_variable_genes

if TYPE_CHECKING:
    from pathlib import Path

    from mscape.clustering.marker_sums import Sums

BLOCK = 1_000_000  # values read at a time, beside those that are held


def read_sums(path: str | Path, sums: Sums, *, cells: np.ndarray, totals: np.ndarray) -> None:
    """Sum up the chosen cells in one pass over the file.

    Parameters
    ----------
    path
        A whole stage file.
    sums
        Of the chosen cells; filled.
    cells
        Which cells of the file are chosen, bool, shape (n_cells_of_the_file,).
    totals
        Total counts of the chosen cells.
    """
    seen = 0
    for values in highly_variable_genes.log_blocks(path, None, cells=cells, totals=totals, block_values=BLOCK):
        sums.add(seen, values)
        seen += values.shape[0]


def split_genes(detected: np.ndarray, held: int) -> list[slice]:
    """Split the genes into parts of at most so many values.

    Parameters
    ----------
    detected
        In how many cells each gene is seen, shape (n_genes,).
    held
        Values that are held at a time; a single gene may exceed it.
    """
    indptr = np.concatenate([[0], np.cumsum(detected)])
    return [slice(*span) for span in counts.spans(indptr, values=held)]


def read_values(
    path: str | Path, part: slice, *, cells: np.ndarray, totals: np.ndarray, detected: np.ndarray
) -> sp.csc_matrix:
    """Read the log-normalised values of some genes, in one pass over the file.

    Parameters
    ----------
    path
        A whole stage file.
    part
        Which genes.
    cells
        Which cells, bool, shape (n_cells_of_the_file,).
    totals
        Total counts of these cells.
    detected
        In how many of these cells each gene is seen, shape (n_genes,).

    Returns
    -------
    CSC with sorted indices, float32, shape (cells.sum(), genes of the part).
    """
    indptr = np.concatenate([[0], np.cumsum(detected[part])])
    data, rows, place = np.empty(indptr[-1], np.float32), np.empty(indptr[-1], np.int32), indptr[:-1].copy()
    seen = 0
    for block in highly_variable_genes.log_blocks(path, part, cells=cells, totals=totals, block_values=BLOCK):
        block = block.tocsc()
        to = np.arange(block.nnz) + np.repeat(place - block.indptr[:-1], np.diff(block.indptr))
        data[to], rows[to] = block.data, block.indices + seen
        place += np.diff(block.indptr)
        seen += block.shape[0]
    return sp.csc_matrix((data, rows, indptr), shape=(seen, len(detected[part])))
