"""Turn what a sheet gives as a path into addresses, and addresses into places on this machine."""

from __future__ import annotations

import hashlib
import os
import re
import urllib.parse
from pathlib import Path

from mscape.errors import UserError

GEO = "https://ftp.ncbi.nlm.nih.gov/geo"
S3_ENDPOINT = "AWS_ENDPOINT_URL"  # environment variable that names another S3-compatible server
LONGEST_NAME = 120  # characters of a file's name
_ACCESSION = re.compile(r"^geo:(GSM|GSE|GPL)(\d+):(.+)$", re.IGNORECASE)


def shown(address: str) -> str:
    """Write an address as it may be shown and kept: without user, password, query and fragment.

    Passwords and access tokens stand there (``https://me:secret@host/a.h5``, ``...?X-Amz-Signature=...``).
    """
    address, *more = re.split(r"[?#]", _without_login(address), maxsplit=1)
    return address + ("?..." if more else "")


def shown_paths(text: str) -> str:
    """Write a sheet's path as it may be shown and kept; paths of this machine stay as they are."""
    return "; ".join(map(shown, split_paths(text))) if is_remote(text) else text


def key_of(url: str) -> str:
    """Name an address in files that are kept: as it is shown, and a digest of what is left out but for the password."""
    plain = _without_login(url)
    return plain if shown(plain) == plain else f"{shown(plain)}#{hashlib.sha256(plain.encode()).hexdigest()[:12]}"


def split_paths(text: str) -> list[str]:
    """Split a sheet's path that names several files (``;`` or white space between them)."""
    return [part for part in re.split(r"[;\s]+", text.strip()) if part]


def resolve(path: str, *, geo: str = GEO) -> str:
    """Turn ``geo:GSM123456:file``, ``s3://bucket/key`` and NCBI's ftp addresses into https addresses.

    Buckets are looked for at Amazon, or at the S3-compatible server that the environment's ``AWS_ENDPOINT_URL``
    names; they have to be open to everyone.

    Raises
    ------
    mscape.errors.UserError
        If it is no address.
    """
    if path.lower().startswith("geo:"):
        match = _ACCESSION.match(path)
        if not match:
            expected = "geo:GSM<number>:<file name> or geo:GSE<number>:<file name>"
            msg = f"{shown(path)!r} is not understood. Expected {expected}."
            raise UserError(msg)
        kind, number, name = match.group(1).upper(), match.group(2), match.group(3)
        folder = {"GSM": "samples", "GSE": "series", "GPL": "platforms"}[kind]
        return f"{geo}/{folder}/{kind}{number[:-3]}nnn/{kind}{number}/suppl/{urllib.parse.quote(name)}"
    try:
        parts = urllib.parse.urlsplit(path)
        _ = parts.port
    except ValueError:
        msg = f"{shown(path)!r} is no address. Correct the sheet's column 'path'."
        raise UserError(msg) from None
    if parts.scheme == "s3":
        endpoint = os.environ.get(S3_ENDPOINT, "").rstrip("/")
        host = f"{endpoint}/{parts.netloc}" if endpoint else f"https://{parts.netloc}.s3.amazonaws.com"
        return f"{host}{parts.path}"
    if parts.scheme == "ftp" and parts.netloc == "ftp.ncbi.nlm.nih.gov":
        return f"https://{parts.netloc}{parts.path}"
    if parts.scheme not in {"http", "https", "ftp", "file"} or not (parts.netloc or parts.path):
        msg = f"{shown(path)!r} is no address. Expected http(s)://, ftp://, file://, s3:// or geo:<accession>:<file>."
        raise UserError(msg)
    return path


def _without_login(url: str) -> str:
    """Leave out user and password, also where the password holds a slash that it should not."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url
    server, slash, path = rest.partition("/")
    if "@" in re.split(r"[?#]", server)[0]:
        return f"{scheme}://{server.rpartition('@')[2]}{slash}{path}"
    place = re.split(r"[?#]", rest)[0]
    if "@" in place and re.search(r":\D", server):
        return f"{scheme}://{place.rpartition('@')[2]}{rest[len(place) :]}"
    return url


def name_of(url: str) -> str:
    """File name at the end of an address, without what could lead out of a folder."""
    name = urllib.parse.unquote(urllib.parse.urlsplit(url).path.rsplit("/", 1)[-1])
    name = re.sub(r"[^\w.+@=-]", "_", name).lstrip(".")
    return name[-LONGEST_NAME:] or "download"  # the suffix is at the end


def place_of(url: str) -> Path:
    """Place of a download among others: a folder of its own for each address, and its own name."""
    return Path(hashlib.sha256(_without_login(url).encode()).hexdigest()[:12]) / name_of(url)


def is_remote(path: str) -> bool:
    """Say whether a sheet's path is an address and not a file of this machine."""
    return "://" in path or path.lower().startswith("geo:")
