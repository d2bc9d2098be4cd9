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
from count_files import BAD, GOOD
from input_files import BARCODES, COUNTS, GENES, IDS, NOT_GIVEN, SYMBOLS

import load_counts
from mscape.checks import inspect
from mscape.errors import UserError

REAL = Path(os.environ.get("MSCAPE_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
real = pytest.mark.real
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="real data are not here")


def load(tmp_path: Path, path: Path, **params) -> anndata.AnnData:
    target = tmp_path / "raw.h5ad"
    given = {"sample": "S1", "dataset": "D", "format": "auto", "organism": "human"} | NOT_GIVEN | params
    load_counts.main(
        SimpleNamespace(path=path, genes=GENES, orthologs=[]), SimpleNamespace(h5ad=target), SimpleNamespace(**given)
    )
    return anndata.read_h5ad(target)


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


def test_with_pseudonyms_no_cell_and_no_column_may_name_a_donor(tmp_path, toy_counts):
    adata = toy_counts(40, 4, mean=200)
    adata.var_names = adata.var["feature_name"] = SYMBOLS[:4]
    adata.var["gene_id"] = IDS[:4]
    adata.obs["donor_id"] = ["Smith", "Jones"] * 20
    adata.write_h5ad(tmp_path / "a.h5ad")
    assert load(tmp_path, tmp_path / "a.h5ad").n_obs == 40
    with pytest.raises(UserError, match="column 'donor_id' names samples or donors, and findings would show"):
        load(tmp_path, tmp_path / "a.h5ad", concealed=["other"])
    adata.obs_names = [f"Smith_{name}" for name in adata.obs_names]
    del adata.obs["donor_id"]
    adata.write_h5ad(tmp_path / "b.h5ad")
    assert load(tmp_path, tmp_path / "b.h5ad", concealed=["other"]).n_obs == 40
    with pytest.raises(UserError, match="cells: 'Smith_cell0' holds 'Smith'"):
        load(tmp_path, tmp_path / "b.h5ad", concealed=["Smith"])


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
    n = inspect.MANY_BARCODES + 100
    matrix = sp.csr_matrix(rng.poisson(0.2, (n, len(SYMBOLS))))
    adata = anndata.AnnData(X=matrix.tocsr().astype(np.int32), var=pd.DataFrame(index=SYMBOLS))
    adata.write_h5ad(tmp_path / "raw_feature_bc_matrix.h5ad")
    with pytest.raises(UserError, match="unfiltered matrix with empty droplets"):
        load(tmp_path, tmp_path / "raw_feature_bc_matrix.h5ad")


def test_large_text_matrix_is_read_in_blocks(tmp_path):
    from mscape.io.formats import text

    blocks = text.read_text(make.csv(tmp_path / "a.csv"), make.KNOWN, block_fields=30)
    assert sum(1 for _ in blocks.rows()) == 1
    matrix = next(blocks.rows())
    np.testing.assert_array_equal(matrix.toarray(), COUNTS)


def test_matrix_market_is_held_in_few_bytes(tmp_path):
    from mscape.io.formats import matrix_market

    rng = np.random.default_rng(0)
    matrix = rng.poisson(0.5, (3000, 500))
    path = make.write_text(tmp_path / "matrix.mtx", make.mtx_text(matrix.T))
    tracemalloc.start()
    result = matrix_market.read_matrix(path, cells_in_rows=False, block_lines=5_000)
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
