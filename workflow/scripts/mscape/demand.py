"""What a job asks of its machine: memory and time from the size of its input, fitted to measured runs."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Demand:
    """Memory and time of one rule, linear in the MB that it reads.

    Attributes
    ----------
    base_mb, mb_per_mb
        Memory in MB without input, and for each MB of input.
    base_minutes, minutes_per_gb
        Time in minutes without input, and for each 1000 MB of input.
    """

    base_mb: float
    mb_per_mb: float
    base_minutes: float
    minutes_per_gb: float

    def memory_mb(self, size_mb: float, *, attempt: int = 1) -> int:
        """Memory in whole MB; every further attempt asks for as much again."""
        return math.ceil((self.base_mb + self.mb_per_mb * size_mb) * attempt)

    def minutes(self, size_mb: float, *, attempt: int = 1) -> int:
        """Time in whole minutes; every further attempt asks for as much again."""
        return math.ceil((self.base_minutes + self.minutes_per_gb * size_mb / 1000) * attempt)


UNMEASURED = Demand(base_mb=2000, mb_per_mb=8, base_minutes=30, minutes_per_gb=60)  # of a rule that is new


def read(path: str | Path) -> dict[str, Demand]:
    """Read ``resources/demand.tsv``: the demand of each rule."""
    with Path(path).open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return {row.pop("rule"): Demand(**{key: float(value) for key, value in row.items()}) for row in rows}


def size_mb(files: Iterable[str | Path]) -> float:
    """Size of files in MB (10^6 bytes), of a folder all that it holds; what is not there yet counts nothing."""
    return sum(_size(Path(file)) for file in files) / 1e6


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(_size(one) for one in path.iterdir())
    return path.stat().st_size if path.is_file() else 0
