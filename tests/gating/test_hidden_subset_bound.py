"""The bound on a hidden subset, against counts that are simulated with one of known size and place."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import nbinom, poisson

from mscape.gating import hidden_subset_bound as bound
from mscape.gating import resolution

SILENT = 5e-7


def drawn(mean, share, place, *, n_cells=600, n_genes=60, seed=0):
    """Draw a marker and other genes in three clusters; silent cells evenly, or all in the first cluster."""
    rng = np.random.default_rng(seed)
    cluster = np.sort(rng.choice(3, n_cells))
    total = rng.lognormal(np.log(10_000), 0.6, n_cells)
    silent = np.zeros(n_cells, bool)
    among = np.arange(n_cells) if place == "even" else np.flatnonzero(cluster == 0)
    silent[rng.choice(among, round(share * n_cells), replace=False)] = True

    def gene(mean, carried):
        dispersion = np.clip(rng.lognormal(np.log(0.25), 0.7), 0.05, 2)
        rate = mean / 12_000 * rng.lognormal(0, 0.15, 3)[cluster] * rng.gamma(1 / dispersion, dispersion, n_cells)
        return rng.poisson(total * np.where(carried, rate, 2e-8))

    marker = gene(mean, ~silent)
    others = np.column_stack([gene(m, np.ones(n_cells, bool)) for m in rng.uniform(mean / 2, 4 * mean, n_genes)])
    return marker, total, cluster, sp.csc_matrix(others)


def curve_of(marker, total, cluster, others):
    genes = bound.measure_reference(others, total, cluster)
    rate = marker.sum() / total.sum()
    fits = [
        bound.fit_cluster(bound.classify(marker[own], total[own], total[own] * SILENT, 0.0))
        for own in (cluster == c for c in np.unique(cluster))
    ]
    size = np.bincount(cluster)
    prior, spread = genes.dispersion_prior(rate), genes.between_clusters(rate)
    return bound.profile_total(fits, size, prior, spread), bound.expected_shares(fits, size, prior, spread), size


@pytest.mark.parametrize("place", ["even", "one cluster"])
@pytest.mark.parametrize("mean", [1, 4])
def test_bound_holds_wherever_the_subset_sits(place, mean):
    found = [bound.upper_bound(curve_of(*drawn(mean, 0.2, place, seed=seed))[0]) for seed in range(20)]
    assert np.mean(np.array(found) >= 0.2) >= 0.9
    assert np.median(found) < 0.4  # and says something


def test_a_pure_lot_is_bounded_by_its_counts():
    found = {
        mean: [bound.upper_bound(curve_of(*drawn(mean, 0, "even", seed=s))[0]) for s in range(8)] for mean in (1, 4)
    }
    assert np.median(found[1]) < 0.2
    assert np.median(found[4]) < 0.05


def test_the_share_of_a_cluster_is_expected_where_it_shows_and_not_elsewhere():
    _, expected, size = curve_of(*drawn(4, 0.2, "one cluster", n_cells=1500))
    assert expected[0] == pytest.approx(0.2 * 1500 / size[0], abs=0.1)
    assert expected[1:].max() < 0.05
    _, expected, _ = curve_of(*drawn(4, 0, "even", n_cells=1500))
    assert expected.max() < 0.01


def test_likelihood_of_a_cluster_is_that_of_the_mixture():
    x, total = np.array([0, 0, 1, 5]), np.full(4, 1e4)
    fit = bound.fit_cluster(bound.classify(x, total, total * SILENT, 0.0))
    share, shape = 10, 6
    s, k, rate = bound.SHARES[share], 1 / bound.DISPERSIONS[shape], np.exp(fit.rate[share, shape])
    carried = nbinom.pmf(x, k, k / (k + 1e4 * rate))
    by_hand = np.log((1 - s) * carried + s * poisson.pmf(x, 1e4 * SILENT)).sum()
    assert fit.peak[share, shape] == pytest.approx(by_hand)
    for factor in (0.8, 1.25):  # and the rate is the best one
        other = nbinom.pmf(x, k, k / (k + 1e4 * rate * factor))
        assert np.log((1 - s) * other + s * poisson.pmf(x, 1e4 * SILENT)).sum() < by_hand


def test_curves_add_and_their_ends_are_where_the_likelihood_falls_by_the_quantile():
    curve = -0.5 * ((bound.TOTAL - 0.3) / 0.05) ** 2
    assert bound.upper_bound(curve) == pytest.approx(0.3 + 1.96 * 0.05, abs=2e-3)
    assert bound.lower_bound(curve) == pytest.approx(0.3 - 1.96 * 0.05, abs=2e-3)
    total = bound.add_curves([curve, curve])
    assert bound.upper_bound(total) == pytest.approx(0.6 + 1.96 * 0.05 * np.sqrt(2), abs=5e-3)
    assert bound.upper_bound(np.zeros(101)) == 1.0


def test_the_bound_looks_at_the_whole_range():
    two_peaks = np.maximum(-0.5 * ((bound.TOTAL - 0.0) / 0.02) ** 2, -0.2 - 0.5 * ((bound.TOTAL - 0.4) / 0.02) ** 2)
    assert bound.upper_bound(two_peaks) > 0.4


def test_other_genes_tell_dispersion_and_spread():
    rng = np.random.default_rng(0)
    cluster, total = np.repeat([0, 1, 2], 1000), rng.lognormal(9, 0.3, 3000)
    rates = 5e-4 * rng.lognormal(0, 0.4, (60, 3))
    x = np.column_stack([rng.poisson(total * rate[cluster] * rng.gamma(2, 0.5, 3000)) for rate in rates])
    genes = bound.measure_reference(sp.csc_matrix(x), total, cluster)
    assert np.exp(genes.dispersion_prior(5e-4)[0]) == pytest.approx(0.5, abs=0.07)
    assert genes.between_clusters(5e-4) == pytest.approx(0.4, abs=0.06)
    # without genes next to nothing is assumed
    assert bound.NO_REFERENCE.dispersion_prior(5e-4)[1] == 2.0
    assert bound.NO_REFERENCE.between_clusters(5e-4) == 0.5


def limit_of(mean, n_cells, seed=0):
    marker, total, cluster, others = drawn(mean, 0, "even", n_cells=n_cells, seed=seed)
    genes = bound.measure_reference(others, total, cluster)
    rate = marker.sum() / total.sum()
    return resolution._limit(
        np.arange(n_cells),
        cluster,
        marker,
        total,
        other=total * SILENT,
        other_dispersion=0.0,
        prior=genes.dispersion_prior(rate),
        spread=genes.between_clusters(rate),
    )


def test_what_would_settle_a_criterion_is_more_cells_or_more_counts():
    cells, depth = resolution.needed(limit_of(0.3, 600), 0.2)
    assert 1 < depth <= 8  # 2.4 counts a cell are enough for 600 cells
    assert cells > depth  # cells count once, counts a cell squared
    assert resolution.needed(limit_of(4, 600), 0.2) == (1.0, 1.0)


def negative(share, *, seed, n_cells=600, ambient=0.35, tau=0.7 / 12_000):
    """Bound a negative marker whose carriers have four times the threshold, on top of constant ambient counts."""
    rng = np.random.default_rng(seed)
    total, cluster = rng.lognormal(np.log(10_000), 0.6, n_cells), np.sort(rng.choice(3, n_cells))
    carries = rng.permutation(n_cells) < share * n_cells
    x = rng.poisson(total * tau * np.where(carries, 4, 0.05) * rng.gamma(4, 0.25, n_cells) + ambient)
    soup, prior = np.full(n_cells, ambient), (np.log(0.25), 0.7)
    curves = [
        resolution._limit(
            np.arange(n_cells),
            cluster,
            x,
            total,
            other=soup + fold * total * tau,
            other_dispersion=0.25,
            prior=prior,
            spread=None,
            ambient=known,
        )
        for known in (soup, None)
        for fold in resolution.CARRIERS
    ]
    return [bound.upper_bound(np.max([curve.curve for curve in pair], axis=0)) for pair in (curves[:2], curves[2:])]


def test_known_ambient_rna_limits_the_carriers_of_a_negative_marker():
    pure = np.array([negative(0.0, seed=seed) for seed in range(6)])
    assert np.median(pure[:, 0]) < 0.1
    assert np.median(pure[:, 1]) > 0.2  # a rate that is free could be carriers beside cells without any RNA
    mixed = np.array([negative(0.2, seed=seed)[0] for seed in range(8)])
    assert (mixed >= 0.2).mean() >= 0.85
