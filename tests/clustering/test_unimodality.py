import numpy as np
import pytest

from mscape.clustering import unimodality


@pytest.mark.parametrize("n", [15, 60, 300, 3000])
@pytest.mark.parametrize("draw", ["random", "normal", "exponential"])
def test_one_hump_is_rarely_called_two(n, draw):
    rng = np.random.default_rng(1)
    called = sum(unimodality.hump_pvalue(getattr(rng, draw)(size=n)) < 0.05 for _ in range(200))
    assert called <= 20  # 5 % of 200 with binomial room; for all but the uniform it is far less


@pytest.mark.parametrize(("n", "distance"), [(30, 6), (100, 4.5), (1000, 4)])
def test_two_humps_are_seen(n, distance):
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(size=n // 2), rng.normal(distance, 1, n // 2)])
    assert unimodality.hump_pvalue(values) < 0.01


def test_order_scale_and_shift_do_not_matter():
    values = np.random.default_rng(0).normal(size=80)
    expected = unimodality.hump_distance(values)
    assert unimodality.hump_distance(values[::-1] * 3 - 7) == pytest.approx(expected, rel=1e-6)


def test_too_few_values_prove_nothing():
    assert unimodality.hump_pvalue(np.array([0, 0, 0, 0, 9, 9, 9, 9.0])) == 1


def test_equal_values_do_not_break_it():
    assert 0 < unimodality.hump_pvalue(np.repeat([0.0, 1.0], 30)) < 1e-3


def test_the_pvalue_falls_with_the_distance_beyond_the_table():
    rng = np.random.default_rng(3)
    values = [unimodality.hump_pvalue(np.concatenate([rng.normal(0, s, 200), rng.normal(6, s, 200)])) for s in (1, 0.5)]
    assert 0 < values[1] <= values[0] < 1e-6
