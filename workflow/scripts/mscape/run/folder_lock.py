"""Who works in a folder of results: a lock that a killed run left is removed, one of a living run is explained.

Snakemake's lock names nobody, and its message recommends ``--unlock`` while the other run may be alive.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import time
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError

from mscape.data.state_file import write_whole
from mscape.run.watchdog import PAUSE, STARTED, is_alive, process_stat

STATE = Path(".snakemake")
RUNS = "mscape_runs"


class FolderInUse(WorkflowError):  # type: ignore[misc]  # Snakemake carries no types
    """Another run works in the folder; in place of Snakemake's ``LockException``."""

    def __init__(self) -> None:
        living = [one for one in read_runs(STATE) if one["pid"] != os.getpid() and not is_over(one)]
        here = Path.cwd()
        if not living:
            who = "a run that left no trace of itself (another version, or a power cut)"
            what = "If none is at work there, give the same command with --unlock once"
        elif living[0]["host"] == socket.gethostname():
            who = f"another run, process {living[0]['pid']} on this machine, begun {living[0]['begun']}"
            what = "Wait until it ends, or stop it"
        else:
            who = f"a run on {living[0]['host']}, process {living[0]['pid']}, begun {living[0]['begun']}"
            what = "Wait until it ends; if it has been stopped there, give the same command with --unlock once"
        super().__init__(f"{here} is in use by {who}. {what}, then run again.")


def enter(state: Path = STATE) -> None:
    """Note that this process works in the folder, and remove the lock that a run which is over has left.

    Parameters
    ----------
    state
        Snakemake's folder.
    """
    runs = read_runs(state)
    over = [one for one in runs if is_over(one)]
    locks = list((state / "locks").glob("*.lock"))
    if locks and over and len(over) == len(runs):
        time.sleep(2 * PAUSE)  # until its jobs have ended, too: see mscape.run.watchdog
        for lock in locks:
            lock.unlink(missing_ok=True)
    for one in over:
        one["file"].unlink(missing_ok=True)
    own = state / RUNS / f"{socket.gethostname()}.{os.getpid()}.json"
    own.parent.mkdir(parents=True, exist_ok=True)
    begun = time.strftime("%Y-%m-%d %H:%M")
    record = {"pid": os.getpid(), "host": socket.gethostname(), "begun": begun, "start": start_of(os.getpid())}
    write_whole(own, json.dumps(record))
    atexit.register(own.unlink, missing_ok=True)


def read_runs(state: Path) -> list[dict[str, Any]]:
    """Read which runs are noted; what cannot be read is passed over."""
    found = []
    for file in sorted((state / RUNS).glob("*.json")):
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
            found.append(
                {
                    "file": file,
                    "pid": int(record["pid"]),
                    "host": str(record["host"]),
                    "begun": str(record["begun"]),
                    "start": str(record["start"]),
                }
            )
        except (OSError, ValueError, KeyError, TypeError):
            file.unlink(missing_ok=True)
    return found


def is_over(run: dict[str, Any]) -> bool:
    """Say whether a run of this machine has ended; of other machines that is not known."""
    if run["host"] != socket.gethostname():
        return False
    return not is_alive(run["pid"]) or start_of(run["pid"]) != run["start"]  # else its number was given to another


def start_of(process: int) -> str:
    """When a process was started, in the system's ticks; "" where that is not known."""
    try:
        return process_stat(process)[STARTED]
    except (OSError, IndexError):
        return ""
