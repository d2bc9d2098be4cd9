"""Estimate memory and run time of a job by interpolation between benchmarked input sizes."""

from __future__ import annotations

import bisect
import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MARGIN_MB = 1.3  # over what was measured: other data are denser
MARGIN_TIME = 4.0  # other machines are slower, and share their disks
SHORTEST_MINUTES = 5
MB_PER_VALUE = 1.5e-6  # of a count that is not zero, in a compressed file


@dataclass(frozen=True)
class RuleResources:
    """Memory, time and disk of one rule by the MB that a job reads.

    Memory is no line: it grows until the blocks are full, and slower from there. So the measured sizes are kept, with
    straight lines between them; below the smallest nothing falls, beyond the largest the last line goes on.

    Attributes
    ----------
    per
        ``sample``, ``dataset`` or ``study``: what there is one job for (two, where a rule runs in two scopes).
    jobs
        How many jobs each of them has.
    read_share, written_share
        MB that a job reads, and writes, for each MB of the counts of its sample or dataset.
    size_mb, peak_mb, elapsed
        Measured: MB read, ascending, and the memory in MB and seconds of such a job, never falling.
    """

    per: str
    jobs: float
    read_share: float
    written_share: float
    size_mb: tuple[float, ...]
    peak_mb: tuple[float, ...]
    elapsed: tuple[float, ...]

    def memory_mb(self, size_mb: float, *, attempt: int = 1) -> int:
        """Memory to ask for, in whole MB; every further attempt asks for as much again."""
        return math.ceil(self.peak(size_mb) * MARGIN_MB * attempt)

    def minutes(self, size_mb: float, *, attempt: int = 1) -> int:
        """Time limit in whole minutes; every further attempt asks for as much again."""
        return math.ceil((SHORTEST_MINUTES + MARGIN_TIME * self.seconds(size_mb) / 60) * attempt)

    def peak(self, size_mb: float) -> float:
        """Memory in MB to expect."""
        return _along(size_mb, self.size_mb, self.peak_mb)

    def seconds(self, size_mb: float) -> float:
        """Time to expect on a machine like the one measured."""
        return _along(size_mb, self.size_mb, self.elapsed)


UNMEASURED = RuleResources(  # of a rule that is new
    per="dataset",
    jobs=1,
    read_share=1,
    written_share=0,
    size_mb=(0, 1000),
    peak_mb=(1500, 9500),
    elapsed=(60, 560),
)


def read(path: str | Path) -> dict[str, RuleResources]:
    """Read ``resources/rule_resources.tsv``, one row a rule and size: the resources of each rule."""
    found: dict[str, list[dict[str, Any]]] = {}
    with Path(path).open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            found.setdefault(row["rule"], []).append(row)
    return {
        rule: RuleResources(
            per=rows[0]["per"],
            jobs=float(rows[0]["jobs"]),
            read_share=float(rows[0]["read_share"]),
            written_share=float(rows[0]["written_share"]),
            size_mb=tuple(float(row["size_mb"]) for row in rows),
            peak_mb=tuple(float(row["peak_mb"]) for row in rows),
            elapsed=tuple(float(row["elapsed"]) for row in rows),
        )
        for rule, rows in found.items()
    }


def size_mb(files: Iterable[str | Path]) -> float:
    """Size of files in MB (10^6 bytes), of a folder all that it holds; what is not there yet counts nothing."""
    return sum(_size(Path(file)) for file in files) / 1e6


def estimate(
    measured: Mapping[str, RuleResources], datasets: Mapping[str, Mapping[str, float]], *, cores: int
) -> list[dict[str, Any]]:
    """Estimate time, memory and disk of each rule before a run.

    Parameters
    ----------
    measured
        RuleResources of each rule.
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
    rows: list[dict[str, Any]] = []
    total = 0.0
    for rule, one in measured.items():
        sizes = [MB_PER_VALUE * value for size in datasets.values() for value in _units(one.per, size)]
        if one.per == "study":
            sizes = [sum(sizes)]
        seconds = one.jobs * sum(one.seconds(one.read_share * size) for size in sizes)
        total += seconds / min(cores, len(sizes) if one.per == "sample" else 2)
        rows.append(
            {
                "rule": rule,
                "jobs": round(one.jobs * len(sizes)),
                "memory_gb": max(one.peak(one.read_share * size) for size in sizes) / 1e3,
                "minutes": seconds / 60,
                "disk_gb": one.jobs * sum(one.written_share * size for size in sizes) / 1e3,
            }
        )
    whole: dict[str, Any] = {"rule": "all", "jobs": sum(row["jobs"] for row in rows), "minutes": total / 60}
    whole |= {"memory_gb": max(row["memory_gb"] for row in rows), "disk_gb": sum(row["disk_gb"] for row in rows)}
    return [*rows, whole]


def _along(x: float, sizes: Sequence[float], values: Sequence[float]) -> float:
    """Value at x on the straight lines between measured points; the first below them, the last line beyond."""
    if x <= sizes[0] or len(sizes) == 1:
        return values[0]
    right = min(bisect.bisect_left(sizes, x), len(sizes) - 1)
    left = right - 1
    slope = (values[right] - values[left]) / (sizes[right] - sizes[left])
    return values[left] + slope * (x - sizes[left])


def _units(per: str, samples: Mapping[str, float]) -> list[float]:
    return list(samples.values()) if per == "sample" else [sum(samples.values())]


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(_size(one) for one in path.iterdir())
    return path.stat().st_size if path.is_file() else 0
