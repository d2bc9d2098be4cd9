"""Identity of the files that a user gives, by content: a step reruns when one of them is another file than before.

Snakemake compares dates, and of a folder only the folder's own: a file replaced inside a folder, or by one with an
older date (``cp -p``, ``rsync -a``, a restored backup), would leave old results in place.
"""

from __future__ import annotations

import functools
import hashlib
import os
from typing import TYPE_CHECKING

from mscape.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

WHOLE = 4 << 20  # bytes of an input up to which all of it is read
PIECE, PIECES = 1 << 16, 16  # of a larger file: sixteen pieces of 64 KiB, from its beginning to its end
LARGEST = 16  # files of a larger folder that are looked into; of the others size and date count
_STORE = {".zgroup", ".zattrs", ".zarray", ".zmetadata"}  # hidden files that belong to a zarr store


def identify_input(path: Path) -> str:
    """Compute the identity of a file or folder.

    Up to ``WHOLE`` bytes it follows from names and content alone. Of more, it follows from the names, sizes and dates
    of all files and from pieces of the largest ones, which takes some milliseconds for any size.

    Parameters
    ----------
    path
        Of the input; it need not exist.

    Returns
    -------
    Sixteen hexadecimal digits; "" if there is no such file.

    Raises
    ------
    mscape.errors.UserError
        If the folder leads into itself.
    """
    if not path.exists():
        return ""
    files = [(name, file, file.stat()) for name, file in sorted(_files(path))]
    whole = sum(state.st_size for _, _, state in files) <= WHOLE
    largest = {name for name, _, _ in sorted(files, key=lambda one: -one[2].st_size)[:LARGEST]}
    digest = hashlib.sha256()
    for name, file, state in files:
        date = 0 if whole else state.st_mtime_ns
        digest.update(f"{name}\0{state.st_size}\0{date}\0".encode("utf-8", "surrogateescape"))
        if whole or name in largest:
            digest.update(_content(file, state.st_size, state.st_mtime_ns, whole=whole))
    return digest.hexdigest()[:16]


def identify_inputs(paths: Iterable[Path]) -> list[str]:
    """Compute the identity of each of several files."""
    return [identify_input(path) for path in paths]


@functools.lru_cache(maxsize=100_000)  # Snakemake asks several times within one plan
def _content(file: Path, size: int, date: int, *, whole: bool) -> bytes:
    with file.open("rb") as opened:
        if whole:
            return hashlib.file_digest(opened, "sha256").digest()
        digest = hashlib.sha256()
        for number in range(PIECES):
            opened.seek((size - PIECE) * number // (PIECES - 1) if size > PIECE else 0)
            digest.update(opened.read(PIECE))
        return digest.digest()


def _files(path: Path) -> Iterable[tuple[str, Path]]:
    """Yield relative name and path of each file that a reader may look at."""
    if not path.is_dir():
        yield "", path
        return
    for folder, subfolders, names in os.walk(path, followlinks=True):
        here = type(path)(folder)
        if here.is_symlink() and here.resolve() in [here.parent.resolve(), *here.parent.resolve().parents]:
            msg = f"{here} is a link to a folder that it lies in. Remove the link; a folder may not lead into itself."
            raise UserError(msg)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in names:
            file = here / name
            if (not name.startswith(".") or name in _STORE) and file.is_file():
                yield file.relative_to(path).as_posix(), file
