"""Watch over a step from another process: end it when it takes far too long, or when the run that began it is gone.

A library that loops in compiled code answers no signal of its own process, and a job outlives a run that was killed.
The module needs the standard library only, and is run as a script, so that it starts at once and holds little memory.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST_MINUTES, FACTOR = 30, 10  # limit of a step: ten times what it is estimated to take, at least half an hour
PAUSE = 1.0  # seconds between two looks at the run
STATE, PARENT, STARTED = 0, 1, 19  # places in `process_stat`


@contextlib.contextmanager
def watched(rule: str, log: Path, minutes: float | None) -> Iterator[None]:
    """Have the process watched as long as the context lasts.

    Parameters
    ----------
    rule, log
        For the message.
    minutes
        After which the step is ended; None for no limit.
    """
    reader, writer = os.pipe()
    limit = 60 * minutes if minutes else 0
    command = [
        sys.executable,
        "-I",
        "-S",
        __file__,
        str(os.getpid()),
        str(first_ancestor()),
        str(limit),
        rule,
        str(log),
    ]
    try:
        guard = subprocess.Popen(command, stdin=reader, close_fds=True)
    finally:
        os.close(reader)
    try:
        yield
    finally:
        os.close(writer)  # by which the guard knows that the step has ended
        guard.wait()


def limit_minutes(runtime: object) -> float | None:
    """Limit of a step whose rule states a runtime in minutes; None where it states none, as of downloads."""
    return max(LEAST_MINUTES, FACTOR * float(runtime)) if isinstance(runtime, int | float) else None


def first_ancestor() -> int:
    """Process id of the Snakemake that began the run; 0 where that is not known."""
    found, process = 0, os.getppid()
    with contextlib.suppress(OSError, ValueError, IndexError):
        while process > 1:
            found = process if _is_snakemake(Path(f"/proc/{process}")) else found
            process = int(process_stat(process)[PARENT])
    return found


def _is_snakemake(process: Path) -> bool:
    """Say whether a process is Snakemake itself, and not a shell that began it and may end before it."""
    words = process.joinpath("cmdline").read_text(errors="replace").split("\0")
    names = [Path(word).name for word in words[:4]]
    module = "-m" in words[:-1] and words[words.index("-m") + 1] == "snakemake"
    here = module or "snakemake" in names or any("/snakemake/__main__.py" in word for word in words[:4])
    return here and process.joinpath("exe").resolve().name.startswith("python")


def process_stat(process: int) -> list[str]:
    """Read what Linux states of a process behind its name; an OSError where there is no such process or no Linux."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def is_alive(process: int) -> bool:
    """Say whether a process runs."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with contextlib.suppress(OSError):
        return process_stat(process)[STATE] not in {"Z", "X"}
    return True


def stand_by(step: int, run: int, limit: float, rule: str, log: str) -> None:
    """Wait until the step ends; end it when the run is gone or the limit is reached."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal: the step decides
    end = time.monotonic() + limit if limit else None
    while not select.select([0], [], [], PAUSE)[0]:
        if run and not is_alive(run):
            break
        if end is not None and time.monotonic() >= end:
            what = (
                f"it did not end within {limit / 60:.3g} minutes, {FACTOR} times the estimate, and was stopped: a "
                "damaged input, or a machine that is far too busy. Check the input, then run again."
            )
            with open(log, "a", encoding="utf-8") as file:  # noqa: PTH123  as above
                file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} ERROR mscape: {what}\n")
            sys.stderr.write(f"\nmscape {rule}: {what}\n  (details: {log})\n")
            sys.stderr.flush()
            break
    else:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(step, signal.SIGKILL)


if __name__ == "__main__":
    own, begun, longest, name, place = sys.argv[1:]
    stand_by(int(own), int(begun), float(longest), name, place)
