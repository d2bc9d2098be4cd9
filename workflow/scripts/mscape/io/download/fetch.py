"""Download a file so that it is whole or not there: resumed, retried, compared with its digest, then put in place."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import logging
import re
import time
from typing import TYPE_CHECKING

from mscape.data.state_file import write_whole
from mscape.errors import UserError
from mscape.io.download.transfer import Patience, download, forget
from mscape.io.download.urls import key_of, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

logger = logging.getLogger("mscape")
_LINE = re.compile(r"[^\t\0]+\t[0-9a-f]{64}\t\d+")


def fetch(
    url: str,
    target: Path,
    *,
    sha256: str = "",
    lock: Path | None = None,
    patience: Patience | None = None,
    check: Callable[[Path], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Download one file.

    While it is under way it is ``<target>.part``; only a whole and verified file bears the name ``target``.

    Parameters
    ----------
    url
        Address, as ``resolve`` gives it. Proxies are taken from the environment.
    target
        Where the file goes. If it is there and has the right digest, nothing is downloaded.
    sha256
        Digest that it must have. Without one, the digest in the lock table counts; without that, the digest
        of this first download is recorded there.
    lock
        Table of digests: url, sha256, bytes.
    patience
        How often and how long to try.
    check
        Raises if the content is visibly wrong; called before a first digest is recorded.
    sleep
        Waits between tries.

    Returns
    -------
    The file's sha256.

    Raises
    ------
    mscape.errors.UserError
        If it cannot be had, or is not what was expected.
    """
    patience = patience or Patience()
    expected = sha256 or (read_lock(lock).get(key_of(url), "") if lock else "")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target):
        if target.is_file() and expected:
            found = digest(target)
            if found == expected:
                return found
            logger.warning("%s is there with another digest (%s); it is downloaded again", target, found)
        part = target.with_name(target.name + ".part")
        with _disk(target):
            download(url, part, patience, sleep)
        found = digest(part)
        if expected and found != expected:
            forget(part)
            whose = "the sheet" if sha256 else f"{lock}, from the first download"
            msg = (
                f"{shown(url)} has sha256 {found}, but {expected} was expected (from {whose}). The file was changed at "
                "its source or damaged on the way: try again, and if it stays so, ask the authors first."
            )
            raise UserError(msg)
        if not expected and check is not None:
            try:
                check(part)
            except UserError as error:
                forget(part)
                msg = f"{shown(url)} was downloaded, but {str(error).replace(str(part), 'the file')}"
                raise UserError(msg) from error
        part.replace(target)
        forget(part)
        if lock and not sha256:
            write_lock(lock, key_of(url), found, target.stat().st_size)
    return found


def digest(path: Path) -> str:
    """Compute the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_lock(path: Path) -> dict[str, str]:
    """Read address -> sha256 from the table of digests; empty if there is none yet.

    A line that holds no digest, as a power cut may leave, is passed over: the file is then downloaded as a first time.
    """
    return {line.split("\t")[0]: line.split("\t")[1] for line in _lines(path)}


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[1:]
    return [line for line in lines if _LINE.fullmatch(line)]


def write_lock(path: Path, url: str, sha256: str, size: int) -> None:
    """Add a digest to the table, which other jobs may be writing too.

    Parameters
    ----------
    path
        The table.
    url
        Address, as ``urls.key_of`` writes it.
    sha256, size
        Of the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path):
        others = [line for line in _lines(path) if line.split("\t")[0] != url]
        lines = sorted({*others, f"{url}\t{sha256}\t{size}"})
        write_whole(path, "\n".join(["url\tsha256\tbytes", *lines]) + "\n")


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold other jobs back from the same file; the empty lock file stays, since removing it would let two jobs in."""
    lock = path.with_name(f".{path.name}.lock")
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _disk(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            msg = (
                f"the disk of {target.parent} is full. Make room; what was downloaded is kept and the next run goes on."
            )
            raise UserError(msg) from error
        raise
