"""Kill runs of a small study at random moments, give the same command again, compare with a run that was left alone.

``python benchmarks/reliability/kills.py --kills 100`` (a minute of a core for five kills) writes its table to
docs/reliability.md. Only processes that carry this command's own mark in their environment are ever signaled.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "workflow/scripts"), str(ROOT / "tests/support")]

import measured  # noqa: E402  beside this file
from digests import digest_results  # noqa: E402

from mscape.run.watchdog import PARENT, STATE, is_alive, process_stat  # noqa: E402

MARK = "MSCAPE_KILLS"  # variable that every process of a run inherits
GRACE = 5.0  # seconds in which processes end by themselves once the run is gone
LONGEST = 300  # seconds that a run may take to stop or to end
KINDS = {
    "group": "SIGKILL of all processes",
    "snakemake": "SIGKILL of Snakemake alone",
    "terminate": "SIGTERM of Snakemake",
    "interrupt": "SIGINT of all processes, as Ctrl-C sends it",
    "step": "SIGKILL of the process of a step",
    "server": "SIGKILL of the process that forks the steps",
}
CRATE = "results/ro-crate-metadata.json"
STUDY = {
    "title": "Killed study (simulated)",
    "datasets": {
        "tiny": {
            "culture": "expanded",
            "cluster": {"n_boot": 5},
            "simulate": {
                "seed": 7,
                "cells": 80,
                "genes": 1000,
                "lots": [
                    {"sample_id": "A", "donor_id": "D1", "tissue": "bone marrow", "passage": 3, "sex": "female"},
                    {"sample_id": "B", "donor_id": "D2", "tissue": "umbilical cord", "passage": 8, "sex": "male"},
                ],
            },
        }
    },
}


@dataclass
class Tally:
    """What happened.

    Attributes
    ----------
    kills
        Number by kind.
    stuck
        Kills after which the run did not stop, or the same command, given twice, did not go on.
    again
        Kills after which the command had to be given a second time.
    orphans
        Kills that left a process behind.
    folders
        Number of folders whose files were compared.
    files
        Number of files of the reference.
    differing
        Files that were missing, surplus or different, by folder.
    """

    kills: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    stuck: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    folders: int = 0
    files: int = 0
    differing: list[str] = field(default_factory=list)

    def rows(self) -> list[tuple[str, int, list[str]]]:
        """Give the rows of the table."""
        n = sum(self.kills.values())
        rows: list[tuple[str, int, list[str]]] = [
            (f"{KINDS[kind]}: the same command goes on", number, [one for one in self.stuck if f" {kind} " in one])
            for kind, number in self.kills.items()
        ]
        rows.append(("of these kills: the command is needed once only", n, self.again))
        stopped = n - self.kills["server"]
        rows.append(
            (f"of these kills, where the run ends: no process is left after {GRACE:.0f} s", stopped, self.orphans)
        )
        what = f"folders: after the kills all {self.files} files are those of a run that was left alone"
        return [*rows, (what, self.folders, self.differing)]


class Run:
    """A run of the study in a folder, with a session and a mark of its own."""

    def __init__(self, folder: Path) -> None:
        self.mark = uuid.uuid4().hex
        command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--directory", str(folder)]
        command += ["--configfile", str(folder / "study.yaml"), "--cores", "1"]
        self.said = folder / "terminal.txt"
        with self.said.open("w") as terminal:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=os.environ | {MARK: self.mark},
                stdout=terminal,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def others(self) -> list[int]:
        """List the processes of the run that are alive, but Snakemake itself."""
        found = []
        for place in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if place.name.isdigit() and f"{MARK}={self.mark}".encode() in (place / "environ").read_bytes():
                    found.append(int(place.name))
        return [one for one in found if one != self.process.pid and is_alive(one)]

    def victim(self, kind: str) -> int | None:
        """Find the process of a step, or the one that forks them; None where there is none just now."""
        processes = {}
        for one in self.others():
            with contextlib.suppress(OSError):
                processes[one] = (Path(f"/proc/{one}/cmdline").read_bytes(), int(process_stat(one)[PARENT]))
        servers = [
            one
            for one, (words, parent) in processes.items()
            if b"fork_server.py" in words and parent == self.process.pid
        ]
        steps = [one for one, (_, parent) in processes.items() if parent in servers]
        return next(iter(steps if kind == "step" else servers), None)

    def kill(self, kind: str) -> bool:
        """Send the signal of a kind; False where the run has ended before."""
        victim = self.process.pid
        if kind in ("step", "server"):
            while (found := self.victim(kind)) is None:
                if self.process.poll() is not None:
                    return False
                time.sleep(0.02)
            victim = found
        if self.process.poll() is not None:
            return False
        number = {"terminate": signal.SIGTERM, "interrupt": signal.SIGINT}.get(kind, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if kind in ("group", "interrupt") else os.kill)(victim, number)
        return True

    def wait(self, seconds: float) -> bool:
        """Say whether the run ends within a time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        return self.process.poll() is not None

    def left(self) -> list[str]:
        """Name the processes that are there some seconds after the end of the run."""
        end = time.monotonic() + GRACE
        while (found := self.others()) and time.monotonic() < end:
            time.sleep(0.1)
        names = []
        for one in found:
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{one}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                names.append(f"{process_stat(one)[STATE]} {words.strip()[-80:]}")
        return names

    def clear(self) -> None:
        """End all that is left of the run."""
        for one in [*self.others(), *([self.process.pid] if self.process.poll() is None else [])]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        self.process.wait()


def prepare(folder: Path) -> Path:
    """Make a fresh folder with the study's config."""
    folder.mkdir()
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    return folder


def digest(folder: Path) -> dict[str, str]:
    """Digest all results and simulated inputs of a folder; of the crate what is neither a time nor follows from one."""
    found = {
        f"{part}/{name}": value for part in ("results", "data") for name, value in digest_results(folder / part).items()
    }
    crate = json.loads((folder / CRATE).read_text())
    for entity in crate["@graph"]:
        for key in ("datePublished", "endTime", *(["sha256"] if entity["@id"].endswith("report.html") else [])):
            entity.pop(key, None)  # a report says when it was made, and is compared by itself
    return found | {CRATE: hashlib.sha256(json.dumps(crate).encode()).hexdigest()}


def finish(folder: Path) -> float:
    """Run the study to its end; the seconds it took.

    Raises
    ------
    RuntimeError
        If it does not end well.
    """
    begun, run = time.monotonic(), Run(folder)
    if not run.wait(2 * LONGEST) or run.process.returncode:
        run.clear()
        msg = f"a run that was left alone failed:\n{run.said.read_text()[-2000:]}"
        raise RuntimeError(msg)
    return time.monotonic() - begun


def kill_in_turn(folder: Path, kinds: list[str], moments: list[float], tally: Tally) -> bool:
    """Kill the run of a folder at moments of its whole work, giving the same command each time, then let it end.

    Parameters
    ----------
    folder
        As :func:`prepare` makes it.
    kinds
        Of the kills.
    moments
        Seconds of work from the start of the study to each kill, ascending.
    tally
        Is counted up.

    Returns
    -------
    Whether the run came to its end.
    """
    last, before, tries = "", 0.0, 0
    steps, run = list(zip(kinds, moments, strict=True)), None
    while True:
        run = run or Run(folder)
        ended = run.wait(steps[0][1] - before if steps else LONGEST)
        if ended and run.process.returncode:  # refused, or stopped by a fault
            tries += 1
            tally.again.append(last)
            print(run.said.read_text()[-1500:], flush=True)
            if tries > 1:
                tally.stuck.append(last)
                return False
            run = None
            continue
        tries = 0
        if ended:
            tally.orphans += [last] if run.left() else []
            run.clear()
            return True
        if not steps:
            run.clear()
            tally.stuck.append(last)
            return False
        kind, moment = steps.pop(0)
        if not run.kill(kind):
            continue
        tally.kills[kind] += 1
        last, before = f"{folder.name} {kind} at {moment:.1f} s", moment
        if kind == "server":  # the run itself goes on
            print(last, flush=True)
            continue
        if not run.wait(LONGEST):
            run.clear()
            tally.stuck.append(last)
            return False
        if left := run.left():
            tally.orphans.append(last)
            run.clear()
        print(last, f"status {run.process.returncode}", f"orphans {left}", flush=True)
        run = None


def measure(place: Path, kills: int, seed: int, *, per_folder: int = 5, until: float = float("inf")) -> Tally:
    """Kill runs in fresh folders until there were enough kills, or until a time.

    Parameters
    ----------
    place
        Empty folder.
    kills
        Number to reach; kinds take turns in a random order.
    seed
        Of kinds and moments.
    per_folder
        Kills of the study of one folder.
    until
        Time (as :func:`time.time`) after which no further folder is begun.
    """
    random_numbers, tally = random.Random(seed), Tally()
    whole = finish(prepare(place / "reference"))
    expected = digest(place / "reference")
    tally.files = len(expected)
    print(f"{len(expected)} files in {whole:.0f} s", flush=True)
    order: list[str] = []
    while sum(tally.kills.values()) < kills and time.time() < until:
        while len(order) < per_folder:
            order += random_numbers.sample(list(KINDS), len(KINDS))
        moments = sorted(random_numbers.uniform(0, whole) for _ in range(per_folder))
        folder = prepare(place / f"{tally.folders + 1}")
        tally.folders += 1
        kinds, order = order[:per_folder], order[per_folder:]
        if kill_in_turn(folder, kinds, moments, tally):
            found = digest(folder)
            odd = sorted(name for name in found | expected if found.get(name) != expected.get(name))
            tally.differing += [f"{folder.name}: {', '.join(odd)}"] if odd else []
        else:
            tally.differing.append(f"{folder.name}: no end")
        if not tally.differing or not tally.differing[-1].startswith(f"{folder.name}:"):
            shutil.rmtree(folder)
    return tally


def main() -> int:
    """Kill, write, and end with 1 if anything did not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="number of kills")
    parser.add_argument("--seed", type=int, default=0, help="of kinds and moments")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no further folder after this time")
    given = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # runs would inherit that it is ignored
    with tempfile.TemporaryDirectory(delete=False) as place:
        tally = measure(Path(place), given.kills, given.seed, until=time.time() + 60 * given.minutes)
    rows = tally.rows()
    measured.write(rows, " ".join(["python benchmarks/reliability/kills.py", *sys.argv[1:]]), block="kills")
    print(*rows, sep="\n")
    return int(bool(tally.stuck or tally.orphans or tally.differing))


if __name__ == "__main__":
    sys.exit(main())
