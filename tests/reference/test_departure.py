"""Departures and their promises are those of other implementations and of chance."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from mscape.reference import departure


def test_departures_are_the_externally_studentized_residuals_of_statsmodels():
    values = np.random.default_rng(1).normal(size=(12, 3))
    found = departure.studentize(values)
    for column in range(3):
        fit = sm.OLS(values[:, column], np.ones(12)).fit()
        assert found[:, column] == pytest.approx(fit.get_influence().resid_studentized_external)


def test_a_row_that_alone_differs_departs_without_end_and_equal_rows_not_at_all():
    assert departure.studentize(np.array([[1.0], [1.0], [1.0], [2.0]]))[-1, 0] == np.inf
    assert (departure.studentize(np.ones((4, 1))) == 0).all()


def test_a_deviate_has_the_tail_of_the_t_that_it_stands_in_for():
    t = np.array([-3.0, 0.0, 2.5, np.inf])
    z = departure.as_normal(t, 4)
    assert stats.norm.sf(z[2]) == pytest.approx(stats.t.sf(2.5, 4))
    assert stats.norm.cdf(z[0]) == pytest.approx(stats.t.cdf(-3.0, 4))
    assert z[1] == 0
    assert np.isfinite(z[3])


@pytest.mark.parametrize("n", [5, 20])
def test_prediction_intervals_hold_their_share_of_further_lots(n):
    rng = np.random.default_rng(n)
    inside = []
    for _ in range(4000):
        values = rng.normal(size=n + 1)
        low, high = departure.prediction_interval(values[:-1])
        inside.append(low <= values[-1] <= high)
    assert np.mean(inside) == pytest.approx(0.95, abs=0.012)


def test_the_rate_of_alarms_is_promised_whatever_the_distribution():
    rng = np.random.default_rng(3)
    p = [departure.conformal_p(rng.standard_cauchy(20)) for _ in range(4000)]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.011)
    assert min(p) == 1 / 20


@pytest.mark.parametrize(("rate", "lots"), [(0.05, 19), (0.1, 9), (0.01, 99)])
def test_lots_that_a_promise_takes(rate, lots):
    assert departure.lots_needed(rate) == lots
    assert departure.smallest_rate(lots) == pytest.approx(rate)
    assert departure.smallest_rate(lots - 1) > rate


def test_thinning_keeps_shares_and_leaves_shallow_lots_as_they_are():
    sums = np.array([[40_000, 4_000, 0], [40, 4, 0]])
    found, totals = departure.match_depth(sums, np.array([50_000, 50]), 5_000, names=["a", "b"], seed=1)
    assert found[0] == pytest.approx([4_000, 400, 0], rel=0.15)
    assert (found[1] == sums[1]).all()
    assert list(totals) == [5_000, 50]
    alone, _ = departure.match_depth(sums[:1], np.array([50_000]), 5_000, names=["a"], seed=1)
    assert (alone[0] == found[0]).all()


def test_equal_values_count_half():
    assert departure.percentile(2.0, np.array([1.0, 2.0, 2.0, 3.0])) == 0.5
