"""Read AnnData files (h5ad, zarr), MuData, h5Seurat and loom: the counts are chosen among all matrices by evidence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from mscape.data.counts import spans
from mscape.data.sparse_arrays import check_indices, check_matrix, check_pointers
from mscape.errors import UserError
from mscape.genes.spelling import gene_share, id_share, symbol_share
from mscape.io.formats.chunks import missing_chunks, note_missing, refuse_missing
from mscape.io.formats.count_table import (
    BLOCK_VALUES,
    CountTable,
    as_counts,
    decode,
    slices,
    sum_parts,
    sum_twins,
    why_not_counts,
)
from mscape.io.formats.detect import open_hdf5
from mscape.io.formats.evidence import why_no_counts
from mscape.io.formats.features import choose_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PROBE = 1_000_000  # values examined to distinguish counts from log or scaled values
SAMPLE_CELLS = 500  # whose values are compared with how counts vary
_ID_COLUMNS = ("gene_ids", "gene_id", "ensembl_id", "ensembl", "ensembl_gene_id", "Accession", "id")
_NAME_COLUMNS = ("feature_name", "gene_symbols", "gene_symbol", "gene_name", "gene_short_name", "symbol", "Symbol")
_TYPE_COLUMNS = ("feature_types", "feature_type")
IS_GENES = 0.3  # share of names that are genes, from which a column names genes
_HABIT = 0.05  # by which another column must hold more symbols to be taken before those of habit
_INDEX = {"_index", "index", "__index__"}
_COUNTS = re.compile(r"^(raw_?)?(counts?|umis?)(_?raw)?$|^raw$|^raw_?counts$|^counts?_raw$", re.IGNORECASE)
_PARTS = ("spliced", "unspliced", "ambiguous", "mature", "nascent")
_TOTALS = ("spanning",)  # a layer of velocity tools that is no part of the sum


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A matrix that may hold the counts.

    Parameters
    ----------
    place, var
        Where the matrix and the table of its genes stand.
    n_genes
        Of its columns.
    fault
        Why it cannot be counts, or "".
    doubt
        Why its whole numbers seem to be no counts, or "".
    sums
        Number and sum of the values examined, by which a copy of another matrix is recognised.
    """

    place: str
    var: str
    n_genes: int
    fault: str
    doubt: str
    sums: tuple[int, float] = (0, 0.0)

    @property
    def name(self) -> str:
        """Last part of the place."""
        return self.place.rsplit("/", 1)[-1] if self.place.startswith("layers/") else self.place

    @property
    def part(self) -> str:
        """Part of the molecules that a layer holds by its name, or ""."""
        word = self.name.lower()
        return next((part for part in _PARTS if re.fullmatch(rf"(m?rna_|counts?_)?{part}(_counts?)?", word)), "")


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Where the counts stand: places to sum, the table of genes, the reason, and what a user should know."""

    places: list[str]
    var: str
    why: str
    doubt: str
    notes: list[str]
    partial: bool = False


def read_h5ad(path: Path, *, parts: str = "", root: str = "") -> CountTable:
    """Read an h5ad file, old or new, or a modality of MuData; the matrix is chosen among X, layers and raw by evidence.

    Parameters
    ----------
    path
        The file.
    parts
        Which layers to sum where the file holds only parts of each gene's molecules; all if "".
    root
        Group that holds obs and var, such as ``mod/rna``.
    """
    with open_hdf5(path) as file:
        store = file[root] if root else file
        chosen = _choose(store, path, parts)
        features = _features(store[chosen.var], path)
        barcodes = _index(store["obs"], path)
        shape = _shape(store[chosen.places[0]])
        _check_shape(shape, barcodes, features, path, chosen.places[0])
        warnings = _missing([store[place] for place in chosen.places], path)
        maker, about = _guess_maker(store), _describe_cells(store["obs"])
    prefix = f"{root}/" if root else ""
    places = [prefix + place for place in chosen.places]
    rows = _summed_rows(path, places) if len(places) > 1 else lambda: _h5ad_rows(path, places[0])

    def column(name: str) -> np.ndarray:
        with open_hdf5(path) as file:
            return _values((file[root] if root else file)["obs"], name)

    format = "h5ad" if not root else "h5mu"
    return _table(
        format, barcodes, features, rows, chosen=chosen, maker=maker, warnings=warnings, **about | {"column": column}
    )


def read_h5mu(path: Path, *, parts: str = "") -> CountTable:
    """Read the RNA modality of a MuData file.

    Raises
    ------
    mscape.errors.UserError
        If no modality, or more than one, is called like RNA.
    """
    with open_hdf5(path) as file:
        names = list(file["mod"])
    rna = [name for name in names if name.lower() in {"rna", "gex", "gene expression", "transcriptome", "scrna"}]
    rna = rna or (names if len(names) == 1 else [])
    if len(rna) != 1:
        msg = (
            f"{path} is MuData with {', '.join(names)}: no modality is called rna. Save that of the RNA as h5ad and "
            "give that file."
        )
        raise UserError(msg)
    return read_h5ad(path, parts=parts, root=f"mod/{rna[0]}")


def read_h5seurat(path: Path) -> CountTable:
    """Read the counts of the RNA assay of an h5Seurat file (SeuratDisk)."""
    with open_hdf5(path) as file:
        assays = [name for name in file["assays"] if "counts" in file["assays"][name]]
        active = decode(np.atleast_1d(file.attrs.get("active.assay", "")))[0]
        assay = next((name for name in ("RNA", active, *assays) if name in assays), "")
        if not assay:
            msg = f"{path} is h5Seurat without counts. Save the object with its counts, or give the original matrix."
            raise UserError(msg)
        group = file["assays"][assay]
        counts = group["counts"]
        _missing([counts], path)
        features = decode(group["features"][:])
        barcodes = decode(file["cell.names"][:])
        n_genes, n_cells = (int(n) for n in counts.attrs["dims"])
        _check_shape((n_cells, n_genes), barcodes, pd.DataFrame({"name": features}), path, f"assays/{assay}/counts")
        matrix = check_matrix(
            as_counts(counts["data"][:], path),
            counts["indices"][:],
            counts["indptr"][:],
            (n_cells, n_genes),
            encoding="csr",
            path=path,
        )
    return CountTable(
        format="h5seurat",
        barcodes=barcodes,
        features=pd.DataFrame({"name": features, "id": features, "type": "", "genome": ""}),
        rows=lambda: slices(matrix),
        maker="SeuratDisk",
        matrix=f"assays/{assay}/counts",
        why="the counts of the assay",
    )


def read_zarr(path: Path, *, parts: str = "") -> CountTable:
    """Read an AnnData zarr store; the matrix is held in memory."""
    import zarr

    try:
        store = zarr.open_group(str(path), mode="r")
        if "obs" not in store or "var" not in store:
            msg = f"{path} is a zarr store without obs and var: it holds no AnnData. Give the store that holds them."
            raise UserError(msg)
        chosen = _choose(store, path, parts)
        features = _features(store[chosen.var], path)
        barcodes = _index(store["obs"], path)
        warnings = _missing([store[place] for place in chosen.places], path)
        matrices = [_whole(store[place], path) for place in chosen.places]
        maker, about = _guess_maker(store), _describe_cells(store["obs"])
    except (OSError, ValueError, KeyError) as error:
        msg = f"{path} is a zarr folder that cannot be read as AnnData ({error}). Copy it again, with its hidden files."
        raise UserError(msg) from error
    _check_shape(matrices[0].shape, barcodes, features, path, chosen.places[0])
    matrix = sum_parts(zip(chosen.places, matrices, strict=True), path)
    return _table(
        "zarr",
        barcodes,
        features,
        lambda: slices(matrix),
        chosen=chosen,
        maker=maker,
        warnings=warnings,
        **about,
    )


def read_loom(path: Path, *, parts: str = "") -> CountTable:
    """Read a loom file: genes in rows, cells in columns."""
    with open_hdf5(path) as file:
        rows, columns = file["row_attrs"], file["col_attrs"]
        n_genes, n_cells = file["matrix"].shape
        attributes = {
            name: decode(rows[name][:])
            for name in rows
            if rows[name].shape == (n_genes,) and rows[name].dtype.kind in "SOU"
        }
        features = _choose_names(None, attributes, n_genes)
        if features is None:
            msg = f"{path} has no gene names among its row attributes ({', '.join(rows)}). Add one called Gene."
            raise UserError(msg)
        barcodes = _attribute(columns, ("CellID", "cellid", "cell_id", "barcode", "obs_names"), n_cells)
        notes = [] if barcodes is not None else ["there is no CellID attribute; cells are numbered"]
        if barcodes is None:
            barcodes = np.array([f"cell{number}" for number in range(1, n_cells + 1)], dtype=object)
        n_probed = max(1, min(n_cells, PROBE // max(1, n_genes)))
        places = ["matrix", *(f"layers/{name}" for name in file.get("layers", {}))]
        candidates = [_judge_dense(place, "", file[place][:, :n_probed].T, n_genes) for place in places]
        chosen = _decide(candidates, path, parts)
        warnings = _missing([file[place] for place in chosen.places], path)
        of_cells = {name: decode(columns[name][:]) for name in columns if _names_cells(columns[name], n_cells)}
    return _table(
        "loom",
        barcodes,
        features,
        _summed_dense(path, chosen.places)
        if len(chosen.places) > 1
        else lambda: _dense_rows(path, chosen.places[0], transposed=True),
        chosen=chosen,
        maker="",
        notes=notes,
        warnings=warnings,
        columns=list(of_cells),
        column=of_cells.__getitem__,
    )


def _table(
    format: str,
    barcodes: np.ndarray,
    features: pd.DataFrame,
    rows: Callable[[], Iterator[sp.csr_matrix]],
    *,
    chosen: Chosen,
    maker: str,
    warnings: list[str],
    notes: list[str] | None = None,
    **about: Any,
) -> CountTable:
    return CountTable(
        format=format,
        barcodes=barcodes,
        features=features,
        rows=rows,
        notes=[*(notes or []), *chosen.notes],
        maker=maker,
        matrix=" + ".join(chosen.places),
        why=chosen.why,
        partial=chosen.partial,
        warnings=warnings,
        **about,
    )


def _describe_cells(obs) -> dict[str, Any]:
    """Say what obs states of all cells, and which columns it has of each: arguments of ``CountTable``."""
    keys = obs if hasattr(obs, "keys") else ()
    columns = [
        name
        for name in keys
        if name not in _INDEX and name != _attrs(obs).get("_index") and _names_cells(obs[name], None)
    ]
    return {"chemistry": _state_chemistry(obs), "columns": columns, "column": lambda name: _values(obs, name)}


def _names_cells(item, n_cells: int | None) -> bool:
    """Whether a column is of text, categories or whole numbers, which may name samples."""
    if hasattr(item, "keys"):
        return {"codes", "categories"} <= set(item) or {"values", "mask"} <= set(item)
    if not item.shape or len(item.shape) != 1 or (n_cells is not None and item.shape != (n_cells,)):
        return False
    return getattr(item.dtype, "kind", "O") in "SOUTiu"


def _values(obs, name: str) -> np.ndarray:
    """Values of a column as text."""
    text = _strings(obs[name], obs)
    if text is not None:
        return text
    item = obs[name]
    if hasattr(item, "keys") and "codes" in item:  # categories that are numbers
        words, codes = decode(item["categories"][:]), item["codes"][:]
        return np.append(words, "")[np.where(codes >= 0, codes, len(words))]
    return decode((item["values"] if hasattr(item, "keys") else item)[:])


def _state_chemistry(obs) -> str:
    """Say the protocol that obs states for all cells, as CELLxGENE files do, and that they are nuclei; else ""."""
    said = []
    for name in ("assay", "suspension_type"):
        values = _strings(obs[name], obs) if hasattr(obs, "keys") and name in obs else None
        only = set(values) if values is not None else set()
        said.append(only.pop() if len(only) == 1 else "")
    assay, suspension = said
    return ", ".join(text for text in (assay, "nuclei" if suspension == "nucleus" else "") if text)


def _missing(matrices: list, path: Path) -> list[str]:
    """Refuse sparse matrices of which a part is missing, and say where one of a dense matrix is read as zeros."""
    said = []
    for matrix in matrices:
        if hasattr(matrix, "keys"):
            for part in ("data", "indices", "indptr"):
                refuse_missing(matrix[part], path)
        else:
            said += note_missing(matrix)
    return said


def _choose(store, path: Path, parts: str) -> Chosen:
    """Judge every matrix of an AnnData store and choose."""
    places = [("X", "var")] if "X" in store else []
    places += [(f"layers/{name}", "var") for name in store.get("layers", {})]
    places += [("raw/X", "raw/var")] if hasattr(store.get("raw"), "keys") and "X" in store["raw"] else []
    if "raw.X" in store:
        places.append(("raw.X", "raw.var"))
    candidates = [_judge(store[place], place, var, path) for place, var in places]
    return _decide(candidates, path, parts)


def _whole(matrix, path: Path) -> sp.csr_matrix:
    """Read a matrix of counts into memory, sparse or dense."""
    if not hasattr(matrix, "keys"):
        return sp.csr_matrix(as_counts(np.asarray(matrix[:]), path))
    return check_matrix(
        as_counts(matrix["data"][:], path),
        matrix["indices"][:],
        matrix["indptr"][:],
        _shape(matrix),
        encoding=_encoding(matrix),
        path=path,
    ).tocsr()


def _judge(matrix, place: str, var: str, path: Path) -> Candidate:
    """Look at the first values of a matrix on disk, sparse or dense."""
    if not hasattr(matrix, "keys") and (not hasattr(matrix, "shape") or not matrix.shape or len(matrix.shape) != 2):
        return Candidate(place=place, var=var, n_genes=0, fault="it is empty (null)", doubt="")
    shape = _shape(matrix)
    if not hasattr(matrix, "keys"):
        n_probed = max(1, min(shape[0], PROBE // max(1, shape[1])))
        return _judge_dense(place, var, np.asarray(matrix[:n_probed]), shape[1], whole=n_probed == shape[0])
    data = matrix["data"]
    half = PROBE // 2
    values = data[:] if data.shape[0] <= PROBE else np.concatenate([data[:half], data[-half:]])
    fault = why_not_counts(values)
    if not fault and shape[0] and not values.any():
        missing, n = missing_chunks(data)
        fault = f"{missing:,} of {n:,} chunks of its values are missing" if missing else "it holds no count"
    doubt = ""
    encoding = _encoding(matrix)
    if not fault and encoding == "csr" and shape[0]:
        indptr = check_pointers(matrix["indptr"][:], n_rows=shape[0], n_values=data.shape[0], path=path)
        indptr = indptr[: SAMPLE_CELLS + 1]
        stop = int(np.searchsorted(indptr, PROBE, side="right")) - 1
        stop = max(1, min(stop, len(indptr) - 1))
        last = int(indptr[stop])
        indices = check_indices(matrix["indices"][:last], size=shape[1], path=path)
        block = sp.csr_matrix((data[:last].astype(np.float64), indices, indptr[: stop + 1]), shape=(stop, shape[1]))
        doubt = why_no_counts(_as_block(block))
    elif not fault and shape[0] and data.shape[0] <= 20 * PROBE:
        arrays = data[:].astype(np.float64), matrix["indices"][:], matrix["indptr"][:]
        whole = check_matrix(*arrays, shape, encoding="csc", path=path)
        doubt = why_no_counts(_as_block(whole[:SAMPLE_CELLS].tocsr()))
    sums = (int(data.shape[0]), 0.0 if fault else float(values.sum()))
    return Candidate(place=place, var=var, n_genes=shape[1], fault=fault, doubt=doubt, sums=sums)


def _judge_dense(place: str, var: str, values: np.ndarray, n_genes: int, *, whole: bool = True) -> Candidate:
    fault = why_not_counts(values.ravel())
    if not fault and whole and values.shape[0] and not values.any():
        fault = "it holds no count"
    doubt = "" if fault else why_no_counts(_as_block(sp.csr_matrix(values[:SAMPLE_CELLS].astype(np.float64))))
    sums = (int(np.count_nonzero(values)), 0.0 if fault else float(values.sum()))
    return Candidate(place=place, var=var, n_genes=n_genes, fault=fault, doubt=doubt, sums=sums)


def _as_block(matrix: sp.csr_matrix) -> sp.csr_matrix:
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def _decide(candidates: list[Candidate], path: Path, parts: str) -> Chosen:
    """Choose the matrix of the counts: without doubts first, then with more genes, then by its name.

    Parts of the molecules (spliced, unspliced, ...) are summed where nothing else holds counts.
    """
    usable = [one for one in candidates if not one.fault and one.name not in _TOTALS]
    refused = [f"{one.place}: {one.fault}" for one in candidates if one.fault]
    copies = {one.sums for one in usable if one.part}  # X is often a copy of the spliced layer
    several = len(copies) > 1
    wholes = [one for one in usable if not one.part and not (several and one.sums in copies)]
    clean = [one for one in wholes if not one.doubt]
    part_layers = [one for one in usable if one.part]
    if not clean and part_layers:
        there = [one.part for one in part_layers]
        wanted = choose_parts(there, parts)
        chosen = [one for one in part_layers if one.part in wanted]
        why = f"parts of each gene's molecules, summed: {' + '.join(wanted)} of {', '.join(there)}"
        return Chosen(
            places=[one.place for one in chosen],
            var=chosen[0].var,
            why=why,
            doubt="",
            notes=[f"counts are the sum of {', '.join(one.place for one in chosen)}"],
        )
    pool = clean or wholes
    if not pool:
        raise _no_counts(path, refused)
    most = max(one.n_genes for one in pool)
    full = [one for one in pool if one.n_genes >= 0.999 * most]
    best = min(full, key=_preference)
    passed = refused + [f"{one.place}: {one.doubt}" for one in wholes if one.doubt and one is not best]
    passed += [f"{one.place}: {one.n_genes:,} genes only" for one in pool if one not in full]
    also = [one.place for one in full if one is not best]
    first = candidates[0].place == best.place
    notes = (
        []
        if first and not passed
        else [f"counts taken from {best.place} ({'; '.join(passed)})" if passed else f"counts taken from {best.place}"]
    )
    if also and not first:
        notes.append(f"whole numbers also in {', '.join(also[:4])}: not used")
    why = "; ".join(passed) or (f"by its name, before {', '.join(also[:4])}" if also else "the only matrix of counts")
    return Chosen(places=[best.place], var=best.var, why=why, doubt=best.doubt, notes=notes)


def _preference(one: Candidate) -> tuple:
    """Order of matrices that all may be counts: those called counts, raw, X, others."""
    name = one.name
    return (
        not (one.place.startswith("layers/") and name.lower() == "counts"),
        not (one.place.startswith("layers/") and _COUNTS.match(name)),
        one.place not in {"raw/X", "raw.X"},
        one.place not in {"X", "matrix"},
        "count" not in name.lower(),
        name,
    )


def _no_counts(path: Path, tried: list[str]) -> UserError:
    shown = "; ".join(one if len(one) < 90 else one[:87] + "..." for one in tried[:2]) + (
        "; ..." if len(tried) > 2 else ""
    )
    msg = (
        f"{path} holds no raw counts ({shown or 'no matrix at all'}). Whole-number counts were looked for in X, layers "
        "and raw. Ask the authors for them, or give the matrices of the original deposit."
    )
    return UserError(msg)


def _encoding(matrix) -> str:
    """Say whether a sparse matrix on disk is csr or csc."""
    text = matrix.attrs.get("encoding-type", matrix.attrs.get("h5sparse_format", "csr"))
    text = text.decode() if isinstance(text, bytes) else str(text)
    return "csc" if text.startswith("csc") else "csr"


def _shape(matrix) -> tuple[int, ...]:
    if not hasattr(matrix, "keys"):
        return tuple(matrix.shape)
    shape = matrix.attrs.get("shape", matrix.attrs.get("h5sparse_shape"))
    if shape is None and "shape" in matrix:
        shape = matrix["shape"][:]
    return tuple(int(n) for n in shape)


def _check_shape(shape: tuple, barcodes: np.ndarray, features: pd.DataFrame, path: Path, place: str) -> None:
    n_cells, n_genes = len(barcodes), len(features)
    if tuple(shape) != (n_cells, n_genes):
        msg = (
            f"{path}: {place} is {shape[0]:,} x {shape[1]:,}, but there are {n_cells:,} cell names and {n_genes:,} "
            "gene names. The file is inconsistent; write it anew from the object that it was made of."
        )
        raise UserError(msg)
    names = features["name"].astype(str).tolist()
    if gene_share([str(name) for name in barcodes]) > 0.5 > 0.1 > gene_share(names):
        msg = (
            f"{path}: obs names genes and var names cells: the matrix is transposed. Write it the other way round "
            "(adata.T.write_h5ad)."
        )
        raise UserError(msg)


def _h5ad_rows(path: Path, place: str) -> Iterator[sp.csr_matrix]:
    with open_hdf5(path) as file:
        matrix = file[place]
        if not hasattr(matrix, "keys"):
            yield from _dense_blocks(matrix, path, transposed=False)
            return
        if _encoding(matrix) == "csc":
            yield from slices(_whole(matrix, path))
            return
        shape, stored = _shape(matrix), min(len(matrix["data"]), len(matrix["indices"]))
        indptr = check_pointers(matrix["indptr"][:], n_rows=shape[0], n_values=stored, path=path)
        for start, stop in spans(indptr, values=BLOCK_VALUES):
            span = slice(int(indptr[start]), int(indptr[stop]))
            block = sp.csr_matrix(
                (
                    as_counts(matrix["data"][span], path),
                    check_indices(matrix["indices"][span], size=shape[1], path=path),
                    (indptr[start : stop + 1] - indptr[start]).astype(np.int32),
                ),
                shape=(stop - start, shape[1]),
            )
            yield sum_twins(block, path)


def _summed_rows(path: Path, places: list[str]) -> Callable[[], Iterator[sp.csr_matrix]]:
    """Rows of the sum of several matrices, read a range of cells at a time."""

    def rows() -> Iterator[sp.csr_matrix]:
        parts = ((place, sp.vstack(list(_h5ad_rows(path, place)), format="csr")) for place in places)
        yield from slices(sum_parts(parts, path))

    return rows


def _summed_dense(path: Path, places: list[str]) -> Callable[[], Iterator[sp.csr_matrix]]:
    def rows() -> Iterator[sp.csr_matrix]:
        for blocks in zip(*(_dense_rows(path, place, transposed=True) for place in places), strict=True):
            yield sum_parts(zip(places, blocks, strict=True), path)

    return rows


def _dense_rows(path: Path, place: str, *, transposed: bool) -> Iterator[sp.csr_matrix]:
    with open_hdf5(path) as file:
        yield from _dense_blocks(file[place], path, transposed=transposed)


def _dense_blocks(matrix, path: Path, *, transposed: bool) -> Iterator[sp.csr_matrix]:
    n_cells, n_genes = matrix.shape[::-1] if transposed else matrix.shape
    step = max(1, BLOCK_VALUES // max(1, n_genes))
    for start in range(0, n_cells, step):
        block = matrix[:, start : start + step].T if transposed else matrix[start : start + step]
        yield sp.csr_matrix(as_counts(np.ascontiguousarray(block), path))


# Names ---------------------------------------------------------------------------------------------------------------


def _attrs(group) -> dict:
    return {key: value.decode() if isinstance(value, bytes) else value for key, value in dict(group.attrs).items()}


def _index(group, path: Path) -> np.ndarray:
    """Names of the rows of obs or var, whatever version or tool wrote it; numbered if there are none."""
    if not hasattr(group, "keys"):
        table = group[:]
        names = table.dtype.names
        return decode(table["index" if "index" in names else names[0]])
    name = _attrs(group).get("_index", "")
    for key in (name, *_INDEX):
        if key and key in group:
            _refuse_missing_names(group[key], path)
            values = _strings(group[key], group)
            if values is not None:
                return values
    for key in group:
        values = _strings(group[key], group)
        if values is not None and len(set(values)) == len(values):
            return values
    size = next((len(group[key]) for key in group if not hasattr(group[key], "keys")), None)
    if size is None:
        msg = f"{path}: {group.name} names nothing. Open the file with anndata and write it again."
        raise UserError(msg)
    return np.array([str(number) for number in range(size)], dtype=object)


def _refuse_missing_names(item, path: Path) -> None:
    """Refuse an index of which a part is missing; the codes of a categorical one may be a chunk of zeros."""
    if not hasattr(item, "keys"):
        refuse_missing(item, path)
        return
    for part in ("values", "categories"):
        if part in item:
            _refuse_missing_names(item[part], path)


def _strings(item, group) -> np.ndarray | None:
    """Text of one column: plain, categorical (old and new) or nullable; None if it is no text."""
    if hasattr(item, "keys"):
        if {"codes", "categories"} <= set(item):
            words = _strings(item["categories"], group)
            if words is None:
                return None
            codes = item["codes"][:]
            return np.append(words, "")[np.where(codes >= 0, codes, len(words))]
        if {"values", "mask"} <= set(item):
            values = _strings(item["values"], group)
            return None if values is None else np.where(item["mask"][:], "", values)
        return None
    if not item.shape or len(item.shape) != 1:
        return None
    categories = group.get("__categories", {})
    name = item.name.rsplit("/", 1)[-1]
    if name in categories:
        words = decode(categories[name][:])
        return np.append(words, "")[item[:]]
    kind = getattr(item.dtype, "kind", "O")
    if kind not in "SOUT":
        return decode(item[:]) if name in _INDEX or name == _attrs(group).get("_index") else None
    return decode(item[:])


def _columns(group) -> dict[str, np.ndarray]:
    """Columns of text of obs or var."""
    if not hasattr(group, "keys"):
        table = group[:]
        return {name: decode(table[name]) for name in table.dtype.names if table[name].dtype.kind in "SOU"}
    found = {}
    for key in group:
        if key.startswith("__") or key == _attrs(group).get("_index"):
            continue
        values = _strings(group[key], group)
        if values is not None:
            found[key] = values
    return found


def _features(group, path: Path) -> pd.DataFrame:
    index = _index(group, path)
    columns = {name: values for name, values in _columns(group).items() if len(values) == len(index)}
    return _choose_names(index, columns, len(index))


def _choose_names(index: np.ndarray | None, columns: dict[str, np.ndarray], size: int) -> pd.DataFrame | None:
    """Choose the columns that name genes: by habit among equals, else by how many genes are recognised in them."""
    empty = np.full(size, "", dtype=object)
    options = ({"": index} if index is not None else {}) | columns
    if not options:
        return None
    symbols = {name: symbol_share(list(values)) for name, values in options.items()}
    ids = {name: id_share(list(values)) for name, values in options.items()}
    best = max(symbols.values())
    habit = [name for name in (*_NAME_COLUMNS, "Gene", "gene", "", "var_names", *options) if name in options]
    if best > 0.05:
        name = next(name for name in habit if symbols[name] >= best - _HABIT)
    else:
        name = next((name for name in habit if ids[name] > 0.5), "" if index is not None else habit[0])
        name = next((one for one in _NAME_COLUMNS if one in options), name)
        genes = {one: gene_share(list(values)) for one, values in options.items()}  # joined to ids, or with a prefix
        richest = max(habit, key=lambda one: genes[one])
        name = richest if genes[richest] > IS_GENES and genes[name] < genes[richest] - _HABIT else name
    with_ids = [one for one in (*_ID_COLUMNS, "", *options) if one in options and ids[one] > 0.5]
    habit_ids = [one for one in _ID_COLUMNS if one in options]
    id = options[with_ids[0]] if with_ids else options[habit_ids[0]] if habit_ids else options.get("", options[name])
    names = options[name]
    blank = (names == "") | (names == "nan") | (names == "NA")
    types = next((options[one] for one in _TYPE_COLUMNS if one in options), empty)
    genome = options.get("genome", empty)
    return pd.DataFrame({"name": np.where(blank, id, names), "id": id, "type": types, "genome": genome})


def _attribute(group, options: tuple[str, ...], size: int) -> np.ndarray | None:
    for name in options:
        if name in group and group[name].shape == (size,):
            return decode(group[name][:])
    return None


def _guess_maker(store) -> str:
    """Guess the program that wrote an AnnData file, by what it leaves in it; "" if none is known."""
    uns = store.get("uns", {})
    var = store["var"]
    names = set(var.dtype.names if not hasattr(var, "keys") else var)
    if "schema_version" in uns or {"feature_is_filtered", "feature_biotype"} <= names:
        version = uns.get("schema_version")
        number = decode(np.atleast_1d(version[()]))[0] if version is not None and hasattr(version, "shape") else ""
        return f"CELLxGENE{f' (schema {number})' if number else ''}"
    if "X_name" in uns:
        return "zellkonverter"
    if "layers" in store and {"mature", "nascent"} & set(store["layers"]):
        return "kb (kallisto, bustools)"
    if "layers" in store and {"spliced", "unspliced"} <= set(store["layers"]):
        return "a velocity tool (velocyto, STARsolo, alevin-fry)"
    return ""
