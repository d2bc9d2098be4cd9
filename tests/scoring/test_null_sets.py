import numpy as np
import pytest
import scipy.sparse as sp
from scipy import stats

from mscape.data import counts, sampling
from mscape.scoring import control_genes, methods, null_sets


def make_cells(n_cells, depth, seed=0, n_genes=6000):
    """Cells of one kind: gene rates of a long-tailed law, negative-binomial noise, log-normal depth."""
    rng = np.random.default_rng(seed)
    rates = rng.lognormal(0, 1.6, n_genes)
    totals = depth * rng.lognormal(0, 0.3, n_cells)
    mu = np.outer(totals, rates / rates.sum())
    return sp.csr_matrix(rng.poisson(rng.gamma(4, mu / 4)).astype(np.int32))


@pytest.fixture(scope="module", params=[2000, 20000], ids=["2k UMI", "20k UMI"])
def library(request):
    x = make_cells(400, request.param)
    logged = counts.lognorm(x, counts.totals(x)).toarray()
    mean, seen = logged.mean(axis=0), (logged > 0).mean(axis=0)
    usable = np.ones(x.shape[1], bool)
    usable[:600] = False
    reference = control_genes.make_background(mean, usable, [f"G{i:05}" for i in range(x.shape[1])])
    return x, reference, null_sets.GeneStats.of(mean, seen, reference)


def z_scores(x, reference, stats_, sets):
    weights = methods.matched_weights(sets, stats_.mean, reference)
    linear, square = null_sets.bin_weights(sets, stats_)
    scores, centre, spread = methods.score_block(
        x, weights, reference, bins=stats_.bins.of_pool, linear=linear, square=square
    )
    return (scores - stats_.mean @ weights - centre) / spread, centre, spread


@pytest.mark.parametrize("size", [10, 30, 100, 200])
def test_null_p_values_are_uniform(library, size):
    x, reference, gene_stats = library
    rng = np.random.default_rng(size)
    # one set, one cell, one p: sets of genes outside the background, like any signature's
    sets = [methods.GeneSet(str(i), rng.choice(600, size, replace=False), np.empty(0, int)) for i in range(150)]
    sets = [s for s in sets if (gene_stats.mean[s.up] > 0).all()] or sets
    cells = rng.choice(x.shape[0], len(sets), replace=False)
    z, centre, spread = z_scores(x[cells], reference, gene_stats, sets)
    logged = counts.lognorm(x[cells], counts.totals(x[cells])).toarray()
    values = control_genes.over_controls(logged, reference)
    p = []
    for i, genes in enumerate(sets):
        drawn = null_sets.draw_sets(genes, gene_stats, 1000, rng)[None]
        moments = centre[[i], i], spread[[i], i]
        null = null_sets.sample_null(values[[i]], moments, drawn, genes.weights)
        p.append(null_sets.empirical_p(z[i, i], null))
    # eight tests of one hypothesis; benchmarks/scoring has the full one
    assert stats.kstest(p, "uniform").pvalue > 0.05 / 8


def test_moments_are_those_of_sampled_sets(library):
    x, reference, gene_stats = library
    genes = methods.GeneSet("TOY", np.arange(20), np.arange(20, 32))
    x = x[:5]
    _, centre, spread = z_scores(x, reference, gene_stats, [genes])
    values = control_genes.over_controls(counts.lognorm(x, counts.totals(x)).toarray(), reference)
    drawn = null_sets.draw_sets(genes, gene_stats, 20000, np.random.default_rng(0))
    sampled = values[:, drawn] @ genes.weights
    np.testing.assert_allclose(sampled.mean(axis=1), centre[:, 0], atol=0.02)
    np.testing.assert_allclose(sampled.std(axis=1), spread[:, 0], rtol=0.04)


def test_random_sets_do_not_follow_depth(library):
    x, reference, gene_stats = library
    rng = np.random.default_rng(2)
    sets = [methods.GeneSet(str(i), rng.choice(600, 30, replace=False), np.empty(0, int)) for i in range(40)]
    z, _, _ = z_scores(x, reference, gene_stats, sets)
    depth = counts.totals(x)
    rho = [stats.spearmanr(depth, z[:, i]).statistic for i in range(len(sets))]
    assert abs(np.median(rho)) < 0.05
    assert np.median(np.abs(rho)) < 0.1


def test_empirical_p_counts_the_sets_that_score_as_high():
    null = np.array([0.0, 1.0, 2.0, 3.0])
    np.testing.assert_allclose(null_sets.empirical_p(np.array([2.0, 9.0, -1.0]), null), [3 / 5, 1 / 5, 1])
    assert np.isnan(null_sets.empirical_p(np.array([np.nan]), null)[0])


def test_a_lot_with_a_raised_set_stands_out_and_the_others_do_not():
    rng = np.random.default_rng(0)
    mean = rng.gamma(1, 1, 2000)
    lots = mean + rng.normal(0, 0.05, (4, 2000))
    lots[2, :20] += 0.5
    mean = lots.mean(axis=0)
    usable = np.arange(2000) >= 50
    reference = control_genes.make_background(mean, usable, [f"G{i:04}" for i in range(2000)])
    gene_stats = null_sets.GeneStats.of(mean, np.minimum(mean, 1), reference)
    sets = [
        methods.GeneSet("UP", np.arange(20), np.empty(0, int)),
        methods.GeneSet("FLAT", np.arange(20, 50), np.empty(0, int)),
    ]
    weights = methods.matched_weights(sets, mean, reference)
    z, p, unit = null_sets.score_lots(lots, weights, sets, gene_stats, reference)
    assert z[2, 0] > 10
    assert p[2, 0] < 0.005
    assert (np.abs(z[:, 1]) < 4).all()
    up = lots[:, :20].mean(axis=1)
    assert unit[2, 0] == pytest.approx((up[2] - up[0]) / (z[2, 0] - z[0, 0]), rel=0.15)  # a step of the score in z


def test_cells_are_chosen_by_name_whatever_their_order():
    names = np.array([f"cell{i}" for i in range(100)])
    order = np.random.default_rng(0).permutation(100)
    first = names[sampling.stable_order(names)[:10]]
    assert list(first) == list(names[order][sampling.stable_order(names[order])[:10]])


def test_genes_that_share_one_mean_share_a_bin_and_none_is_lost():
    mean = np.r_[np.full(900, 0.1), np.linspace(1, 2, 100), np.full(500, 3.0)]
    reference = control_genes.make_background(mean, np.ones(1500, bool), [f"G{i:04}" for i in range(1500)])
    bins = null_sets.make_bins(reference, np.full(1500, 0.5))
    assert sum(members.size for members in bins.members) == 1500
    gene_stats = null_sets.GeneStats(mean, np.full(1500, 0.5), bins)
    drawn = null_sets.draw_sets(
        methods.GeneSet("TOY", np.array([0, 1499]), np.empty(0, int)), gene_stats, 50, np.random.default_rng(0)
    )
    assert (reference.mean[drawn[:, 0]] == 0.1).all()
    assert (reference.mean[drawn[:, 1]] > 1).all()
