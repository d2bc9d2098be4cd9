import numpy as np
import pandas as pd
import pytest

from mscape.clustering import heterogeneity


def test_entropy_counts_clusters_in_bits():
    value, low, high = heterogeneity.entropy_interval(np.array([50, 50, 50, 50]))
    assert value == pytest.approx(2)
    assert low < 2
    assert high <= 2
    assert heterogeneity.entropy_interval(np.array([80, 0])) == (0, 0, 0)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    rng, share = np.random.default_rng(0), np.array([0.6, 0.3, 0.1])
    truth = -(share * np.log2(share)).sum()
    held = 0
    for seed in range(200):
        _, low, high = heterogeneity.entropy_interval(rng.multinomial(300, share), seed=seed)
        held += low <= truth <= high
    assert held >= 180


def test_explained_variance_is_the_share_put_in_and_zero_for_noise():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, 2000)
    rep = rng.normal(size=(2000, 1)) + 2 * group[:, None]  # variance 1 within, 1 between
    assert heterogeneity.explained(rep, group[:, None].astype(float)) == pytest.approx(0.5, abs=0.03)
    assert heterogeneity.explained(rep, rng.normal(size=(2000, 5))) < 0.01
    assert np.isnan(heterogeneity.explained(rep, np.ones((2000, 1))))
    assert np.isnan(heterogeneity.explained(rep[:8], group[:8, None].astype(float)))


def test_lots_are_described_one_by_one_and_together():
    rng = np.random.default_rng(0)
    obs = pd.DataFrame({"lot_id": np.repeat(["a", "b"], 200), "donor_id": np.repeat(["d1", "d2"], 200), "tissue": "BM"})
    clusters = np.where((np.arange(400) >= 200) & (rng.random(400) < 0.5), 1, 0)
    rep = rng.normal(size=(400, 4)) + 6 * clusters[:, None]
    table = heterogeneity.describe_lots(rep, clusters, rng.normal(size=(400, 2)), obs).set_index(["lot_id", "index"])
    value = table["value"]
    assert value["a", "entropy"] == 0
    assert value["b", "entropy"] == pytest.approx(1, abs=0.05)
    assert value["b", "spread"] > value["a", "spread"]
    assert value["b", "explained_by_cluster"] > 0.8
    assert np.isnan(value["a", "explained_by_cluster"])
    assert value["a", "explained_by_cycle"] < 0.05
    assert value["all", "explained_by_cluster"] > value["all", "explained_by_donor_id"] > 0.1
    assert np.isnan(value["all", "explained_by_tissue"])
    assert table.loc["a", "n_cells"].tolist() == [200] * 4
