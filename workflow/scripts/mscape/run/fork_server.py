"""A process that has the libraries of the steps imported, and becomes a step by a fork.

It needs the standard library only, and is run as a script by :mod:`mscape.run.forked_steps`. It forks as long as it has
a single thread, imports while no step waits, and ends with the run; its forks die with it.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

# What nearly every step imports; then what several steps do, in the order of a study. None of it starts a thread.
FIRST = ["numpy", "pandas", "scipy.sparse", "yaml", "threadpoolctl", "isal.isal_zlib", "hdf5plugin", "anndata"]
FIRST += ["snakemake.logging", "snakemake.iocontainers"]
LATER = ["jsonschema", "scipy.stats", "scipy.sparse.linalg", "sklearn.neighbors", "numba", "sklearn.metrics"]
LATER += ["igraph", "leidenalg", "faiss", "scanpy", "jinja2"]
MANY = 3  # steps from which on the later ones pay
DEATH_OF_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


def serve(control: socket.socket) -> None:
    """Fork a process for each step that is asked for, until the run closes its end of the socket.

    A request is a socket on which a line of JSON comes (``script``, ``folder``, ``environment``) and two lines go back:
    the number of the process, and its status as :class:`subprocess.Popen` has it.
    """
    wake, libc = _wake_at_children(), ctypes.CDLL(None)
    running: dict[int, socket.socket] = {}
    asked, left = 0, LATER.copy()
    for name in FIRST:
        importlib.import_module(name)
    while True:
        gc.freeze()  # what is imported stays shared with the forks
        busy = asked >= MANY and left
        watched: list[Any] = [control, wake]
        ready = select.select(watched, [], [], 0 if busy else None)[0]
        if wake in ready:
            os.read(wake, 4096)
            _tell_ends(running)
        if control in ready:
            message, files, _, _ = socket.recv_fds(control, 1, 1)
            if not message or len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208  forks lack the other threads
                return
            asked += 1
            answer, server = socket.socket(fileno=files[0]), os.getpid()
            with answer.makefile("r", encoding="utf-8") as lines:
                job = json.loads(lines.readline())
            pid = os.fork()
            if not pid:
                libc.prctl(DEATH_OF_PARENT, signal.SIGKILL)
                if os.getppid() != server:
                    os._exit(1)
                for one in (control, answer, *running.values()):
                    one.close()
                _become(**job)
            running[pid] = answer
            answer.sendall(b"%d\n" % pid)
        elif busy and not ready:
            with contextlib.suppress(ImportError):  # the step that needs it says what is missing
                importlib.import_module(left.pop(0))


def _wake_at_children() -> int:
    """Give the end of a pipe that can be read once a child has ended; Ctrl-C is for the steps."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return reader


def _tell_ends(running: dict[int, socket.socket]) -> None:
    """Send the status of each process that has ended."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with running.pop(pid) as answer, contextlib.suppress(OSError):
            answer.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _become(script: str, folder: str, environment: dict[str, str]) -> NoReturn:
    """Run a script as Python would have run it, and end."""
    status: object = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        if "numba" in sys.modules:  # it reads the number of threads when it is imported
            sys.modules["numba"].config.reload_config()
        sys.path.insert(0, str(Path(script).parent))
        main, sys.argv = ModuleType("__main__"), [script]
        main.__file__ = script
        sys.modules["__main__"] = main
        exec(compile(Path(script).read_bytes(), script, "exec"), main.__dict__)
        status = 0
    except SystemExit as end:
        status = end.code
    except BaseException:  # noqa: BLE001  what Python does at the end of a script
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else int(status is not None))


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
