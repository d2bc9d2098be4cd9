"""Read the folders and h5 files of 10x Genomics and of tools that write the same (STARsolo, kallisto, GEO)."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp

from mscape.data.counts import spans
from mscape.data.sparse_arrays import check_indices, check_pointers
from mscape.errors import UserError
from mscape.io.formats import matrix_market
from mscape.io.formats.chunks import refuse_missing
from mscape.io.formats.count_table import BLOCK_VALUES, CountTable, as_counts, decode, slices, sum_parts, sum_twins
from mscape.io.formats.detect import OPEN_END, ends_open, open_hdf5
from mscape.io.formats.features import choose_parts
from mscape.io.formats.name_files import cells_of, features_of, find_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mscape.io.formats.name_files import Named

_PARTS = re.compile(r"(?<![A-Za-z])(spliced|unspliced|ambiguous|mature|nascent|total)(?![A-Za-z])", re.IGNORECASE)
_WORDS = r"[A-Za-z0-9]"


def find_matrices(folder: Path, *, member: str = "") -> list[Path]:
    """Find the Matrix Market files below a folder, those that a member names if one is given.

    Where several stand in one folder, one called plainly ``matrix.mtx`` is taken before others that share its names
    (STARsolo's UniqueAndMult-EM.mtx).
    """
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".mtx" in path.name.lower() and not path.name.startswith(".")
    ]
    if member:
        found = choose_member(found, folder, member)
    plain = {path.parent for path in found if re.fullmatch(r"matrix\.mtx(\.\w+)?", path.name)}
    return [
        path
        for path in found
        if path.parent not in plain or not re.match(r"UniqueAndMult|Unique-", path.name, re.IGNORECASE)
    ]


def choose_member(paths: list[Path], folder: Path, member: str) -> list[Path]:
    """Choose the paths that a member names: exactly, else as whole words, else as a glob or a part of the path."""
    names = {path: path.relative_to(folder).as_posix() for path in paths}
    for fits in (_is_exactly, _has_words, matches):
        chosen = [path for path, name in names.items() if fits(name, member)]
        if chosen:
            return chosen
    return []


def _is_exactly(name: str, member: str) -> bool:
    """Say whether a member is a path, the name of a file or folder on it, or one without the endings."""
    parts = name.split("/")
    bare = [re.sub(r"(\.(mtx|csv|tsv|txt|h5|h5ad|loom|zarr|parquet))?(\.(gz|bz2|xz))?$", "", part) for part in parts]
    return member.strip("/") in {name, name.removesuffix(".gz"), *parts, *bare}


def _has_words(name: str, member: str) -> bool:
    """Say whether a member stands in a path with no letter or digit beside it: GSM1 is not in GSM10."""
    return re.search(rf"(?<!{_WORDS}){re.escape(member)}(?!{_WORDS})", name, re.IGNORECASE) is not None


def matches(name: str, pattern: str) -> bool:
    """Say whether a path fits a member pattern: a glob, or a part of the path."""
    return fnmatch(name, pattern) or fnmatch(name, f"*{pattern}*")


def group_parts(matrices: list[Path]) -> list[list[Path]]:
    """Group matrices that hold parts of one sample's molecules (spliced and unspliced, mature and nascent).

    A matrix of their total, where there is one, is taken in place of the parts.
    """
    groups: dict[tuple, list[Path]] = {}
    for path in matrices:
        match = _PARTS.search(path.name)
        key = (path.parent, _PARTS.sub("", path.name).lower()) if match else (path, "")
        groups.setdefault(key, []).append(path)
    result = []
    for paths in groups.values():
        whole = [path for path in paths if part_of(path) == "total"]
        result.append(whole if whole and len(paths) > 1 else paths)
    return result


def part_of(matrix: Path) -> str:
    """Part of the molecules that a matrix holds by its name, or ""."""
    match = _PARTS.search(matrix.name)
    return match[0].lower() if match else ""


def read_folder(matrices: list[Path], *, parts: str = "") -> CountTable:
    """Read one sample: a Matrix Market file, or several that hold parts of its molecules, with the names beside.

    Parameters
    ----------
    matrices
        One file, or those of one group of ``group_parts``.
    parts
        Which parts to sum: ``all`` (also if ""), or names with ``+`` between them.

    Raises
    ------
    mscape.errors.UserError
        If names are missing or do not fit, or a part is not there.
    """
    notes, why = [], ""
    chosen = matrices
    if len(matrices) > 1:
        there = [part_of(path) for path in matrices]
        wanted = choose_parts(there, parts)
        chosen = [path for path, part in zip(matrices, there, strict=True) if part in wanted]
        why = f"parts of each gene's molecules, summed: {' + '.join(wanted)} of {', '.join(there)}"
        notes.append(why)
    elif part_of(matrices[0]) not in {"", "total"}:
        why = f"chosen by its name; it holds the {part_of(matrices[0])} molecules only"
        notes.append(f"{matrices[0].name} holds the {part_of(matrices[0])} molecules only, not all counts of a gene")
    n_rows, n_cols, _ = matrix_market.read_shape(chosen[0])
    named = find_names(chosen[0], (n_rows, n_cols))
    for path in chosen[1:]:
        if matrix_market.read_shape(path)[:2] != (n_rows, n_cols):
            msg = f"{path} has another shape than {chosen[0].name}, another part of the sample. Name one in member."
            raise UserError(msg)
    n_cells = n_rows if named.cells_in_rows else n_cols
    for file in (named.genes, named.cells):
        if file is not None and file.header:
            notes.append(f"{file.path.name} begins with a header line, which was left out")
    if named.cells is None:
        barcodes = np.array([f"cell{number}" for number in range(1, n_cells + 1)], dtype=object)
        notes.append("there is no file of barcodes; cells are numbered")
    else:
        barcodes = np.array(cells_of(named.cells), dtype=object)
    features = features_of(named)
    lists = [file.path for file in (named.genes, named.cells) if file is not None]
    warnings = [OPEN_END.format(path.name) for path in (*chosen, *lists) if ends_open(path)]
    version = "v3" if named.genes.width >= 3 else "v2"
    cells_in_rows = named.cells_in_rows
    return CountTable(
        format=f"10x folder {version}" if not cells_in_rows else "matrix market, cells in rows",
        barcodes=barcodes,
        features=features,
        rows=lambda: slices(_sum_of(chosen, cells_in_rows=cells_in_rows)),
        notes=notes,
        maker=guess_maker(matrices[0], named),
        matrix=" + ".join(path.name for path in chosen),
        why=why or f"names in {named.genes.path.name}" + (f" and {named.cells.path.name}" if named.cells else ""),
        warnings=warnings,
        partial=len(matrices) == 1 and part_of(matrices[0]) not in {"", "total"},
    )


def _sum_of(matrices: list[Path], *, cells_in_rows: bool) -> sp.csr_matrix:
    """Sum of matrices of the same shape."""
    if len(matrices) == 1:
        return matrix_market.read_matrix(matrices[0], cells_in_rows=cells_in_rows)
    parts = ((path.name, _widen(matrix_market.read_matrix(path, cells_in_rows=cells_in_rows))) for path in matrices)
    return sum_parts(parts, matrices[0].parent)


def _widen(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Matrix with indices that scipy adds."""
    return sp.csr_matrix((matrix.data, matrix.indices.astype(np.int32), matrix.indptr), shape=matrix.shape)


def guess_maker(matrix: Path, named: Named) -> str:
    """Guess the program that wrote a folder, by the names that it gives its files; "" if none is known."""
    names = " ".join(path.name.lower() for path in matrix.parent.iterdir())
    above = matrix.parent.as_posix().lower()
    if "quants_mat" in matrix.name:
        return "alevin-fry or alevin"
    if "cells_x_genes" in matrix.name:
        return "kb (kallisto, bustools)"
    if re.search(r"all_genes\.csv|cell_metadata\.csv", names):
        return "Parse Biosciences"
    if "solo.out" in above or part_of(matrix) in {"spliced", "unspliced"}:
        return "STARsolo"
    if re.search(r"rsec|rhapsody|_mex", above + names):
        return "BD Rhapsody"
    if "feature_bc_matrix" in above or "gene_bc_matrices" in above:
        return "Cell Ranger, or a program that writes its folders"
    return "not known; a folder as Cell Ranger writes it" if not named.cells_in_rows else ""


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
        for group in groups.values():
            for part in ("data", "indices", "indptr"):
                refuse_missing(group[part], path)
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
            check_pointers(indptr, n_rows=int(file[name]["shape"][1]), n_values=stored, path=path)
        for start, stop in spans(sum(pointers.values()), values=BLOCK_VALUES):
            parts = [_h5_block(file[name], indptr[start : stop + 1], path) for name, indptr in pointers.items()]
            yield sp.hstack(parts, format="csr") if len(parts) > 1 else parts[0]


def _h5_block(group, indptr: np.ndarray, path: Path) -> sp.csr_matrix:
    span = slice(int(indptr[0]), int(indptr[-1]))
    n_genes = int(group["shape"][0])
    indices = check_indices(group["indices"][span], size=n_genes, path=path)
    block = sp.csr_matrix(
        (as_counts(group["data"][span], path), indices, (indptr - indptr[0]).astype(np.int32)),
        shape=(len(indptr) - 1, n_genes),
    )
    return sum_twins(block, path)
