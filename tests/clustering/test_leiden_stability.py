import numpy as np
import pytest
import scipy.sparse as sp

from mscape.clustering import leiden_stability


@pytest.fixture
def two_rings():
    """Two rings of 40 cells without an edge between them."""
    graph = sp.lil_matrix((80, 80))
    for i in range(80):
        start = 40 * (i // 40)
        for step in (1, 2, 3):
            j = start + (i - start + step) % 40
            graph[i, j] = graph[j, i] = 1.0
    return graph.tocsr()


@pytest.mark.parametrize("engine", ["leidenalg", "igraph"])
def test_leiden_finds_what_is_unconnected_and_repeats(two_rings, engine):
    graph = leiden_stability.make_graph(two_rings)
    assert graph.ecount() == two_rings.nnz // 2
    labels = leiden_stability.leiden(graph, resolution=0.05, engine=engine, seed=3)
    assert labels.tolist() == [0] * 40 + [1] * 40
    fine = [leiden_stability.leiden(graph, resolution=2.0, engine=engine, seed=3) for _ in range(2)]
    assert fine[0].max() > 1
    np.testing.assert_array_equal(*fine)


def test_jaccard_takes_the_best_likeness():
    one = np.array([0, 0, 0, 0, 1, 1])
    other = np.array([3, 3, 3, 1, 1, 1])
    assert leiden_stability.jaccard(one, other).tolist() == [0.75, pytest.approx(2 / 3)]


def test_a_cluster_that_was_not_drawn_has_no_overlap():
    ari, overlap = leiden_stability.compare_samples(
        np.array([0, 0, 0, 1]), [np.array([0, 1]), np.array([0, 2])], [np.array([0, 0]), np.array([0, 0])]
    )
    assert ari.tolist() == [1, 1]
    assert overlap[0] == 1
    assert np.isnan(overlap[1])
