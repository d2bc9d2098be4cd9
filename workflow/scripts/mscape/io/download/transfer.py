"""Get one file over as many connections as it takes, each of which goes on where the last one ended."""

from __future__ import annotations

import base64
import contextlib
import email.utils
import errno
import http.client
import ipaddress
import json
import logging
import shutil
import socket
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mscape.data.state_file import write_whole
from mscape.errors import UserError
from mscape.io.download.urls import key_of, name_of, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

logger = logging.getLogger("mscape")

PIECE = 1 << 20
PROGRESS_FROM = 50 * PIECE  # smaller steps of a download are not printed
_AGAIN = {408, 425, 429, 500, 502, 503, 504}  # a server says that later may go better
_GONE = {401: "needs a login", 403: "is not open to everyone", 404: "does not exist", 410: "was taken away"}


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


def probe(url: str, *, timeout: float = 20.0) -> int:
    """Ask for a file's size without downloading it.

    Returns
    -------
    Bytes, or -1 if the server does not say.

    Raises
    ------
    mscape.errors.UserError
        If it is not to be had, or there is no network.
    """
    request = _ask(url, method="HEAD")
    try:
        with _open(request, timeout=timeout) as answer:
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
    msg = f"{shown(url)} cannot be reached: {fault}. Check the network and the proxy settings (HTTPS_PROXY)."
    raise UserError(msg)


def download(url: str, part: Path, patience: Patience, sleep: Callable[[float], None]) -> None:
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
            number = attempt + 1
            logger.warning("%s: %s; try %d of %d in %.0f s", shown(url), reason, number, patience.attempts, wait)
            sleep(wait)
        else:
            return
    have = part.stat().st_size if part.is_file() else 0
    kept = f" {have:,} bytes are kept and the next run goes on from there." if have else ""
    msg = (
        f"{shown(url)} could not be downloaded: {reason} ({patience.attempts} tries).{kept} Check the network and the "
        "proxy settings (HTTPS_PROXY), or download the file yourself and give its path in the sheet."
    )
    raise UserError(msg)


def _transfer(url: str, part: Path, timeout: float) -> None:
    """Get what is missing of a file, in one connection."""
    note = part.with_name(part.name + ".json")
    have = part.stat().st_size if part.is_file() else 0
    known = _read_note(note) if have else {}
    if known.get("url") != key_of(url) or not known.get("tag"):
        have, known = 0, {}
    request = _ask(url)
    request.add_header("Accept-Encoding", "identity")
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", known["tag"])
    try:
        with _open(request, timeout=timeout) as answer:
            resumed = have > 0 and answer.status == 206 and _starts_at(answer.headers, have)
            have = have if resumed else 0
            length = answer.headers.get("Content-Length")
            total = have + int(length) if length and length.isdigit() else None
            tag = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
            if not tag.startswith("W/"):
                write_whole(note, json.dumps({"url": key_of(url), "tag": tag}))
            _check_space(part, total, have)
            with part.open("ab" if resumed else "wb") as file:
                for piece in _pieces(answer, url, have, total):
                    file.write(piece)
                    have += len(piece)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # the part is as long as the file or longer: begin anew
            forget(part)
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


def _ask(url: str, *, method: str = "GET") -> urllib.request.Request:
    """Make the request for an address; user and password go into a header that no redirect carries on."""
    parts = urllib.parse.urlsplit(url)
    login = parts.username is not None and parts.scheme in {"http", "https"}
    plain = url.replace(parts.netloc, parts.netloc.rpartition("@")[2], 1) if login else url
    request = urllib.request.Request(plain, method=method, headers={"User-Agent": "mscape"})
    if login:
        words = f"{urllib.parse.unquote(parts.username or '')}:{urllib.parse.unquote(parts.password or '')}"
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(words.encode()).decode()}")
    return request


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but from a public server to none of this machine or its network."""

    def redirect_request(self, request, answer, code, message, headers, address):  # noqa: PLR0917  as the library calls
        """Make the request for where a redirect leads."""
        old, new = (urllib.parse.urlsplit(one).hostname or "" for one in (request.full_url, address))
        if new != old and _is_private(new) and not _is_private(old):
            msg = (
                f"{shown(request.full_url)} leads to {new}, a private address. Give the address that it should lead to."
            )
            raise UserError(msg)
        return super().redirect_request(request, answer, code, message, headers, address)


def _open(request: urllib.request.Request, *, timeout: float):
    urllib.request.install_opener(urllib.request.build_opener(_Redirects))  # which reads the environment's proxies
    return urllib.request.urlopen(request, timeout=timeout)


def _is_private(host: str) -> bool:
    """Say whether a name is an address of this machine or of a private network."""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return False  # behind a proxy names need not be known here
    return any(not ipaddress.ip_address(str(one).partition("%")[0]).is_global for one in found)


def _read_note(note: Path) -> dict:
    """Read what is known of an unfinished download; nothing where that cannot be read."""
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _pieces(answer, url: str, have: int, total: int | None) -> Iterator[bytes]:
    """Read an answer piece by piece; log and print the progress every 10 %."""
    step = max((total or 0) // 10, PROGRESS_FROM)
    printed, begun, start = have, time.monotonic(), have
    while piece := answer.read1(PIECE) if hasattr(answer, "read1") else answer.read(PIECE):
        yield piece
        have += len(piece)
        if have - printed >= step:
            printed = have
            share = f"{have / total:.0%} of {total / 1e6:,.0f} MB" if total else f"{have / 1e6:,.0f} MB"
            speed = (have - start) / 1e6 / max(time.monotonic() - begun, 1e-3)
            logger.info("%s: %s, %.1f MB/s", shown(url), share, speed)
            sys.stderr.write(f"mscape download: {name_of(url)}: {share}, {speed:.1f} MB/s\n")


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
            f"{shown(url)} {_GONE[error.code]} (HTTP {error.code}). Correct the address in the sheet's column 'path'."
        )
    if error.code in _AGAIN:
        return _TryAgain(f"the server answers HTTP {error.code}", _retry_after(error.headers.get("Retry-After")))
    if 300 <= error.code < 400:
        return UserError(
            f"{shown(url)} leads round in circles (HTTP {error.code}). Give the address that it should lead to."
        )
    return UserError(
        f"{shown(url)}: the server answers HTTP {error.code} ({error.reason}). Look at the address in a browser."
    )


def _say_connection(url: str, error: urllib.error.URLError) -> Exception:
    host = urllib.parse.urlsplit(url).hostname or ""
    if isinstance(error.reason, socket.gaierror):
        return _TryAgain(f"the name {host} is not known here (no network?)")
    if isinstance(error.reason, TimeoutError):
        return _TryAgain(f"{host} does not answer")
    if isinstance(error.reason, OSError) and error.reason.errno in {errno.ENOENT, errno.EISDIR, errno.EACCES}:
        return UserError(f"{shown(url)}: {error.reason.strerror}. Correct the address in the sheet's column 'path'.")
    if "550" in str(error.reason):
        return UserError(
            f"{shown(url)} does not exist ({error.reason}). Correct the address in the sheet's column 'path'."
        )
    if "unknown url type" in str(error.reason) or "no host given" in str(error.reason):
        return UserError(f"{shown(url)} is no address ({error.reason}). Correct the sheet's column 'path'.")
    return _TryAgain(f"no connection to {host} ({error.reason})")


def _retry_after(text: str | None) -> float | None:
    if not text:
        return None
    if text.strip().isdigit():
        return float(text)
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    return None


def forget(part: Path) -> None:
    """Remove an unfinished download and what is known of it."""
    for path in (part, part.with_name(part.name + ".json")):
        path.unlink(missing_ok=True)
