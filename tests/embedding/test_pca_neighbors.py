import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData
from cluster_cases import draw_counts, write_study

from mscape.data import counts
from mscape.embedding import pca_neighbors
from mscape.errors import UserError


def components(study, n, x, **options):
    return pca_neighbors.principal_components(
        study.counts,
        np.array([f"G{i}" for i in range(x.shape[1])]),
        cells=np.ones(n, dtype=bool),
        totals=x.sum(1),
        **options,
    )


def test_components_are_those_of_the_centred_log_values(tmp_path):
    x, *_ = draw_counts(n=120, genes=60, shares=(0.6, 0.4))
    scores, ratio = components(write_study(tmp_path, x), 120, x, n_pcs=5)
    logged = np.log1p(x / x.sum(1, keepdims=True) * 1e4)
    centred = logged - logged.mean(0)
    left, size, right = np.linalg.svd(centred, full_matrices=False)
    expected = left[:, :5] * size[:5] * np.sign(right[np.arange(5), np.abs(right[:5]).argmax(1)])
    np.testing.assert_allclose(scores, expected, atol=2e-4)
    np.testing.assert_allclose(ratio, size[:5] ** 2 / (size**2).sum(), rtol=1e-4)


def test_components_do_not_depend_on_blocks(tmp_path, monkeypatch):
    x, *_ = draw_counts(n=90, genes=200, shares=(0.6, 0.4))
    study = write_study(tmp_path, x)
    whole = components(study, 90, x, n_pcs=3)[0]
    blocks = counts.blocks
    monkeypatch.setattr(counts, "blocks", lambda path, **kw: blocks(path, block_values=900, **kw))
    np.testing.assert_allclose(components(study, 90, x, n_pcs=3)[0], whole, atol=1.01e-4)


def test_components_shrink_with_the_data(tmp_path):
    x, *_ = draw_counts(n=12, genes=30)
    assert components(write_study(tmp_path, x), 12, x, n_pcs=50)[0].shape == (12, 11)


def test_too_few_cells_are_said(tmp_path):
    x = np.ones((2, 9), dtype=np.int32)
    with pytest.raises(UserError, match="at least 3 cells"):
        components(write_study(tmp_path, x), 2, x)


def toy_cells(n, seed=0):
    rep = np.random.default_rng(seed).normal(size=(n, 5)).astype(np.float32)
    return AnnData(obs=pd.DataFrame(index=[str(i) for i in range(n)]), obsm={"X_pca": rep})


def test_the_graph_is_symmetric_and_holds_the_nearest_cells():
    adata = toy_cells(60)
    assert pca_neighbors.add_neighbors(adata, use_rep="X_pca", n_neighbors=6) == "exact"
    rep = adata.obsm["X_pca"]
    near = set(np.argsort(np.linalg.norm(rep[0] - rep, axis=1))[1:6])
    assert set(adata.obsp["distances"][0].indices) == near
    graph = adata.obsp["connectivities"]
    assert abs(graph - graph.T).max() < 1e-6
    assert graph.dtype == np.float32


def test_the_weights_sum_to_the_target():
    distance = np.sort(np.random.default_rng(0).random((50, 14)), axis=1)
    weights = pca_neighbors.fuzzy_weights(distance)
    np.testing.assert_allclose(weights.sum(1), np.log2(15), rtol=1e-6)
    assert (weights[:, 0] == 1).all()
    assert np.isfinite(pca_neighbors.fuzzy_weights(np.zeros((5, 14)))).all()  # cells that are copies of each other


@pytest.mark.workflow  # compiles umap's functions
def test_the_graph_is_scanpys():
    adata = toy_cells(300)
    pca_neighbors.add_neighbors(adata, use_rep="X_pca")
    theirs = AnnData(obs=adata.obs, obsm=dict(adata.obsm))
    sc.pp.neighbors(theirs, use_rep="X_pca", transformer="sklearn")
    assert abs(adata.obsp["connectivities"] - theirs.obsp["connectivities"]).max() < 1e-3
    assert abs(adata.obsp["distances"] - theirs.obsp["distances"]).max() < 1e-3
