"""Every kind of input, good and bad, and what must come of it."""

import gzip
import os
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import anndata
import input_files as make
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from input_files import BARCODES, COUNTS, GENES, IDS, NOT_GIVEN, SYMBOLS

import load_counts
from mscape import sniff
from mscape.step import UserError

REAL = Path(os.environ.get("MSCAPE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
real = pytest.mark.real
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="real data are not here")


def load(tmp_path: Path, path: Path, **params) -> anndata.AnnData:
    target = tmp_path / "raw.h5ad"
    given = {"sample": "S1", "dataset": "D", "format": "auto", "organism": "human"} | NOT_GIVEN | params
    load_counts.main(
        SimpleNamespace(path=path, genes=GENES, orthologs=[]), SimpleNamespace(h5ad=target), SimpleNamespace(**given)
    )
    return anndata.read_h5ad(target)


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


@pytest.mark.parametrize("name", GOOD)
def test_good_input_gives_the_counts(name, tmp_path):
    adata = load(tmp_path, GOOD[name](tmp_path))

    assert isinstance(adata.X, sp.csr_matrix)
    assert adata.X.dtype == np.int32
    assert list(adata.obs_names) == [f"S1_{barcode}" for barcode in BARCODES]
    assert list(adata.obs.columns) == []
    np.testing.assert_array_equal(adata[:, SYMBOLS].X.toarray(), COUNTS)
    assert list(adata.var.loc[SYMBOLS, "gene_id"]) == IDS
    assert adata.uns["mscape"]["load_counts"]["n_cells"] == len(BARCODES)


def negative() -> np.ndarray:
    counts = COUNTS.astype(float)
    counts[3, 3] = -1
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


def edit_matrix(folder: Path, edit) -> Path:
    path = make.tenx_folder(folder / "a", zipped=False) / "matrix.mtx"
    path.write_text("\n".join(edit(path.read_text().rstrip("\n").split("\n"))) + "\n")
    return path.parent


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


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_in_one_sentence(name, tmp_path):
    build, message = BAD[name]
    path = build(tmp_path)
    with pytest.raises(UserError, match=message) as caught:
        load(tmp_path, path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value) or str(path.name) in str(caught.value)
    assert not list(tmp_path.glob(".unpack-*"))


def test_the_table_of_inputs_is_long():
    assert len(GOOD) + len(BAD) >= 40


def test_member_names_one_sample_of_many(tmp_path):
    counts = COUNTS.copy()
    counts[:, 3] += 5
    make.tenx_folder(tmp_path / "x", prefix="GSM1_")
    make.tenx_folder(tmp_path / "x", prefix="GSM2_", counts=counts)
    archive = make.tar(tmp_path / "RAW.tar", make.folder_bytes(tmp_path / "x"))

    adata = load(tmp_path, archive, member="GSM2*")

    np.testing.assert_array_equal(adata[:, SYMBOLS].X.toarray(), counts)
    with pytest.raises(UserError, match="nothing in it matches 'GSM9'"):
        load(tmp_path, archive, member="GSM9")


def test_genome_chooses_among_several(tmp_path):
    path = make.tenx_h5(tmp_path / "a.h5", version=2, genomes=("hg19", "mm10"))
    np.testing.assert_array_equal(load(tmp_path, path, genome="hg19")[:, SYMBOLS].X.toarray(), COUNTS)
    np.testing.assert_array_equal(load(tmp_path, path, genome="mm10")[:, SYMBOLS].X.toarray(), COUNTS[:, ::-1])
    with pytest.raises(UserError, match=r"genome 'rn6' is not in the file; found: hg19, mm10"):
        load(tmp_path, path, genome="rn6")


def test_antibodies_are_kept_apart(tmp_path):
    types = ["Gene Expression"] * 10 + ["Antibody Capture"] * 2
    adata = load(tmp_path, make.tenx_folder(tmp_path / "a", types=types))
    assert list(adata.var_names) == SYMBOLS[:10]
    assert dict(adata.uns["mscape"]["load_counts"]["excluded_features"]) == {"Antibody Capture": 2}


def test_spike_ins_prefixes_and_versions(tmp_path):
    names = ["GRCh38_THY1", "ERCC-00002", "GRCh38_ENG"]
    ids = ["ENSG00000154096.14", "ERCC-00002", "ENSG00000106991"]
    adata = load(tmp_path, make.tenx_folder(tmp_path / "a", symbols=names, ids=ids, counts=COUNTS[:, :3]))
    assert list(adata.var_names) == ["THY1", "ENG"]
    assert list(adata.var["gene_id"]) == ["ENSG00000154096", "ENSG00000106991"]
    assert adata.uns["mscape"]["load_counts"]["excluded_features"]["ERCC spike-in"] == 1


def test_ensembl_ids_get_symbols(tmp_path):
    table = make.frame()
    table.index = [f"{gene_id}.3" for gene_id in IDS]
    table.loc["ENSG00000999999.1"] = 1
    adata = load(tmp_path, make.write_text(tmp_path / "a.csv", table.to_csv()))
    assert list(adata.var_names) == [*SYMBOLS, "ENSG00000999999"]
    assert list(adata.var["gene_id"]) == [*IDS, "ENSG00000999999"]
    assert adata.var["feature_name"].iloc[0] == f"{IDS[0]}.3"


def test_rows_of_one_gene_are_summed(tmp_path):
    symbols, ids = [*SYMBOLS, "THY1"], [*IDS, "ENSG00000999999"]
    counts = np.column_stack([COUNTS, np.arange(len(BARCODES))])
    adata = load(tmp_path, make.tenx_folder(tmp_path / "a", symbols=symbols, ids=ids, counts=counts))
    assert list(adata.var_names) == SYMBOLS
    expected = COUNTS[:, 1] + np.arange(len(BARCODES))
    np.testing.assert_array_equal(adata[:, "THY1"].X.toarray().ravel(), expected)
    assert adata.var.loc["THY1", "gene_id"] == IDS[1]
    assert adata.X.sum() == counts.sum()


def test_cells_of_one_sample_are_taken_from_a_file_of_several(tmp_path):
    names = [f"D{i % 3}P2_{i}" for i in range(len(BARCODES))]
    path = make.tenx_folder(tmp_path / "a", barcodes=names)
    adata = load(tmp_path, path, cells="D1*|D2P2_8")
    assert list(adata.obs_names) == ["S1_D1P2_1", "S1_D1P2_4", "S1_D1P2_7", "S1_D2P2_8"]
    np.testing.assert_array_equal(adata[:, SYMBOLS].X.toarray(), COUNTS[[1, 4, 7, 8]])
    with pytest.raises(UserError, match="they are like D0P2_0"):
        load(tmp_path, path, cells="D7*")


def test_repeated_barcodes_are_numbered_and_told(tmp_path):
    barcodes = [*BARCODES[:-1], BARCODES[0]]
    adata = load(tmp_path, make.tenx_folder(tmp_path / "a", barcodes=barcodes))
    assert adata.obs_names[-1] == f"S1_{BARCODES[0]}.2"
    assert adata.uns["mscape"]["load_counts"]["repeated_barcodes"] == 1


def test_stated_format_is_checked(tmp_path):
    path = make.csv(tmp_path / "a.csv")
    assert load(tmp_path, path, format="csv").n_obs == len(BARCODES)
    with pytest.raises(UserError, match="the sheet says 10x_h5, but it is text"):
        load(tmp_path, path, format="10x_h5")
    with pytest.raises(UserError, match="format 'excel' is not known"):
        load(tmp_path, path, format="excel")


def test_order_of_matrix_lines_does_not_matter(tmp_path):
    path = make.tenx_folder(tmp_path / "a", zipped=False) / "matrix.mtx"
    lines = path.read_text().rstrip("\n").split("\n")
    head = next(i for i, line in enumerate(lines) if not line.startswith("%")) + 1
    path.write_text("\n".join([*lines[:head], *reversed(lines[head:])]) + "\n")
    np.testing.assert_array_equal(load(tmp_path, path.parent)[:, SYMBOLS].X.toarray(), COUNTS)


def test_unfiltered_droplets_are_refused(tmp_path):
    rng = np.random.default_rng(0)
    n = sniff.MANY_BARCODES + 100
    matrix = sp.csr_matrix(rng.poisson(0.2, (n, len(SYMBOLS))))
    adata = anndata.AnnData(X=matrix.tocsr().astype(np.int32), var=pd.DataFrame(index=SYMBOLS))
    adata.write_h5ad(tmp_path / "raw_feature_bc_matrix.h5ad")
    with pytest.raises(UserError, match="unfiltered matrix with empty droplets"):
        load(tmp_path, tmp_path / "raw_feature_bc_matrix.h5ad")


def test_large_text_matrix_is_read_in_blocks(tmp_path):
    from mscape.formats import text

    blocks = text.read_text(make.csv(tmp_path / "a.csv"), make.KNOWN, block_fields=30)
    assert sum(1 for _ in blocks.rows()) == 1
    matrix = next(blocks.rows())
    np.testing.assert_array_equal(matrix.toarray(), COUNTS)


def test_matrix_market_is_held_in_few_bytes(tmp_path):
    from mscape.formats import mtx

    rng = np.random.default_rng(0)
    matrix = rng.poisson(0.5, (3000, 500))
    path = make.write_text(tmp_path / "matrix.mtx", make.mtx_text(matrix.T))
    tracemalloc.start()
    result = mtx.read_matrix(path, cells_in_rows=False, block_lines=5_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.data.dtype == result.indices.dtype == np.uint16
    assert peak < 4 * len(result.data) + 5_000 * 1000


def test_nothing_of_a_corrupt_gzip_counts_as_read(tmp_path):
    folder = make.tenx_folder(tmp_path / "a")
    data = bytearray((folder / "matrix.mtx.gz").read_bytes())
    data[len(data) // 2] ^= 0xFF
    (folder / "matrix.mtx.gz").write_bytes(bytes(data))
    with pytest.raises(UserError, match=r"damaged|Export it again|cut short|does not fit"):
        load(tmp_path, folder)
    assert gzip.compress(b"")  # the module is there: the fault is the file's


@real
@needs_real
@pytest.mark.parametrize(
    ("path", "shape", "total", "format"),
    [
        ("formats/10x/1.2.0/filtered_gene_bc_matrices", (12, 343), 12, "10x folder v2"),
        ("formats/10x/1.2.0/filtered_gene_bc_matrices_h5.h5", (12, 343), 12, "10x h5 v2"),
        ("formats/10x/3.0.0/filtered_feature_bc_matrix", (1107, 507), 41549, "10x folder v3"),
        ("formats/10x/3.0.0/filtered_feature_bc_matrix.h5", (1107, 507), 41549, "10x h5 v3"),
        ("formats/10x/int-ids", (5, 6), 8, "10x folder v3"),
        ("zilionis_lung300/zilionis_lung300.h5ad", (300, 20388), 906138, "h5ad"),
        ("pollen_celllines299/pollen_celllines299.h5ad", (299, 23702), 477220671, "h5ad"),
        ("pbmc3k_labelled2638/pbmc3k_labelled2638.h5ad", (2638, 13714), 6254880, "h5ad"),
        ("scmix_sc_celseq2/scmix_sc_celseq2.h5ad", (274, 28142), 10273464, "h5ad"),
    ],
)
def test_real_files(path, shape, total, format, tmp_path):
    adata = load(tmp_path, REAL / path)
    assert adata.shape == shape
    assert int(adata.X.sum(dtype=np.int64)) == total
    assert adata.uns["mscape"]["load_counts"]["format"] == format
    assert adata.var_names.is_unique


@real
@needs_real
def test_real_file_of_several_genomes(tmp_path):
    path = REAL / "formats/10x/1.2.0/multiple_genomes.h5"
    with pytest.raises(UserError, match=r"another_genome \(343 genes\), hg19_chr21 \(343 genes\)"):
        load(tmp_path, path)
    assert load(tmp_path, path, genome="hg19_chr21").n_vars == 343


def test_the_digest_is_that_of_the_counts_in_any_format(tmp_path):
    names = ("10x v3 folder", "10x v2 folder, gz")
    folders = [tmp_path / str(number) for number in range(2)]
    loaded = [load(folder, GOOD[name](folder)) for folder, name in zip(folders, names, strict=True)]
    digests = {adata.uns["mscape"]["load_counts"]["digest"] for adata in loaded}
    assert len(digests) == 1
    assert len(digests.pop()) == 64
