"""Checksums of stage files: a file that is cut short, damaged, edited or another's is noticed before it is used.

An h5ad stage file ends with its own checksum, behind the bytes that HDF5 looks at. What a step wrote is recorded once
more beside it, in the folder ``.checksums``, so that another sample's or study's file in its place is noticed, too.
CRC-32 of a library that uses the processor's instructions: some milliseconds for 10 MB.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING

from isal import isal_zlib

from mscape.data.state_file import write_whole
from mscape.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

FOLDER = ".checksums"
PIECE = 1 << 22
_TRAILER = re.compile(rb"\nmscape checksum (\d{16}) ([0-9a-f]{8})\n\Z")
_LENGTH = len("\nmscape checksum \n") + 16 + 1 + 8


def close_with_checksum(path: str | Path) -> None:
    """Write a checksum at the end of an h5ad stage file, in place of one that stands there."""
    path = Path(path)
    size = path.stat().st_size
    with path.open("r+b") as file:
        stated = _read_trailer(file, size)
        size = stated[0] if stated else size
        file.seek(0)
        sum_ = _crc(file, size)
        file.seek(size)
        file.write(f"\nmscape checksum {size:016d} {sum_:08x}\n".encode())
        file.truncate()


def record(paths: Iterable[str | Path]) -> None:
    """Record the checksums of files that a step has written, beside them."""
    for path in map(Path, paths):
        if not path.is_file():
            continue
        folder = path.parent / FOLDER
        folder.mkdir(exist_ok=True)
        write_whole(folder / path.name, f"{_sample(path)}\t{path.stat().st_size}\t{_whole(path):08x}\n")


def verify(path: str | Path) -> None:
    """Stop unless a file is as the step wrote it, as far as that is recorded.

    Raises
    ------
    mscape.errors.UserError
        If it is damaged, cut short, edited, or not the file that was written here.
    """
    path = Path(path)
    if path.is_file():
        state = path.stat()
        _verify(path, state.st_size, state.st_mtime_ns)


def verify_stage(path: str | Path) -> None:
    """Stop unless a file is a whole h5ad stage file, as it was written; it is read once in a process.

    Raises
    ------
    mscape.errors.UserError
        As `verify`, and if the file does not end with its checksum.
    """
    path = Path(path)
    if not path.is_file():
        msg = f"{path}: there is no such file. Run the workflow again: it makes what is missing."
        raise UserError(msg)
    verify(path)
    with path.open("rb") as file:
        if _read_trailer(file, path.stat().st_size) is None:
            raise _not_as_written(path, "it does not end with its checksum")


@functools.lru_cache(maxsize=10_000)
def _verify(path: Path, size: int, date: int) -> None:
    with path.open("rb") as file:
        stated = _read_trailer(file, size)
        file.seek(0)
        content = _crc(file, size - _LENGTH if stated else size)
        if stated and stated != (size - _LENGTH, content):
            raise _not_as_written(path, "its content does not agree with the checksum at its end")
        whole = _crc(file, _LENGTH, content)
    noted = path.parent / FOLDER / path.name
    if not noted.is_file():
        return
    sample, *state = noted.read_text(encoding="utf-8", errors="replace").rstrip("\n").split("\t")
    if state != [str(size), f"{whole:08x}"]:
        raise _not_as_written(path, "it is not the file that was written here")
    if sample != _sample(path):
        raise _not_as_written(path, f"it was written for sample {sample}")


def _not_as_written(path: Path, why: str) -> UserError:
    msg = f"{path} is damaged, cut short, edited or another study's: {why}. Delete the file and run again."
    return UserError(msg)


def _sample(path: Path) -> str:
    """Sample whose folder a file is in, "" if in none."""
    return path.parent.name if path.parent.parent.name == "samples" else ""


def _whole(path: Path) -> int:
    """Checksum of all bytes; the one of the content that a file states is carried on, not computed again."""
    size = path.stat().st_size
    with path.open("rb") as file:
        stated = _read_trailer(file, size)
        file.seek(stated[0] if stated else 0)
        return _crc(file, _LENGTH, stated[1]) if stated else _crc(file, size)


def _crc(file: BinaryIO, size: int, sum_: int = 0) -> int:
    while size > 0 and (piece := file.read(min(PIECE, size))):
        sum_ = isal_zlib.crc32(piece, sum_)
        size -= len(piece)
    return sum_


def _read_trailer(file: BinaryIO, size: int) -> tuple[int, int] | None:
    """Length and checksum that a file states at its end; None if it states none."""
    file.seek(max(0, size - _LENGTH))
    match = _TRAILER.search(file.read(_LENGTH))
    return (int(match[1]), int(match[2], 16)) if match else None
