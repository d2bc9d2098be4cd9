import numpy as np
import pytest

from mscape.clustering import assignment


def clouds(sizes, *, dims=5, apart=6.0, seed=0):
    """Clouds along the axes, with the fold and the truth of each cell."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    rep = rng.normal(size=(len(truth), dims)) + apart * np.eye(len(sizes), dims)[truth]
    return rep, truth, rng.permutation(len(truth)) % 2


def one_batch(truth):
    return np.zeros(len(truth), dtype=int)


def test_stragglers_go_where_they_belong():
    rep, truth, fold = clouds([200, 100, 40])
    given = truth.copy()
    given[[0, 1, 2, 210]] = [1, 2, 1, 0]  # a community took them along
    placed = assignment.place_cells(rep, one_batch(truth), fold, given)
    np.testing.assert_array_equal(placed, truth)


def test_no_cell_draws_the_boundary_that_it_is_judged_by():
    rng = np.random.default_rng(0)
    rep, given = rng.normal(size=(60, 40)), rng.integers(0, 2, 60)  # as many dimensions as cells: labels can be learnt
    placed = assignment.place_cells(rep, one_batch(given), np.arange(60) % 2, given, min_cells=1)
    assert (placed == given).mean() < 0.7


def test_batches_that_stand_apart_do_not_pull_cells_over():
    rep, truth, fold = clouds([150, 150])
    batch = np.arange(300) % 2
    rep[batch == 1, 0] += 8  # the second batch lies where the first has its other cluster
    rep[batch == 1, 1] -= 8
    placed = assignment.place_cells(rep, batch, fold, truth)
    np.testing.assert_array_equal(placed, truth)


def test_a_cluster_that_would_be_emptied_ends_the_attempt():
    rep, truth, fold = clouds([200])
    given = np.zeros(200, dtype=int)
    given[::15] = 1  # cells of one cloud, at random
    np.testing.assert_array_equal(assignment.place_cells(rep, one_batch(truth), fold, given), given)


@pytest.mark.parametrize("seed", range(3))
def test_a_small_cluster_is_not_swallowed(seed):
    rep, truth, fold = clouds([1000, 12], seed=seed)
    placed = assignment.place_cells(rep, one_batch(truth), fold, truth)
    assert (placed == truth).mean() > 0.995
    assert np.bincount(placed)[1] >= 10
