"""Limits that fit the sample: who is cut, who stays, and what is said about it."""

from types import SimpleNamespace

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import yaml
from anndata import AnnData
from input_files import GENES, MARKERS, NOT_GIVEN

import load_counts
import qc_cells
from mscape.data import counts
from mscape.quality import doublets
from mscape.quality.doublets import score_doublets
from mscape.quality.sex import check_sex

SETTINGS = {
    "n_mads": 5,
    "min_counts": {"floor": 200, "ceiling": 1000},
    "min_genes": {"floor": 100, "ceiling": 500},
    "max_counts": None,
    "max_pct_mt": {"floor": 15, "ceiling": 50},
    "mt_depth_mads": 1,
    "doublets": "flag",
    "doublet_rate": None,
}


def draw(n_cells=200, n_genes=1500, median=5000, mito=0.05, seed=0, sd=0.4):
    """Counts with 13 mitochondrial genes; returns the matrix (array) and gene names."""
    rng = np.random.default_rng(seed)
    names = [f"MT-{i}" for i in range(13)] + ["XIST", "RPS4Y1", "DDX3Y"] + [f"G{i}" for i in range(n_genes - 16)]
    rate = rng.gamma(0.6, 1.0, n_genes)
    rate[:13] = 0
    rate[13:16] = 0
    rate /= rate.sum()
    rate = (1 - mito) * rate
    rate[:13] = mito / 13
    depth = median * rng.lognormal(0, sd, n_cells)
    return rng.poisson(depth[:, None] * rate), names


def test_doublet_scores_read_in_blocks_equal_those_of_the_whole_matrix(tmp_path, small_blocks):
    matrix, names = draw(n_cells=300)
    passed, totals = np.flatnonzero(np.arange(300) % 7), matrix.sum(axis=1)
    whole = sp.csr_matrix(matrix.astype(np.int32))
    var = pd.DataFrame(index=names)
    counts.write(AnnData(whole, obs=pd.DataFrame(index=[f"S_{i}" for i in range(300)]), var=var), tmp_path / "raw.h5ad")
    found, _ = score_doublets(tmp_path / "raw.h5ad", passed, totals, SETTINGS, seed=0)
    np.testing.assert_array_equal(found.score, doublets.find_doublets(whole[passed]).score)
    assert found.score.max() > 0


def run(tmp_path, matrix, names, *, organism="human", sex="unknown", **settings):
    """Write raw.h5ad, run the step, read qc.h5ad."""
    adata = AnnData(
        sp.csr_matrix(np.asarray(matrix, dtype=np.int32)),
        obs=pd.DataFrame(index=[f"S_{i}" for i in range(len(matrix))]),
        var=pd.DataFrame({"gene_id": "", "feature_name": names}, index=names),
    )
    counts.write(adata, tmp_path / "raw.h5ad")
    params = SimpleNamespace(settings=SETTINGS | settings, row={"sex": sex}, organism=organism, seed=0)
    files = SimpleNamespace(h5ad=tmp_path / "raw.h5ad", markers=MARKERS)
    qc_cells.main(files, SimpleNamespace(h5ad=tmp_path / "qc.h5ad"), params)
    result = anndata.read_h5ad(tmp_path / "qc.h5ad")
    assert result.X is None
    assert list(result.obs_names) == list(adata.obs_names)
    return result


def test_measures_are_those_that_scanpy_defines(tmp_path):
    matrix, names = draw(n_cells=60)
    result = run(tmp_path, matrix, names).obs
    total = matrix.sum(axis=1)
    np.testing.assert_array_equal(result["total_counts"], total)
    np.testing.assert_array_equal(result["n_genes_by_counts"], (matrix > 0).sum(axis=1))
    np.testing.assert_allclose(result["pct_counts_mt"], 100 * matrix[:, :13].sum(axis=1) / total)
    top = np.sort(matrix, axis=1)[:, -20:].sum(axis=1)
    np.testing.assert_allclose(result["pct_counts_in_top_20_genes"], 100 * top / total)


def test_each_reason_is_given_to_the_cells_it_fits(tmp_path):
    matrix, names = draw()
    rng = np.random.default_rng(1)
    matrix[:5] = rng.binomial(matrix[:5], 0.02)  # nearly empty
    matrix[5:8] = 0
    matrix[5:8, 20] = 3000  # one gene
    matrix[8:14] = draw(n_cells=6, median=1800, sd=0.05)[0]  # leaked: little RNA, much of it mitochondrial
    matrix[8:14, :13] = 200
    matrix[14:20, :13] += 400  # rich in mitochondria and in everything else
    result = run(tmp_path, matrix, names)
    reasons = result.obs["qc"].astype(str)
    assert (reasons.iloc[:5] == "low_counts").all()
    assert (reasons.iloc[5:8] == "low_genes").all()
    assert (reasons.iloc[8:14] == "high_mt").all()
    assert (reasons.iloc[14:] == "pass").mean() > 0.99
    assert (result.obs["pct_counts_mt"].iloc[14:20] > 40).all()
    limits = result.uns["mscape"]["qc_cells"]["limits"]
    assert 200 <= limits["min_counts"] <= 1000
    assert 15 <= limits["max_pct_mt"] <= 50


def test_limits_that_cells_fail_together_are_counted(tmp_path):
    matrix, names = draw()
    matrix[:5] = 0  # few counts and few genes
    matrix[5:8] = 0
    matrix[5:8, 20] = 3000  # one gene
    summary = run(tmp_path, matrix, names).uns["mscape"]["qc_cells"]
    assert dict(summary["failed_together"]) == {"low_counts+low_genes": 5, "low_genes": 3}
    good = run(tmp_path, draw()[0], names).uns["mscape"]["qc_cells"]
    assert dict(good["failed_together"]) == {}


def test_a_group_of_dying_cells_is_flagged_and_kept(tmp_path):
    rng = np.random.default_rng(3)
    matrix, names = draw(n_cells=600, median=6000)
    healthy = run(tmp_path, matrix, names)
    assert not healthy.obs["low_quality_group"].any()
    matrix[:60, 13:] = rng.binomial(matrix[:60, 13:], 0.35)  # most of the cytoplasm is lost, mitochondria stay
    matrix[:60, :13] = rng.poisson(60, (60, 13))
    result = run(tmp_path, matrix, names, max_pct_mt={"floor": 90, "ceiling": 90})
    flagged = result.obs["low_quality_group"].to_numpy()
    assert flagged[:60].mean() > 0.75
    assert flagged[60:].mean() < 0.02
    assert (result.obs["qc"] == "pass").all()
    notes = result.uns["mscape"]["qc_cells"]["notes"]
    assert any("dying cells? They are kept" in note for note in notes)


def test_small_cells_without_many_mitochondria_are_not_flagged(tmp_path):
    matrix, names = draw(n_cells=600, median=6000)
    other = draw(n_cells=100, median=1500, seed=9)[0]  # another kind of cell, small and sound
    result = run(tmp_path, np.vstack([matrix, other]), names)
    assert not result.obs["low_quality_group"].any()


def test_cells_rich_in_mitochondria_and_in_all_else_are_not_flagged(tmp_path):
    matrix, names = draw(n_cells=600, median=6000)
    matrix[:100, :13] += 120  # a fifth of the counts
    result = run(tmp_path, matrix, names)
    assert result.obs["pct_counts_mt"].iloc[:100].median() > 20
    assert not result.obs["low_quality_group"].any()


def test_large_cells_rich_in_mitochondria_all_stay(tmp_path):
    matrix, names = draw(median=40_000, mito=0.2)
    result = run(tmp_path, matrix, names)
    assert (result.obs["qc"] == "pass").all()
    assert result.obs["n_genes_by_counts"].median() > 1200


def test_shallow_cells_stay(tmp_path):
    matrix, names = draw(median=600)
    assert (run(tmp_path, matrix, names).obs["qc"] == "pass").mean() > 0.95


def test_upper_limit_is_off_unless_set(tmp_path):
    matrix, names = draw()
    matrix[0] *= 20
    assert run(tmp_path, matrix, names).obs["qc"].iloc[0] == "pass"
    assert run(tmp_path, matrix, names, max_counts=50_000).obs["qc"].iloc[0] == "high_counts"


@pytest.mark.parametrize("n_cells", [1, 10, 19, 60])
def test_tiny_samples_work(n_cells, tmp_path):
    matrix, names = draw(n_cells=n_cells)
    result = run(tmp_path, matrix, names)
    summary = result.uns["mscape"]["qc_cells"]
    assert (result.obs["qc"] == "pass").all()
    assert result.obs["doublet_score"].isna().all()
    assert not result.obs["predicted_doublet"].any()
    assert f"{n_cells} cells are fewer" in summary["doublets"]["reason"]
    assert any("floors of the config apply" in note for note in summary["notes"]) == (n_cells < 20)


def test_without_mitochondrial_genes_the_measure_is_missing(tmp_path):
    matrix, names = draw(n_cells=120)
    result = run(tmp_path, matrix[:, 13:], names[13:])
    assert result.obs["pct_counts_mt"].isna().all()
    assert (result.obs["qc"] == "pass").all()
    assert any("no mitochondrial genes" in note for note in result.uns["mscape"]["qc_cells"]["notes"])


def test_empty_cells_are_low_counts_and_nothing_breaks(tmp_path):
    result = run(tmp_path, *draw(n_cells=0 + 5, median=0))
    assert (result.obs["qc"] == "low_counts").all()
    assert (result.obs["total_counts"] == 0).all()


def test_doublets_are_flagged_or_removed(tmp_path):
    from doublet_cases import mixture

    matrix, truth, _ = mixture()
    names = [f"G{i}" for i in range(matrix.shape[1])]
    flagged = run(tmp_path, matrix.toarray(), names, doublet_rate=0.06)
    assert flagged.obs["predicted_doublet"].dtype == bool
    assert flagged.obs["predicted_doublet"].sum() >= 10
    assert truth[flagged.obs["predicted_doublet"]].mean() > 0.8
    assert (flagged.obs["qc"] == "pass").all()
    assert flagged.obs["doublet_score"].notna().all()
    removed = run(tmp_path, matrix.toarray(), names, doublet_rate=0.06, doublets="remove")
    assert ((removed.obs["qc"] == "doublet") == flagged.obs["predicted_doublet"]).all()


def test_only_cells_that_pass_get_doublet_scores(tmp_path):
    matrix, names = draw(n_cells=150)
    matrix[3] = 0
    result = run(tmp_path, matrix, names)
    assert result.obs["doublet_score"].isna().to_numpy().nonzero()[0].tolist() == [3]


@pytest.mark.parametrize(
    ("xist", "linked", "stated", "found", "agrees"),
    [
        (200, 0, "female", "female", "yes"),
        (0, 300, "male", "male", "yes"),
        (0, 300, "F", "male", "no"),
        (200, 0, "unknown", "female", "not_assessable"),
        (200, 300, "female", "both", "not_assessable"),
        (0, 0, "female", "unclear", "not_assessable"),
        (-1, -1, "female", "not_assessable", "not_assessable"),
    ],
)
def test_sex_is_compared_with_the_sheet(xist, linked, stated, found, agrees):
    total = 1_000_000
    result = check_sex({"XIST": xist, "Y": linked, "all": total}, stated)
    assert (result["found"], result["agrees"]) == (found, agrees)
    few = check_sex({"XIST": xist, "Y": linked, "all": 50_000}, stated)
    assert (few["found"], few["agrees"]) == ("not_assessable", "not_assessable")


def test_a_wrong_sex_is_told_and_cuts_no_cell(tmp_path):
    matrix, names = draw(n_cells=40)
    matrix[:, 14:16] += 3
    result = run(tmp_path, matrix, names, sex="female")
    assert any("sample swap?" in note for note in result.uns["mscape"]["qc_cells"]["notes"])
    assert (result.obs["qc"] == "pass").all()
    assert "sex" not in run(tmp_path, matrix, names, organism="mouse").uns["mscape"]["qc_cells"]["notes"]


def test_settings_are_those_of_the_schema(root):
    schema = yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text())
    if "qc" not in schema["$defs"]:
        pytest.skip("the schema has no section qc")
    section = schema["$defs"]["qc"]["properties"]
    assert set(section) == set(SETTINGS)
    for key, value in SETTINGS.items():
        if isinstance(value, dict):
            assert {name: one["default"] for name, one in section[key]["properties"].items()} == value
        else:
            assert section[key]["default"] == value


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "passing", "mito"),
    [("zilionis_lung300", 1.0, True), ("pollen_celllines299", 1.0, False), ("pbmc3k_labelled2638", 0.99, True)],
)
def test_real_cells_stay(name, passing, mito, tmp_path, shared_data):
    raw, qc = tmp_path / "raw.h5ad", tmp_path / "qc.h5ad"
    given = SimpleNamespace(sample=name, dataset="D", format="auto", organism="human", **NOT_GIVEN)
    source = SimpleNamespace(path=shared_data / name / f"{name}.h5ad", genes=GENES, orthologs=[])
    load_counts.main(source, SimpleNamespace(h5ad=raw), given)
    params = SimpleNamespace(settings=SETTINGS, row={}, organism="human", seed=0)
    qc_cells.main(SimpleNamespace(h5ad=raw, markers=MARKERS), SimpleNamespace(h5ad=qc), params)
    result = anndata.read_h5ad(qc)
    assert (result.obs["qc"] == "pass").mean() >= passing
    assert result.obs["pct_counts_mt"].notna().all() == mito
    assert result.obs["doublet_score"].notna().sum() == (result.obs["qc"] == "pass").sum()
    if name == "zilionis_lung300":
        assert 0 < result.uns["mscape"]["qc_cells"]["ambient_fraction"] < 0.1
