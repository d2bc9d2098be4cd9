import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.metrics import adjusted_rand_score

from mscape.clustering import gap_test, marker_separation
from mscape.clustering.discriminant import Axes


def blobs(sizes, *, dims=10, distance=8.0, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    centres = rng.normal(size=(len(sizes), dims))
    centres *= distance / np.linalg.norm(centres, axis=1, keepdims=True)
    return rng.normal(size=(len(truth), dims)) + centres[truth], truth


def crumble(rep, truth, k, seed=0):
    """Cut each true group into k communities, as Leiden at a high resolution does."""
    from sklearn.cluster import KMeans

    labels = np.empty(len(rep), dtype=int)
    for t in np.unique(truth):
        labels[truth == t] = t * k + KMeans(k, n_init=1, random_state=seed).fit_predict(rep[truth == t])
    return np.unique(labels, return_inverse=True)[1]


@pytest.mark.parametrize("k", [2, 6, 12])
def test_a_single_cloud_cut_to_pieces_is_one_cluster(k):
    rep, truth = blobs([600], distance=0)
    clusters, _ = gap_test.find_clusters(gap_test.make_data(rep, np.zeros(600, dtype=int)), crumble(rep, truth, k))
    assert clusters.max() == 0


@pytest.mark.parametrize("sizes", [(300, 200), (400, 40, 200), (1500, 15)])
def test_clouds_cut_to_pieces_are_found_again(sizes):
    rep, truth = blobs(sizes)
    clusters, _ = gap_test.find_clusters(gap_test.make_data(rep, np.zeros(len(rep), dtype=int)), crumble(rep, truth, 3))
    assert adjusted_rand_score(truth, clusters) > 0.98
    assert (np.diff(np.bincount(clusters)) <= 0).all()  # numbered by size


def test_a_continuum_has_no_gap():
    rng = np.random.default_rng(0)
    rep = rng.normal(size=(800, 10))
    rep[:, 0] = rng.uniform(-8, 8, 800)
    labels = np.digitize(rep[:, 0], [-4, 0, 4])
    clusters, _ = gap_test.find_clusters(gap_test.make_data(rep, np.zeros(800, dtype=int)), labels)
    assert clusters.max() == 0


def test_two_batches_apart_are_no_subpopulations_and_it_is_said():
    rep, truth = blobs([200, 200])
    clusters, notes = gap_test.find_clusters(gap_test.make_data(rep, truth), truth)
    assert clusters.max() == 0
    assert notes == [gap_test.BATCHES_APART]


def test_two_populations_in_shifted_batches_are_found():
    rep, truth = blobs([300, 100])
    batch = np.random.default_rng(0).integers(0, 2, 400)
    rep[batch == 1] += 3.0
    clusters, _ = gap_test.find_clusters(gap_test.make_data(rep, batch), truth * 2 + batch)
    assert adjusted_rand_score(truth, clusters) > 0.98


def test_groups_under_the_smallest_size_are_not_clusters():
    rep, truth = blobs([300, 8], distance=30)
    clusters, _ = gap_test.find_clusters(gap_test.make_data(rep, np.zeros(308, dtype=int)), truth)
    assert clusters.max() == 0


def test_the_axis_is_drawn_without_the_cells_it_judges():
    rng = np.random.default_rng(0)
    rep, group = rng.normal(size=(60, 40)), rng.random(60) < 0.5  # as many dimensions as cells: labels can be learnt
    axes = Axes(rep, np.arange(60) % 2, np.zeros(60, dtype=int), group.astype(int))
    scores = axes.scores(np.array([False, True]))
    assert abs(scores[group].mean() - scores[~group].mean()) < 0.3


def test_a_gap_without_marker_genes_is_no_cluster():
    rep, truth = blobs([200, 200])
    rng = np.random.default_rng(0)
    values = sp.csr_matrix(np.log1p(rng.poisson(1.0, (400, 60))).astype(np.float32))
    data = gap_test.make_data(rep, np.zeros(400, dtype=int), values=values)
    clusters, notes = gap_test.find_clusters(data, truth)
    assert clusters.max() == 0
    assert gap_test.FEW_MARKERS in notes


def test_distinct_genes_are_counted_by_effect_and_certainty():
    rng = np.random.default_rng(0)
    rate = np.ones((400, 100))
    rate[200:, :7] = 4.0  # seven genes differ four-fold
    rate[200:, 7:20] = 1.4  # thirteen less than two-fold
    values = sp.csr_matrix(np.log1p(rng.poisson(rate)).astype(np.float32))
    profiles = marker_separation.Profiles(values, np.repeat([0, 1], 200))
    assert profiles.count_distinct(0, 1) == 7
    assert marker_separation.Profiles(values, np.repeat([0, 1, 2, 2], 100)).count_distinct(0, 1) == 0


def test_merged_profiles_equal_profiles_of_the_merged():
    rng = np.random.default_rng(0)
    values = sp.csr_matrix(np.log1p(rng.poisson(1.0, (90, 10))).astype(np.float32))
    labels = np.repeat([0, 1, 2], 30)
    merged = marker_separation.Profiles(values, labels)
    merged.merge(0, 2)
    again = marker_separation.Profiles(values, np.where(labels == 2, 0, labels))
    np.testing.assert_allclose(merged.square[0], again.square[0])


def test_clusters_are_numbered_by_size_then_by_first_cell():
    assert gap_test.by_size(np.array([5, 9, 9, 2, 2, 2, 5])).tolist() == [1, 2, 2, 0, 0, 0, 1]
