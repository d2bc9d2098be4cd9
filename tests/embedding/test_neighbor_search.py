import numpy as np
import pytest

from mscape.embedding import neighbor_search


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    spread = np.linspace(3, 0.5, 20)  # as components of cells: some large, most small
    return (rng.normal(size=(6000, 20)) * spread + rng.integers(0, 3, (6000, 1)) * 4).astype(np.float32)


def test_the_exact_search_leaves_the_cell_itself_out():
    distance, index, how = neighbor_search.nearest(np.array([[0.0], [1.0], [3.0], [7.0]]), 2)
    assert how == "exact"
    assert index.tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert distance[3].tolist() == [4.0, 6.0]


def test_above_the_limit_the_recall_is_kept(points):
    exact = neighbor_search.nearest(points, 14)[1]
    distance, index, how = neighbor_search.nearest(points, 14, max_exact_cells=1000)
    assert how == "approximate"
    assert np.mean([len(set(a) & set(b)) for a, b in zip(exact, index, strict=True)]) / 14 > 0.97
    assert not (index == np.arange(len(points))[:, None]).any()
    assert (np.diff(distance, axis=1) >= 0).all()
    np.testing.assert_allclose(distance[:, 0], np.linalg.norm(points - points[index[:, 0]], axis=1), rtol=1e-3)


def test_above_the_limit_threads_change_nothing(points):
    one, two = (neighbor_search.nearest(points, 5, max_exact_cells=1000, threads=n) for n in (1, 2))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


def test_copies_of_one_cell_have_neighbours_other_than_themselves():
    points = np.repeat(np.random.default_rng(0).normal(size=(20, 4)), 100, axis=0)
    _, index, _ = neighbor_search.nearest(points, 10, max_exact_cells=1000)
    assert (index >= 0).all()
    assert not (index == np.arange(2000)[:, None]).any()
    assert (index // 100 == np.arange(2000)[:, None] // 100).mean() > 0.8
