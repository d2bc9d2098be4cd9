import numpy as np
import pytest
import scipy.sparse as sp

from mscape.scoring import control_genes, methods


def geneset(up, down=(), name="TOY"):
    return methods.GeneSet(name, np.array(up, dtype=np.int64), np.array(down, dtype=np.int64))


@pytest.fixture(scope="module")
def toy():
    """Sixty cells, 300 genes; genes 0-4 and 5-9 belong to signatures."""
    rng = np.random.default_rng(1)
    rates = np.sort(rng.gamma(0.6, 3, 300))[rng.permutation(300)]
    return sp.csr_matrix(rng.poisson(rates, (60, 300)).astype(np.int32))


@pytest.fixture(scope="module")
def logged(toy):
    x = toy.toarray().astype(float)
    return np.log1p(x / x.sum(axis=1, keepdims=True) * 1e4)


def backdrop(logged, excluded=10, controls=20):
    usable = np.arange(logged.shape[1]) >= excluded
    return control_genes.make_background(
        logged.mean(axis=0), usable, [f"G{i:03}" for i in range(300)], controls=controls
    )


def by_hand(logged, genes, n=20, excluded=10):
    mean = logged.mean(axis=0)
    total = 0
    for gene in genes:
        others = sorted(np.flatnonzero(mean[excluded:] > 0) + excluded, key=lambda j: abs(mean[j] - mean[gene]))[:n]
        total = total + logged[:, gene] - logged[:, others].mean(axis=1)
    return total / len(genes)


def score(toy, sets, reference, logged):
    weights = methods.matched_weights(sets, logged.mean(axis=0), reference)
    bins = np.zeros(reference.pool.size, dtype=np.int64)
    return methods.score_block(toy, weights, reference, bins=bins, linear=np.ones((1, 1)), square=np.ones((1, 1)))


def test_a_score_is_the_mean_of_its_genes_less_that_of_their_nearest_controls(toy, logged):
    scores, _, _ = score(toy, [geneset(range(5)), geneset([7])], backdrop(logged), logged)
    np.testing.assert_allclose(scores[:, 0], by_hand(logged, range(5)), atol=1e-5)
    np.testing.assert_allclose(scores[:, 1], by_hand(logged, [7]), atol=1e-5)


def test_a_signed_pair_is_up_minus_down(toy, logged):
    scores, _, _ = score(
        toy, [geneset(range(5)), geneset(range(5, 10)), geneset(range(5), range(5, 10))], backdrop(logged), logged
    )
    np.testing.assert_allclose(scores[:, 2], scores[:, 0] - scores[:, 1], atol=1e-5)


def test_moments_are_those_of_genes_over_their_controls(toy, logged):
    reference = backdrop(logged)
    bins = np.arange(reference.pool.size) % 3
    linear, square = np.array([[0.5], [0], [2]]), np.array([[0.1], [0.3], [0]])
    _, centre, spread = methods.score_block(
        toy, np.zeros((300, 1), np.float32), reference, bins=bins, linear=linear, square=square
    )
    values = control_genes.over_controls(logged, reference)
    parts = [values[:, bins == b] for b in range(3)]
    mean, variance = (np.column_stack([f(part) for part in parts]) for f in (rows_mean, rows_variance))
    np.testing.assert_allclose(centre, mean @ linear, atol=1e-4)
    np.testing.assert_allclose(spread, np.sqrt(variance @ square), rtol=1e-4)
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-6)


def rows_mean(part):
    return part.mean(axis=1)


def rows_variance(part):
    return part.var(axis=1, ddof=1)


def test_scanpys_score_is_scanpys(toy, logged):
    import scanpy as sc
    from anndata import AnnData

    adata = AnnData(toy.astype(np.float32))
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)
    weights = methods.scanpy_weights([geneset(range(5)), geneset(range(5), range(5, 10))], logged.mean(axis=0), seed=3)
    expected = []
    for genes in (range(5), range(5, 10)):
        sc.tl.score_genes(adata, adata.var_names[list(genes)], random_state=3)
        expected.append(adata.obs["score"].to_numpy())
    np.testing.assert_allclose(logged @ weights[:, 0], expected[0], atol=1e-5)
    np.testing.assert_allclose(logged @ weights[:, 1], expected[0] - expected[1], atol=1e-5)


def test_a_rank_score_is_one_for_the_highest_genes_and_zero_beyond_the_last_rank():
    block = sp.csr_matrix(np.array([[9, 8, 7, 1, 0, 0], [1, 0, 0, 0, 5, 6]], dtype=np.int32))
    scores = methods.rank_block(block, [geneset([0, 1]), geneset([4, 5])], max_rank=3)
    np.testing.assert_allclose(scores[0], [1, 0], atol=1e-6)
    # second cell: ranks are 3 for gene 0, beyond 3 for gene 1; genes 4 and 5 are the two highest
    np.testing.assert_allclose(scores[1], [1 - (3 + 4 - 3) / (8 - 3), 1], atol=1e-6)


def test_equal_counts_share_their_mean_rank():
    block = sp.csr_matrix(np.array([[4, 2, 2, 2, 0]], dtype=np.int32))
    # genes 1 and 2 both have rank (2 + 3 + 4) / 3 = 3
    assert methods.rank_block(block, [geneset([1, 2])], max_rank=4)[0, 0] == pytest.approx(1 - (6 - 3) / (10 - 3))


def test_rank_scores_need_no_other_cell(toy):
    sets = [geneset(range(5)), geneset(range(5), range(5, 10))]
    together = methods.rank_block(toy, sets, max_rank=100)
    alone = np.vstack([methods.rank_block(toy[[i]], sets, max_rank=100) for i in range(5)])
    assert (together[:5] == alone).all()


def test_sums_do_not_depend_on_the_order_of_cells_to_the_last_digit(toy):
    order = np.random.default_rng(5).permutation(60)
    groups = np.arange(60) % 2
    straight = control_genes.gene_sums(toy, groups, 2)
    shuffled = control_genes.gene_sums(toy[order], groups[order], 2)
    assert all((straight[key] == shuffled[key]).all() for key in ("log", "seen", "counts"))


def test_sums_are_scanpys_log_values(toy, logged):
    sums = control_genes.gene_sums(toy, np.zeros(60, int), 1)
    np.testing.assert_allclose(sums["log"][0], logged.sum(axis=0), rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(sums["seen"][0], (toy.toarray() > 0).sum(axis=0))
    np.testing.assert_array_equal(sums["counts"][0], toy.toarray().sum(axis=0))


def test_too_few_background_genes_give_no_background():
    assert control_genes.make_background(np.ones(60), np.arange(60) < 49, ["g"] * 60) is None


def test_a_gene_is_never_its_own_control_even_among_genes_of_one_mean():
    mean = np.r_[np.full(80, 0.5), np.linspace(1, 2, 40)]
    reference = control_genes.make_background(mean, np.ones(120, bool), [f"G{i:03}" for i in range(120)], controls=20)
    position = np.arange(120)
    assert (reference.first <= position).all()
    assert (position < reference.last).all()
    assert (reference.last - reference.first == 21).all()
    np.testing.assert_allclose(reference.centre[:80], 0, atol=1e-12)
