import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from mscape.clustering import trajectory
from mscape.embedding import pca_neighbors


def cells(*positions, seed=0):
    """Clouds of 80 cells at positions on a line in five dimensions; a tuple is a stretch from ... to."""
    rng = np.random.default_rng(seed)
    parts = []
    for position in positions:
        part = rng.normal(0, 0.5, (80, 5))
        part[:, 0] += np.linspace(*position, 80) if isinstance(position, tuple) else position
        parts.append(part)
    rep = np.concatenate(parts).astype(np.float32)
    adata = AnnData(obs=pd.DataFrame(index=[str(i) for i in range(len(rep))]), obsm={"X_pca": rep})
    pca_neighbors.add_neighbors(adata, use_rep="X_pca", n_neighbors=15)
    names = pd.Categorical(np.repeat([str(i) for i in range(len(positions))], 80))
    return adata, pd.Series(names, index=adata.obs_names)


def test_connectivities_are_those_of_paga():
    import scanpy as sc

    adata, clusters = cells((0, 5), (5, 10), 9)
    table = trajectory.connect_clusters(adata, clusters)
    adata.obs["cluster"] = clusters
    sc.tl.paga(adata, groups="cluster")
    theirs = adata.uns["paga"]["connectivities"].toarray()
    np.testing.assert_allclose(table["connectivity"], [theirs[0, 1], theirs[0, 2], theirs[1, 2]], rtol=1e-6)


def test_a_course_gets_a_pseudotime_and_a_cluster_apart_none():
    adata, clusters = cells((0, 5), (5, 10), 200)
    table = trajectory.connect_clusters(adata, clusters)
    assert table["path"].tolist() == [True, False, False]
    time, reason = trajectory.pseudotime(adata, clusters, table, use_rep="X_pca", root="0")
    assert reason == "pseudotime from cluster 0 (as configured) over clusters 0, 1"
    assert np.isnan(time[160:]).all()
    assert np.nanmean(time[80:160]) > np.nanmean(time[:80])
    assert time[:160].min() == 0
    assert np.corrcoef(time[80:160], adata.obsm["X_pca"][80:160, 0])[0, 1] > 0.8


def test_of_many_cells_a_part_diffuses_and_the_others_follow():
    adata, clusters = cells((0, 5), (5, 10), 200)
    adata.uns["neighbors"] = {"params": {"n_neighbors": 15}}
    table = trajectory.connect_clusters(adata, clusters)
    given = {"use_rep": "X_pca", "root": "0"}
    every, _ = trajectory.pseudotime(adata, clusters, table, **given)
    some, reason = trajectory.pseudotime(adata, clusters, table, **given, max_cells=100)
    assert reason == "pseudotime from cluster 0 (as configured) over clusters 0, 1"
    assert (np.isnan(some) == np.isnan(every)).all()
    assert some[:160].min() == 0
    assert np.unique(some[:160]).size > 120  # no cell has just the time of one other
    assert np.corrcoef(some[:160], every[:160])[0, 1] > 0.97


def test_without_a_path_there_is_a_sentence():
    adata, clusters = cells(0, 100)
    table = trajectory.connect_clusters(adata, clusters)
    time, reason = trajectory.pseudotime(adata, clusters, table, use_rep="X_pca")
    assert np.isnan(time).all()
    assert "no path of the graph leads from cluster 0" in reason


@pytest.mark.parametrize(("root", "said"), [(None, "one cluster"), ("7", "one cluster")])
def test_one_cluster_has_no_course(root, said):
    adata, clusters = cells(0)
    table = trajectory.connect_clusters(adata, clusters)
    assert len(table) == 0
    assert table.columns.tolist() == trajectory.COLUMNS
    assert said in trajectory.pseudotime(adata, clusters, table, use_rep="X_pca", root=root)[1]


def test_a_root_that_does_not_exist_is_said():
    adata, clusters = cells((0, 5), (5, 10))
    table = trajectory.connect_clusters(adata, clusters)
    assert "no cluster '9'" in trajectory.pseudotime(adata, clusters, table, use_rep="X_pca", root="9")[1]


def test_paths_lead_on():
    table = pd.DataFrame({"cluster_a": ["0", "1", "2"], "cluster_b": ["1", "2", "3"], "path": [True, True, False]})
    assert trajectory.reachable(table, "2") == ["0", "1", "2"]
