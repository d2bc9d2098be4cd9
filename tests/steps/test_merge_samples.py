from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from merge_samples import main
from mscape.data import contract, counts
from mscape.errors import UserError
from mscape.quality.merge import account, merge_var

ROWS = [
    {
        "sample_id": name,
        "lot_id": "L1",
        "donor_id": "D1",
        "tissue": tissue,
        "passage": "P3",
        "condition": "unknown",
        "batch": "unknown",
        "sex": "female",
        "assay": "unknown",
        "disease": "unknown",
        "suspension_type": "unknown",
        "path": "x",
        "format": "auto",
        "medium": "DMEM",
    }
    for name, tissue in (("a", "bone marrow"), ("b", "umbilical cord"))
]


@pytest.fixture
def samples(tmp_path, toy_counts):
    """Two samples; the second lacks gene G0, has G99 besides, and its columns are turned round."""
    one, two = toy_counts(6, 5, prefix="a_"), toy_counts(5, 5, seed=1, prefix="b_")
    two = two[:, ::-1].copy()
    two.var_names = ["G99" if name == "G0" else name for name in two.var_names]
    for name, adata in (("a", one), ("b", two)):
        adata.uns["mscape"] = {"load_counts": {"assay": "Single Cell 5' PE" if name == "a" else ""}}
        counts.write(adata, tmp_path / f"{name}.raw.h5ad")
        obs = pd.DataFrame(dict.fromkeys(contract.MEASURED, 1.0), index=adata.obs_names)
        obs["predicted_doublet"] = False
        obs["qc"] = pd.Categorical(["low_counts", *["pass"] * (adata.n_obs - 1)])
        uns = {"mscape": {"qc_cells": {"ambient_fraction": 0.03}}}
        counts.write(AnnData(obs=obs, uns=uns), tmp_path / f"{name}.qc.h5ad")
    return one, two, tmp_path


def run(folder, rows=ROWS):
    input = SimpleNamespace(
        raw=[folder / "a.raw.h5ad", folder / "b.raw.h5ad"], qc=[folder / "a.qc.h5ad", folder / "b.qc.h5ad"]
    )
    output = SimpleNamespace(h5ad=folder / "counts.h5ad", table=folder / "accounting.tsv")
    main(input, output, SimpleNamespace(rows=rows, dataset="demo", culture="expanded", simulated=True))
    return output


def test_cells_and_counts_are_those_that_pass(samples):
    one, two, folder = samples
    merged = contract.read(run(folder).h5ad, "counts")
    assert list(merged.obs_names) == [*one.obs_names[1:], *two.obs_names[1:]]
    genes = ["G1", "G4"]
    expected = np.vstack([one[1:, genes].X.toarray(), two[1:, genes].X.toarray()])
    assert np.array_equal(counts.read_genes(folder / "counts.h5ad", genes).toarray(), expected)


def test_counts_of_genes_by_sample_are_those_of_its_cells_that_pass(samples):
    one, two, folder = samples
    table = counts.read_light(run(folder).h5ad).varm["counts"]
    assert table.loc["G1"].tolist() == [one[1:, "G1"].X.sum(), two[1:, "G1"].X.sum()]
    assert table.loc["G0"].tolist() == [one[1:, "G0"].X.sum(), 0]


def test_the_file_says_the_protocol_where_the_sheet_does_not(samples):
    obs = counts.read_obs(run(samples[2]).h5ad)
    assert obs.groupby("sample_id", observed=True)["assay"].unique().str[0].to_dict() == {
        "a": "Single Cell 5' PE",
        "b": "unknown",
    }
    rows = [row | {"assay": "10x 3' v3"} for row in ROWS]
    assert set(counts.read_obs(run(samples[2], rows).h5ad)["assay"]) == {"10x 3' v3"}


def test_absent_is_kept_apart_from_zero(samples):
    merged = counts.read_light(run(samples[2]).h5ad)
    measured = merged.varm["measured"]
    assert measured.loc["G0"].tolist() == [True, False]
    assert measured.loc["G99"].tolist() == [False, True]
    assert measured.loc["G1"].all()


def test_metadata_of_the_sheet_is_in_obs(samples):
    obs = counts.read_obs(run(samples[2]).h5ad)
    assert obs["tissue"].value_counts().to_dict() == {"bone marrow": 5, "umbilical cord": 4}
    assert set(obs["medium"]) == {"DMEM"}
    assert set(obs["culture"]) == {"expanded"}
    assert "path" not in obs


def test_the_accounting_adds_up(samples):
    table = pd.read_csv(run(samples[2]).table, sep="\t")
    assert table.to_dict("records") == [
        {"sample_id": "a", "lot_id": "L1", "loaded": 6, "low_counts": 1, "pass": 5},
        {"sample_id": "b", "lot_id": "L1", "loaded": 5, "low_counts": 1, "pass": 4},
    ]


def test_no_cell_left_is_a_sentence(samples):
    folder = samples[2]
    for name in "ab":
        light = counts.read_light(folder / f"{name}.qc.h5ad")
        light.obs["qc"] = pd.Categorical(["low_counts"] * light.n_obs)
        counts.write(light, folder / f"{name}.qc.h5ad")
    with pytest.raises(UserError, match="none of the 11 cells of demo passes quality control"):
        run(folder)


def test_genes_are_united_in_order():
    var, measured = merge_var(
        {
            "a": pd.DataFrame({"gene_id": ["1", "2"]}, index=["A", "B"]),
            "b": pd.DataFrame({"gene_id": ["2", "3"]}, index=["B", "C"]),
        }
    )
    assert var["gene_id"].to_dict() == {"A": "1", "B": "2", "C": "3"}
    assert measured.to_numpy().tolist() == [[True, False], [True, True], [False, True]]


def test_accounting_of_samples_with_different_reasons():
    qc = {"a": pd.DataFrame({"qc": ["pass", "high_mt"]}), "b": pd.DataFrame({"qc": ["pass", "pass"]})}
    table = account(qc, {"a": {"lot_id": "L"}, "b": {"lot_id": "M"}})
    assert table[["high_mt", "pass", "loaded"]].to_numpy().tolist() == [[1, 1, 2], [0, 2, 2]]
