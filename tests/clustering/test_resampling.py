import functools

import numpy as np
import scipy.sparse as sp

from mscape.clustering import gap_test, leiden_stability, resampling
from mscape.embedding import integration

connect = functools.partial(integration.connect_cells, method="none")


def test_draws_are_80_percent_and_repeat():
    draws = resampling.draws(1000, n_boot=3, seed=1)
    assert [len(d) for d in draws] == [800] * 3
    assert all((np.diff(d) > 0).all() for d in draws)
    np.testing.assert_array_equal(draws[0], resampling.draws(1000, n_boot=3, seed=1)[0])


def two_clouds(n):
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], n // 2)
    return truth, rng.normal(size=(n, 4)) + 10 * truth[:, None]


def test_the_whole_procedure_is_repeated_in_subsamples():
    truth, rep = two_clouds(80)
    data = gap_test.make_data(rep, np.zeros(80, dtype=int))
    bases = resampling.make_bases(leiden_stability.make_graph(connect(rep, data.batch)), data, connect, n_boot=8)
    (search,), table = resampling.search_grid(bases, [0.05, 0.1, 0.2])
    np.testing.assert_array_equal(search.clusters[0.05], truth)
    assert table["n_clusters"].tolist() == [2, 2, 2]
    assert table["n_resamples"].tolist() == [8, 2, 2]  # of equals the lowest can be chosen: the first look is enough
    ari, overlap = leiden_stability.compare_samples(truth, bases[0].samples, search.again[0.05])
    assert ari.min() == 1
    assert overlap.tolist() == [1, 1]


def test_many_cells_are_searched_in_random_sets_with_graphs_of_their_own():
    truth, rep = two_clouds(600)
    values = sp.csr_matrix(np.arange(600.0)[:, None])
    data = gap_test.make_data(rep, np.zeros(600, dtype=int), values=values[::2], valued=np.arange(0, 600, 2))
    bases = resampling.make_bases(None, data, connect, max_cells=80)
    assert len(bases) == resampling.N_BASES
    assert sum(len(base.samples) for base in bases) == 20
    for base in bases:
        assert len(base.cells) == base.graph.vcount() == 100
        assert {len(cells) for cells in base.samples} == {80}
        np.testing.assert_array_equal(base.data.rep, rep[base.cells])
        own = base.cells[base.data.valued]
        np.testing.assert_array_equal(base.data.values.toarray().ravel(), own)
        assert (own % 2 == 0).all()
        components = np.array(base.graph.connected_components().membership)
        assert len(np.unique(np.column_stack([components, truth[base.cells]]), axis=0)) == components.max() + 1
    assert len(set(np.concatenate([base.cells for base in bases]))) > 150
