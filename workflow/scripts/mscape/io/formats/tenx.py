"""Read 10x Genomics output and its kin: folders of three files (Cell Ranger, STARsolo, kallisto, GEO) and h5 files."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp

from mscape.data.counts import spans
from mscape.errors import UserError
from mscape.io.formats import matrix_market
from mscape.io.formats.count_table import BLOCK_VALUES, CountTable, as_counts, decode, slices
from mscape.io.formats.detect import identify, open_hdf5, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FEATURES = re.compile(r"features?|genes?|rows?", re.IGNORECASE)
_BARCODES = re.compile(r"barcodes?|cells?|col(umn)?s?", re.IGNORECASE)
_MATRIX_END = re.compile(r"(matrix|counts?|cells_x_genes|quants_mat)?\.mtx.*$", re.IGNORECASE)
_HEADERS = {"gene", "genes", "gene_id", "gene_name", "gene_symbol", "x", "v1", "barcode", "barcodes", "cell", "symbol"}


@dataclass(frozen=True, kw_only=True)
class Triple:
    """A Matrix Market file with the names of its rows and columns."""

    matrix: Path
    features: Path
    barcodes: Path | None
    cells_in_rows: bool


def find_matrices(folder: Path, *, member: str = "") -> list[Path]:
    """Find the Matrix Market files below a folder, those that match a pattern (``*GSM123*``) if one is given."""
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".mtx" in path.name.lower() and not path.name.startswith(".")
    ]
    if member:
        found = [path for path in found if matches(path.relative_to(folder).as_posix(), member)]
    return found


def matches(name: str, pattern: str) -> bool:
    """Say whether a path fits a member pattern: a glob, or a part of the path."""
    return fnmatch(name, pattern) or fnmatch(name, f"*{pattern}*")


def find_triple(matrix: Path) -> Triple:
    """Find the files that name the rows and columns of a Matrix Market file, beside it.

    Names guide the search (what stands before ``matrix.mtx`` must stand before ``barcodes.tsv``); the numbers
    of lines decide, so that files with odd names are found and swapped or foreign ones are not taken.

    Raises
    ------
    mscape.errors.UserError
        If no file beside it has as many names as the matrix has genes.
    """
    n_rows, n_cols, _ = matrix_market.read_shape(matrix)
    prefix = _MATRIX_END.sub("", matrix.name)
    beside = {
        path: path.name.removeprefix(os.path.commonprefix([path.name, matrix.name]))  # noqa: RUF071  names, not paths
        for path in sorted(matrix.parent.iterdir())
        if path.is_file() and path.name.startswith(prefix) and ".mtx" not in path.name.lower()
    }
    named = {
        "features": [path for path, end in beside.items() if _FEATURES.search(end)],
        "barcodes": [path for path, end in beside.items() if _BARCODES.search(end)],
    }
    lengths = {path: _count_names(path) for path in {*named["features"], *named["barcodes"]}}
    for cells_in_rows in (False, True):
        n_genes, n_cells = (n_cols, n_rows) if cells_in_rows else (n_rows, n_cols)
        features = _of_length(named["features"], lengths, n_genes)
        barcodes = _of_length([path for path in named["barcodes"] if path != features], lengths, n_cells)
        if features and barcodes:
            return Triple(matrix=matrix, features=features, barcodes=barcodes, cells_in_rows=cells_in_rows)
    features = _of_length(named["features"], lengths, n_rows)
    if features and not named["barcodes"]:
        return Triple(matrix=matrix, features=features, barcodes=None, cells_in_rows=False)
    found = ", ".join(f"{path.name} ({lengths[path]:,} lines)" for path in lengths) or "none"
    lacking = "genes" if not features else "barcodes"
    msg = (
        f"{matrix} is {n_rows:,} x {n_cols:,}, and no file beside it names its {lacking}; files of names found: "
        f"{found}. Put the matching {prefix}features.tsv and {prefix}barcodes.tsv into {matrix.parent}."
    )
    raise UserError(msg)


def read_triple(triple: Triple) -> CountTable:
    """Read a Matrix Market file with the names of its genes and cells."""
    n_rows, n_cols, _ = matrix_market.read_shape(triple.matrix)
    n_genes, n_cells = (n_cols, n_rows) if triple.cells_in_rows else (n_rows, n_cols)
    notes = []
    features, headed = _drop_header(read_lines(triple.features), n_genes)
    if headed:
        notes.append(f"{triple.features.name} begins with a header line, which was left out")
    if triple.barcodes is None:
        barcodes = np.array([f"cell{number}" for number in range(1, n_cells + 1)], dtype=object)
        notes.append("there is no file of barcodes; cells are numbered")
    else:
        lines, headed = _drop_header(read_lines(triple.barcodes), n_cells)
        if headed:
            notes.append(f"{triple.barcodes.name} begins with a header line, which was left out")
        barcodes = np.array([line[0] for line in lines], dtype=object)
    version = "v3" if any(len(line) >= 3 for line in features[:1]) else "v2"
    return CountTable(
        format=f"10x folder {version}" if not triple.cells_in_rows else "matrix market, cells in rows",
        barcodes=barcodes,
        features=pd.DataFrame(
            {
                "name": [line[1] if len(line) > 1 and line[1] else line[0] for line in features],
                "id": [line[0] for line in features],
                "type": [line[2] if len(line) > 2 else "" for line in features],
                "genome": "",
            }
        ),
        rows=lambda: slices(matrix_market.read_matrix(triple.matrix, cells_in_rows=triple.cells_in_rows)),
        notes=notes,
    )


def read_h5(path: Path) -> CountTable:
    """Read a 10x h5 file of Cell Ranger 2 (one group a genome) or later (one group for all), or of CellBender."""
    import h5py

    with open_hdf5(path) as file:
        groups = {
            name: group
            for name, group in file.items()
            if isinstance(group, h5py.Group) and {"barcodes", "data", "indices", "indptr", "shape"} <= set(group)
        }
        if not groups:
            msg = (
                f"{path} lacks the datasets of a 10x matrix (barcodes, data, indices, indptr, shape). Export it again."
            )
            raise UserError(msg)
        barcodes = decode(next(iter(groups.values()))["barcodes"][:])
        features = pd.concat([_h5_features(name, group) for name, group in groups.items()], ignore_index=True)
        for name, group in groups.items():
            if not np.array_equal(decode(group["barcodes"][:]), barcodes):
                msg = (
                    f"{path} holds genomes {', '.join(groups)} with different cells. Export one file for each genome; "
                    f"{name} differs from the first."
                )
                raise UserError(msg)
        version = "v3" if any("features" in group for group in groups.values()) else "v2"
        names = list(groups)
        chemistry = decode([file.attrs.get("chemistry_description", "")])[0]
    return CountTable(
        format=f"10x h5 {version}",
        barcodes=barcodes,
        features=features,
        rows=lambda: _h5_rows(path, names),
        chemistry=chemistry,
    )


def _h5_features(name: str, group) -> pd.DataFrame:
    if "features" in group:
        features = group["features"]
        table = {"name": features["name"], "id": features["id"], "type": features.get("feature_type")}
        table["genome"] = features.get("genome")
    else:
        table = {"name": group.get("gene_names", group["genes"]), "id": group["genes"], "type": None, "genome": None}
    n_genes = int(group["shape"][0])
    frame = pd.DataFrame(
        {key: decode(value[:]) if value is not None else [""] * n_genes for key, value in table.items()}
    )
    return frame if "features" in group else frame.assign(genome=name)


def _h5_rows(path: Path, names: list[str]) -> Iterator[sp.csr_matrix]:
    with open_hdf5(path) as file:
        pointers = {name: file[name]["indptr"][:].astype(np.int64) for name in names}
        for name, indptr in pointers.items():
            stored = min(len(file[name]["data"]), len(file[name]["indices"]))
            if stored < indptr[-1] or len(indptr) != file[name]["shape"][1] + 1:
                msg = f"{path} is damaged: {stored:,} of {indptr[-1]:,} values are stored in {name}. Copy it again."
                raise UserError(msg)
        for start, stop in spans(sum(pointers.values()), values=BLOCK_VALUES):
            parts = [_h5_block(file[name], indptr[start : stop + 1], path) for name, indptr in pointers.items()]
            yield sp.hstack(parts, format="csr") if len(parts) > 1 else parts[0]


def _h5_block(group, indptr: np.ndarray, path: Path) -> sp.csr_matrix:
    span = slice(int(indptr[0]), int(indptr[-1]))
    n_genes = int(group["shape"][0])
    indices = group["indices"][span].astype(np.int32)
    if indices.size and (indices.min() < 0 or indices.max() >= n_genes):
        msg = f"{path} is damaged: gene numbers up to {indices.max():,} for {n_genes:,} genes. Copy it again."
        raise UserError(msg)
    block = sp.csr_matrix(
        (as_counts(group["data"][span], path), indices, (indptr - indptr[0]).astype(np.int32)),
        shape=(len(indptr) - 1, n_genes),
    )
    block.sort_indices()
    return block


def _count_names(path: Path) -> int:
    return len(read_lines(path)) if identify(path) == "text" else 0


def _of_length(paths: list[Path], lengths: dict[Path, int], wanted: int) -> Path | None:
    for length in (wanted, wanted + 1):  # one more: a header line
        for path in paths:
            if lengths[path] == length:
                return path
    return None


def _drop_header(lines: list[list[str]], wanted: int) -> tuple[list[list[str]], bool]:
    if len(lines) == wanted + 1 and {cell.lower() for cell in lines[0]} & _HEADERS | {""} & set(lines[0]):
        return lines[1:], True
    return lines[-wanted:] if len(lines) == wanted + 1 else lines, len(lines) == wanted + 1
