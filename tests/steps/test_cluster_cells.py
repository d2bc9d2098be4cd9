import anndata
import numpy as np
import pandas as pd
import pytest
from cluster_cases import draw_counts, find, run_cluster, run_embed, run_markers, write_study
from sklearn.metrics import adjusted_rand_score

from mscape.clustering import cluster, gap_test, remarks
from mscape.data import counts
from mscape.data.table_io import read_table
from mscape.errors import UserError
from mscape.genes import registry as markers


def table(rows):
    return pd.DataFrame(rows, columns=["resolution", "n_clusters", "ari_mean"]).assign(n_resamples=20)


def test_the_choice_is_one_cluster_without_a_gap():
    resolution, reason = cluster.choose_resolution(table([(0.1, 1, 1.0), (1.0, 1, 0.2)]))
    assert resolution == 0
    assert reason.startswith("one cluster: at no resolution")


def test_the_choice_is_one_cluster_when_splits_do_not_recur():
    resolution, reason = cluster.choose_resolution(table([(0.1, 1, 1.0), (1.0, 2, 0.3)]))
    assert resolution == 0
    assert "1 of 2 resolutions" in reason


def test_among_equally_stable_resolutions_the_most_clusters_are_taken():
    resolution, reason = cluster.choose_resolution(
        table([(0.1, 2, 0.99), (0.2, 3, 0.97), (0.4, 3, 0.98), (1.0, 5, 0.8)])
    )
    assert resolution == 0.4
    assert "3 clusters at resolution 0.4" in reason


def test_a_resolution_that_was_only_looked_at_is_not_chosen():
    grid = table([(0.1, 2, 0.97), (0.2, 3, 0.99), (0.4, 3, 0.99)])
    grid.loc[1, "n_resamples"] = 5
    assert cluster.choose_resolution(grid)[0] == 0.4


def test_a_homogeneous_culture_is_one_cluster(tmp_path):
    study = write_study(tmp_path, draw_counts(n=300, axis_sd=0.5)[0])
    run_embed(study)
    light = run_cluster(study)
    stability = pd.read_csv(study.stability, sep="\t")
    assert light.obs["leiden"].unique().tolist() == ["0"]
    assert light.obs["leiden_stable"].all()
    assert light.uns["mscape"]["cluster_cells"]["reason"].startswith("one cluster")
    assert "no sub-populations" in stability["reason"][0]
    assert not pd.read_csv(study.resolutions, sep="\t")["chosen"].any()


def test_three_populations_are_found_with_their_stability(tmp_path):
    x, group, batch = draw_counts(n=400, shares=(0.6, 0.3, 0.1), batches=2, batch_sd=0.3)
    study = write_study(tmp_path, x, batch=batch)
    run_embed(study)
    light = run_cluster(study, resolutions=[0.2, 0.6, 1.0])
    record = light.uns["mscape"]["cluster_cells"]
    stability = pd.read_csv(study.stability, sep="\t")
    grid = pd.read_csv(study.resolutions, sep="\t")
    assert adjusted_rand_score(group, light.obs["leiden"]) > 0.97
    assert stability["n_cells"].tolist() == sorted(stability["n_cells"], reverse=True)
    assert stability["n_cells"].sum() == 400
    assert stability["jaccard"].min() > 0.9
    assert stability["n_lots"].tolist() == [2, 2, 2]
    assert grid["chosen"].sum() == 1
    assert grid.loc[grid["chosen"], "n_resamples"].item() == 20
    assert record["n_clusters"] == 3
    assert record["agreement"] > 0.97
    assert record["engine"] == "igraph"
    again = run_cluster(study, resolutions=[0.2, 0.6, 1.0])
    pd.testing.assert_frame_equal(light.obs, again.obs)


def test_a_fixed_resolution_is_obeyed_and_unstable_clusters_are_flagged(tmp_path):
    study = write_study(tmp_path, draw_counts(n=300)[0])
    run_embed(study)
    light = run_cluster(study, resolution=1.5, engine="leidenalg", n_boot=5)
    stability = pd.read_csv(study.stability, sep="\t")
    record = light.uns["mscape"]["cluster_cells"]
    assert record["n_clusters"] > 2
    assert "gaps support 1" in record["reason"]
    assert not stability["stable"].all()
    assert stability.loc[~stability["stable"], "reason"].str.contains("unstable").all()
    flags = stability.set_index(stability["cluster"].astype(str))["stable"]
    assert (light.obs["leiden_stable"].to_numpy() == flags.loc[light.obs["leiden"].astype(str)].to_numpy()).all()


def test_a_pure_batch_effect_is_no_subpopulation_even_without_integration(tmp_path):
    x, _, batch = draw_counts(n=300, batches=2, batch_sd=0.5)
    clusters, _, record = find(x, batch=batch, path=tmp_path, method="none")
    assert record["mixing_before"] < 0.1
    assert clusters.max() == 0
    assert record["notes"] == gap_test.BATCHES_APART


def test_clusters_that_are_nothing_but_cycle_are_called_so(tmp_path):
    registry = markers.load_markers().signatures
    g2m, s = (registry[name]["genes"] for name in ("TIROSH_G2M", "TIROSH_S"))
    genes = list(dict.fromkeys([*g2m, *s])) + [f"G{i}" for i in range(500)]
    rng = np.random.default_rng(0)
    rate = np.tile(rng.lognormal(0, 1, len(genes)), (360, 1))
    rate[:, : len(genes) - 500] = 0.4
    rate[:120, : len(g2m)] = 8.0
    rate[300:, -60:] *= 6.0
    study = write_study(tmp_path, rng.poisson(rate), genes=genes)
    run_embed(study, n_hvg=500)
    light = run_cluster(study, resolutions=[0.2, 0.6], n_boot=5)
    stability = pd.read_csv(study.stability, sep="\t", keep_default_na=False).set_index("cluster")
    assert light.obs["leiden"].nunique() == 3
    cycling = light.obs["leiden"].iloc[:120].mode().astype(int).item()
    other = light.obs["leiden"].iloc[300:].mode().astype(int).item()
    assert "cell cycle: differs from" in stability.loc[cycling, "reason"]
    assert "cell cycle" not in stability.loc[other, "reason"]


def test_doublets_and_single_batches_are_named_in_the_reason():
    clusters = np.repeat([0, 1, 2], [60, 30, 10])
    obs = pd.DataFrame(
        {
            "lot_id": ["a"] * 60 + ["b"] * 30 + ["a", "b"] * 5,
            "donor_id": ["a"] * 60 + ["b"] * 30 + ["a", "b"] * 5,
            "predicted_doublet": [False] * 90 + [True] * 10,
        }
    )
    described = remarks.describe_clusters(
        clusters, np.array([1, 0.5, 0.9]), obs, names=list("012"), cycling={}, batch_key="donor_id", min_jaccard=0.75
    )
    assert described["stable"].tolist() == [True, False, True]
    assert "from donor_id a" in described["reason"][0]
    assert "unstable" in described["reason"][1]
    assert "predicted doublets" in described["reason"][2]


def annotate(study, labels):
    """A user's labels of the cells of a study, as annotate_cells writes them."""
    named = labels.dropna().index
    path = study.folder / "annotations.h5ad"
    counts.write(anndata.AnnData(obs=pd.DataFrame({"kind": labels[named].astype("category")}, index=named)), path)
    return path


def test_own_labels_take_the_place_of_clusters_and_their_stability_is_not_measured(tmp_path):
    x, group, batch = draw_counts(n=300, shares=(0.5, 0.3, 0.2), batches=2)
    study = write_study(tmp_path, x, batch=batch)
    run_embed(study)
    labels = pd.Series(np.array(["b-side", "stroma", "10"])[group], index=[f"cell{i}" for i in range(300)])
    labels.iloc[:20] = None
    light = run_cluster(study, annotations=annotate(study, labels), labels="kind")
    assert light.obs["leiden"].astype(str).to_dict() == labels.dropna().to_dict()
    assert "leiden_stable" not in light.obs
    stability = read_table(study.stability, "stability")
    assert stability["cluster"].tolist() == labels.value_counts().index.tolist()  # by size
    assert stability["n_cells"].tolist() == labels.value_counts().tolist()
    assert stability["jaccard"].isna().all()
    assert stability["stable"].isna().all()
    assert stability["reason"].str.startswith("labels given by the user: their stability was not measured").all()
    assert read_table(study.resolutions, "resolutions").empty
    record = light.uns["mscape"]["cluster_cells"]
    assert record["labels"] == "kind"
    assert record["reason"].endswith("; 20 of 300 cells have none and are in no group")
    paths = read_table(study.paga, "paga")
    assert {*paths["cluster_a"], *paths["cluster_b"]} == {"b-side", "stroma", "10"}
    markers, _ = run_markers(study)
    top = markers[markers["rank"] == 1].set_index("cluster")
    assert set(top.index) == {"b-side", "stroma", "10"}
    assert top.loc["10", "log2_fold_change"] > 1


def test_labels_of_no_clustered_cell_or_of_no_column_are_refused(tmp_path):
    study = write_study(tmp_path, draw_counts(n=120)[0])
    run_embed(study)
    others = annotate(study, pd.Series(["x"], index=["cell_of_another_study"]))
    with pytest.raises(UserError, match="none of the 120 cells that are clustered has a label in 'kind'"):
        run_cluster(study, annotations=others, labels="kind")
    with pytest.raises(UserError, match="'sort', and the table of annotations has no such column; there are 'kind'"):
        run_cluster(study, annotations=others, labels="sort")


# Real cells --------------------------------------------------------------------------------------


def lines(shared_data, name, *, singlets):
    adata = anndata.read_h5ad(shared_data / name / f"{name}.h5ad")
    keep = (adata.obs["demuxlet_cls"] == "SNG").to_numpy() | (not singlets)
    x = adata.X.toarray()[keep]
    return x[:, x.sum(0) > 0].astype(np.int32), adata.obs["cell_line_demuxlet"].astype(str).to_numpy()[keep]


@pytest.mark.real
def test_three_cell_lines_are_three_clusters(shared_data, tmp_path):
    scores = []
    for name in ("scmix_sc_celseq2", "scmix_sc_dropseq"):
        x, truth = lines(shared_data, name, singlets=True)
        clusters, *_ = find(x, path=tmp_path / name)
        assert clusters.max() == 2
        scores.append(adjusted_rand_score(truth, clusters))
    assert np.mean(scores) >= 0.98


@pytest.mark.real
def test_one_cell_line_or_permuted_genes_are_one_cluster(shared_data, tmp_path):
    x, truth = lines(shared_data, "scmix_sc_celseq2", singlets=True)
    rng = np.random.default_rng(0)
    for line in np.unique(truth):
        one = x[truth == line]
        assert find(one, path=tmp_path / line, n_boot=5)[0].max() == 0
    permuted = np.column_stack([rng.permutation(column) for column in x[:, ::4].T])
    assert find(permuted, path=tmp_path / "permuted", n_boot=5)[0].max() == 0
