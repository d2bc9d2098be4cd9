"""Start the steps of a run on this machine as forks of one process that has imported their libraries.

Snakemake starts a Python for each step, which imports for one to three seconds: a third of a small study. A fork takes
30 milliseconds, and is a process of its own all the same. One method of Snakemake's is replaced for it; where that
method is another, and wherever the server cannot be had, steps start as Snakemake starts them.
"""

from __future__ import annotations

import atexit
import inspect
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakemake.benchmark import benchmarked
from snakemake.script import PythonScript

from mscape.run import watchdog

if TYPE_CHECKING:
    from collections.abc import Callable

EXPECTED = ["self", "fname", "edit"]  # parameters of the method
THREADS = ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")  # as Snakemake sets them, and numba too
FOLDERS = ("TMPDIR", "TMP", "TEMPDIR", "TEMP")  # as Snakemake sets them, to its resource tmpdir


class ServerGone(Exception):
    """The server gave no status of a step, and no process works on it any more."""


class ForkServer:
    """The server as the run sees it: begun with the first step, ended with the run."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._lock = threading.Lock()

    def run(self, script: str, environment: dict[str, str], record: Any = None) -> int:
        """Run a script in a fork, in the folder of this process, and give its status, negative for a signal.

        ``record`` is Snakemake's of a benchmark, which is filled in. ServerGone is raised where there is no status.
        """
        ours, theirs = socket.socketpair()
        job = {"script": script, "folder": str(Path.cwd()), "environment": environment}
        with ours, ours.makefile("r", encoding="utf-8") as answers:
            try:
                with self._lock, theirs:
                    socket.send_fds(self._started(), [b"j"], [theirs.fileno()])
                ours.sendall(json.dumps(job).encode() + b"\n")
                begun = answers.readline()
            except OSError as error:
                raise ServerGone from error
            if not begun:
                raise ServerGone
            with benchmarked(False if record is None else int(begun), record):
                status = answers.readline()
        while not status and watchdog.is_alive(int(begun)):  # it dies with the server
            time.sleep(0.02)
        if not status:
            raise ServerGone
        return int(status)

    def _started(self) -> socket.socket:
        """Give the socket to the server, and start it at first."""
        if self._control is None:
            # When this end is closed the run is over, however that came about. A signal at the death of the parent
            # would come with the end of the thread that starts the server.
            self._control, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
            file = Path(__file__).with_name("fork_server.py")
            with other:
                command = [sys.executable, "-P", str(file), str(other.fileno())]
                self.process = subprocess.Popen(command, pass_fds=[other.fileno()], env=environment)
            atexit.register(self.close)
        return self._control

    def close(self) -> None:
        """End the server, and wait for it."""
        if self.process is not None and self._control is not None:
            self._control.close()
            self.process.kill()
            self.process.wait()


def install(is_local: Callable[[], bool]) -> ForkServer | None:
    """Let Snakemake run scripts by a server where it would start its own Python; ``is_local`` is asked at each step.

    Returns
    -------
    The server, not started yet; None where steps go on starting as Snakemake starts them.
    """
    plain = PythonScript.execute_script
    if sys.platform != "linux" or list(inspect.signature(plain).parameters) != EXPECTED:
        return None
    server = ForkServer()

    def execute_script(self: Any, fname: str, edit: bool = False) -> None:  # noqa: FBT001, FBT002  as it is called
        if self.conda_env or self.container_img or self.env_modules or not is_local():
            plain(self, fname, edit=edit)
            return
        environment = dict(os.environ) | {f"{name}_NUM_THREADS": str(self.threads) for name in THREADS}
        if folder := self.resources.get("tmpdir"):
            environment |= dict.fromkeys(FOLDERS, folder)
        try:
            status = server.run(fname, environment, self.bench_record)
        except ServerGone:
            plain(self, fname, edit=edit)
            return
        if status:
            raise subprocess.CalledProcessError(status, [sys.executable, fname])

    PythonScript.execute_script = execute_script
    return server
