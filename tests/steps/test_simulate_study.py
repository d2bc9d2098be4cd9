"""The demonstration's lots: deterministic, whole, labelled as simulated, and truth in a file of its own."""

from types import SimpleNamespace

import anndata
import numpy as np
import pandas as pd
import pytest
import yaml

import simulate_study
from mscape.data import counts
from mscape.data.schema import fill_defaults, list_faults, load_schema
from mscape.errors import UserError
from mscape.genes.names import GENES
from mscape.genes.registry import REGISTRY
from mscape.paths import HOME as ROOT

SETTINGS = {
    "seed": 3,
    "genes": 6500,
    "cells": 150,
    "contamination": {},
    "ambient_fraction": 0.05,
    "lots": [
        {"sample_id": "A", "donor_id": "D1", "tissue": "bone marrow", "sex": "male"},
        {"sample_id": "B", "donor_id": "D2", "tissue": "umbilical cord", "contamination": {"T cell": 0.2}},
    ],
}


def make(folder, settings, sample):
    output = SimpleNamespace(h5ad=folder / f"{sample}.h5ad", truth=folder / f"{sample}.parquet")
    input = SimpleNamespace(markers=REGISTRY, genes=GENES)
    params = SimpleNamespace(settings=settings, sample=sample)
    simulate_study.main(input, output, params)
    return anndata.read_h5ad(output.h5ad), pd.read_parquet(output.truth)


@pytest.fixture(scope="module")
def lots(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    return {sample: make(folder, SETTINGS, sample) for sample in ("B", "A")}


def test_file_is_whole_integer_and_says_simulated(lots):
    for adata, truth in lots.values():
        assert adata.uns["simulated"]
        assert "Simulated" in adata.uns["title"]
        assert adata.X.dtype == np.int32
        assert adata.X.data.min() >= 1
        assert adata.var_names.is_unique
        assert adata.obs_names.is_unique
        assert list(adata.obs_names) == list(truth["barcode"])
        assert list(adata.obs.columns) == []  # the analysis sees no truth
        assert list(adata.var.columns) == ["gene_id"]


def test_a_lot_made_alone_is_the_same_to_the_byte(lots, tmp_path):
    alone, truth = make(tmp_path, {**SETTINGS, "lots": SETTINGS["lots"][1:]}, "B")
    adata, expected = lots["B"]
    for part in ("data", "indices", "indptr"):
        assert getattr(alone.X, part).tobytes() == getattr(adata.X, part).tobytes()
    pd.testing.assert_frame_equal(truth, expected)


def test_another_seed_gives_other_counts(lots, tmp_path):
    other, _ = make(tmp_path, {**SETTINGS, "seed": 4}, "A")
    assert other.X.nnz != lots["A"][0].X.nnz


def test_truth_says_what_the_rates_say(lots):
    truth = lots["B"][1]
    assert truth["is_contaminant"].sum() == 30
    for gene, threshold in (("THY1", 20), ("PTPRC", 20), ("HLA-DRA", 100)):
        assert (truth[f"true_pos_{gene}"] == (truth[f"true_cpm_{gene}"] >= threshold)).all()
    single = truth[~truth["is_doublet"]]
    msc, t_cells = single[~single["is_contaminant"]], single[single["cell_type"] == "T cell"]
    assert msc[["true_pos_NT5E", "true_pos_THY1", "true_pos_ENG"]].all().all()
    assert (
        not msc[[f"true_pos_{g}" for g in ("PTPRC", "CD34", "CD14", "ITGAM", "CD19", "CD79A", "HLA-DRA")]].any().any()
    )
    assert t_cells["true_pos_PTPRC"].all()
    assert not t_cells["true_pos_THY1"].any()
    assert msc["true_cpm_THY1"].median() == pytest.approx(500, rel=0.2)


def test_lot_settings_lie_over_the_studys():
    lot = simulate_study.choose_lot(SETTINGS, "B")
    assert lot["cells"] == 150
    assert lot["contamination"] == {"T cell": 0.2}
    with pytest.raises(UserError, match="has 0 lots with sample_id 'C'"):
        simulate_study.choose_lot(SETTINGS, "C")


def test_the_default_study_is_what_it_promises():
    study = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    schema = load_schema(ROOT / "workflow" / "schemas" / "config.schema.yaml")
    (dataset,) = study["datasets"].values()
    section = {"$ref": "#/$defs/simulate", "$defs": schema["$defs"]}
    assert list_faults(dataset["simulate"], section) == []
    settings = fill_defaults(dataset["simulate"], section, schema)
    lots = [simulate_study.choose_lot(settings, lot["sample_id"]) for lot in settings["lots"]]
    assert len({lot["donor_id"] for lot in lots}) == 6
    assert pd.Series([lot["tissue"] for lot in lots]).value_counts().to_list() == [3, 3]
    assert 5500 <= sum(lot["cells"] for lot in lots) <= 6500
    assert settings["genes"] == 12_000
    assert sum(lot["licensed_fraction"] > 0.5 for lot in lots) == 1
    assert max(lot["senescent_fraction"] for lot in lots) == 0.25
    assert max(sum(lot["contamination"].values()) for lot in lots) == pytest.approx(0.12)


def test_writing_is_in_blocks(lots, tmp_path):
    adata, _ = make(tmp_path, {**SETTINGS, "lots": [{"sample_id": "big", "cells": 2300, "umi_median": 1500}]}, "big")
    assert adata.n_obs == 2300
    starts = [start for start, _, _ in counts.blocks(tmp_path / "big.h5ad", block_values=300_000)]
    assert len(starts) > 3
