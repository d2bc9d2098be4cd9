"""Read counts of one sample from any of the formats in which they are published, recognised by content."""

from __future__ import annotations

import errno
import re
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from mscape.errors import UserError
from mscape.io.formats import h5ad, tenx, text
from mscape.io.formats.count_table import choose_cells
from mscape.io.formats.detect import READABLE, damaged, identify, refuse
from mscape.io.formats.samples_in_file import match_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pandas as pd
    import scipy.sparse as sp

    from mscape.io.formats.count_table import CountTable

_FILTERED = re.compile(r"[_.-]?(?<!un)filter(ed|(?![a-z]))", re.IGNORECASE)
_RAW = re.compile(r"(?<![a-z])raw(?![a-z])|unfiltered", re.IGNORECASE)


class Format(NamedTuple):
    """A format in which counts are published.

    Attributes
    ----------
    name
        First words of ``CountTable.format``.
    sheet
        What a sample sheet may call it; a name may cover several formats.
    kinds
        What `identify` says of such a file; none where the format is a folder of several files.
    read
        Function of path, gene table and parts.
    """

    name: str
    sheet: tuple[str, ...]
    kinds: tuple[str, ...]
    read: Callable[[Path, pd.DataFrame | None, str], CountTable]


FORMATS = (
    Format("10x folder", ("10x", "10x_mtx", "mtx"), (), lambda path, _, parts: tenx.read_folder([path], parts=parts)),
    Format("10x h5", ("10x", "10x_h5"), ("10x h5 v2", "10x h5 v3"), lambda path, *_: tenx.read_h5(path)),
    Format("h5ad", ("h5ad",), ("h5ad",), lambda path, _, parts: h5ad.read_h5ad(path, parts=parts)),
    Format("h5mu", ("h5mu",), ("h5mu",), lambda path, _, parts: h5ad.read_h5mu(path, parts=parts)),
    Format("h5seurat", ("h5seurat",), ("h5seurat",), lambda path, *_: h5ad.read_h5seurat(path)),
    Format("loom", ("loom",), ("loom",), lambda path, _, parts: h5ad.read_loom(path, parts=parts)),
    Format("zarr", ("zarr",), ("zarr",), lambda path, _, parts: h5ad.read_zarr(path, parts=parts)),
    Format("matrix market", ("10x_mtx", "mtx"), ("mtx",), lambda path, _, parts: tenx.read_folder([path], parts=parts)),
    Format("text", ("csv", "tsv", "txt", "text"), ("text",), lambda path, known, _: text.read_text(path, known)),
    Format("parquet", ("parquet",), ("parquet",), lambda path, known, _: text.read_parquet(path, known)),
)


@contextmanager
def open_counts(
    path: Path,
    *,
    format: str = "auto",
    member: str = "",
    cells: str = "",
    parts: str = "",
    known: pd.DataFrame | None = None,
    scratch: Path | None = None,
) -> Iterator[CountTable]:
    """Open the counts of one sample.

    Parameters
    ----------
    path
        A file, a folder, or an archive.
    format
        ``auto``, or the expected format (a name of ``FORMATS``): a file that turns out to be another one is
        refused.
    member
        Which of several matrices of a folder or archive: a glob or a part of the path.
    cells
        Which cells of a file that holds several samples (see ``samples_in_file.match_cells``); all of them if "".
    parts
        Which parts of each gene's molecules to sum, where the file holds only parts: ``all``, or names with ``+``
        between them, such as ``spliced+ambiguous``.
    known
        Gene table with column ``symbol``, to distinguish genes from cells in text tables.
    scratch
        Where to unpack archives; the system's place for temporary files if not given.

    Yields
    ------
    The counts; they can be read as long as the context is open.

    Raises
    ------
    mscape.errors.UserError
        If there are no readable counts, or counts of more than one sample.
    """
    with _in_one_sentence(path):
        kind = identify(path)
        archive = _only_archive(path) if kind == "folder" else path if kind in {"tar", "zip"} else None
    if archive:
        from mscape.io.formats import archives

        with ExitStack() as stack:
            with _in_one_sentence(path):
                folder = stack.enter_context(archives.unpacked(archive, member=member, scratch=scratch))
                inside = _only_store(folder)
                if inside is not None:
                    table = _read_file(inside, "zarr", known, parts)
                else:
                    table = _read_folder(folder, member, known, parts, shown=path)
                table = _settle(table, format, cells, path)
            yield table
        return
    with _in_one_sentence(path):
        if kind == "folder":
            table = _read_folder(path, member, known, parts, shown=path)
        else:
            table = _read_file(path, kind, known, parts)
        table = _settle(table, format, cells, path)
    yield table


@contextmanager
def _in_one_sentence(path: Path) -> Iterator[None]:
    """Say whatever a library raises over a file of unknown origin in one sentence; the log has the library's words.

    Raises
    ------
    mscape.errors.UserError
        That the file is damaged, or announces more than memory holds.
    OSError
        What is no fault of the file: no space, no permission.
    """
    try:
        yield
    except UserError:
        raise
    except MemoryError as error:
        msg = f"{path} announces more than this machine's memory can hold ({error}). Compare it with its source."
        raise UserError(msg) from error
    except RecursionError as error:
        msg = f"{path} leads into itself without end. Give a folder or file without such links."
        raise UserError(msg) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno in {errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT}:
            raise
        raise damaged(path, error) from error


def _guarded(table: CountTable, path: Path) -> CountTable:
    """Let faults of a file that are met while its cells are read come as one sentence, too."""
    rows = table.rows

    def guarded() -> Iterator[sp.csr_matrix]:
        with _in_one_sentence(path):  # what the caller does between two blocks never enters a generator
            yield from rows()

    return replace(table, rows=guarded)


def _read_file(path: Path, kind: str, known: pd.DataFrame | None, parts: str) -> CountTable:
    for one in FORMATS:
        if kind in one.kinds:
            return one.read(path, known, parts)
    raise refuse(path, kind)


def _readable() -> set[str]:
    return {kind for one in FORMATS for kind in one.kinds}


def _only_store(folder: Path) -> Path | None:
    """Find the zarr store that an unpacked archive is, or that stands alone in it."""
    while True:
        if identify(folder) == "zarr":
            return folder
        inside = list(islice(folder.iterdir(), 2))
        if len(inside) != 1 or not inside[0].is_dir():
            return None
        folder = inside[0]


def _read_folder(folder: Path, member: str, known: pd.DataFrame | None, parts: str, *, shown: Path) -> CountTable:
    """Read the one sample in a folder: a matrix with the files of its names, else one file of another format."""
    matrices = _prefer_filtered(tenx.find_matrices(folder, member=member), folder)
    groups = tenx.group_parts(matrices)
    if len(groups) > 1:
        raise _several([group[0] for group in groups], folder, shown)
    if groups:
        return tenx.read_folder(groups[0], parts=parts)
    candidates = {path: identify(path) for path in _files(folder) if path.is_dir() or path.stat().st_size}
    if member:
        chosen = tenx.choose_member(list(candidates), folder, member)
        candidates = {path: kind for path, kind in candidates.items() if path in chosen}
    readable = _prefer_filtered([path for path, kind in candidates.items() if kind in _readable() - {"text"}], folder)
    names = " ".join(path.name.lower() for path in candidates)
    if not readable and ("barcodes" in names or "features" in names):
        there = ", ".join(sorted(path.name for path in candidates)[:6])
        msg = f"{shown} has no matrix.mtx (found {there}). A 10x folder holds barcodes, features (or genes) and matrix."
        raise UserError(msg)
    readable = readable or [path for path, kind in candidates.items() if kind == "text"]
    if len(readable) > 1:
        raise _several(readable, folder, shown)
    if readable:
        return _read_file(readable[0], candidates[readable[0]], known, parts)
    refused = [path for path, kind in candidates.items() if kind not in _readable() | {"unknown"}]
    if refused:
        raise refuse(refused[0], candidates[refused[0]])
    found = ", ".join(path.name for path in list(_files(folder))[:6]) or "nothing"
    which = f" that matches {member!r}" if member else ""
    msg = f"{shown} holds no counts{which} (found {found}). Expected {READABLE}."
    raise UserError(msg)


def _files(folder: Path) -> Iterator[Path]:
    """Yield files below a folder, and zarr stores as one."""
    for path in sorted(folder.iterdir()):
        leads_back = path.is_symlink() and folder.resolve().is_relative_to(path.resolve())
        if path.name.startswith(".") or leads_back:
            continue
        if path.is_dir() and identify(path) == "folder":
            yield from _files(path)
        else:
            yield path


def _only_archive(folder: Path) -> Path | None:
    """Find the one archive of a folder that holds nothing else, such as that of a fetched sample."""
    files = list(islice(_files(folder), 2))
    return files[0] if len(files) == 1 and identify(files[0]) in {"tar", "zip"} else None


def _prefer_filtered(paths: list[Path], folder: Path) -> list[Path]:
    """Leave out unfiltered matrices where filtered ones stand beside them, also of the same name but for the word."""
    names = {path: path.relative_to(folder).as_posix() for path in paths}
    filtered = [path for path, name in names.items() if _FILTERED.search(name)]
    same = {_FILTERED.sub("", names[path]) for path in filtered}
    raw = [path for path, name in names.items() if (_RAW.search(name) or name in same) and path not in filtered]
    return [path for path in paths if path not in raw] if filtered else paths


def _several(paths: list[Path], folder: Path, shown: Path) -> UserError:
    names = [path.relative_to(folder).as_posix() for path in paths]
    listed = ", ".join(names[:6]) + (f", and {len(names) - 6} more" if len(names) > 6 else "")
    msg = (
        f"{shown} holds {len(names)} matrices: {listed}. Give each sample its own row, and name its matrix in the "
        f"sheet's column 'member', e.g. {names[0]!r}."
    )
    return UserError(msg)


def _settle(table: CountTable, format: str, cells: str, path: Path) -> CountTable:
    """Refuse another format than the sheet states, keep the sample's own cells, and guard their reading."""
    if format not in {"", "auto", "unknown"}:
        _expect(table, format, path)
    return _guarded(choose_cells(table, match_cells(table, cells, path)) if cells else table, path)


def _expect(table: CountTable, format: str, path: Path) -> None:
    expected = tuple(one.name for one in FORMATS if format in one.sheet)
    if not expected:
        names = dict.fromkeys(name for one in FORMATS for name in one.sheet)
        msg = f"format {format!r} is not known. Expected auto, {', '.join(names)}."
        raise UserError(msg)
    if not table.format.startswith(expected):
        msg = f"{path}: the sheet says {format}, but it is {table.format}. Write auto, or give the other file."
        raise UserError(msg)
