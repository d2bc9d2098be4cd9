"""What a job asks of its machine: memory and time from the size of its input, fitted to measured runs."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MARGIN_MB = 1.3  # over the line above all jobs measured: other data are denser
MARGIN_TIME = 4.0  # other machines are slower, and share their disks
SHORTEST_MINUTES = 5
MB_PER_VALUE = 1.5e-6  # of a count that is not zero, in a compressed file


@dataclass(frozen=True)
class Demand:
    """Memory, time and disk of one rule, linear in the MB that a job reads.

    Attributes
    ----------
    per
        ``sample``, ``dataset`` or ``study``: what there is one job for (two, where a rule runs in two scopes).
    jobs
        How many jobs each of them has.
    base_mb, mb_per_mb
        Memory in MB without input, and for each MB of input.
    base_seconds, seconds_per_mb
        Time without input, and for each MB of input.
    read_share, written_share
        MB that a job reads, and writes, for each MB of the counts of its sample or dataset.
    """

    per: str
    jobs: float
    base_mb: float
    mb_per_mb: float
    base_seconds: float
    seconds_per_mb: float
    read_share: float
    written_share: float

    def memory_mb(self, size_mb: float, *, attempt: int = 1) -> int:
        """Memory to ask for, in whole MB; every further attempt asks for as much again."""
        return math.ceil((self.base_mb + self.mb_per_mb * size_mb) * MARGIN_MB * attempt)

    def minutes(self, size_mb: float, *, attempt: int = 1) -> int:
        """Time limit in whole minutes; every further attempt asks for as much again."""
        return math.ceil((SHORTEST_MINUTES + MARGIN_TIME * self.seconds(size_mb) / 60) * attempt)

    def seconds(self, size_mb: float) -> float:
        """Time to expect on a machine like the one measured."""
        return self.base_seconds + self.seconds_per_mb * size_mb


UNMEASURED = Demand(  # of a rule that is new
    per="dataset",
    jobs=1,
    base_mb=1500,
    mb_per_mb=8,
    base_seconds=60,
    seconds_per_mb=0.5,
    read_share=1,
    written_share=0,
)


def read(path: str | Path) -> dict[str, Demand]:
    """Read ``resources/demand.tsv``: the demand of each rule."""
    with Path(path).open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return {
        row.pop("rule"): Demand(**{key: value if key == "per" else float(value) for key, value in row.items()})
        for row in rows
    }


def size_mb(files: Iterable[str | Path]) -> float:
    """Size of files in MB (10^6 bytes), of a folder all that it holds; what is not there yet counts nothing."""
    return sum(_size(Path(file)) for file in files) / 1e6


def forecast(demands: Mapping[str, Demand], datasets: Mapping[str, Mapping[str, float]], *, cores: int) -> list[dict]:
    """Foretell time, memory and disk of each rule before a run.

    Parameters
    ----------
    demands
        Demand of each rule.
    datasets
        Dataset -> sample -> counts that are not zero.
    cores
        Of the run.

    Returns
    -------
    One row a rule: ``rule``, ``jobs``, ``memory_gb`` of its largest job, ``minutes`` of all its jobs in turn and
    ``disk_gb`` that they write; then a row ``all``: memory of the largest rule, disk of all, and the time of the run,
    jobs of samples spread over all cores and those of datasets over two.
    """
    rows, total = [], 0.0
    for rule, one in demands.items():
        sizes = [MB_PER_VALUE * value for size in datasets.values() for value in _units(one.per, size)]
        if one.per == "study":
            sizes = [sum(sizes)]
        seconds = one.jobs * sum(one.seconds(one.read_share * size) for size in sizes)
        total += seconds / min(cores, len(sizes) if one.per == "sample" else 2)
        rows.append(
            {
                "rule": rule,
                "jobs": round(one.jobs * len(sizes)),
                "memory_gb": max(one.base_mb + one.mb_per_mb * one.read_share * size for size in sizes) / 1e3,
                "minutes": seconds / 60,
                "disk_gb": one.jobs * sum(one.written_share * size for size in sizes) / 1e3,
            }
        )
    whole = {"rule": "all", "jobs": sum(row["jobs"] for row in rows), "minutes": total / 60}
    whole |= {"memory_gb": max(row["memory_gb"] for row in rows), "disk_gb": sum(row["disk_gb"] for row in rows)}
    return [*rows, whole]


def _units(per: str, samples: Mapping[str, float]) -> list[float]:
    return list(samples.values()) if per == "sample" else [sum(samples.values())]


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(_size(one) for one in path.iterdir())
    return path.stat().st_size if path.is_file() else 0
