"""Compiled loops over cells behind ``mscape.scoring``."""

from __future__ import annotations

import functools
import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable


def over_rows(kernel: Callable, matrix: tuple[np.ndarray, np.ndarray, np.ndarray], *rest) -> None:
    """Run a compiled loop on parts of the cells in parallel; each cell is summed by one thread, for any number of them.

    Threads of Python and not of numba, whose parallel loops take five times as long to compile.

    Parameters
    ----------
    kernel
        One of :func:`compiled`.
    matrix
        ``indptr``, ``indices`` and ``data`` of the cells' counts, CSR.
    rest
        The loop's other arguments.
    """
    import numba

    bounds = np.linspace(0, matrix[0].size - 1, numba.get_num_threads() + 1).astype(int)
    with ThreadPoolExecutor(len(bounds) - 1) as pool:
        list(pool.map(lambda start, stop: kernel((start, stop), matrix, *rest), bounds[:-1], bounds[1:]))


@functools.cache
def compiled() -> tuple[Callable, Callable]:
    """Compile the loops over cells: scores by weights of genes, and sums of ranks.

    Their first arguments are the first cell and the one behind the last, and the counts; arrays that belong together
    come as a tuple.
    """
    import numba

    @numba.njit(nogil=True, cache=True)
    def by_weight(cells, matrix, pool, sets, result):
        indptr, indices, data = matrix
        place, first, last, shift = pool
        weights, bins, size, linear, square = sets
        scores, centre, spread = result
        own, running = np.zeros(first.size), np.zeros(first.size + 1)
        score = np.zeros(weights.shape[1])
        sum1, sum2 = np.zeros(size.size), np.zeros(size.size)
        for row in range(cells[0], cells[1]):
            score[:], own[:], sum1[:], sum2[:] = 0, 0, 0, 0
            for j in range(indptr[row], indptr[row + 1]):
                gene, value = indices[j], data[j]
                for k in range(weights.shape[1]):
                    score[k] += value * weights[gene, k]
                if place[gene] >= 0:
                    own[place[gene]] = value
            for k in range(weights.shape[1]):
                scores[row, k] = score[k]
            for i in range(first.size):
                running[i + 1] = running[i] + own[i]
            for i in range(first.size):
                x = own[i]
                x -= (running[last[i]] - running[first[i]] - x) / (last[i] - first[i] - 1) + shift[i]
                sum1[bins[i]] += x
                sum2[bins[i]] += x * x
            for b in range(size.size):  # now mean and variance of the bin's genes in this cell
                n = max(size[b], 1.0)
                sum1[b] /= n
                sum2[b] = max(sum2[b] / n - sum1[b] * sum1[b], 0.0) * n / max(n - 1, 1.0)
            for k in range(linear.shape[1]):
                middle, variance = 0.0, 0.0
                for b in range(size.size):
                    middle += sum1[b] * linear[b, k]
                    variance += sum2[b] * square[b, k]
                centre[row, k], spread[row, k] = middle, math.sqrt(variance)

    @numba.njit(nogil=True, cache=True)
    def by_rank(cells, matrix, ranks, members, rank_sums):
        indptr, indices, data = matrix
        n_genes, max_rank = ranks
        member_start, member, sizes = members
        for row in range(cells[0], cells[1]):
            first, last, top = indptr[row], indptr[row + 1], 0
            for j in range(first, last):
                top = max(top, data[j])
            up_to = np.zeros(top + 2, np.int64)  # genes with fewer counts than this
            for j in range(first, last):
                up_to[data[j] + 1] += 1
            for count in range(1, top + 2):
                up_to[count] += up_to[count - 1]
            found = last - first
            bottom = min(found + (n_genes - found + 1) / 2, max_rank + 1)  # mean rank of the genes without counts
            for k in range(sizes.size):
                rank_sums[row, k] = sizes[k] * bottom
            for j in range(first, last):
                gene = indices[j]
                left, right = up_to[data[j]], up_to[data[j] + 1]
                rank = min(found - right + (right - left + 1) / 2, max_rank + 1)
                for m in range(member_start[gene], member_start[gene + 1]):
                    rank_sums[row, member[m]] += rank - bottom

    return by_weight, by_rank
