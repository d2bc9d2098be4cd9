"""Files of counts in every form, good and bad, each made by a function of a folder."""

from pathlib import Path

import anndata
import input_files as make
import numpy as np
import scipy.sparse as sp
from input_files import BARCODES, COUNTS, IDS, SYMBOLS


def layered() -> anndata.AnnData:
    adata = make.annotated(make.logged())
    adata.layers["counts"] = sp.csr_matrix(COUNTS)
    return adata


def annotated_raw(path: Path) -> Path:
    adata = make.annotated()
    adata.raw = adata
    adata.X = make.logged()
    return make.h5ad(path, adata)


GOOD = {
    "10x v3 folder": lambda d: make.tenx_folder(d / "a"),
    "10x v3 folder, plain": lambda d: make.tenx_folder(d / "a", zipped=False),
    "10x v2 folder": lambda d: make.tenx_folder(d / "a", version=2, zipped=False),
    "10x v2 folder, gz": lambda d: make.tenx_folder(d / "a", version=2),
    "10x folder with GEO prefix": lambda d: make.tenx_folder(d / "a", prefix="GSM5519456_A01_"),
    "10x folder one level down": lambda d: make.tenx_folder(d / "a/outs/filtered_feature_bc_matrix").parents[1],
    "10x folder, real field": lambda d: make.tenx_folder(d / "a", field="real"),
    "path of matrix.mtx.gz": lambda d: make.tenx_folder(d / "a") / "matrix.mtx.gz",
    "barcodes with header": lambda d: headed(d),
    "raw beside filtered": lambda d: (
        make.tenx_folder(make.tenx_folder(d / "a/filtered_feature_bc_matrix").parent / "raw_feature_bc_matrix").parent
    ),
    "kallisto, cells in rows": lambda d: kallisto(d),
    "10x h5 v3": lambda d: make.tenx_h5(d / "a.h5"),
    "10x h5 v2": lambda d: make.tenx_h5(d / "a.h5", version=2),
    "10x h5 with an odd name": lambda d: make.tenx_h5(d / "counts.data"),
    "folder with one h5": lambda d: make.tenx_h5(d / "a/filtered_feature_bc_matrix.h5").parent,
    "h5ad": lambda d: make.h5ad(d / "a.h5ad", make.annotated()),
    "h5ad, csc": lambda d: make.h5ad(d / "a.h5ad", make.annotated(sp.csc_matrix(COUNTS))),
    "h5ad, dense": lambda d: make.h5ad(d / "a.h5ad", make.annotated(COUNTS.astype(np.float64))),
    "h5ad of 2018": lambda d: make.old_h5ad(d / "a.h5ad"),
    "h5ad, counts in a layer": lambda d: make.h5ad(d / "a.h5ad", layered()),
    "h5ad, counts in raw": lambda d: annotated_raw(d / "a.h5ad"),
    "loom": lambda d: make.loom(d / "a.loom"),
    "loom, counts in a layer": lambda d: make.loom(
        d / "a.loom", matrix=make.logged().toarray().T, layer=COUNTS.T.astype("f4")
    ),
    "zarr": lambda d: make.zarr_store(d / "a.zarr"),
    "csv genes x cells": lambda d: make.csv(d / "a.csv"),
    "csv.gz cells x genes": lambda d: make.csv(d / "a.csv.gz", genes_in_rows=False),
    "tsv named csv": lambda d: make.csv(d / "a.csv", sep="\t"),
    "txt with spaces": lambda d: make.csv(d / "a.txt", sep=" "),
    "semicolons": lambda d: make.csv(d / "a.csv", sep=";"),
    "R's write.table": lambda d: r_table(d),
    "text with byte order mark and comment": lambda d: make.write_text(
        d / "a.csv", b"\xef\xbb\xbf# made by hand\n" + make.frame().to_csv().encode()
    ),
    "featureCounts columns": lambda d: feature_counts(d),
    "parquet": lambda d: parquet(d),
    "tar of one sample": lambda d: make.raw_tar(d / "a.tar", d / "x", "GSM1"),
    "tar.gz": lambda d: make.raw_tar(d / "a.tar.gz", d / "x", "GSM1"),
    "tar in tar": lambda d: make.tar(
        d / "a_RAW.tar", {"GSM1.tar.gz": make.raw_tar(d / "i.tar.gz", d / "x", "GSM1").read_bytes()}
    ),
    "zip": lambda d: make.zip_file(d / "a.zip", make.folder_bytes(make.tenx_folder(d / "x"))),
    "zip of a csv": lambda d: make.zip_file(d / "a.zip", {"counts.csv": make.frame().to_csv().encode()}),
}


def headed(folder: Path) -> Path:
    make.tenx_folder(folder / "a", zipped=False)
    path = folder / "a/barcodes.tsv"
    path.write_text("barcode\n" + path.read_text())
    return folder / "a"


def kallisto(folder: Path) -> Path:
    make.write_text(folder / "a/cells_x_genes.mtx", make.mtx_text(COUNTS))
    make.write_text(folder / "a/cells_x_genes.barcodes.txt", "\n".join(BARCODES) + "\n")
    make.write_text(folder / "a/cells_x_genes.genes.txt", "\n".join(IDS) + "\n")
    return folder / "a"


def r_table(folder: Path) -> Path:
    lines = make.frame().to_csv(sep="\t").split("\n")
    return make.write_text(folder / "a.txt", "\n".join([lines[0].lstrip("\t"), *lines[1:]]))


def feature_counts(folder: Path) -> Path:
    table = make.frame()
    table.insert(0, "Length", 1000)
    table.insert(0, "Strand", "+")
    table.insert(0, "Chr", "chr1")
    table.insert(0, "gene_name", SYMBOLS)
    table.index = IDS
    return make.write_text(folder / "a.txt.gz", table.to_csv(sep="\t", index_label="Geneid"))


def parquet(folder: Path) -> Path:
    make.frame().rename_axis("gene").reset_index().to_parquet(folder / "a.parquet", index=False)
    return folder / "a.parquet"


def negative() -> np.ndarray:
    counts = COUNTS.astype(float)
    counts[3, 3] = -1
    return counts


def large(dtype) -> np.ndarray:
    counts = np.minimum(COUNTS, 2000).astype(dtype)
    counts[3, 3] = 3000
    return counts


BAD = {
    "no such path": (lambda d: d / "nothing", "no such file or folder"),
    "empty folder": (lambda d: (d / "a").mkdir() or d / "a", "holds no counts"),
    "empty file": (lambda d: make.write_text(d / "a.csv", ""), "is empty"),
    "empty gzip": (lambda d: make.write_text(d / "a.csv.gz", ""), "holds nothing"),
    "matrix missing": (lambda d: without(d, "matrix.mtx.gz"), "has no matrix.mtx"),
    "barcodes missing and genes transposed": (lambda d: without(d, "features.tsv.gz"), "names its genes"),
    "too few barcodes": (lambda d: fewer_barcodes(d), "names its barcodes"),
    "matrix cut short": (lambda d: shorter(d), "is cut short"),
    "matrix with more lines": (lambda d: longer(d), "does not fit the head"),
    "matrix without head": (lambda d: headless(d), "size reads"),
    "pattern matrix": (lambda d: pattern(d), "positions without values"),
    "corrupt gzip": (lambda d: make.cut(make.tenx_folder(d / "a") / "matrix.mtx.gz").parent, "damaged or cut short"),
    "decimal mtx": (lambda d: make.tenx_folder(d / "a", counts=COUNTS + 0.5, field="real"), "have decimals"),
    "negative mtx": (lambda d: make.tenx_folder(d / "a", counts=negative(), field="real"), "negative"),
    "truncated h5": (lambda d: make.cut(make.tenx_h5(d / "a.h5")), "damaged or cut short"),
    "log h5": (lambda d: make.tenx_h5(d / "a.h5", counts=make.logged().toarray()), "log-transformed"),
    "two genomes in h5 v3": (lambda d: make.tenx_h5(d / "a.h5", genomes=("GRCh38", "mm10")), "column 'genome'"),
    "two genomes in h5 v2": (lambda d: make.tenx_h5(d / "a.h5", version=2, genomes=("hg19", "mm10")), "hg19"),
    "only antibodies": (
        lambda d: make.tenx_folder(d / "a", types=["Antibody Capture"] * len(SYMBOLS)),
        "no gene is left",
    ),
    "log h5ad": (lambda d: make.h5ad(d / "a.h5ad", make.annotated(make.logged())), "holds no raw counts"),
    "scaled h5ad": (
        lambda d: make.h5ad(d / "a.h5ad", make.annotated(make.logged().toarray() - 1)),
        "are negative",
    ),
    "float16 h5ad": (lambda d: make.h5ad(d / "a.h5ad", make.annotated(large(np.float16))), "float16 rounds"),
    "truncated h5ad": (lambda d: make.cut(make.h5ad(d / "a.h5ad", make.annotated())), "damaged or cut short"),
    "h5ad without X": (lambda d: make.h5ad(d / "a.h5ad", anndata.AnnData(obs=make.annotated().obs)), "no matrix"),
    "zarr without X": (lambda d: broken_zarr(d), "zarr"),
    "hdf5 of another kind": (lambda d: other_hdf5(d), "neither 10x, h5ad nor loom"),
    "web page": (lambda d: make.write_text(d / "a.csv", "<!DOCTYPE html><html>Not found</html>"), "is a web page"),
    "R object": (lambda d: make.write_text(d / "a.rds.gz", b"X\n\x00\x00\x00\x03\x00\x04"), "R object"),
    "RData": (lambda d: make.write_text(d / "a.gz", b"RDX3\nX\n\x00\x00"), "R object"),
    "Excel": (lambda d: make.zip_file(d / "a.xlsx", {"xl/workbook.xml": b"<x/>"}), "Excel"),
    "fastq": (lambda d: make.write_text(d / "a.gz", "@r1\nACGT\n+\nIIII\n"), "FASTQ"),
    "bytes of no known kind": (lambda d: make.write_text(d / "a.dat", b"\x01\x00\x02\x00" * 50), "not recognised"),
    "prose": (lambda d: make.write_text(d / "a.txt", "These are\nnot counts.\n"), "not a table of counts"),
    "csv with decimals": (lambda d: make.write_text(d / "a.csv", (make.frame() + 0.25).to_csv()), "have decimals"),
    "csv with text": (lambda d: wrong_cell(d, "lost"), "not a table of counts|where counts were expected"),
    "csv with a hole": (lambda d: wrong_cell(d, ""), "are missing"),
    "csv without header": (lambda d: make.csv(d / "a.csv", header=False), "no header"),
    "csv of uneven lines": (lambda d: make.write_text(d / "a.csv", "g,A,B\nENG,1,2\nTHY1,1\n"), "not a table"),
    "csv with a header only": (lambda d: make.write_text(d / "a.csv", "gene,A,B\n"), "one line only"),
    "all zero": (lambda d: make.write_text(d / "a.csv", (make.frame() * 0).to_csv()), "not one count"),
    "two samples in a folder": (lambda d: two_samples(d), "holds 2 matrices.*column 'member'"),
    "two samples in a tar": (lambda d: make.raw_tar(d / "a.tar", d / "x", "GSM1", "GSM2"), "holds 2 matrices"),
    "tar that climbs out": (lambda d: make.tar(d / "a.tar", {"../../evil.csv": b"a,b"}), "points outside"),
    "tar with absolute paths": (lambda d: make.tar(d / "a.tar", {"/tmp/evil.csv": b"a,b"}), "points outside"),
    "tar with a link only": (lambda d: make.tar(d / "a.tar", {}, link="matrix.mtx"), "is a plain file"),
    "tar cut short": (lambda d: make.cut(make.raw_tar(d / "a.tar.gz", d / "x", "GSM1")), "damaged|cut short"),
    "zip cut short": (lambda d: make.cut(GOOD["zip"](d)), "damaged or cut short"),
    "compressed h5": (lambda d: make.write_text(d / "a.gz", make.tenx_h5(d / "b.h5").read_bytes()), "gunzip"),
}


def without(folder: Path, name: str) -> Path:
    make.tenx_folder(folder / "a")
    (folder / "a" / name).unlink()
    return folder / "a"


def fewer_barcodes(folder: Path) -> Path:
    make.tenx_folder(folder / "a", zipped=False)
    (folder / "a/barcodes.tsv").write_text("\n".join(BARCODES[:-2]) + "\n")
    return folder / "a"


def shorter(folder):
    return edit_matrix(folder, lambda lines: lines[:-5])


def longer(folder):
    return edit_matrix(folder, lambda lines: [*lines, "1 1 1"])


def headless(folder):
    return edit_matrix(folder, lambda lines: [lines[0], *[line for line in lines[1:] if line.count(" ") != 2]])


def pattern(folder):
    return edit_matrix(
        folder,
        lambda lines: [line.rsplit(" ", 1)[0] if line[0].isdigit() and n > 2 else line for n, line in enumerate(lines)],
    )


def broken_zarr(folder: Path) -> Path:
    make.write_text(folder / "a.zarr/.zgroup", '{"zarr_format": 2}')
    return folder / "a.zarr"


def other_hdf5(folder: Path) -> Path:
    import h5py

    with h5py.File(folder / "a.h5", "w") as file:
        file["table"] = np.arange(3)
    return folder / "a.h5"


def wrong_cell(folder: Path, text: str) -> Path:
    table = make.frame().astype(object)
    table.iloc[2, 3] = text
    return make.write_text(folder / "a.csv", table.to_csv())


def two_samples(folder: Path) -> Path:
    make.tenx_folder(folder / "a", prefix="GSM1_")
    return make.tenx_folder(folder / "a", prefix="GSM2_")


def edit_matrix(folder: Path, edit) -> Path:
    path = make.tenx_folder(folder / "a", zipped=False) / "matrix.mtx"
    path.write_text("\n".join(edit(path.read_text().rstrip("\n").split("\n"))) + "\n")
    return path.parent
