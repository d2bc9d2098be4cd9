import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import scipy.sparse as sp
from anndata import AnnData
from cluster_cases import draw_counts, write_study

from mscape.data import counts
from mscape.embedding import highly_variable_genes


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
    mean, variance, n, totals = highly_variable_genes.gene_moments(
        study.counts, cells=np.ones(300, dtype=bool), groups=batch
    )
    chosen = highly_variable_genes.variable_genes(mean, variance, adata.var_names.to_numpy().astype(str), n_hvg=200)
    assert n.sum() == 300
    np.testing.assert_array_equal(totals, x.sum(1))
    assert set(adata.var_names[chosen]) == set(adata.var_names[adata.var["highly_variable"]])


def test_moments_do_not_depend_on_blocks(tmp_path, monkeypatch):
    x, _, batch = draw_counts(n=120, genes=60, batches=2)
    study = write_study(tmp_path, x, batch=batch)
    cells = np.arange(120) % 3 > 0
    whole = highly_variable_genes.gene_moments(study.counts, cells=cells, groups=batch[cells])
    blocks = counts.blocks
    monkeypatch.setattr(counts, "blocks", lambda path, **kw: blocks(path, block_values=500, **kw))
    for one, other in zip(
        whole, highly_variable_genes.gene_moments(study.counts, cells=cells, groups=batch[cells]), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-9)
    scaled = x[cells] / x[cells].sum(1, keepdims=True) * 1e4
    np.testing.assert_allclose(whole[1][1], scaled[batch[cells] == 1].var(0, ddof=1), rtol=1e-8, atol=1e-9)


def test_log_columns_are_scanpys_log_counts(tmp_path):
    x, *_ = draw_counts(n=50, genes=40)
    study = write_study(tmp_path, x)
    genes = np.array(["G7", "G3"])
    values = highly_variable_genes.log_columns(study.counts, genes, cells=np.ones(50, dtype=bool), totals=x.sum(1))
    expected = np.log1p(x / x.sum(1, keepdims=True) * 1e4)[:, [7, 3]]
    np.testing.assert_allclose(values.toarray(), expected, rtol=1e-5)
