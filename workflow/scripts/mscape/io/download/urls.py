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
_ACCESSION = re.compile(r"^geo:(GSM|GSE|GPL)(\d+):(.+)$", re.IGNORECASE)


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
            msg = f"{path!r} is not understood. Expected geo:GSM<number>:<file name> or geo:GSE<number>:<file name>."
            raise UserError(msg)
        kind, number, name = match.group(1).upper(), match.group(2), match.group(3)
        folder = {"GSM": "samples", "GSE": "series", "GPL": "platforms"}[kind]
        return f"{geo}/{folder}/{kind}{number[:-3]}nnn/{kind}{number}/suppl/{urllib.parse.quote(name)}"
    parts = urllib.parse.urlsplit(path)
    if parts.scheme == "s3":
        endpoint = os.environ.get(S3_ENDPOINT, "").rstrip("/")
        host = f"{endpoint}/{parts.netloc}" if endpoint else f"https://{parts.netloc}.s3.amazonaws.com"
        return f"{host}{parts.path}"
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


def is_remote(path: str) -> bool:
    """Say whether a sheet's path is an address and not a file of this machine."""
    return "://" in path or path.lower().startswith("geo:")
