"""Faults that GPUs are known for, put into the reference, are each caught; the reference agrees with itself."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData

from mscape import parity
from mscape.backends import active
from mscape.embedding import neighbor_search, pca_neighbors
from mscape.errors import UserError

CPU = active.load("cpu")


@pytest.fixture(scope="module")
def sample() -> parity.Sample:
    """Four groups of cells in two batches, with their embedding by the reference."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(4), 75)
    rate = rng.gamma(0.5, 1, (4, 120))[group]
    adata = AnnData(sp.csr_matrix(np.log1p(rng.poisson(rate)).astype(np.float32)))
    adata.obs_names = [f"c{i}" for i in range(300)]
    axes, mean, _ = pca_neighbors.principal_axes([adata.X], 120, 10)
    adata.obsm["X_pca"] = (adata.X @ axes - mean @ axes).astype(np.float32)
    pca_neighbors.add_neighbors(adata, use_rep="X_pca")
    batch = pd.Series(np.where(np.arange(300) % 2, "a", "b"), index=adata.obs_names)
    return parity.Sample(adata.X, adata, batch, n_neighbors=15, resolutions=(0.1, 1.0))


def failures(sample, **wrong):
    """Measures of one function that fail when it is replaced by a wrong one."""
    (name,) = wrong
    table = parity.compare_function(name, CPU, replace(CPU, **wrong), sample, seed=0)
    assert list(table.columns) == parity.COLUMNS
    assert set(table["function"]) == {name}
    return table[~table["passed"]]


def test_the_reference_agrees_with_itself_in_every_measure(sample):
    table = parity.compare(CPU, CPU, sample, seed=0)
    assert table["passed"].all(), table.to_string()
    assert set(table["function"]) == {"pca", "knn", "harmony", "leiden", "umap"}
    assert table.set_index("measure").loc["one seed at resolution 1", "value"] == 1


def test_components_of_another_sign_are_the_same_components(sample):
    def mirrored(blocks, n_genes, n_comps):
        axes, mean, ratio = pca_neighbors.principal_axes(blocks, n_genes, n_comps)
        return -axes, mean, ratio

    assert failures(sample, pca=mirrored).empty


def test_one_cluster_for_each_cell_is_caught(sample):
    def collapsed(graph, *, resolution, engine, seed):
        return np.arange(graph.vcount())

    found = failures(sample, leiden=collapsed)
    assert "communities at resolution 0.1" in set(found["measure"])


def test_a_collapse_that_the_function_itself_refuses_is_a_failure_with_its_reason(sample):
    def refused(graph, *, resolution, engine, seed):
        msg = "300 communities for 300 cells"
        raise UserError(msg)

    found = failures(sample, leiden=refused)
    assert found[["function", "measure", "meaning"]].to_numpy().tolist() == [
        ["leiden", "answer", "300 communities for 300 cells"]
    ]


def test_labels_that_differ_between_runs_of_one_seed_are_caught(sample):
    rng = np.random.default_rng(0)

    def unstable(graph, *, resolution, engine, seed):
        return CPU.leiden(graph, resolution=resolution, engine=engine, seed=int(rng.integers(1e6))) + (
            rng.random(graph.vcount()) < 0.1
        )

    found = failures(sample, leiden=unstable)
    assert "one seed at resolution 0.1" in set(found["measure"])


def test_stable_but_wrong_labels_are_caught(sample):
    def wrong(graph, *, resolution, engine, seed):
        return np.arange(graph.vcount()) % 4

    found = failures(sample, leiden=wrong)
    assert set(found["measure"]) == {"agreement at resolution 0.1", "agreement at resolution 1"}


def test_dropped_neighbours_are_caught(sample):
    def dropped(points, k, **options):
        distance, near, how = neighbor_search.nearest(points, k + 2, **options)
        return distance[:, 2:], near[:, 2:], how

    found = failures(sample, knn=dropped)
    assert set(found["measure"]) == {"recall", "distance"}


def test_neighbours_that_are_too_few_are_caught(sample):
    def few(points, k, **options):
        distance, near, how = neighbor_search.nearest(points, k, **options)
        return distance[:, :-3], near[:, :-3], how

    assert set(failures(sample, knn=few)["measure"]) == {"recall", "distance"}


def test_components_of_noise_are_caught(sample):
    def noise(blocks, n_genes, n_comps):
        return np.random.default_rng(1).normal(size=(n_genes, n_comps)), np.zeros(n_genes), None

    assert set(failures(sample, pca=noise)["measure"]) == {"shared space", "correlation"}


def test_batches_that_are_left_apart_are_caught(sample):
    def nothing(rep, batch, *, seed, threads):
        return rep + 5 * (batch == "a").to_numpy()[:, None]

    assert "mixing" in set(failures(sample, harmony=nothing)["measure"])


@pytest.mark.parametrize("broken", ["shuffled", "infinite"])
def test_a_map_that_loses_the_neighbours_is_caught(sample, broken):
    def flat(graph, **options):
        true = CPU.umap(graph, **options)
        if broken == "shuffled":
            return np.random.default_rng(0).permutation(true)
        return np.full_like(true, np.inf)

    found = failures(sample, umap=flat)
    assert found["measure"].tolist() == ["neighbours kept"]


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        (lambda x: x, []),
        (lambda x: x + 0.5, ["difference"]),
        (lambda x: x * 1.2, ["difference"]),
        (lambda x: x[::-1].to_numpy(), ["correlation", "difference"]),
        (lambda x: x * 0, ["correlation", "difference"]),
    ],
    ids=["same", "shifted", "scaled", "reversed", "constant"],
)
def test_scores_that_differ_are_caught(change, fails):
    rng = np.random.default_rng(0)
    expected = pd.DataFrame(rng.normal(size=(200, 3)), columns=list("abc"))
    found = expected.copy()
    found["b"] = change(expected["b"])
    table = parity.rows("scores", parity.compare_scores(expected, found), of="score_matched")
    assert table.loc[~table["passed"], "measure"].tolist() == [f"score_matched {name}" for name in fails]


def test_calls_must_be_equal_for_all_but_five_in_a_thousand():
    calls = pd.Series(["pass"] * 1000)
    for n, passed in ((5, True), (6, False)):
        other = calls.copy()
        other[:n] = "fail"
        table = parity.rows("pooled", parity.compare_calls(calls, other))
        assert table["passed"].tolist() == [passed]
        assert table["value"].tolist() == [1 - n / 1000]


def test_a_missing_signature_fails():
    expected = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["a", "b"])
    table = parity.rows("scores", parity.compare_scores(expected, expected[["a"]]))
    assert not table["passed"].any()


def test_the_graph_of_the_sample_is_left_as_it_is(sample):
    before = sample.embedded.obsp["connectivities"].copy()
    parity.compare(CPU, CPU, sample, seed=0)
    assert (sample.embedded.obsp["connectivities"] != before).nnz == 0
