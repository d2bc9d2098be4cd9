"""Random numbers and orders that depend on names, not on the order in which things are given."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


def generator(seed: int, *names: str) -> np.random.Generator:
    """Independent random generator for each name, regardless of what else is drawn before it."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])


def stable_order(names: Sequence[str], seed: int = 0) -> np.ndarray:
    """Shuffle cells by name: the same cells come first regardless of the input order."""
    keys = np.fromiter((zlib.crc32(f"{seed}/{name}".encode()) for name in names), dtype=np.int64)
    return np.lexsort((np.asarray(names, dtype=str), keys))
