import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from mscape.data import checksum, counts
from mscape.errors import UserError


@pytest.fixture
def written(tmp_path, toy_counts):
    adata = toy_counts(30, 12)
    path = tmp_path / "counts.h5ad"
    counts.write(adata, path)
    return adata, path


def test_blocks_put_together_are_the_matrix(written):
    adata, path = written
    parts = list(counts.blocks(path, block_values=60))
    assert len(parts) > 3
    assert [start for start, _, _ in parts[1:]] == [stop for _, stop, _ in parts[:-1]]
    assert (sp.vstack([block for _, _, block in parts]) != adata.X).nnz == 0
    assert all(block.nnz <= 60 for _, _, block in parts)


def test_one_block_is_read_ahead_and_no_more(written, monkeypatch):
    started, split = [], counts.spans

    def note(*given, **how):
        for rows in split(*given, **how):
            started.append(rows)
            yield rows

    monkeypatch.setattr(counts, "spans", note)
    for n, _ in enumerate(counts.blocks(written[1], block_values=60), 1):
        assert len(started) <= n + 1
    assert len(started) == n > 3


def test_a_reader_that_stops_early_closes_the_file(written):
    parts = counts.blocks(written[1], block_values=60)
    next(parts)
    parts.close()
    with h5py.File(written[1], "r+") as file:  # refused while it is open for reading
        file.attrs["written"] = True


def test_a_block_that_cannot_be_read_is_an_error(written):
    with h5py.File(written[1], "r+") as file:
        file["X/indices"].id.write_direct_chunk((0,), b"broken")
    checksum.close_with_checksum(written[1])
    with pytest.raises(OSError, match="read"):
        list(counts.blocks(written[1], block_values=60))


def test_a_row_larger_than_a_block_is_still_read(written):
    adata, path = written
    assert [stop - start for start, stop, _ in counts.blocks(path, block_values=1)] == [1] * adata.n_obs


def test_genes_come_in_the_order_asked_for(written):
    adata, path = written
    assert np.array_equal(counts.read_genes(path, ["G7", "G2"]).toarray(), adata[:, ["G7", "G2"]].X.toarray())


def test_an_unknown_gene_is_named(written):
    with pytest.raises(KeyError, match="NOGENE"):
        counts.read_genes(written[1], ["G1", "NOGENE"])


def test_append_equals_writing_at_once(tmp_path, toy_counts):
    adata = toy_counts(30, 12)
    parts = [adata.X[:11], adata.X[11:12], adata.X[12:]]
    measured = pd.DataFrame({"one": True}, index=adata.var_names)
    counts.append(
        tmp_path / "a.h5ad", parts, obs=adata.obs, var=adata.var, varm={"measured": measured}, uns={"mscape": {"x": 1}}
    )
    assert (counts.read_genes(tmp_path / "a.h5ad", list(adata.var_names)) != adata.X).nnz == 0
    light = counts.read_light(tmp_path / "a.h5ad")
    assert light.X is None
    assert light.uns["mscape"]["x"] == 1
    assert light.varm["measured"].equals(measured)


def test_append_refuses_another_number_of_cells(tmp_path, toy_counts):
    adata = toy_counts(5, 4)
    with pytest.raises(ValueError, match="4 rows of counts were written for 5 cells"):
        counts.append(tmp_path / "a.h5ad", [adata.X[:4]], obs=adata.obs, var=adata.var)


def test_lognorm_is_that_of_scanpy(toy_counts):
    import scanpy as sc

    adata = toy_counts(20, 15)
    ours = counts.lognorm(adata.X, np.asarray(adata.X.sum(1)).ravel())
    adata.X = adata.X.astype(np.float32)
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)
    np.testing.assert_allclose(ours.toarray(), adata.X.toarray(), rtol=1e-6)


def test_a_file_without_counts_is_refused(tmp_path):
    with h5py.File(tmp_path / "x.h5ad", "w") as file:
        file["X"] = np.ones((2, 2))
    checksum.close_with_checksum(tmp_path / "x.h5ad")
    with pytest.raises(UserError, match="expected counts in X as a CSR matrix"):
        next(counts.blocks(tmp_path / "x.h5ad"))
