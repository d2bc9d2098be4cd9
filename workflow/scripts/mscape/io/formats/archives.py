"""Unpack tar and zip archives safely: plain files only, nothing outside the target, no more than a stated size."""

from __future__ import annotations

import re
import tarfile
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mscape.errors import UserError
from mscape.io.formats.detect import damaged, identify
from mscape.io.formats.tenx import matches

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

MAX_BYTES = 200 * 2**30
MAX_FILES = 100_000
LONGEST_LIST = 100 * 2**20  # bytes of a list of names
_NAMES = re.compile(
    r"(features|genes|barcodes|cells|rows|cols|cell_metadata)[^/]*\.(tsv|txt|csv)(\.gz)?$", re.IGNORECASE
)
_ZARR = {".zgroup", ".zattrs", ".zarray", ".zmetadata"}  # hidden files without which a store is none
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")


@contextmanager
def unpacked(
    path: Path, *, member: str = "", scratch: Path | None = None, max_bytes: int = MAX_BYTES
) -> Iterator[Path]:
    """Unpack an archive into a folder that lives as long as the context.

    Parameters
    ----------
    path
        tar (also gzip, bzip2 or xz) or zip.
    member
        Unpack only the files whose path matches: a glob, or a part of the path. Archives inside are always
        looked into.
    scratch
        Where the folder is made.
    max_bytes
        Upper bound of what is written.

    Raises
    ------
    mscape.errors.UserError
        If the archive is damaged, too large, points outside of the target, or holds nothing that matches.
    """
    with tempfile.TemporaryDirectory(prefix=".unpack-", dir=scratch) as name:
        folder = Path(name)
        budget = unpack(path, folder, member=member, max_bytes=max_bytes)
        for inner in [file for file in sorted(folder.rglob("*")) if file.is_file() and _is_archive(file)]:
            target = inner.with_name(inner.name + ".d")
            target.mkdir()
            budget = unpack(inner, target, member="", max_bytes=budget)
            inner.unlink()
        yield folder


def unpack(path: Path, folder: Path, *, member: str = "", max_bytes: int = MAX_BYTES) -> int:
    """Unpack the files of one archive that match into a folder; return how many bytes of the budget are left."""
    names: list[str] = []
    written = 0
    try:
        for name, size, open_member in _members(path):
            names.append(name)
            if member and not _asked_for(name, size, member):
                continue
            target = _place(name, folder, path)
            written += size
            if written > max_bytes or len(names) > MAX_FILES:
                msg = (
                    f"{path} would unpack to more than {max_bytes / 2**30:,.0f} GiB or {MAX_FILES:,} files. Name the "
                    "files you need in the sheet's column 'member', or unpack it yourself."
                )
                raise UserError(msg)
            target.parent.mkdir(parents=True, exist_ok=True)
            with open_member() as source, target.open("wb") as sink:
                _copy(source, sink, size, path)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, OSError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise damaged(path, error) from error
    if not any(folder.iterdir()) or (member and names and not any(_fits(name, member) for name in names)):
        listed = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "") or "nothing"
        which = f"matches {member!r}" if member else "is a plain file"
        msg = f"{path}: nothing in it {which}; it holds {listed}. Correct the sheet's column 'member'."
        raise UserError(msg)
    return max_bytes - written


def _fits(name: str, member: str) -> bool:
    return matches(name, member) or name.lower().endswith(_ARCHIVES)


def _asked_for(name: str, size: int, member: str) -> bool:
    """Say whether a file is needed for a member: the member itself, an archive, or a list that may name its genes."""
    is_list = size < LONGEST_LIST and _NAMES.search(PurePosixPath(name).name) is not None
    return matches(name, member) or is_list or name.lower().endswith(_ARCHIVES)


def _members(path: Path) -> Iterator[tuple]:
    """Yield name, size and opener of each plain file; links, devices and hidden files are passed over."""
    if identify(path) == "zip":
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                is_link = (info.external_attr >> 16) & 0o170000 == 0o120000
                if not info.is_dir() and not is_link and _wanted(info.filename):
                    yield info.filename, info.file_size, lambda info=info: archive.open(info)
        return
    with tarfile.open(path, "r:*") as archive:
        for member in archive:
            if member.isfile() and _wanted(member.name):
                yield member.name, member.size, lambda member=member: archive.extractfile(member)


def _wanted(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return "__MACOSX" not in parts and (not parts[-1].startswith(".") or parts[-1] in _ZARR)


def _place(name: str, folder: Path, path: Path) -> Path:
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in parts.parts[0]:
        msg = f"{path} holds {name!r}, which points outside of the archive. Do not use this file."
        raise UserError(msg)
    return folder.joinpath(*parts.parts)


def _copy(source: BinaryIO, sink: BinaryIO, size: int, path: Path) -> None:
    """Copy as many bytes as the archive's index announces and no more, even if the compressed stream is longer."""
    left = size
    while left:
        piece = source.read(min(left, 1 << 20))
        if not piece:
            raise damaged(path, EOFError(f"{left:,} bytes are missing"))
        sink.write(piece)
        left -= len(piece)
    if source.read(1):
        raise damaged(path, EOFError("a member is longer than announced"))


def _is_archive(path: Path) -> bool:
    return path.name.lower().endswith(_ARCHIVES) and identify(path) in {"tar", "zip"}
