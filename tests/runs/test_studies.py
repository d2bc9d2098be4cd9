"""The ready studies: their configs and sheets fit the schemas, and files of their layout are read."""

import socket
import urllib.request
from types import SimpleNamespace

import anndata
import input_files as make
import numpy as np
import pytest
import yaml

import load_counts
from mscape.checks import study as checks_study
from mscape.data.schema import list_faults, load_schema
from mscape.errors import UserError
from mscape.run import config

NAMES = ["GSE117837", "GSE147287", "GSE182158", "GSE199071", "GSE253355"]


def sheet_of(root, name):
    schema = load_schema(root / "workflow/schemas/samples.schema.yaml")
    return config.read_sheet(root / "config/studies" / f"{name}.tsv", schema=schema)


def load(tmp_path, path, row):
    given = {"sample": row["sample_id"], "dataset": "D", "format": "auto", "organism": "human"}
    given |= {key: row.get(key, "") for key in make.NOT_GIVEN}
    target = tmp_path / f"{row['sample_id']}.h5ad"
    load_counts.main(
        SimpleNamespace(path=path, genes=make.GENES, orthologs=[]),
        SimpleNamespace(h5ad=target),
        SimpleNamespace(**given),
    )
    return anndata.read_h5ad(target)


def test_every_study_is_listed(root):
    assert sorted(path.stem for path in (root / "config/studies").glob("*.yaml")) == NAMES
    readme = (root / "config/studies/README.md").read_text()
    assert all(f"[{name}]({name}.yaml)" in readme for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_config_and_sheet_fit_their_schemas(name, root):
    study = yaml.safe_load((root / f"config/studies/{name}.yaml").read_text())
    schema = load_schema(root / "workflow/schemas/config.schema.yaml")
    assert list_faults(study, schema) == []
    assert study["datasets"][name]["samples"] == f"{name}.tsv"
    sheet = sheet_of(root, name)
    assert sheet["path"].str.startswith(f"geo:{name}:").all()
    assert "member" not in sheet or sheet["member"].is_unique


@pytest.mark.parametrize("name", NAMES)
def test_without_network_the_check_says_exactly_that(name, root, tmp_path, monkeypatch):
    def no_network(request, timeout):
        raise urllib.request.URLError(socket.gaierror(-2, "unknown"))

    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    samples = [
        {"dataset": name, "organism": "human", "orthologs": "", "fetched": "", "row": row}
        for row in sheet_of(root, name).to_dict("records")
    ]
    table, _ = checks_study.check_study(samples, make.KNOWN, {"THY1"}, scratch=tmp_path)
    faults = table[table["level"] == "error"]
    assert set(faults["check"]) == {"download"}
    assert faults["found"].str.contains("(no network?)", regex=False).all()
    assert len(faults) == len(samples)


def test_archive_of_GSE182158(root, tmp_path):
    rows = sheet_of(root, "GSE182158").to_dict("records")
    assert len(rows) == 11
    for number, row in enumerate(rows):
        prefix = f"GSM{5519456 + number}_{row['sample_id']}_"
        counts = make.COUNTS + number
        make.tenx_folder(tmp_path / "x", prefix=prefix, version=2 + number % 2, counts=counts)
    archive = make.tar(tmp_path / "GSE182158_RAW.tar", make.folder_bytes(tmp_path / "x"))
    for number, row in enumerate(rows):
        adata = load(tmp_path, archive, row)
        np.testing.assert_array_equal(adata[:, make.SYMBOLS].X.toarray(), make.COUNTS + number)


def test_archive_of_GSE147287(root, tmp_path):
    rows = sheet_of(root, "GSE147287").to_dict("records")
    for number, row in enumerate(rows):
        make.tenx_folder(tmp_path / "x" / row["member"], counts=make.COUNTS + number)
    archive = make.tar(tmp_path / "GSE147287_RAW.tar", make.folder_bytes(tmp_path / "x"))
    for number, row in enumerate(rows):
        adata = load(tmp_path, archive, row)
        np.testing.assert_array_equal(adata[:, make.SYMBOLS].X.toarray(), make.COUNTS + number)


def test_archive_of_GSE199071_leaves_other_samples_out(root, tmp_path):
    rows = sheet_of(root, "GSE199071").to_dict("records")
    for sample in [*(row["sample_id"] for row in rows), "GSM5963753_HUVEC"]:
        make.tenx_folder(tmp_path / "x", prefix=f"{sample}_")
    archive = make.tar(tmp_path / "GSE199071_RAW.tar", make.folder_bytes(tmp_path / "x"))
    assert [load(tmp_path, archive, row).n_obs for row in rows] == [len(make.BARCODES)] * 4
    assert [row["passage"] for row in rows] == ["P3", "P6", "P6", "P6"]


def test_deposit_of_GSE253355_is_refused_with_the_way_and_its_conversion_is_read(root, tmp_path):
    row = sheet_of(root, "GSE253355").to_dict("records")[0]
    name = row["path"].rsplit(":", 1)[1]
    assert name == "GSE253355_Normal_Bone_Marrow_Atlas_Seurat_SB_v2.rds.gz"
    seurat = make.write_text(tmp_path / "fetched" / name, b"X\n\x00\x00\x00\x03\x00\x04")
    with pytest.raises(UserError, match=r"R object.*write10xCounts"):
        load(tmp_path, seurat.parent, row)
    names = [f"{sample}_{barcode}" for sample, barcode in zip("ABC" * 3, make.BARCODES, strict=True)]
    converted = make.tenx_folder(tmp_path / "GSE253355", barcodes=names)  # as write10xCounts lays it out
    assert load(tmp_path, converted, row).n_obs == len(names)
    adata = load(tmp_path, converted, row | {"cells": "B_*"})
    np.testing.assert_array_equal(adata[:, make.SYMBOLS].X.toarray(), make.COUNTS[1::3])


def test_strata_of_GSE117837_are_rows_of_one_table(root, tmp_path):
    """The text of the config says how a user divides the one table; here with names of our own."""
    row = sheet_of(root, "GSE117837").to_dict("records")[0]
    names = [f"{stratum}_{i}" for i, stratum in enumerate(["D1P5.naive", "D1P5.licensed", "D2P0.naive"] * 3)]
    table = make.frame()
    table.columns = names
    path = make.write_text(tmp_path / row["path"].rsplit(":", 1)[1], table.to_csv())
    samples = [
        {
            "dataset": "D",
            "organism": "human",
            "orthologs": "",
            "fetched": str(path),
            "row": row | {"sample_id": stratum, "cells": f"{stratum}_*"},
        }
        for stratum in dict.fromkeys(name.rsplit("_", 1)[0] for name in names)
    ]
    found, _ = checks_study.check_study(samples, make.KNOWN, {"THY1"}, scratch=tmp_path)
    assert not (found["level"] == "error").any()
    assert found[found["check"] == "format"]["found"].str.contains("3 cells").all()


def test_table_of_GSE117837_and_a_pattern_of_cells(root, tmp_path):
    row = sheet_of(root, "GSE117837").to_dict("records")[0]
    path = make.csv(tmp_path / "counts.csv.gz")
    assert load(tmp_path, path, row).n_obs == len(make.BARCODES)
    assert load(tmp_path, path, row | {"cells": make.BARCODES[2]}).n_obs == 1
