"""Numerics that several rooms need, against published and hand-worked values."""

import numpy as np
import pytest

from mscape import stats


def test_wilson_interval_of_published_examples():
    low, high = stats.wilson_interval(np.array([10.0, 81.0]), np.array([100.0, 263.0]))
    # the second is of Newcombe 1998, doi:10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E
    assert low == pytest.approx([0.0552, 0.2553], abs=5e-5)
    assert high == pytest.approx([0.1744, 0.3662], abs=5e-5)


def test_wilson_interval_ends_at_nothing_and_all_and_is_unknown_without_trials():
    low, high = stats.wilson_interval(np.array([0, 5, 0]), np.array([5, 5, 0]))
    assert (low[0], high[1]) == (0, 1)
    assert np.isnan([low[2], high[2]]).all()


def test_adjusted_pvalues_are_those_of_benjamini_and_hochberg_and_nan_is_not_counted():
    found = stats.adjust_pvalues(np.array([0.01, np.nan, 0.04, 0.03]))
    assert found[[0, 2, 3]] == pytest.approx([0.03, 0.04, 0.04])
    assert np.isnan(found[1])


@pytest.mark.parametrize("size", [6, 40])  # dense, and iterative
def test_leading_vectors_come_largest_first(size):
    matrix = np.diag(np.arange(size, dtype=float))
    values, vectors = stats.leading_vectors(matrix, 2)
    assert values == pytest.approx([size - 1, size - 2])
    assert np.abs(vectors[[-1, -2], [0, 1]]) == pytest.approx([1, 1])
