import numpy as np
import pandas as pd
import pytest

from mscape.comparison import composition
from mscape.stats import wilson_interval


def test_wilson_interval_by_hand():
    low, high = wilson_interval(5, 50)
    assert (low, high) == (pytest.approx(0.0434758, abs=1e-6), pytest.approx(0.2136022, abs=1e-6))


def test_wilson_interval_at_the_ends():
    low, high = wilson_interval(np.array([0, 10, 0]), np.array([10, 10, 0]))
    assert low[:2] == pytest.approx([0, 0.7224672], abs=1e-6)
    assert high[:2] == pytest.approx([0.2775328, 1], abs=1e-6)
    assert np.isnan([low[2], high[2]]).all()


def test_centred_log_ratio_by_hand():
    ratios = composition.centred_log_ratio(np.array([[1.5, 7.5, 31.5]]))
    assert ratios[0] == pytest.approx([-2, 0, 2])


def test_clr_variance_matches_multinomial_draws():
    share = np.array([0.6, 0.3, 0.1])
    draws = np.random.default_rng(0).multinomial(500, share, 4000)
    observed = composition.centred_log_ratio(draws).var(axis=0)
    assert composition.clr_variance(500 * share[None])[0] == pytest.approx(observed, rel=0.1)


def test_shares_of_all_clustered_cells_and_of_passing_ones_stand_side_by_side():
    lot = pd.Series(["a"] * 6 + ["b"] * 2)
    leiden = pd.Series(["0", "0", "0", "1", "1", "1", "0", "1"])
    passing = pd.Series([True, True, True, True, False, False, False, False])
    table = composition.count_both(lot, leiden, passing).set_index(["lot_id", "cluster"])
    assert table.loc[("a", "1"), ["fraction", "n_pass", "fraction_pass"]].tolist() == [0.5, 1, 0.25]
    assert table.loc[("b", "1"), ["fraction", "n_pass"]].tolist() == [0.5, 0]
    assert np.isnan(table.loc[("b", "1"), "fraction_pass"])
