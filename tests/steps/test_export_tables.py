"""Tables for other programs: the same rows as the stage tables, read back by pandas and pyarrow."""

from __future__ import annotations

import json
from types import SimpleNamespace

import anndata
import pandas as pd
import pyarrow.parquet
import pytest
import stage_tables
import toy_study

import assemble_dataset
import export_tables
from mscape.data.table_io import write_table


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    study = toy_study.write_study(folder)
    path = folder / "toy.h5ad"
    assemble_dataset.main(study, SimpleNamespace(h5ad=str(path)), SimpleNamespace(threads=1))
    attribute = {"name": "purity", "verdict": "PASS", "value": 0.01, "low": 0.0, "high": 0.02, "reason": "=1+1"}
    document = {"lots": [{"lot_id": "NA", "verdict": "PASS", "attributes": [attribute]}]}
    (folder / "passports.json").write_text(json.dumps(document))
    flags = pd.DataFrame({"cluster": ["1e3", "NA", "x"], "stable": [True, None, False], "n_cells": [1, 2, 3]})
    stage_tables.write("stability", folder / "stability.tsv", flags)
    write_table("surface", pd.DataFrame(), folder / "surface.tsv")
    tables = [study.gate_table, str(folder / "stability.tsv"), str(folder / "surface.tsv")]
    given = SimpleNamespace(tables=tables, passports=str(folder / "passports.json"), h5ad=str(path))
    export_tables.main(given, SimpleNamespace(folder=str(folder / "tables")), SimpleNamespace())
    return folder / "tables", study, path


def test_parquet_and_csv_hold_the_rows_of_the_stage_table(made):
    folder, study, _ = made
    source = pd.read_csv(study.gate_table, sep="\t")
    for table in (pd.read_parquet(folder / "gate.parquet"), pd.read_csv(folder / "gate.csv")):
        assert list(table.columns) == list(source.columns)
        assert list(table["lot_id"]) == list(source["lot_id"])
        pd.testing.assert_series_equal(table["estimate"], source["estimate"])


def test_names_stay_text_and_flags_with_gaps_stay_flags(made):
    folder, _, _ = made
    table = pd.read_parquet(folder / "stability.parquet")
    assert list(table["cluster"]) == ["1e3", "NA", "x"]
    assert list(table["stable"].astype(object).where(table["stable"].notna(), None)) == [True, None, False]
    assert pyarrow.parquet.read_schema(folder / "stability.parquet").field("stable").type == "bool"
    assert len(pd.read_parquet(folder / "surface.parquet")) == 0


def test_cells_carry_calls_scores_and_maps(made):
    folder, _, path = made
    cells, whole = pd.read_parquet(folder / "cells.parquet"), anndata.read_h5ad(path)
    assert list(cells["cell"]) == list(whole.obs_names)
    assert list(cells["isct_call"].astype(str)) == list(whole.obs["isct_call"].astype(str))
    assert (cells["z_SET_UP"].to_numpy() == whole.obsm["score_z"]["SET_UP"].to_numpy()).all()
    assert (cells["umap_2"].to_numpy() == whole.obsm["X_umap"][:, 1]).all()


def test_passports_are_one_row_an_attribute_and_no_cell_runs_as_a_formula(made):
    folder, _, _ = made
    row = pd.read_parquet(folder / "passports.parquet").iloc[0]
    assert (row["lot_id"], row["attribute"], row["value"], row["reason"]) == ("NA", "purity", 0.01, "=1+1")
    text = (folder / "passports.csv").read_text()
    assert "'=1+1" in text
    assert ",=1+1" not in text


def test_multiqc_finds_the_lots(made):
    folder, _, _ = made
    found = json.loads((folder / "mscape_mqc.json").read_text())
    assert (found["plot_type"], found["id"]) == ("table", "mscape_lots")
    assert found["data"] == {"NA": {"verdict": "PASS", "purity": 0.01}}
    assert set(found["headers"]) == {"verdict", "purity"}


@pytest.mark.parametrize("text", ["=1+1", "+IFNg", "-80", "@SUM(A1)", "\t=1", "\r=1"])
def test_text_that_a_spreadsheet_would_run_is_guarded_and_numbers_stay_numbers(text):
    table = pd.DataFrame({"condition": pd.Categorical([text, "x"]), "value": [-1.5, 2.0], text: ["a", None]})
    guarded = export_tables.guard(table)
    assert list(guarded.columns) == ["condition", "value", f"'{text}"]
    assert list(guarded["condition"]) == [f"'{text}", "x"]
    assert list(guarded["value"]) == [-1.5, 2.0]
    assert table["condition"].iloc[0] == text
