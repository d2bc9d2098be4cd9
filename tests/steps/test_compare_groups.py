from types import SimpleNamespace

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from toy_study import UP, default_settings, write_study

import compare_groups
from mscape.comparison import compare
from mscape.data import counts


@pytest.fixture
def settings():
    return default_settings("compare") | {"min_cpm": 0}


def run(study, folder, settings):
    folder.mkdir(exist_ok=True)
    output = SimpleNamespace(
        contrasts=str(folder / "contrasts.tsv"),
        composition=str(folder / "composition.tsv"),
        pseudobulk=str(folder / "pseudobulk.h5ad"),
    )
    files = SimpleNamespace(h5ad=study.counts, clusters=study.clusters, scores=study.scores, gate=study.gate)
    compare_groups.main(files, output, SimpleNamespace(settings=settings, threads=1, seed=0))
    table = pd.read_csv(output.contrasts, sep="\t", keep_default_na=False, na_values=[""])
    return (
        table,
        pd.read_csv(output.composition, sep="\t", dtype={"cluster": str}),
        anndata.read_h5ad(output.pseudobulk),
    )


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    settings = default_settings("compare") | {"min_cpm": 0}
    study = write_study(folder, donors=4)
    return study, *run(study, folder / "out", settings)


def test_the_one_factor_that_varies_is_compared_in_pairs(result):
    _, table, _, _ = result
    assert set(table["contrast"]) == {"condition: primed vs control"}
    design = table[table["kind"] == "design"].iloc[0]
    assert "Paired: each of 4 donors" in design["note"]
    assert (table["n_reference"] == 4).all()
    assert (table["n_other"] == 4).all()


def test_scores_that_were_raised_are_found_with_their_size(result):
    _, table, _, _ = result
    scores = table[table["kind"] == "score"].set_index("feature")
    assert scores.at["SET_UP", "estimate"] == pytest.approx(1.0, abs=0.05)
    assert scores.at["SET_UP", "low"] < 1 < scores.at["SET_UP", "high"]
    assert scores.at["SET_UP", "pvalue_adj"] < 0.001
    assert scores.at["SET_NULL", "pvalue"] > 0.01


def test_genes_that_were_raised_are_found_and_the_unmeasured_one_is_left_out(result):
    _, table, _, _ = result
    genes = table[table["kind"] == "gene"].set_index("feature")
    others = genes.index.difference(UP)
    assert (genes.loc[UP, "pvalue_adj"] < 0.05).all()
    contrast = genes.loc[UP, "estimate"].mean() - genes.loc[others, "estimate"].median()
    assert contrast == pytest.approx(3.0, abs=0.25)
    assert "G59" not in genes.index


def test_composition_counts_and_compares(result):
    _, table, composition, _ = result
    lot = composition[composition["lot_id"] == "D1_primed"].set_index("cluster")
    # positions 0-9 of each 20 are cluster 1, positions 0 and 10 are T cells: 3 x 9 and 3 x 9 of 54
    assert lot.at["1", "n_cells"] == 27
    assert lot.at["1", "fraction"] == pytest.approx(0.5)
    assert lot.at["1", "low"] < 0.5 < lot.at["1", "high"]
    shift = table[table["kind"] == "composition"].astype({"feature": str}).set_index("feature")
    control = composition[composition["lot_id"] == "D1_control"].set_index("cluster")["n_cells"]
    expected = 0.5 * (np.log2(27.5 / 27.5) - np.log2((control["1"] + 0.5) / (control["0"] + 0.5)))
    assert shift.at["1", "estimate"] == pytest.approx(expected, abs=1e-5)
    assert shift.at["0", "estimate"] == pytest.approx(-expected, abs=1e-5)


def test_pseudobulk_holds_every_count_of_the_clustered_cells(result):
    study, _, _, bulk = result
    whole, clusters = anndata.read_h5ad(study.counts), anndata.read_h5ad(study.clusters)
    leiden = clusters.obs["leiden"].astype(str).reindex(whole.obs_names).fillna("")
    assert bulk.X.sum() == whole.X[(leiden != "").to_numpy()].sum()
    row = bulk.obs_names.get_loc("D2_primed|1")
    mask = ((whole.obs["lot_id"] == "D2_primed") & (leiden == "1")).to_numpy()
    assert (bulk.X[[row]].toarray() == whole.X[mask].sum(axis=0)).all()
    assert bulk.obs["n_cells"].iloc[row] == mask.sum()
    assert bulk.obs["n_cells"].sum() == len(clusters)


def test_two_donors_give_effects_and_no_p(tmp_path, settings):
    table, _, _ = run(write_study(tmp_path, donors=2), tmp_path / "out", settings)
    rows = table[table["kind"] != "design"]
    assert len(rows) > 0
    assert rows["pvalue"].isna().all()
    assert rows["pvalue_adj"].isna().all()
    assert rows["estimate"].notna().all()
    assert rows["low"].notna().all()
    assert "no p-value" in table.loc[table["kind"] == "design", "note"].iloc[0]


def test_a_second_run_writes_the_same_bytes(tmp_path, settings):
    study = write_study(tmp_path, donors=3, cells_per_lot=40)
    for name in ("one", "two"):
        run(study, tmp_path / name, settings)
    for name in ("contrasts.tsv", "composition.tsv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_one_condition_gives_headers_only(tmp_path, settings):
    study = write_study(tmp_path, donors=1, cells_per_lot=40)
    table, composition, _ = run(study, tmp_path / "out", settings | {"factors": ["tissue"]})
    assert table.empty
    assert list(table.columns) == compare.COLUMNS
    assert len(composition) == 4


def test_a_study_without_clustered_cells_says_so(tmp_path, settings):
    study = write_study(tmp_path)
    nobody = counts.read_obs(study.clusters).iloc[:0]
    counts.write(AnnData(obs=nobody, uns={"mscape": {}}), study.clusters)
    table, composition, bulk = run(study, tmp_path / "out", settings)
    assert list(table["kind"]) == ["design"]
    assert "nothing to compare" in table["note"].iloc[0]
    assert composition.empty
    assert bulk.n_obs == 0


def test_cells_that_are_no_msc_are_named_and_one_cluster_has_no_shares(tmp_path, settings):
    study = write_study(tmp_path)
    cells = counts.read_obs(study.counts).index
    one = pd.DataFrame({"leiden": pd.Categorical(["0"] * len(cells))}, index=cells)
    counts.write(AnnData(obs=one, uns={"mscape": {}}), study.clusters)
    table, _, _ = run(study, tmp_path / "out", settings | {"genes": False})
    assert set(table["kind"]) == {"design", "score"}
    assert "36 of 360 did not pass the MSC gate" in table["note"].iloc[0]


def test_a_score_that_is_missing_has_no_estimate_and_a_note(tmp_path, settings):
    study = write_study(tmp_path)
    scores = counts.read_light(study.scores)
    scores.obsm["score_matched"]["SET_UP"] = np.nan
    counts.write(scores, study.scores)
    table, _, _ = run(study, tmp_path / "out", settings | {"genes": False})
    rows = table[table["kind"] == "score"].set_index("feature")
    assert np.isnan(rows.at["SET_UP", "estimate"])
    assert rows.at["SET_UP", "note"] == "Not measured in every lot of this contrast."
    assert not np.isnan(rows.at["SET_NULL", "pvalue"])
