"""Download a file so that it is whole or not there: resumed, retried, compared with its digest, then put in place."""

from __future__ import annotations

import contextlib
import email.utils
import errno
import fcntl
import hashlib
import http.client
import json
import logging
import re
import shutil
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mscape.step import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

logger = logging.getLogger("mscape")

GEO = "https://ftp.ncbi.nlm.nih.gov/geo"
PIECE = 1 << 20
_AGAIN = {408, 425, 429, 500, 502, 503, 504}  # a server says that later may go better
_GONE = {401: "needs a login", 403: "is not open to everyone", 404: "does not exist", 410: "was taken away"}
_ACCESSION = re.compile(r"^geo:(GSM|GSE|GPL)(\d+):(.+)$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often and how long to try.

    Parameters
    ----------
    attempts
        Tries for a file, each of which goes on where the last one ended.
    wait
        Seconds before the second try; doubled each time, at most ``longest``.
    longest
        Upper bound of a wait, also of what a server asks for (Retry-After).
    timeout
        Seconds without a byte after which a connection counts as stalled.
    """

    attempts: int = 6
    wait: float = 2.0
    longest: float = 120.0
    timeout: float = 60.0


class _TryAgain(Exception):
    """A failure that may pass."""

    def __init__(self, reason: str, wait: float | None = None):
        super().__init__(reason)
        self.wait = wait


def split_paths(text: str) -> list[str]:
    """Split a sheet's path that names several files (``;`` or white space between them)."""
    return [part for part in re.split(r"[;\s]+", text.strip()) if part]


def resolve(path: str, *, geo: str = GEO) -> str:
    """Turn ``geo:GSM123456:file``, ``s3://bucket/key`` and NCBI's ftp addresses into https addresses.

    Raises
    ------
    mscape.step.UserError
        If it is no address.
    """
    if path.lower().startswith("geo:"):
        match = _ACCESSION.match(path)
        if not match:
            msg = f"{path!r} is not understood. Expected geo:GSM<number>:<file name> or geo:GSE<number>:<file name>."
            raise UserError(msg)
        kind, number, name = match.group(1).upper(), match.group(2), match.group(3)
        folder = {"GSM": "samples", "GSE": "series", "GPL": "platforms"}[kind]
        return f"{geo}/{folder}/{kind}{number[:-3]}nnn/{kind}{number}/suppl/{urllib.parse.quote(name)}"
    parts = urllib.parse.urlsplit(path)
    if parts.scheme == "s3":
        return f"https://{parts.netloc}.s3.amazonaws.com{parts.path}"
    if parts.scheme == "ftp" and parts.netloc == "ftp.ncbi.nlm.nih.gov":
        return f"https://{parts.netloc}{parts.path}"
    if parts.scheme not in {"http", "https", "ftp", "file"} or not (parts.netloc or parts.path):
        msg = f"{path!r} is no address. Expected http(s)://, ftp://, file://, s3:// or geo:<accession>:<file>."
        raise UserError(msg)
    return path


def name_of(url: str) -> str:
    """File name at the end of an address, without what could lead out of a folder."""
    name = urllib.parse.unquote(urllib.parse.urlsplit(url).path.rsplit("/", 1)[-1])
    name = re.sub(r"[^\w.+@=-]", "_", name).lstrip(".")
    return name or "download"


def place_of(url: str) -> Path:
    """Place of a download among others: a folder of its own for each address, and its own name."""
    return Path(hashlib.sha256(url.encode()).hexdigest()[:12]) / name_of(url)


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
    mscape.step.UserError
        If it cannot be had, or is not what was expected.
    """
    patience = patience or Patience()
    expected = sha256 or (read_lock(lock).get(url, "") if lock else "")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target):
        if target.is_file() and expected:
            found = digest(target)
            if found == expected:
                return found
            logger.warning("%s is there with another digest (%s); it is downloaded again", target, found)
        part = target.with_name(target.name + ".part")
        with _disk(target):
            _download(url, part, patience, sleep)
        found = digest(part)
        if expected and found != expected:
            _forget(part)
            whose = "the sheet" if sha256 else f"{lock}, from the first download"
            msg = (
                f"{url} has sha256 {found}, but {expected} was expected (from {whose}). The file was changed at its "
                "source or damaged on the way: try again, and if it stays so, ask the authors first."
            )
            raise UserError(msg)
        if not expected and check is not None:
            try:
                check(part)
            except UserError as error:
                _forget(part)
                msg = f"{url} was downloaded, but {str(error).replace(str(part), 'the file')}"
                raise UserError(msg) from error
        part.replace(target)
        _forget(part)
        if lock and not sha256:
            write_lock(lock, url, found, target.stat().st_size)
    return found


def digest(path: Path) -> str:
    """Compute the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_lock(path: Path) -> dict[str, str]:
    """Read url -> sha256 from the lock table; empty if there is none yet."""
    if not path.is_file():
        return {}
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:] if line.strip()]
    return {row[0]: row[1] for row in rows if len(row) >= 2}


def write_lock(path: Path, url: str, sha256: str, size: int) -> None:
    """Add a digest to the lock table, which other jobs may be writing too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path):
        lines = path.read_text(encoding="utf-8").splitlines()[1:] if path.is_file() else []
        lines = sorted({*[line for line in lines if line.split("\t")[0] != url], f"{url}\t{sha256}\t{size}"})
        fresh = path.with_name(path.name + ".new")
        fresh.write_text("\n".join(["url\tsha256\tbytes", *lines]) + "\n", encoding="utf-8")
        fresh.replace(path)


def _download(url: str, part: Path, patience: Patience, sleep: Callable[[float], None]) -> None:
    """Fill the part file, going on where the last try ended."""
    reason = ""
    for attempt in range(1, patience.attempts + 1):
        try:
            _transfer(url, part, patience.timeout)
        except _TryAgain as error:
            reason = str(error)
            if attempt == patience.attempts:
                break
            wait = min(max(error.wait or 0, patience.wait * 2 ** (attempt - 1)), patience.longest)
            logger.warning("%s: %s; try %d of %d in %.0f s", url, reason, attempt + 1, patience.attempts, wait)
            sleep(wait)
        else:
            return
    have = part.stat().st_size if part.is_file() else 0
    kept = f" {have:,} bytes are kept and the next run goes on from there." if have else ""
    msg = (
        f"{url} could not be downloaded: {reason} ({patience.attempts} tries).{kept} Check the network and the proxy "
        "settings (HTTPS_PROXY), or download the file yourself and give its path in the sheet."
    )
    raise UserError(msg)


def _transfer(url: str, part: Path, timeout: float) -> None:
    """Get what is missing of a file, in one connection."""
    note = part.with_name(part.name + ".json")
    have = part.stat().st_size if part.is_file() else 0
    known = json.loads(note.read_text(encoding="utf-8")) if note.is_file() and have else {}
    if known.get("url") != url or not known.get("tag"):
        have, known = 0, {}
    request = urllib.request.Request(url, headers={"User-Agent": "mscape", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", known["tag"])
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            resumed = have > 0 and answer.status == 206 and _starts_at(answer.headers, have)
            have = have if resumed else 0
            length = answer.headers.get("Content-Length")
            total = have + int(length) if length and length.isdigit() else None
            tag = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
            if not tag.startswith("W/"):
                note.write_text(json.dumps({"url": url, "tag": tag}), encoding="utf-8")
            _check_space(part, total, have)
            with part.open("ab" if resumed else "wb") as file:
                for piece in _pieces(answer, url, have, total):
                    file.write(piece)
                    have += len(piece)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # the part is as long as the file or longer: begin anew
            _forget(part)
            what = "the server has no more bytes than are here"
            raise _TryAgain(what) from error
        raise _say_status(url, error) from error
    except urllib.error.URLError as error:
        raise _say_connection(url, error) from error
    except (TimeoutError, http.client.HTTPException, ConnectionError) as error:
        what = "no byte came" if isinstance(error, TimeoutError) else f"the connection broke ({type(error).__name__})"
        raise _TryAgain(what) from error
    if total is not None and have < total:
        what = f"the connection ended at {have:,} of {total:,} bytes"
        raise _TryAgain(what)


def _pieces(answer, url: str, have: int, total: int | None) -> Iterator[bytes]:
    """Read an answer piece by piece, and log each tenth of it."""
    step = max((total or 0) // 10, 50 * PIECE)
    told = have
    while piece := answer.read1(PIECE) if hasattr(answer, "read1") else answer.read(PIECE):
        yield piece
        have += len(piece)
        if have - told >= step:
            told = have
            share = f" of {total / 1e6:,.0f}" if total else ""
            logger.info("%s: %.0f%s MB", url, have / 1e6, share)


def _starts_at(headers, have: int) -> bool:
    return headers.get("Content-Range", "").startswith(f"bytes {have}-")


def _check_space(part: Path, total: int | None, have: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if total is not None and total - have > free:
        msg = f"{part.parent} has {free / 1e9:.1f} GB free, and {(total - have) / 1e9:.1f} GB are to come. Make room."
        raise UserError(msg)


def _say_status(url: str, error: urllib.error.HTTPError) -> Exception:
    if error.code in _GONE:
        return UserError(
            f"{url} {_GONE[error.code]} (HTTP {error.code}). Correct the address in the sheet's column 'path'."
        )
    if error.code in _AGAIN:
        return _TryAgain(f"the server answers HTTP {error.code}", _retry_after(error.headers.get("Retry-After")))
    if 300 <= error.code < 400:
        return UserError(f"{url} leads round in circles (HTTP {error.code}). Give the address that it should lead to.")
    return UserError(f"{url}: the server answers HTTP {error.code} ({error.reason}). Look at the address in a browser.")


def _say_connection(url: str, error: urllib.error.URLError) -> Exception:
    host = urllib.parse.urlsplit(url).netloc
    if isinstance(error.reason, socket.gaierror):
        return _TryAgain(f"the name {host} is not known here (no network?)")
    if isinstance(error.reason, TimeoutError):
        return _TryAgain(f"{host} does not answer")
    if isinstance(error.reason, OSError) and error.reason.errno in {errno.ENOENT, errno.EISDIR, errno.EACCES}:
        return UserError(f"{url}: {error.reason.strerror}. Correct the address in the sheet's column 'path'.")
    if "550" in str(error.reason):
        return UserError(f"{url} does not exist ({error.reason}). Correct the address in the sheet's column 'path'.")
    if "unknown url type" in str(error.reason) or "no host given" in str(error.reason):
        return UserError(f"{url} is no address ({error.reason}). Correct the sheet's column 'path'.")
    return _TryAgain(f"no connection to {host} ({error.reason})")


def _retry_after(text: str | None) -> float | None:
    if not text:
        return None
    if text.strip().isdigit():
        return float(text)
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    return None


def _forget(part: Path) -> None:
    for path in (part, part.with_name(part.name + ".json")):
        path.unlink(missing_ok=True)


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


def probe(url: str, *, timeout: float = 20.0) -> int:
    """Ask for a file's size without downloading it.

    Returns
    -------
    Bytes, or -1 if the server does not say.

    Raises
    ------
    mscape.step.UserError
        If it is not to be had, or there is no network.
    """
    request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "mscape"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            length = answer.headers.get("Content-Length") or ""
            return int(length) if length.isdigit() else -1
    except urllib.error.HTTPError as error:
        error.close()
        fault = _say_status(url, error)
    except urllib.error.URLError as error:
        fault = _say_connection(url, error)
    except (TimeoutError, http.client.HTTPException, ConnectionError) as error:
        fault = _TryAgain(f"the connection broke ({type(error).__name__})")
    if isinstance(fault, UserError):
        raise fault
    msg = f"{url} cannot be reached: {fault}. Check the network and the proxy settings (HTTPS_PROXY)."
    raise UserError(msg)
