"""Recognise the format of a file by its first bytes, and open it compressed or not."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mscape.errors import UserError
from mscape.io.formats.hdf5_guard import check_hdf5

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

HEAD = 65_536
OPEN_END = "{} ends within a line: is it cut short?"
_LACKING = re.compile(r"object '([^']+)' doesn't exist")  # h5py's words for a part that a file does not hold
READABLE = "a 10x folder, 10x h5, h5ad, loom, zarr, csv/tsv, Matrix Market or parquet file, or a tar/zip archive of one"
_WIDE = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # marks of text that a spreadsheet calls Unicode
_CORRUPT = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
_R = (b"X\n\x00\x00", b"A\n", b"RDX", b"RDA", b"B\n")
_REFUSED = {
    "rds": (
        "is an R object (.rds/.RData), which is not read here. In R, write its raw counts out with "
        "`DropletUtils::write10xCounts('folder', SeuratObject::GetAssayData(x, layer = 'counts'), version = '3')`, "
        "and give that folder"
    ),
    "html": (
        "is a web page, not data: the download probably ended at an error or login page. Download the file again "
        "and look at it"
    ),
    "xlsx": "is an Excel workbook, which turns genes such as SEPTIN2 into dates. Give the original text or h5 file",
    "xls": "is an Excel workbook, which turns genes such as SEPTIN2 into dates. Give the original text or h5 file",
    "bam": "holds aligned reads (BAM). Count them first (Cell Ranger, STARsolo, alevin-fry) and give the count matrix",
    "fastq": "holds raw reads (FASTQ). Count them first (Cell Ranger, STARsolo, alevin-fry) and give the count matrix",
    "pdf": "is a PDF. Give the count matrix itself",
    "json": "is JSON. Give the count matrix itself",
    "hdf5": "is an HDF5 file, but neither 10x, h5ad nor loom. Give one of these",
    "hdf5 compressed": "is a compressed HDF5 file. Unpack it first (`gunzip`) and give the unpacked file",
}


class Gunzip(io.RawIOBase):
    """A gzip file, also of several members; bytes behind its end that are no gzip are left, as gunzip leaves them.

    Parameters
    ----------
    path
        The file.
    mode
        Always ``rb``; there for the signature that openers share.

    Attributes
    ----------
    left_over
        Whether such bytes were met.
    """

    def __init__(self, path: Path, mode: str = "rb"):
        super().__init__()
        self._file = path.open(mode)
        self._inflate = zlib.decompressobj(31)
        self._rest = b""
        self.left_over = False

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer) -> int:
        """Fill a buffer with unpacked bytes; return how many there are, 0 at the end."""
        while True:
            raw = self._rest or self._file.read(1 << 17)
            self._rest = b""
            if self._inflate.eof:  # between two members, or at the end
                raw = raw.lstrip(b"\0") or self._file.read(1 << 17).lstrip(b"\0")
                if not raw:
                    return 0
                if not raw.startswith(b"\x1f\x8b"[: len(raw)]):
                    self.left_over = True
                    self._file.seek(0, io.SEEK_END)
                    return 0
                self._inflate = zlib.decompressobj(31)
            if not raw:
                msg = "compressed file ended before its end was reached"
                raise EOFError(msg)
            data = self._inflate.decompress(raw, len(buffer))
            self._rest = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            if data:
                buffer[: len(data)] = data
                return len(data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def _open_gzip(path: Path, mode: str = "rb") -> io.BufferedReader:
    return io.BufferedReader(Gunzip(path, mode), 1 << 17)


_OPEN: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": _open_gzip, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}


def refuse(path: Path, kind: str) -> UserError:
    """Make the error for a file that is known and cannot be read."""
    msg = f"{path} {_REFUSED.get(kind, 'is not recognised')}. Expected {READABLE}."
    return UserError(msg)


def identify(path: Path) -> str:
    """Name the kind of a file or folder by its content.

    Returns
    -------
    ``folder``, ``zarr``, ``10x h5 v2``, ``10x h5 v3``, ``h5ad``, ``loom``, ``mtx``, ``parquet``, ``tar``,
    ``zip``, ``text``, or one of the kinds that ``refuse`` explains (``rds``, ``html``, ``xlsx``, ...), else
    ``unknown``.

    Raises
    ------
    mscape.errors.UserError
        If it is missing, empty or damaged.
    """
    if path.is_dir():
        markers = (".zgroup", ".zattrs", "zarr.json")
        return "zarr" if any((path / name).exists() for name in markers) else "folder"
    if not path.is_file():
        msg = f"{path}: no such file or folder. Paths in a sample sheet are relative to the sheet."
        raise UserError(msg)
    with path.open("rb") as file:
        raw = file.read(HEAD)
    if not raw.strip(b"\0 \r\n\t"):
        msg = f"{path} is empty ({path.stat().st_size} bytes). Download or export it again."
        raise UserError(msg)
    if raw.startswith(b"\x89HDF"):
        return _identify_hdf5(path)
    if raw.startswith(b"PK\x03\x04"):
        return _identify_zip(path)
    if raw.startswith(tuple(_OPEN)):
        with open_binary(path) as file:
            inner = file.read(HEAD)
        if not inner:
            msg = f"{path} is compressed and holds nothing. Download or export it again."
            raise UserError(msg)
        kind = _identify_bytes(inner)
        return "hdf5 compressed" if inner.startswith(b"\x89HDF") else kind
    return _identify_bytes(raw)


def _identify_bytes(head: bytes) -> str:
    if head.startswith(tuple(_WIDE)):
        return "text"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:512].lower()
    if head[257:262] == b"ustar":
        return "tar"
    if head.startswith(b"%%MatrixMarket"):
        return "mtx"
    for magic, kind in (
        (b"PAR1", "parquet"),
        (b"BAM\1", "bam"),
        (b"%PDF", "pdf"),
        (b"\xd0\xcf\x11\xe0", "xls"),
        *((start, "rds") for start in _R),
    ):
        if head.startswith(magic):
            return kind
    if text.startswith((b"<!doctype html", b"<html", b"<?xml", b"<head")):
        return "html"
    if text.startswith((b"{", b"[")):
        return "json"
    if text.startswith(b"@") and b"\n+" in head[:4096]:
        return "fastq"
    return "unknown" if b"\0" in head[:4096] else "text"


def _identify_hdf5(path: Path) -> str:
    import h5py

    with open_hdf5(path) as file:
        if "mod" in file:
            return "h5mu"
        if {"assays", "cell.names"} <= set(file):
            return "h5seurat"
        if {"row_attrs", "col_attrs", "matrix"} <= set(file):
            return "loom"
        if {"obs", "var"} <= set(file):
            return "h5ad"
        groups = [item for item in file.values() if isinstance(item, h5py.Group)]
        if any({"barcodes", "features"} <= set(group) for group in groups):
            return "10x h5 v3"
        if any({"barcodes", "genes"} <= set(group) for group in groups):
            return "10x h5 v2"
    return "hdf5"


def _identify_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise damaged(path, error) from error
    if "xl/workbook.xml" in names:
        return "xlsx"
    return "zip"


def damaged(path: Path, error: BaseException) -> UserError:
    """Make the error for a file that ends early, has wrong bytes or, though whole, lacks a part of its kind."""
    lacking = _LACKING.search(str(error)) if isinstance(error, KeyError) else None
    if lacking:
        msg = (
            f"{path} lacks '{lacking[1]}', without which its counts cannot be read. Write it anew from the object that "
            "it was made of, or give the matrix of the original deposit."
        )
        return UserError(msg)
    detail = str(error).splitlines()[0][:120] if str(error).strip() else type(error).__name__
    detail = f"{type(error).__name__}: {detail}" if isinstance(error, KeyError | IndexError) else detail
    msg = f"{path} is damaged or cut short ({detail}). Download it again, or copy it again and compare its size."
    return UserError(msg)


@contextmanager
def open_hdf5(path: Path) -> Iterator:
    """Open an HDF5 file for reading, with the filters of hdf5plugin."""
    import h5py
    import hdf5plugin  # noqa: F401  registers filters

    check_hdf5(path)
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise damaged(path, error) from error
    with file:
        try:
            yield file
        except (OSError, RuntimeError) as error:
            raise damaged(path, error) from error


@contextmanager
def open_binary(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading bytes, unpacking gzip, bzip2 or xz as its first bytes say.

    Raises
    ------
    mscape.errors.UserError
        If the compressed data are damaged or cut short.
    """
    with path.open("rb") as file:
        magic = file.read(6)
    opener = next((opener for start, opener in _OPEN.items() if magic.startswith(start)), Path.open)
    try:
        with opener(path, "rb") as file:
            yield file
    except _CORRUPT as error:
        raise damaged(path, error) from error


def ends_open(path: Path) -> bool:
    """Say whether a file of text that is not compressed ends within a line: it may be cut short there."""
    with path.open("rb") as file:
        if file.read(6).startswith(tuple(_OPEN)):
            return False  # a compressed file that is cut short cannot be read to its end
        file.seek(-1, io.SEEK_END)
        return file.read(1) not in {b"\n", b"\r", b"\0"}


@contextmanager
def open_text(path: Path) -> Iterator[io.TextIOWrapper]:
    """Open a file for reading text in UTF-8 or, where its first bytes say so, UTF-16; compressed or not."""
    with open_binary(path) as file:
        encoding = next((name for mark, name in _WIDE.items() if file.read(2) == mark), "utf-8-sig")
    with open_binary(path) as file, io.TextIOWrapper(file, encoding=encoding, errors="replace") as text:
        yield text
