"""Doublets of known truth, and what the scores do not depend on."""

import numpy as np
import pytest
import scipy.sparse as sp
from doublet_cases import mixture
from sklearn.metrics import average_precision_score

from mscape.quality import doublets


@pytest.fixture(scope="module")
def sample():
    return mixture()


def test_doublets_of_two_kinds_rank_first(sample):
    counts, truth, kinds = sample
    found = doublets.find_doublets(counts)
    mixed = truth & (kinds[: len(truth)] != np.r_[kinds[len(truth) :], np.zeros(len(truth) - 40, int)])
    single = ~truth
    subset = mixed | single
    assert average_precision_score(mixed[subset], found.score[subset]) > 0.9
    assert found.score.dtype == np.float32
    assert ((found.score >= 0) & (found.score <= 1)).all()


def test_calls_are_mostly_right_and_about_as_many_as_expected(sample):
    counts, truth, _ = sample
    found = doublets.find_doublets(counts, expected_rate=0.06)
    assert 15 <= found.called.sum() <= 60
    assert truth[found.called].mean() > 0.8
    assert found.detectable > 0.3


def test_same_seed_same_scores_and_order_of_genes_is_no_matter(sample):
    counts, _, _ = sample
    first, second = (doublets.find_doublets(counts, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.score, second.score)
    flipped = doublets.find_doublets(counts[:, ::-1].tocsr(), seed=3)
    assert np.corrcoef(first.score, flipped.score)[0, 1] > 0.99
    assert np.corrcoef(first.score, doublets.find_doublets(counts, seed=4).score)[0, 1] > 0.8


def test_one_kind_of_cell_has_few_calls():
    counts, _, _ = mixture(n_types=1, n_doublets=1, seed=5)
    found = doublets.find_doublets(counts)
    assert found.called.mean() <= 0.02


def test_few_cells_are_refused():
    with pytest.raises(ValueError, match="50 cells are too few"):
        doublets.find_doublets(sp.csr_matrix(np.ones((50, 30), dtype=np.int32)))


def test_expected_rate_follows_the_number_of_cells():
    assert doublets.expect_rate(1000) == pytest.approx(0.008)
    assert doublets.expect_rate(10_000) == pytest.approx(0.08)
    assert doublets.expect_rate(100_000) == 0.25


def test_variable_genes_are_those_that_vary():
    rng = np.random.default_rng(0)
    counts = rng.poisson(3.0, (300, 500))
    counts[:150, :10] += 12
    sparse = sp.csr_matrix(counts)
    totals = counts.sum(axis=1).astype(float)
    blocks = [sparse[:30].astype(float), sparse[30:]]
    chosen = doublets.choose_genes(blocks, totals, sparse.shape[1], n_genes=20)
    assert (blocks[0] != sparse[:30]).nnz == 0
    assert set(range(10)) <= set(chosen)
    assert len(chosen) == 20


def test_neighbours_are_exact(sample):
    from sklearn.neighbors import NearestNeighbors

    points = np.random.default_rng(0).normal(size=(700, 5)).astype(np.float32)
    sizes = np.array([7, 20])
    near = NearestNeighbors(n_neighbors=20, algorithm="brute").fit(points).kneighbors(return_distance=False)
    simulated = [(near[:, :k] >= 400).sum(axis=1) for k in sizes]
    expected = np.mean([np.log((n + 1) / (k + 1 - n)) for k, n in zip(sizes, simulated, strict=True)], axis=0)
    np.testing.assert_allclose(doublets._log_odds_simulated(points, 400, 700, sizes), expected)


@pytest.mark.real
@pytest.mark.parametrize(("name", "least"), [("scmix_sc_celseq2", 0.28), ("scmix_sc_dropseq", 0.75)])
def test_genotype_doublets(name, least, shared_data):
    from anndata import read_h5ad

    adata = read_h5ad(shared_data / name / f"{name}.h5ad")
    truth = (adata.obs["demuxlet_cls"] == "DBL").to_numpy()
    found = doublets.find_doublets(sp.csr_matrix(adata.X).astype(np.int32))
    assert average_precision_score(truth, found.score) >= least
