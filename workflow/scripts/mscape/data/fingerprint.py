"""Fingerprint of a count matrix, independent of its file format."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from mscape.data import counts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import scipy.sparse as sp


class MatrixDigest:
    """SHA-256 of the names and counts of a matrix that is seen block by block.

    The bytes of a file change with compression and time stamps, and blocks with the memory at hand; names and values
    do not.

    Parameters
    ----------
    names
        Of the cells, then of the genes.
    """

    def __init__(self, names: Iterable[str]):
        self._parts = [hashlib.sha256() for _ in range(4)]
        self._parts[0].update("".join(f"{name}\0" for name in names).encode())
        self.totals: list[np.ndarray] = []

    def watch(self, blocks: Iterable[sp.csr_matrix]) -> Iterator[sp.csr_matrix]:
        """Pass blocks through, CSR with sorted indices, and keep the total counts of their cells in ``totals``."""
        for block in blocks:
            for part, values in zip(self._parts[1:], (np.diff(block.indptr), block.indices, block.data), strict=True):
                part.update(np.ascontiguousarray(values, dtype="<i4").data)
            self.totals.append(counts.totals(block))
            yield block

    def hexdigest(self) -> str:
        """Digest of all blocks that were passed on, 64 hexadecimal digits."""
        return hashlib.sha256(b"".join(part.digest() for part in self._parts)).hexdigest()
