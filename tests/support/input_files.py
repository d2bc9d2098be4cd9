"""Make small files of every kind in which counts are published, good and bad, from one known matrix."""

from __future__ import annotations

import gzip
import io
import tarfile
import warnings
import zipfile
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import scipy.io
import scipy.sparse as sp

GENES = Path(__file__).parents[2] / "resources" / "genes.tsv"
MARKERS = GENES.with_name("markers.yaml")
NOT_GIVEN = {"member": "", "genome": "", "cells": "", "parts": "", "concealed": ()}
KNOWN = pd.read_csv(GENES, sep="\t", dtype=str, keep_default_na=False)
SYMBOLS = ["NT5E", "THY1", "ENG", "COL1A1", "PTPRC", "CD34", "CD14", "HLA-DRA", "MT-ND1", "MT-CO1", "XIST", "ACTB"]
IDS = KNOWN.set_index("symbol")["gene_id"].loc[SYMBOLS].tolist()
BARCODES = [f"{''.join('ACGT'[(i * 7 + j * j) % 4] for j in range(15))}{'ACGT'[i % 4]}-{i}" for i in range(9)]
COUNTS = np.random.default_rng(0).poisson(2.0, (len(BARCODES), len(SYMBOLS)))
COUNTS[0, 0] = 70_000  # more than 16 bits hold


def write_text(path: Path, text: str | bytes) -> Path:
    """Write text, gzipped where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode() if isinstance(text, str) else text
    path.write_bytes(gzip.compress(data, mtime=0) if path.name.endswith(".gz") else data)
    return path


def mtx_text(matrix: np.ndarray, *, field: str = "integer") -> bytes:
    """Matrix Market text."""
    buffer = io.BytesIO()
    scipy.io.mmwrite(buffer, sp.csc_matrix(matrix).tocoo(), field=field)  # by columns, as Cell Ranger does
    return buffer.getvalue()


def tenx_folder(
    folder: Path,
    *,
    prefix: str = "",
    zipped: bool = True,
    version: int = 3,
    types: list[str] | None = None,
    counts: np.ndarray = COUNTS,
    symbols: list[str] = SYMBOLS,
    ids: list[str] = IDS,
    barcodes: list[str] = BARCODES,
    field: str = "integer",
) -> Path:
    """Make a 10x folder."""
    end = ".gz" if zipped else ""
    types = types or ["Gene Expression"] * len(symbols)
    rows = zip(ids, symbols, types, strict=True) if version == 3 else zip(ids, symbols, strict=True)
    names = "features" if version == 3 else "genes"
    write_text(folder / f"{prefix}{names}.tsv{end}", "".join("\t".join(row) + "\n" for row in rows))
    write_text(folder / f"{prefix}barcodes.tsv{end}", "".join(f"{name}\n" for name in barcodes))
    write_text(folder / f"{prefix}matrix.mtx{end}", mtx_text(counts.T, field=field))
    return folder


def tenx_h5(
    path: Path,
    *,
    version: int = 3,
    genomes: tuple[str, ...] = ("GRCh38",),
    types: list[str] | None = None,
    counts: np.ndarray = COUNTS,
) -> Path:
    """Make a 10x h5 file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    n_genes = len(SYMBOLS)
    with h5py.File(path, "w") as file:
        for number, genome in enumerate(genomes if version == 2 else ("matrix",)):
            whole = counts if version == 2 or len(genomes) == 1 else np.hstack([counts] * len(genomes))
            matrix = sp.csr_matrix(whole if number == 0 else whole[:, ::-1])
            group = file.create_group(genome)
            group["shape"] = np.array(matrix.shape[::-1], dtype=np.int32)
            group["data"] = matrix.data.astype(counts.dtype if counts.dtype.kind == "f" else np.int32)
            group["indices"], group["indptr"] = matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)
            group["barcodes"] = np.array(BARCODES, dtype="S")
            if version == 2:
                group["genes"], group["gene_names"] = np.array(IDS, dtype="S"), np.array(SYMBOLS, dtype="S")
                continue
            features = group.create_group("features")
            features["id"] = np.array([f"{i}" for _ in genomes for i in IDS], dtype="S")
            features["name"] = np.array(SYMBOLS * len(genomes), dtype="S")
            features["feature_type"] = np.array(types or ["Gene Expression"] * n_genes * len(genomes), dtype="S")
            features["genome"] = np.repeat(np.array(genomes, dtype="S"), n_genes)
    return path


def annotated(matrix=None, **slots) -> anndata.AnnData:
    """AnnData of the known counts."""
    adata = anndata.AnnData(
        X=sp.csr_matrix(COUNTS.astype(np.float32)) if matrix is None else matrix,
        obs=pd.DataFrame(index=BARCODES),
        var=pd.DataFrame({"gene_ids": IDS}, index=SYMBOLS),
    )
    for name, value in slots.items():
        setattr(adata, name, value)
    return adata


def logged() -> sp.csr_matrix:
    """Log-normalised values of the known counts."""
    return sp.csr_matrix(np.log1p(1e4 * COUNTS / COUNTS.sum(axis=1, keepdims=True)).astype(np.float32))


def h5ad(path: Path, adata: anndata.AnnData) -> Path:
    """Write an h5ad."""
    adata.write_h5ad(path)
    return path


def old_h5ad(path: Path) -> Path:
    """Make an h5ad as anndata 0.6 wrote them: obs and var are compound datasets."""
    matrix = sp.csr_matrix(COUNTS.astype(np.float32))
    with h5py.File(path, "w") as file:
        group = file.create_group("X")
        group.attrs["h5sparse_format"], group.attrs["h5sparse_shape"] = "csr", matrix.shape
        group["data"], group["indices"], group["indptr"] = matrix.data, matrix.indices, matrix.indptr
        for name, index in (("obs", BARCODES), ("var", SYMBOLS)):
            table = np.array([(value.encode(), 1.0) for value in index], dtype=[("index", "S40"), ("score", "f4")])
            file[name] = table
    return path


def loom(path: Path, *, matrix: np.ndarray = COUNTS.T, layer: np.ndarray | None = None) -> Path:
    """Make a loom file."""
    with h5py.File(path, "w") as file:
        file["matrix"] = matrix
        file["row_attrs/Gene"], file["row_attrs/Accession"] = np.array(SYMBOLS, "S"), np.array(IDS, "S")
        file["col_attrs/CellID"] = np.array(BARCODES, "S")
        file.create_group("layers")
        if layer is not None:
            file["layers/spliced"] = layer
    return path


def zarr_store(path: Path) -> Path:
    """Make an AnnData zarr store."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the writer, about its own format versions
        annotated().write_zarr(path)
    return path


def frame(*, genes_in_rows: bool = True) -> pd.DataFrame:
    """Table of the known counts."""
    table = pd.DataFrame(COUNTS, index=BARCODES, columns=SYMBOLS)
    return table.T if genes_in_rows else table


def csv(path: Path, *, sep: str = ",", genes_in_rows: bool = True, **options) -> Path:
    """Write the known counts as text."""
    return write_text(path, frame(genes_in_rows=genes_in_rows).to_csv(sep=sep, **options))


def tar(path: Path, files: dict[str, bytes], *, link: str = "") -> Path:
    """Make a tar archive of files, with a link if one is named."""
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        if link:
            info = tarfile.TarInfo(link)
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(info)
    return path


def folder_bytes(folder: Path) -> dict[str, bytes]:
    """All files of a folder by name."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def raw_tar(path: Path, scratch: Path, *samples: str, **options) -> Path:
    """Make a GSE..._RAW.tar with one 10x triple a sample, prefixed as GEO does."""
    for sample in samples:
        tenx_folder(scratch, prefix=f"{sample}_", **options)
    return tar(path, folder_bytes(scratch))


def zip_file(path: Path, files: dict[str, bytes]) -> Path:
    """Make a zip archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def cut(path: Path, share: float = 0.6) -> Path:
    """Cut a file short."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path
