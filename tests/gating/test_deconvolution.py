"""Shares of cells by deconvolution of neighborhood rates; the counts are simulated with known rates."""

import numpy as np
import pytest
from scipy.stats import nbinom

from mscape.gating import deconvolution, intervals

TAU, SIZE, TOTAL = 60e-6, 25, 10_000


def draws(rates, *, named=(), seed=0, dispersion=0.3):
    """Draw counts of blocks of 25 cells with 10,000 counts each at rates in CPM, and which are above 60 CPM."""
    rng = np.random.default_rng(seed)
    rates = np.asarray(rates, float)
    exposure = np.full(len(rates), SIZE * TOTAL, float)
    count = rng.poisson(exposure * rates * 1e-6 * rng.gamma(SIZE / dispersion, dispersion / SIZE, len(rates)))
    log = deconvolution.log_likelihood(
        count[None], exposure[None], np.array([[TAU]]), np.full((1, len(rates)), SIZE), np.full((1, len(rates)), 0.3)
    )
    exchangeable = ~np.isin(np.arange(len(rates)), named)
    used = np.ones((1, len(rates)), bool)
    return deconvolution.draw_above(log, used, exchangeable, n_draws=400, seed=seed)[:, 0]


def interval(above):
    return intervals.share_interval(above, np.full(above.shape[1], SIZE), np.zeros(0))


def test_likelihood_is_negative_binomial_with_the_dispersion_of_a_sum():
    log = deconvolution.log_likelihood(np.array([7]), np.array([1e5]), np.array([TAU]), np.array([10]), np.array([0.5]))
    mean, shape = 1e5 * TAU * np.exp(deconvolution.GRID), 10 / 0.5
    expected = nbinom.logpmf(7, shape, shape / (shape + mean))
    assert log[0] == pytest.approx(expected - expected.max())


def test_a_rate_under_its_threshold_everywhere_is_no_share_of_positive_cells():
    # 40 CPM in all cells under a threshold of 60: each block alone is in doubt, together they are not
    shares = [interval(draws(np.full(40, 30.0), seed=seed)) for seed in range(10)]
    assert np.median([estimate for estimate, _, _ in shares]) == 0
    assert max(low for _, low, _ in shares) == 0


def test_a_rate_at_its_threshold_leaves_the_share_open():
    shares = [interval(draws(np.full(40, 60.0), seed=seed)) for seed in range(10)]
    assert np.mean([high - low > 0.7 for _, low, high in shares]) >= 0.8


def test_the_share_of_two_populations_is_found_and_covered():
    truth = 8 / 40
    rates = np.repeat([5.0, 400.0], [32, 8])
    shares = [interval(draws(rates, seed=seed)) for seed in range(20)]
    assert np.mean([low <= truth <= high for _, low, high in shares]) >= 0.95
    assert np.median([estimate for estimate, _, _ in shares]) == pytest.approx(truth)


def test_blocks_without_counts_leave_room_for_few_others_only():
    # twelve counts expected at the threshold in each block, none seen
    above = draws(np.zeros(40))
    assert interval(above)[2] < 0.02


def test_a_block_of_another_lineage_borrows_nothing_from_the_others():
    # one count where 15 are expected at the threshold, among blocks that are all positive
    rates = np.full(30, 600.0)
    rates[-1] = 0.0
    assert draws(rates, named=[29])[:, -1].mean() < 0.01
    assert draws(rates)[:, :-1].all()


def test_draws_do_not_depend_on_anything_but_the_seed():
    rates = np.linspace(20, 100, 40)
    assert np.array_equal(draws(rates, seed=4), draws(rates, seed=4))


def test_cells_judged_by_their_own_counts_are_counted_as_cells():
    above = np.zeros((400, 10), bool)
    estimate, low, high = intervals.share_interval(above, np.full(10, 9.0), np.ones(10))
    assert estimate == pytest.approx(0.1)
    assert low < 0.1 < high
    estimate, _, _ = intervals.share_interval(~above, np.full(10, 10.0), np.zeros(0), expressing=0.8)
    assert estimate == pytest.approx(0.8)
