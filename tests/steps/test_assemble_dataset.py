import subprocess
import sys
from types import SimpleNamespace

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from toy_study import write_study

import assemble_dataset
from mscape.data import contract, counts
from mscape.export import layers


@pytest.fixture(scope="module")
def assembled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("assemble")
    study = write_study(folder)
    path = folder / "toy.h5ad"
    assemble_dataset.main(study, SimpleNamespace(h5ad=str(path)), SimpleNamespace(threads=1))
    return study, path, anndata.read_h5ad(path)


def test_counts_are_unaltered_and_x_is_log1p_of_counts_per_ten_thousand(assembled):
    study, _, adata = assembled
    raw = anndata.read_h5ad(study.counts).X
    assert sp.isspmatrix_csr(adata.X)
    assert adata.X.dtype == np.float32
    assert (adata.layers["counts"] != raw).nnz == 0
    dense = raw.toarray().astype(float)
    expected = np.log1p(dense / dense.sum(axis=1, keepdims=True) * 1e4)
    assert adata.X.toarray() == pytest.approx(expected, rel=1e-5)


def test_own_labels_are_joined_with_a_color_each_and_are_missing_where_there_is_none(assembled, tmp_path):
    study, _, _ = assembled
    cells = anndata.read_h5ad(study.counts).obs_names
    labels = pd.DataFrame({"kind": pd.Categorical(["x", "y", None])}, index=cells[[4, 0, 7]])
    counts.write(anndata.AnnData(obs=labels), tmp_path / "annotations.h5ad")
    given = SimpleNamespace(**vars(study) | {"annotations": tmp_path / "annotations.h5ad"})
    assemble_dataset.main(given, SimpleNamespace(h5ad=str(tmp_path / "toy.h5ad")), SimpleNamespace())
    adata = anndata.read_h5ad(tmp_path / "toy.h5ad")
    assert adata.obs["kind"].dropna().astype(str).to_dict() == {cells[0]: "y", cells[4]: "x"}
    assert len(adata.uns["kind_colors"]) == 2


def test_what_the_steps_say_is_joined(assembled):
    study, _, adata = assembled
    gate, clusters = anndata.read_h5ad(study.gate), anndata.read_h5ad(study.clusters)
    assert (adata.obs["isct_call"].astype(str) == gate.obs["isct_call"].astype(str)).all()
    failed = adata.obs["isct_call"] == "fail"
    assert adata.obs.loc[failed, "leiden"].isna().all()
    assert list(adata.obs["leiden"].cat.categories) == ["0", "1"]
    assert not adata.obs.loc[failed, "leiden_stable"].any()
    assert (adata.obs.loc[clusters.obs_names, "leiden"].astype(str) == clusters.obs["leiden"].astype(str)).all()
    assert adata.obs["leiden_stable"].dtype == bool
    names = clusters.obs["leiden"].astype(str).map({"0": "cycling", "1": "unnamed"})
    assert (adata.obs.loc[clusters.obs_names, "leiden_name"].astype(str) == names).all()
    assert not [name for name in adata.obs if name.startswith("isct_p_")]
    assert list(adata.obsm["isct_p"].columns) == ["NT5E"]
    assert np.isnan(adata.obsm["X_umap_msc"][failed]).all()
    assert not np.isnan(adata.obsm["X_umap_msc"][~failed]).any()
    assert list(adata.obsm["score_matched"].columns) == ["SET_UP", "SET_NULL"]
    stages = adata.uns["mscape"]
    assert set(stages["embed_cells"]) == {"all", "msc"}
    assert {"merge_samples", "gate_msc", "cluster_cells", "score_signatures", "run"} <= set(stages)
    assert stages["run"]["run_id"] == "0123456789ab"
    assert {"donor_id", "tissue", "assay", "sex", "disease", "suspension_type"} <= set(adata.obs)


def test_the_contract_is_kept(assembled):
    contract.check(assembled[1], "assembled")


def test_any_reader_opens_it(assembled):
    """No hdf5plugin, no nullable strings: gzip and plain text arrays only."""
    _, path, _ = assembled
    code = (
        "import sys; sys.modules['hdf5plugin'] = None\n"
        "import anndata; a = anndata.read_h5ad(sys.argv[1]); print(a.X.sum() > 0, a.layers['counts'].sum() > 0)"
    )
    said = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["True", "True"]
    kinds, filters = set(), set()

    def look(_, item):
        kinds.add(item.attrs.get("encoding-type"))
        if isinstance(item, h5py.Dataset):
            filters.add(item.compression)

    with h5py.File(path) as file:
        file.visititems(look)
        assert file["X/indices"] == file["layers/counts/indices"]
    assert "nullable-string-array" not in kinds
    assert filters <= {"gzip", None}


def test_blocks_and_chunks_do_not_change_what_is_read(assembled, tmp_path, monkeypatch):
    study, path, _ = assembled
    copy = tmp_path / "copy.h5ad"
    copy.write_bytes(path.read_bytes())
    monkeypatch.setattr(layers, "CHUNK", 300)
    layers.write_matrices(copy, study.counts, block_values=500)
    with h5py.File(path) as one, h5py.File(copy) as two:
        assert two["X/data"].chunks == (300,)
        assert two["X/data"].shape[0] % 300
        for name in ("X/data", "X/indices", "X/indptr", "layers/counts/data"):
            assert (one[name][:] == two[name][:]).all()


def test_columns_of_some_cells_are_spread_over_all():
    cells = pd.Index(["a", "b", "c"])
    part = pd.DataFrame(
        {"name": pd.Categorical(["x"]), "flag": [True], "value": [1], "text": ["t"], "given": [9]}, index=["b"]
    )
    joined = assemble_dataset.join_obs(pd.DataFrame({"given": [1, 2, 3]}, index=cells), part)
    assert joined["name"].isna().tolist() == [True, False, True]
    assert list(joined["flag"]) == [False, True, False]
    assert joined["value"].tolist()[1] == 1
    assert joined["value"].isna().sum() == 2
    assert list(joined["text"]) == ["", "t", ""]
    assert list(joined["given"]) == [1, 2, 3]


def test_both_graphs_are_there_under_the_names_that_scanpy_looks_for(assembled):
    _, _, adata = assembled
    failed = (adata.obs["isct_call"] == "fail").to_numpy()
    assert adata.uns["neighbors_msc"]["connectivities_key"] == "connectivities_msc"
    assert (adata.obsp["connectivities_msc"].diagonal() == ~failed).all()  # the toy's graph joins a cell to itself
    assert (adata.obsp["connectivities"].diagonal() == 1).all()
    for matrix in (adata.X, adata.layers["counts"], *adata.obsp.values()):
        assert matrix.indices.dtype == matrix.indptr.dtype
    assert np.isnan(adata.obsm["X_pca_msc"][failed]).all()


def test_categories_have_the_colors_of_the_report(assembled):
    from mscape.report import cell_map

    _, _, adata = assembled
    for name in ("isct_call", "isct_identity", "leiden", "lot_id", "phase"):
        drawn = cell_map.category(adata.obs[name], id=name, title="", group="")
        shade = dict(zip(drawn.levels, drawn.colours, strict=True))
        assert list(adata.uns[f"{name}_colors"]) == [shade[level] for level in adata.obs[name].cat.categories], name
