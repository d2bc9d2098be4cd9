import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import scipy.sparse as sp
from anndata import AnnData
from cluster_cases import draw_counts, write_study

from mscape import counts, embedding
from mscape.step import UserError


@pytest.mark.filterwarnings("ignore:The 'mode.chained_assignment'")  # anndata and scanpy lag behind pandas 3.1
@pytest.mark.filterwarnings("ignore:The inplace keyword")
@pytest.mark.parametrize("batches", [1, 3])
def test_variable_genes_equal_scanpys(tmp_path, batches):
    x, _, batch = draw_counts(n=300, genes=900, shares=(0.6, 0.4), batches=batches, batch_sd=0.3)
    x[:, 5] = 0  # a gene that nobody expresses
    study = write_study(tmp_path, x, batch=batch)
    adata = AnnData(sp.csr_matrix(x, dtype=np.float64), obs=pd.DataFrame(index=[f"c{i}" for i in range(300)]))
    adata.var_names = [f"G{i}" for i in range(900)]
    adata.obs["batch"] = pd.Categorical(batch.astype(str))
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)
    key = "batch" if batches > 1 else None
    sc.pp.highly_variable_genes(adata, flavor="seurat", n_top_genes=200, batch_key=key)
    mean, variance, n, totals = embedding.gene_moments(study.counts, cells=np.ones(300, dtype=bool), groups=batch)
    chosen = embedding.variable_genes(mean, variance, adata.var_names.to_numpy().astype(str), n_hvg=200)
    assert n.sum() == 300
    np.testing.assert_array_equal(totals, x.sum(1))
    assert set(adata.var_names[chosen]) == set(adata.var_names[adata.var["highly_variable"]])


def test_moments_do_not_depend_on_blocks(tmp_path, monkeypatch):
    x, _, batch = draw_counts(n=120, genes=60, batches=2)
    study = write_study(tmp_path, x, batch=batch)
    cells = np.arange(120) % 3 > 0
    whole = embedding.gene_moments(study.counts, cells=cells, groups=batch[cells])
    blocks = counts.blocks
    monkeypatch.setattr(counts, "blocks", lambda path, **kw: blocks(path, block_values=500, **kw))
    for one, other in zip(whole, embedding.gene_moments(study.counts, cells=cells, groups=batch[cells]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)
    scaled = x[cells] / x[cells].sum(1, keepdims=True) * 1e4
    np.testing.assert_allclose(whole[1][1], scaled[batch[cells] == 1].var(0, ddof=1), rtol=1e-8, atol=1e-9)


def test_log_columns_are_scanpys_log_counts(tmp_path):
    x, *_ = draw_counts(n=50, genes=40)
    study = write_study(tmp_path, x)
    genes = np.array(["G7", "G3"])
    values = embedding.log_columns(study.counts, genes, cells=np.ones(50, dtype=bool), totals=x.sum(1))
    expected = np.log1p(x / x.sum(1, keepdims=True) * 1e4)[:, [7, 3]]
    np.testing.assert_allclose(values.toarray(), expected, rtol=1e-5)


def test_components_shrink_with_the_data_and_have_one_sign():
    values = sp.random(12, 30, density=0.5, format="csr", random_state=0, dtype=np.float32)
    one, other = AnnData(values), AnnData(values.copy())
    embedding.add_pca(one, n_pcs=50)
    embedding.add_pca(other, n_pcs=50, seed=1)
    assert one.obsm["X_pca"].shape == (12, 11)
    np.testing.assert_allclose(one.obsm["X_pca"][:, :9], other.obsm["X_pca"][:, :9], atol=1e-3)


def test_too_few_cells_are_said():
    with pytest.raises(UserError, match="at least 3 cells"):
        embedding.add_pca(AnnData(sp.csr_matrix(np.ones((2, 9)))))


def toy_cells(n, seed=0):
    rep = np.random.default_rng(seed).normal(size=(n, 5)).astype(np.float32)
    return AnnData(obs=pd.DataFrame(index=[str(i) for i in range(n)]), obsm={"X_pca": rep})


def test_neighbours_are_exact_and_symmetric():
    adata = toy_cells(60)
    assert embedding.add_neighbors(adata, use_rep="X_pca", n_neighbors=6) == "exact"
    rep = adata.obsm["X_pca"]
    near = set(np.argsort(np.linalg.norm(rep[0] - rep, axis=1))[1:6])
    assert set(adata.obsp["distances"][0].indices) == near
    graph = adata.obsp["connectivities"]
    assert abs(graph - graph.T).max() < 1e-6
    assert graph.dtype == np.float32


def test_the_weights_sum_to_the_target():
    distance = np.sort(np.random.default_rng(0).random((50, 14)), axis=1)
    weights = embedding.fuzzy_weights(distance)
    np.testing.assert_allclose(weights.sum(1), np.log2(15), rtol=1e-6)
    assert (weights[:, 0] == 1).all()
    assert np.isfinite(embedding.fuzzy_weights(np.zeros((5, 14)))).all()  # cells that are copies of each other


@pytest.mark.workflow  # compiles umap's and pynndescent's functions
def test_the_graph_is_scanpys():
    adata = toy_cells(300)
    embedding.add_neighbors(adata, use_rep="X_pca")
    theirs = AnnData(obs=adata.obs, obsm=dict(adata.obsm))
    sc.pp.neighbors(theirs, use_rep="X_pca", transformer="sklearn")
    assert abs(adata.obsp["connectivities"] - theirs.obsp["connectivities"]).max() < 1e-3
    assert abs(adata.obsp["distances"] - theirs.obsp["distances"]).max() < 1e-3


@pytest.mark.workflow
def test_above_the_limit_the_search_is_approximate_and_repeats():
    graphs = []
    for _ in range(2):
        adata = toy_cells(9000)
        assert embedding.add_neighbors(adata, use_rep="X_pca", max_exact_cells=8192) == "approximate"
        graphs.append(adata.obsp["connectivities"])
    assert (graphs[0] != graphs[1]).nnz == 0
    exact = toy_cells(9000)
    embedding.add_neighbors(exact, use_rep="X_pca")
    shared = (exact.obsp["distances"] > 0).multiply(adata.obsp["distances"] > 0).nnz
    assert shared / exact.obsp["distances"].nnz > 0.9
