import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData

from mscape.embedding import batch_mixing, integration
from mscape.errors import UserError


def two_batches(*, shift, n=600, seed=0):
    """Two populations in two batches, the second shifted."""
    rng = np.random.default_rng(seed)
    kind, batch = rng.integers(0, 2, n), rng.integers(0, 2, n)
    rep = rng.normal(size=(n, 10))
    rep[:, 0] += 12 * kind
    rep[:, 1] += shift * batch
    obs = pd.DataFrame({"donor_id": [f"d{b}" for b in batch], "kind": kind}, index=[str(i) for i in range(n)])
    return AnnData(obs=obs, obsm={"X_pca": rep.astype(np.float32)})


def test_mixing_is_zero_apart_and_one_together():
    apart, together = two_batches(shift=30), two_batches(shift=0)
    assert integration.mixing(apart.obsm["X_pca"], apart.obs["donor_id"]) < 0.01
    assert integration.mixing(together.obsm["X_pca"], together.obs["donor_id"]) == pytest.approx(1, abs=0.05)
    assert np.isnan(integration.mixing(apart.obsm["X_pca"], np.zeros(600)))


def test_mixing_follows_the_kept_library():
    from harmonypy import compute_lisi

    ours, theirs = [], []
    for shift in (0, 1, 2, 3, 5):
        adata = two_batches(shift=shift)
        ours.append(integration.mixing(adata.obsm["X_pca"], adata.obs["donor_id"]))
        theirs.append(compute_lisi(adata.obsm["X_pca"], adata.obs, ["donor_id"]).mean())
    assert np.corrcoef(ours, theirs)[0, 1] > 0.98


def test_mixing_of_a_graph_is_that_of_its_neighbourhoods():
    adata = two_batches(shift=3)
    near = batch_mixing.nearest(adata.obsm["X_pca"], 30)
    graph = sp.csr_matrix((np.ones(near.size), (np.repeat(np.arange(600), 30), near.ravel())), shape=(600, 600))
    found = batch_mixing.graph_mixing(graph, adata.obs["donor_id"])
    assert found == pytest.approx(integration.mixing(adata.obsm["X_pca"], adata.obs["donor_id"]))
    assert 0.1 < found < 0.9


def test_bbknn_joins_batches_that_stand_apart():
    pytest.importorskip("bbknn", reason="in the dependency group bbknn")
    adata = two_batches(shift=10)
    record = integration.integrate(adata, method="bbknn", batch_key="donor_id", n_neighbors=16)
    assert (record["method"], record["use_rep"]) == ("bbknn", "X_pca")
    assert record["mixing_before"] < 0.1
    assert record["mixing_after"] > 0.9
    edges = adata.obsp["connectivities"].tocoo()
    kind = adata.obs["kind"].to_numpy()
    assert (kind[edges.row] == kind[edges.col]).mean() > 0.99
    again = integration.connect_cells(
        adata.obsm["X_pca"], adata.obs["donor_id"].to_numpy(), method="bbknn", n_neighbors=16
    )
    assert (again != adata.obsp["connectivities"]).nnz == 0


def test_auto_leaves_mixed_batches_alone_and_says_why():
    record = integration.integrate(two_batches(shift=0), method="auto", batch_key="donor_id")
    assert record["method"] == "none"
    assert "already mix" in record["reason"]


def test_auto_integrates_batches_that_stand_apart_and_keeps_the_populations():
    adata = two_batches(shift=10)
    record = integration.integrate(adata, method="auto", batch_key="donor_id")
    assert record["method"] == "harmony"
    assert record["mixing_before"] < 0.1
    assert record["mixing_after"] > 0.6
    assert record["ilisi_before"] < 0.05
    assert record["ilisi_after"] > 0.5
    assert record["conservation"] > 0.4
    assert record["warning"] == ""
    first = adata.obsm["X_harmony"][:, 0]
    assert first[adata.obs["kind"] == 1].min() > first[adata.obs["kind"] == 0].max()


def test_harmony_is_the_same_for_any_number_of_threads():
    results = []
    for threads in (1, 2):
        adata = two_batches(shift=10)
        integration.embed_harmony(adata, batch_key="donor_id", n_neighbors=15, seed=0, threads=threads)
        results.append(adata.obsm["X_harmony"])
    np.testing.assert_array_equal(*results)


def strong_donors(kinds, *, apart=10, n=300, seed=0):
    """Donors that hold the given populations, each donor far from the others in many components."""
    rng = np.random.default_rng(seed)
    centres, donors = apart * np.eye(4, 20), 12 * rng.normal(size=(len(kinds), 20))
    kind = np.concatenate([rng.choice(own, n) for own in kinds])
    donor = np.repeat(np.arange(len(kinds)), n)
    rep = centres[kind] + donors[donor] + rng.normal(size=(len(kind), 20))
    obs = pd.DataFrame({"donor_id": [f"d{d}" for d in donor], "kind": kind}, index=[str(i) for i in range(len(kind))])
    return AnnData(obs=obs, obsm={"X_pca": rep.astype(np.float32)})


def same_kind(adata, key):
    """Share of 15 neighbours that are of a cell's own population."""
    kind = adata.obs["kind"].to_numpy()
    return (kind[batch_mixing.nearest(adata.obsm[key], 15)] == kind[:, None]).mean()


def test_donors_that_harmony_cannot_align_are_centred_first():
    adata = strong_donors([(0, 1, 2)] * 3)
    integration.embed_harmony(adata, batch_key="donor_id", n_neighbors=15, seed=0, threads=1)
    assert integration.mixing(adata.obsm["X_harmony"], adata.obs["donor_id"]) < 0.1
    record = integration.integrate(adata, batch_key="donor_id")
    assert record["centred"]
    assert record["mixing_after"] > 0.9
    assert record["conservation"] > 0.7
    assert record["same_places"] > 0.95
    assert record["warning"] == ""
    assert "Harmony alone left them at 0.0" in record["reason"]
    assert same_kind(adata, "X_harmony") > 0.99
    again = strong_donors([(0, 1, 2)] * 3)
    integration.integrate(again, batch_key="donor_id", threads=2)
    np.testing.assert_array_equal(adata.obsm["X_harmony"], again.obsm["X_harmony"])


@pytest.mark.parametrize(
    ("apart", "seed", "said"),
    [(10, 0, "they hold different populations"), (3, 1, "lay different populations over each other")],
)
def test_different_populations_are_not_laid_over_each_other_and_the_warning_says_so(apart, seed, said):
    adata = strong_donors([(0, 1), (0, 2)], apart=apart, seed=seed)
    record = integration.integrate(adata, batch_key="donor_id")
    assert not record["centred"]
    assert record["mixing_after"] < 0.1
    assert "leaves the values of donor_id apart" in record["warning"]
    assert said in record["warning"]
    assert same_kind(adata, "X_harmony") == pytest.approx(same_kind(adata, "X_pca"), abs=0.01)


@pytest.mark.parametrize("shift", [2, 4, 10])
def test_a_donor_with_one_of_two_populations_is_not_laid_between_them(shift):
    adata = two_batches(shift=shift)
    keep = ~((adata.obs["donor_id"] == "d1") & (adata.obs["kind"] == 1)).to_numpy()
    adata = adata[keep].copy()
    record = integration.integrate(adata, batch_key="donor_id")
    assert not record["centred"]
    assert record["warning"]
    assert same_kind(adata, record["use_rep"]) > 0.98


def test_a_bent_embedding_brings_the_warning(monkeypatch):
    def shuffle(adata, **_):
        adata.obsm["X_bad"] = np.random.default_rng(0).permutation(adata.obsm["X_pca"])
        return "X_bad"

    monkeypatch.setitem(integration.METHODS, "harmony", shuffle)
    record = integration.integrate(two_batches(shift=10), method="harmony", batch_key="donor_id")
    assert record["conservation"] == pytest.approx(0, abs=0.05)
    assert "may have removed biology" in record["warning"]


@pytest.mark.parametrize("method", ["bbknn", "scvi"])
def test_an_optional_method_that_is_not_installed_is_named(method, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, method, None)
    with pytest.raises(UserError, match=f"embed.method {method} needs the package"):
        integration.integrate(two_batches(shift=10), method=method, batch_key="donor_id")


def test_the_batch_column_is_chosen_by_rule():
    obs = pd.DataFrame({"batch": "unknown", "donor_id": ["a", "b"], "sample_id": ["s", "t"]})
    assert integration.choose_batch(obs)[0] == "donor_id"
    assert integration.choose_batch(obs.assign(batch=["x", "y"]))[0] == "batch"
    assert integration.choose_batch(obs.iloc[:1]) == (None, "one batch")
    assert integration.choose_batch(obs, batch_key="sample_id")[0] == "sample_id"
    with pytest.raises(UserError, match="no column 'lane'"):
        integration.choose_batch(obs, batch_key="lane")
