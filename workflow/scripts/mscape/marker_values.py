"""Read what markers are ranked by: sums of all cells, and values of those tested, a part of the genes at a time."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from mscape import counts, variable_genes

if TYPE_CHECKING:
    from pathlib import Path

    from mscape.marker_sums import Sums

BLOCK = 1_000_000  # values read at a time, beside those that are held


def read_sums(path: str | Path, sums: Sums, *, cells: np.ndarray, tested: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Sum up all chosen cells in one pass, and count in how many of the tested ones each gene is seen.

    Parameters
    ----------
    path
        A whole stage file.
    sums
        Of the chosen cells; filled.
    cells
        Which cells of the file are chosen, bool, shape (n_cells_of_the_file,).
    tested
        Which of the chosen cells are tested, bool, shape (cells.sum(),).
    totals
        Total counts of the chosen cells.

    Returns
    -------
    Integers, shape (n_genes,).
    """
    seen, detected = 0, np.zeros(counts.read_shape(path)[1], dtype=np.int64)
    for values in variable_genes.log_blocks(path, None, cells=cells, totals=totals, block_values=BLOCK):
        sums.add(seen, values)
        here = slice(seen, seen + values.shape[0])
        detected += np.bincount(values[tested[here]].indices, minlength=len(detected))
        seen = here.stop
    return detected


def split_genes(detected: np.ndarray, held: int) -> list[slice]:
    """Split the genes into parts of at most so many values.

    Parameters
    ----------
    detected
        In how many cells each gene is seen, shape (n_genes,).
    held
        Values that are held at a time; a single gene may exceed it.
    """
    before, edges = np.concatenate([[0], np.cumsum(detected)]), [0]
    while edges[-1] < len(detected):
        last = int(np.searchsorted(before, before[edges[-1]] + held, side="right")) - 1
        edges.append(max(last, edges[-1] + 1))
    return list(itertools.starmap(slice, itertools.pairwise(edges)))


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
    for block in variable_genes.log_blocks(path, part, cells=cells, totals=totals, block_values=BLOCK):
        block = block.tocsc()
        to = np.arange(block.nnz) + np.repeat(place - block.indptr[:-1], np.diff(block.indptr))
        data[to], rows[to] = block.data, block.indices + seen
        place += np.diff(block.indptr)
        seen += block.shape[0]
    return sp.csc_matrix((data, rows, indptr), shape=(seen, len(detected[part])))
