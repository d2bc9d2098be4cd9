"""Limits and drift of control charts: by hand, by published numbers, and by how often they alarm."""

import numpy as np
import pytest
from scipy import stats

from mscape.tracking import charts

ALARMS = 0.0027


def first_alarms(alarms):
    """First alarms per lot that had none before."""
    before = (np.cumsum(alarms, axis=1) - alarms) > 0
    return alarms[~before].mean()


def test_limits_are_the_prediction_interval_of_the_next_lot():
    values = np.array([[1.0, 2.0, 3.0, 4.0, 5.0, 9.0]])
    chart = charts.draw_chart(values, min_history=5, false_alarms=0.05)
    half = 2.7764451 * np.sqrt(2.5) * np.sqrt(1.2)  # t(0.975, 4), variance of 1 to 5
    assert chart.n_history[0].tolist() == [0, 1, 2, 3, 4, 5]
    assert np.isnan(chart.low[0, :5]).all()
    assert chart.low[0, 5] == pytest.approx(3 - half)
    assert chart.high[0, 5] == pytest.approx(3 + half)
    expected = stats.norm.ppf(stats.t.cdf(6 / np.sqrt(2.5 * 1.2), 4))
    assert chart.deviate[0, 5] == pytest.approx(expected)
    assert chart.beyond[0].tolist() == [False] * 5 + [bool(half < 6)]


def test_a_lot_beyond_its_limits_is_not_in_the_history_of_later_ones():
    values = np.array([[0.0, 1.0, 0.0, 1.0, 0.0, 50.0, 1.0]])
    chart = charts.draw_chart(values, min_history=5, false_alarms=ALARMS)
    assert chart.beyond[0].tolist() == [False] * 5 + [True, False]
    assert chart.n_history[0, 6] == 5
    assert chart.high[0, 6] == chart.high[0, 5]


def test_missing_values_and_a_constant_history_are_not_judged():
    values = np.array([[1.0, 1, 1, 1, 1, 1, 2], [1, 2, np.nan, 3, 4, np.nan, 2]])
    chart = charts.draw_chart(values, min_history=4, false_alarms=ALARMS)
    assert not chart.beyond.any()
    assert np.isnan(chart.low[0]).all()
    assert np.isnan(chart.low[1, 5])
    assert chart.n_history[1, 6] == 4


@pytest.mark.parametrize(("rate", "limit"), [(1 / 370, 2.70), (1 / 500, 2.814)])
def test_limits_of_the_moving_average_are_the_published_ones(rate, limit):
    """Lucas and Saccucci 1990 (doi:10.1080/00401706.1990.10484583), weight 0.1."""
    assert charts.ewma_limit(rate) == pytest.approx(limit, abs=0.005)


@pytest.mark.parametrize("n", [5, 8, 12, 20, 30])
def test_false_alarms_are_those_that_are_promised(n):
    values = 7 + 3 * np.random.default_rng(n).normal(size=(20_000, n + 10))
    chart = charts.draw_chart(values, min_history=n, false_alarms=ALARMS)
    assert chart.beyond[:, n].mean() == pytest.approx(ALARMS, abs=0.001)
    ewma = np.abs(chart.ewma[:, n:])
    assert first_alarms(ewma > charts.ewma_limit(ALARMS)) == pytest.approx(ALARMS, abs=0.001)
    three_sd = np.abs(values[:, n] - values[:, :n].mean(1)) > 3 * values[:, :n].std(1, ddof=1)
    assert three_sd.mean() > ALARMS + 0.001  # what limits of three standard deviations do instead


def test_a_drift_is_found_as_often_as_is_said():
    ramp = np.concatenate([np.zeros(20), np.minimum(np.arange(1, 16) / 10, 1)])
    values = np.random.default_rng(1).normal(size=(4000, 35)) + ramp

    def found(rate):
        return charts.find_alarms(values, start=20, rate=rate, false_alarms=ALARMS).any(axis=1).mean()

    assert found(0.02) >= 0.8
    assert found(ALARMS) == pytest.approx(0.43, abs=0.04)
    assert charts.seen_drift(20, rate=0.02, false_alarms=ALARMS) <= 1.02
    assert 1.2 < charts.seen_drift(20, rate=ALARMS, false_alarms=ALARMS) < 1.8


def test_the_shift_that_is_seen_is_seen_in_four_of_five_cases():
    n = 8
    shift = charts.seen_shift(n, false_alarms=ALARMS)
    values = np.random.default_rng(0).normal(size=(20_000, n + 1))
    values[:, n] += shift
    chart = charts.draw_chart(values, min_history=n, false_alarms=ALARMS)
    assert chart.beyond[:, n].mean() == pytest.approx(0.8, abs=0.01)
    assert charts.seen_shift(30, false_alarms=ALARMS) < shift
