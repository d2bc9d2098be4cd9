"""Look through an HDF5 file of unknown origin before it is read: no way out of the file, and no names that never end.

HDF5 follows links to other files, and takes the values of a dataset from files that it names: the counts of a
stranger's file would be the bytes of a local one. Damaged names make libhdf5 loop for ever, or overwrite memory; they
are read once in a child process, which can be ended.
"""

from __future__ import annotations

import functools
import os
import select
import signal
import sys
import warnings
from typing import TYPE_CHECKING

from mscape.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

SECONDS, BYTES_PER_SECOND = 60.0, 5e6  # limit of reading all names: a minute, and more for larger files
ROWS = 100_000  # names read at a time


def check_hdf5(path: Path) -> None:
    """Stop if a file leads to other files, or its names cannot be read.

    Raises
    ------
    mscape.errors.UserError
        With what leads out of the file, or that it is damaged.
    """
    state = path.stat()
    _check(path, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=1000)
def _check(path: Path, size: int, date: int) -> None:
    if sys.platform != "linux":  # elsewhere a process with threads may not be forked
        said = find_fault(path)
    else:
        said = _in_a_child(path, limit=SECONDS + size / BYTES_PER_SECOND)
    if said:
        raise UserError(f"{path} {said}")  # noqa: EM102  the sentence is made below


def _in_a_child(path: Path, *, limit: float) -> str:
    """Look for faults in a child process; it is ended when it takes longer than ``limit`` seconds."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # of threads in the parent: the child uses HDF5 only, whose lock the h5py library carries over a fork
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            child = os.fork()
        except OSError:  # no memory to promise to a second process of this size
            os.close(reader)
            os.close(writer)
            return find_fault(path)
    if not child:
        try:
            os.write(writer, (find_fault(path) or " ").encode("utf-8", "replace")[:4000])
        finally:
            os._exit(0)
    os.close(writer)
    try:
        ended = bool(select.select([reader], [], [], limit)[0])
        said = os.read(reader, 4096).decode("utf-8", "replace") if ended else ""
    finally:
        os.close(reader)
        if not ended:
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if not ended:
        return f"is damaged: its names cannot be read to their end within {limit:.0f} s. Copy it again."
    return said.strip() if said else "is damaged: reading its names ends the process that does it. Copy it again."


def find_fault(path: Path) -> str:
    """Say in a sentence what leads out of a file; "" if nothing does, or the file is none that HDF5 opens."""
    import h5py
    import hdf5plugin  # noqa: F401  registers filters

    try:
        with h5py.File(path, "r") as file:
            return _look_through(file, set())
    except Exception:  # noqa: BLE001  the reader meets the same fault and says it
        return ""


def _look_through(group, seen: set) -> str:
    import h5py

    for name in group:
        link = group.get(name, getlink=True)
        where = f"{group.name.rstrip('/')}/{name}"
        if isinstance(link, h5py.ExternalLink):
            return f"takes {where} from another file ({link.filename!r}). Give a file that holds its data itself."
        if isinstance(link, h5py.SoftLink):
            continue  # leads to what is met by its own name
        item = group[name]
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            continue
        seen.add(address)
        if isinstance(item, h5py.Group):
            if said := _look_through(item, seen):
                return said
        elif isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                file = item.external[0][0] if item.external else next(iter(item.virtual_sources())).file_name
                return f"takes {where} from another file ({file!r}). Give a file that holds its data itself."
            _read_names(item)
    return ""


def _read_names(item) -> None:
    """Read a dataset whose values are of variable length, which stand in heaps of their own."""
    fields = [item.dtype] if item.dtype.names is None else [item.dtype[name] for name in item.dtype.names]
    if item.shape is None or not any(field.kind == "O" for field in fields):
        return
    if not item.shape:
        _ = item[()]
        return
    for start in range(0, item.shape[0], ROWS):
        _ = item[start : start + ROWS]
