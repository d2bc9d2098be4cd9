"""What the check finds in good samples, bad samples and pairs of samples."""

import socket
import urllib.request
from types import SimpleNamespace

import input_files as make
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData

import check_inputs
from mscape import sniff
from mscape.step import UserError

PANEL = ["NT5E", "THY1", "ENG", "PTPRC", "CD34", "CD14", "ITGAM", "CD19", "CD79A", "HLA-DRA"]
GENES = pd.Index([*PANEL, "MT-ND1", *make.KNOWN["symbol"].drop_duplicates()[:9000]]).drop_duplicates()


def sample(path, *, n_cells=60, seed=0, genes=GENES, mean=0.4, barcodes=None):
    rng = np.random.default_rng(seed)
    matrix = sp.csr_matrix(rng.poisson(rng.gamma(1, mean, len(genes)), (n_cells, len(genes))).astype(np.int32))
    names = barcodes or [f"{''.join(rng.choice(list('ACGT'), 16))}-1" for _ in range(n_cells)]
    AnnData(matrix, obs=pd.DataFrame(index=names), var=pd.DataFrame(index=list(genes))).write_h5ad(path)
    return path


def check(tmp_path, rows, *, organism="human"):
    """Run the check; return (the table, the error or None)."""
    samples = [
        {"dataset": "D", "organism": organism, "row": {"sample_id": f"s{i}", "path": str(row["path"])}}
        for i, row in enumerate(rows)
    ]
    params = SimpleNamespace(samples=samples, report=tmp_path / "out/check.tsv")
    done, error = tmp_path / "done", None
    try:
        check_inputs.main(SimpleNamespace(genes=make.GENES, markers=make.MARKERS), SimpleNamespace(done=done), params)
    except UserError as caught:
        error = str(caught)
    assert done.exists() == (error is None)
    return pd.read_csv(tmp_path / "out/check.tsv", sep="\t", keep_default_na=False), error


def faults(table):
    return {(one.sample, one.level, one.check) for one in table.itertuples() if one.level != "note"}


def test_a_good_sample_has_no_fault(tmp_path):
    table, error = check(tmp_path, [{"path": sample(tmp_path / "a.h5ad")}])
    assert error is None
    assert faults(table) == set()
    assert list(table.columns) == check_inputs.COLUMNS
    assert table.loc[0, "found"].startswith("h5ad, 60 cells")


def test_all_faults_of_all_samples_are_in_one_table(tmp_path):
    rows = [
        {"path": tmp_path / "nothing"},
        {"path": sample(tmp_path / "b.h5ad", genes=GENES.drop(["THY1", "MT-ND1"]))},
        {"path": sample(tmp_path / "c.h5ad", n_cells=5, seed=2)},
        {"path": sample(tmp_path / "d.h5ad", seed=3, genes=GENES[:500])},
        {"path": sample(tmp_path / "e.h5ad", seed=4, mean=400)},
        {"path": make.h5ad(tmp_path / "f.h5ad", make.annotated(make.logged()))},
        {"path": make.write_text(tmp_path / "g.csv", "<html>")},
    ]
    table, error = check(tmp_path, rows)
    assert faults(table) == {
        ("s0", "error", "readable"),
        ("s1", "warning", "panel"),
        ("s1", "warning", "mitochondria"),
        ("s2", "warning", "cells"),
        ("s3", "warning", "genes"),
        ("s4", "warning", "umi"),
        ("s5", "error", "readable"),
        ("s6", "error", "readable"),
    }
    assert error.startswith("7 samples: 3 errors, 5 warnings")
    assert "THY1" in table.loc[table["check"] == "panel", "found"].item()
    assert (table.loc[table["level"] == "error", "next_step"] != "").all()
    assert list(table["level"]) == sorted(table["level"], key=check_inputs.LEVELS.index)


def test_species_is_compared_with_the_config(tmp_path):
    mouse = [name.title() if not name.startswith("MT-") else "mt-Nd1" for name in GENES]
    path = sample(tmp_path / "a.h5ad", genes=pd.Index(mouse).drop_duplicates())
    table, error = check(tmp_path, [{"path": path}])
    assert ("s0", "error", "species") in faults(table)
    assert "organism: mouse" in error
    assert check(tmp_path, [{"path": path}], organism="mouse")[1] is None


@pytest.mark.parametrize(
    ("names", "ids", "species", "kind"),
    [
        (["TP53", "THY1", "ENG"], ["", "", ""], "human", "symbols"),
        (["Trp53", "Thy1", "Eng", "mt-Nd1"], [""] * 4, "mouse", "symbols"),
        (["ENSG00000154096.1"] * 5, ["ENSG00000154096.1"] * 5, "human", "Ensembl ids"),
        (["Thy1"] * 5, ["ENSMUSG00000032011"] * 5, "mouse", "symbols and Ensembl ids"),
        (["ENSECAG00000012345"] * 5, [""] * 5, "horse", "Ensembl ids"),
        (["7157", "7070"], ["", ""], "unknown", "numbers"),
        (["hg19_TP53", "hg19_THY1"], ["", ""], "human", "symbols"),
        (["ENSG00000154096"] * 6 + ["TP53"] * 4, [""] * 10, "human", "a mixture"),
    ],
)
def test_names_tell_species_and_kind(names, ids, species, kind):
    assert sniff.guess_species(pd.Series(names), pd.Series(ids), make.KNOWN) == species
    assert sniff.kind_of_names(pd.Series(names), pd.Series(ids)) == kind


def test_the_same_file_twice_is_an_error(tmp_path):
    one = sample(tmp_path / "a.h5ad")
    copy = tmp_path / "b.h5ad"
    copy.write_bytes(one.read_bytes())
    table, _ = check(tmp_path, [{"path": one}, {"path": copy}, {"path": sample(tmp_path / "c.h5ad", seed=5)}])
    assert faults(table) == {("s1", "error", "same cells")}
    table, _ = check(tmp_path, [{"path": one}, {"path": one}])
    assert faults(table) == {("s1", "error", "same cells"), ("s1", "error", "same path")}


def test_shared_barcodes_with_other_counts_are_a_warning(tmp_path):
    names = [f"cell{i}" for i in range(60)]
    rows = [{"path": sample(tmp_path / f"{i}.h5ad", seed=i, barcodes=names)} for i in range(2)]
    table, error = check(tmp_path, rows)
    assert error is None
    assert faults(table) == {("s1", "warning", "same cells")}


def test_empty_droplets_are_an_error():
    totals = np.r_[np.full(500, 5000), np.full(50_000, 3)]
    assert sniff.looks_unfiltered(totals, len(totals))
    assert not sniff.looks_unfiltered(np.full(100_000, 3000), 100_000)
    assert not sniff.looks_unfiltered(np.full(200, 3), 200)


def test_without_network_the_check_says_so_for_each_sample(tmp_path, monkeypatch):
    asked = []

    def no_network(request, timeout):
        asked.append(request.full_url)
        raise urllib.request.URLError(socket.gaierror(-2, "unknown"))

    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    rows = [{"path": f"geo:GSE182158:file{i}.tar"} for i in range(3)]
    table, error = check(tmp_path, rows)
    assert faults(table) == {(f"s{i}", "error", "download") for i in range(3)}
    assert len(asked) == 1
    assert all(f"file{i}.tar cannot be reached" in error for i in range(3))
    assert "no network" in error


def test_fetched_samples_are_read_and_bad_addresses_are_told(tmp_path):
    folder = make.tenx_folder(tmp_path / "fetched")
    rows = [
        {"dataset": "D", "organism": "human", "fetched": folder, "row": {"sample_id": "a", "path": "geo:GSM1:x"}},
        {"dataset": "D", "organism": "human", "row": {"sample_id": "b", "path": "geo:XX1:x"}},
    ]
    table = check_inputs.check_study(rows, make.KNOWN, {"THY1"}, scratch=tmp_path)
    assert "10x folder v3" in table.loc[table["sample"] == "a", "found"].iloc[-1]
    assert table.loc[table["sample"] == "b", "check"].tolist() == ["download"]


@pytest.mark.real
def test_real_samples(tmp_path, shared_data):
    names = ["zilionis_lung300", "pollen_celllines299", "pbmc3k_labelled2638", "scmix_sc_celseq2"]
    table, error = check(tmp_path, [{"path": shared_data / name / f"{name}.h5ad"} for name in names])
    assert error is None
    assert {fault for fault in faults(table) if fault[2] != "panel"} == {
        ("s1", "warning", "mitochondria"),
        ("s1", "warning", "umi"),
    }
    absent = table[(table["sample"] == "s2") & (table["check"] == "panel")]["found"].item()
    assert absent == "not in the feature table: CD34, THY1"
