import gate_cases
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.special import gammaincc
from scipy.stats import binom, nbinom, poisson

from mscape.errors import UserError
from mscape.gating import (
    calibration,
    contaminants,
    hidden_subset_bound,
    hidden_subset_test,
    intervals,
    pooling,
    posterior,
)
from mscape.gating import (
    panels as gate_panels,
)


def toy_features(x, tau=20e-6, kind=gate_panels.NEGATIVE):
    x = np.asarray(x, np.int32).reshape(len(x), -1)
    n = x.shape[1]
    return gate_panels.Features(
        names=[f"g{i}" for i in range(n)],
        kind=np.full(n, kind),
        tau=np.full(n, tau),
        x=x,
        distinct=(x > 0).astype(np.int32),
        second=np.zeros_like(x),
        tau_second=np.full(n, tau / 4),
        genes=sp.csr_matrix(x),
        feature_of=np.arange(n),
        measured=np.ones(x.shape, bool),
    )


def pool(points, features, totals, groups=None, **options):
    groups = np.zeros(len(points), int) if groups is None else groups
    thresholds = np.broadcast_to(features.tau, features.x.shape)
    return pooling.pool(points, groups, np.asarray(totals), features, thresholds, **options)


def test_posterior_is_the_incomplete_gamma_function():
    assert posterior.rate_above(0, 1e6, 100, 3e-6, dispersion=0) == pytest.approx(gammaincc(0.5, 3.0))
    assert posterior.rate_above(12, 1e6, 100, 4e-6, dispersion=0) == pytest.approx(gammaincc(12.5, 4.0))
    v = 1 + 0.3 * 12 / 100
    assert posterior.rate_above(12, 1e6, 100, 4e-6) == pytest.approx(gammaincc(12 / v + 0.5, 4.0 / v))


def test_posterior_excludes_the_threshold_by_the_rule_of_three():
    assert posterior.rate_above(0, 3.0, 50, 1.0) < 0.05
    assert posterior.rate_above(0, 0.5, 50, 1.0) > 0.3


def test_background_keeps_the_rest_of_the_cells_own_rna():
    assert posterior.background(10e-6, 40e-6, 0.1) == pytest.approx(0.9 * 10e-6 + 0.1 * 40e-6)
    assert posterior.background(10e-6, 10e-6, 0.1) == pytest.approx(10e-6)


def test_log_probabilities_agree_with_scipy_up_to_the_same_constant():
    x, mean = np.arange(8.0), 3.3
    ratio = posterior.log_negative_binomial(x, mean, 2.0) - posterior.log_poisson(x, 1.1)
    assert ratio == pytest.approx(nbinom.logpmf(x, 2.0, 2.0 / (2.0 + mean)) - poisson.logpmf(x, 1.1))


def test_pool_grows_until_the_exposure_is_enough():
    points = np.arange(400.0)[:, None]
    pools, _ = pool(points, toy_features(np.zeros(400)), np.full(400, 10_000))
    # 12 / 20 CPM = 600,000 counts = 60 cells of 10,000
    assert set(pools.size[:, 0]) == {60}
    assert set(pools.exposure[:, 0]) == {600_000}


def test_pool_has_a_floor_a_ceiling_and_stays_in_its_group():
    points = np.arange(400.0)[:, None]
    deep, _ = pool(points, toy_features(np.zeros(400)), np.full(400, 10_000_000))
    assert set(deep.size[:, 0]) == {9}
    shallow, _ = pool(points, toy_features(np.zeros(400)), np.full(400, 10))
    assert set(shallow.size[:, 0]) == {301}
    x = np.repeat([0, 5], 200)
    groups = np.repeat([0, 1], 200)
    apart, _ = pool(points, toy_features(x, kind=gate_panels.POSITIVE), np.full(400, 10_000), groups)
    assert np.all(apart.count[:200] == 0)
    assert np.all(apart.raw_count[200:, 0] == 5 * apart.size[200:, 0])


def test_neighbours_are_exact_and_ordered():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(300, 5)).astype(np.float32)
    distance = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    expected = np.argsort(distance, axis=1, kind="stable")[:, :21]
    found = np.concatenate([index for _, index in pooling.neighbours(points, 20)])
    assert np.mean(found == expected) > 0.999
    assert np.array_equal(found[:, 0], np.arange(300))


def test_one_cell_does_not_speak_for_its_pool():
    x = np.zeros(40)
    x[20] = 500
    pools, _ = pool(np.arange(40.0)[:, None], toy_features(x, tau=100e-6), np.full(40, 5_000))
    assert pools.count.max() == 2
    assert pools.raw_count.max() == 500


def test_split_is_complete_and_small():
    points = np.random.default_rng(1).normal(size=(1000, 3))
    parts = pooling.split(points, np.arange(1000), 70)
    assert max(map(len, parts)) <= 70
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(1000))


def test_mixing_share_of_a_known_mixture():
    rng = np.random.default_rng(0)
    n = np.full(20_000, 2000.0)
    rate = np.where(rng.random(20_000) < 0.3, 5e-3 * rng.gamma(2, 0.5, 20_000), 0)
    x = rng.poisson(n * rate).astype(float)
    share = pooling.mixing_share(x.sum(), (x * (x - 1)).sum(), n.sum(), (n**2).sum())
    assert share == pytest.approx(0.3, abs=0.03)


def test_own_counts_find_an_isolated_contaminant_and_spare_ambient_counts():
    x = np.zeros((200, 1), int)
    x[0] = 4
    features = toy_features(x, tau=20e-6)
    totals = np.full(200, 5_000.0)
    pools, _ = pool(np.arange(200.0)[:, None], features, totals)
    rho = np.full(200, 0.05)
    clean = posterior.marker_probabilities(features, totals, pools, rho, np.zeros((200, 1)), np.full((200, 1), 0.3))
    assert clean[0, 0] > 0.9
    soup = posterior.marker_probabilities(
        features, totals, pools, rho, np.full((200, 1), 0.016), np.full((200, 1), 0.3)
    )
    assert soup[0, 0] < 0.9


def test_absent_gene_has_no_probability():
    features = toy_features(np.zeros((50, 1)))
    features.measured[:] = False
    pools, _ = pool(np.arange(50.0)[:, None], features, np.full(50, 5_000.0))
    p = posterior.marker_probabilities(
        features, np.full(50, 5e3), pools, np.full(50, 0.05), np.zeros((50, 1)), np.full((50, 1), 0.3)
    )
    assert np.isnan(p).all()


def test_dispersion_is_found_and_defaults_without_information():
    rng = np.random.default_rng(0)
    totals = np.full(4000, 10_000.0)
    x = rng.poisson(20 * rng.gamma(2, 0.5, 4000))
    groups = np.zeros(4000, int)
    assert posterior.dispersion_within(toy_features(x), totals, groups)[0, 0] == pytest.approx(0.5, abs=0.05)
    assert posterior.dispersion_within(toy_features(np.zeros(4000)), totals, groups)[0, 0] == pytest.approx(0.3)


def test_bootstrap_interval_of_certain_and_uncertain_cells():
    blocks = np.array_split(np.arange(1000), 40)
    estimate, low, high = intervals.bootstrap_fraction(np.ones(1000), blocks, np.zeros(40))
    assert (estimate, high) == (1.0, 1.0) or high > 0.999
    assert low > 0.99
    p = np.full(1000, 0.5)
    estimate, low, high = intervals.bootstrap_fraction(p, blocks, np.zeros(40))
    assert estimate == pytest.approx(0.5)
    assert high - low > 0.2  # forty blocks, each present or absent as a whole


def test_bootstrap_interval_of_independent_cells_covers_the_binomial():
    rng = np.random.default_rng(3)
    p = (rng.random(2000) < 0.9).astype(float)
    _, low, high = intervals.bootstrap_fraction(p, np.array_split(np.arange(2000), 40), np.zeros(40))
    a, b = binom.ppf([0.025, 0.975], 2000, 0.9) / 2000
    assert low <= p.mean() <= high
    assert high - low >= 0.8 * (b - a)


def test_pools_without_a_count_are_judged_by_the_lot():
    # one small pool without a count among 39 that are surely absent: its 0.3 is prior, not data
    p = np.repeat([0.3, 0.0], [10, 390])
    seen = np.zeros(400, bool)
    out = intervals.borrow_from_lot(p, seen, 40)
    prior = (out.mean() * 40 + 0.5) / 41
    assert prior < 0.02
    assert out[0] == pytest.approx(prior * (3 / 7) / (1 - prior + prior * (3 / 7)))
    # a pool with a count keeps what it says, and so does a missing gene
    seen[:10] = True
    assert intervals.borrow_from_lot(p, seen, 40) == pytest.approx(p)
    assert np.isnan(intervals.borrow_from_lot(np.array([np.nan, 0.2]), np.zeros(2, bool), 2)[0])


def test_pools_without_a_count_are_never_made_likelier_and_few_pools_say_little():
    p = np.repeat([0.9, 0.3, 1.0], [5, 5, 90])
    seen = np.repeat([False, False, True], [5, 5, 90])
    assert (intervals.borrow_from_lot(p, seen, 40) <= p).all()
    alone = np.full(20, 0.2)
    many = intervals.borrow_from_lot(np.concatenate([alone, np.zeros(980)]), np.zeros(1000, bool), 40)[0]
    few = intervals.borrow_from_lot(alone, np.zeros(20, bool), 1)[0]
    assert many < few / 5


def test_blocks_of_a_cluster_are_right_or_wrong_together_as_far_as_a_pool_reaches():
    blocks, p = np.array_split(np.arange(200), 10), np.full(200, 0.1)
    one_pool = intervals.bootstrap_fraction(p, blocks, np.zeros(10), pool_size=np.full(200, 200))
    ten_pools = intervals.bootstrap_fraction(p, blocks, np.zeros(10), pool_size=np.full(200, 20))
    assert one_pool == intervals.bootstrap_fraction(p, blocks, np.zeros(10))
    assert one_pool[2] > 0.95
    assert 0.2 < ten_pools[2] < 0.6


@pytest.mark.parametrize(
    ("kind", "low", "high", "verdict"),
    [
        ("positive", 0.96, 0.99, "meets"),
        ("positive", 0.90, 0.94, "fails"),
        ("positive", 0.94, 0.99, "inconclusive"),
        ("negative", 0.001, 0.01, "meets"),
        ("negative", 0.03, 0.05, "fails"),
        ("negative", 0.01, 0.05, "inconclusive"),
    ],
)
def test_verdict_by_the_side_of_the_interval(kind, low, high, verdict):
    assert intervals.verdict_of(kind, low, high, 0.95 if kind == "positive" else 0.02) == verdict


def test_min_detectable_fraction_follows_the_rule_of_three():
    assert intervals.min_detectable_fraction(1000, 5000, 20e-6) == pytest.approx(30 / 1000)
    assert intervals.min_detectable_fraction(1000, 5000, 4e-6) == pytest.approx(150 / 1000)
    assert intervals.min_detectable_fraction(100, 500, 4e-6) == 1.0


def test_hidden_mixture_is_found_and_a_uniform_cluster_is_not():
    rng = np.random.default_rng(0)
    n = rng.lognormal(np.log(10_000), 0.4, 800)
    rate = 600e-6 * rng.gamma(1 / 0.3, 0.3, 800)
    uniform = hidden_subset_test.mixture_test(rng.poisson(n * rate), n, 2e-6)
    assert uniform.pvalue > 0.05
    hidden = rng.random(800) < 0.2
    mixed = hidden_subset_test.mixture_test(rng.poisson(n * np.where(hidden, 1e-7, rate)), n, 2e-6)
    assert mixed.pvalue < 0.01
    assert mixed.fraction == pytest.approx(0.2, abs=0.06)


def drawn_counts(n_cells, mean, *, silent=0.0, dispersion=0.3, seed=0):
    rng = np.random.default_rng(seed)
    expected = mean * rng.lognormal(0, 0.3, n_cells)
    carried = rng.random(n_cells) >= silent
    x = rng.poisson(expected * carried * rng.gamma(1 / dispersion, dispersion, n_cells))
    return x, expected * x.sum() / expected.sum(), 1e-3 * expected


def test_bound_of_silent_cells_holds_in_most_samples_and_narrows_with_counts():
    found = [
        hidden_subset_bound.non_expressing_upper_bound(*drawn_counts(2000, 0.3, silent=0.2, seed=i), min_dispersion=0.3)
        for i in range(40)
    ]
    assert np.mean(np.array(found) >= 0.2) >= 0.9
    pure = [
        hidden_subset_bound.non_expressing_upper_bound(*drawn_counts(n, m), min_dispersion=0.3)
        for n, m in ((500, 0.1), (4000, 0.5), (800, 6))
    ]
    assert pure[0] > 0.3
    assert pure[1] < 0.15
    assert pure[2] < 0.04


def test_bound_of_silent_cells_without_knowledge_of_the_variability_is_wider_but_not_where_zeros_can_be_counted():
    few = [drawn_counts(6000, 0.2, seed=i) for i in range(8)]
    free, known = (
        [hidden_subset_bound.non_expressing_upper_bound(*x, min_dispersion=d) for x in few] for d in (0.0, 0.3)
    )
    assert np.mean(free) > 0.23  # all variation could be silent cells: 1 - 1 / 1.3
    assert np.mean(known) < np.mean(free) - 0.08
    assert hidden_subset_bound.non_expressing_upper_bound(*drawn_counts(2000, 8)) < 0.04
    assert hidden_subset_bound.non_expressing_upper_bound(np.zeros(50, int), np.ones(50), np.zeros(50)) == 1.0
    assert hidden_subset_bound.non_expressing_upper_bound(np.array([0, 1, 0, 0]), np.full(4, 0.25), np.zeros(4)) > 0.7


def test_bound_does_not_depend_on_the_order_of_cells():
    x, expected, silent = drawn_counts(3000, 0.4, silent=0.1)
    order = np.random.default_rng(0).permutation(3000)
    whole = hidden_subset_bound.non_expressing_upper_bound(x, expected, silent, min_dispersion=0.2)
    assert hidden_subset_bound.non_expressing_upper_bound(
        x[order], expected[order], silent[order], min_dispersion=0.2
    ) == pytest.approx(whole)


def test_least_dispersion_is_that_of_the_calmest_comparable_genes_and_nothing_without_counts():
    rng = np.random.default_rng(0)
    totals, groups = rng.lognormal(9, 0.3, 1500), np.repeat([0, 1], 750)
    rate = 3e-4 * np.where(groups == 0, 1, 3)  # a difference between clusters is no dispersion
    dispersion = np.repeat([0.1, 0.6], 20)
    x = np.column_stack([rng.poisson(totals * rate * rng.gamma(1 / d, d, 1500)) for d in dispersion])
    rates, found = hidden_subset_bound.gene_dispersions(sp.csc_matrix(x), totals, groups)
    assert rates == pytest.approx(np.full(40, 6e-4), rel=0.1)
    assert found == pytest.approx(dispersion, rel=0.5)
    assert hidden_subset_bound.least_dispersion(rates, found, 5e-4) == pytest.approx(0.1, abs=0.03)
    assert hidden_subset_bound.least_dispersion(rates[:9], found[:9], 5e-4) == 0.0
    assert len(hidden_subset_bound.gene_dispersions(sp.csc_matrix((1500, 40), dtype=int), totals, groups)[0]) == 0
    # genes of another rate count only where too few are comparable
    rates = np.where(np.arange(40) < 20, 6e-4, 3e-5)
    assert hidden_subset_bound.least_dispersion(rates, found, 3e-5) == pytest.approx(0.55, abs=0.1)
    assert hidden_subset_bound.least_dispersion(rates, found, 1e-6) == pytest.approx(0.1, abs=0.03)


def test_contaminant_table_counts_what_fails_and_what_passes_by_another_name():
    calls = pd.DataFrame(
        [
            ("fail", "NEG_CD45", "T cell"),
            ("pass", "LINEAGE_OSTEOBLAST", "osteoblast"),
            ("indeterminate", "LINEAGE_UNSUPPORTED", "stromal"),
            ("indeterminate", "AMBIGUOUS", "osteoblast"),
            ("pass", "", "MSC-like"),
            ("fail", "MISSING_CD90", "unexplained"),
            ("indeterminate", "UNEXPLAINED", "unexplained"),
            ("indeterminate", "AMBIGUOUS", "unresolved"),
        ],
        columns=["call", "reason", "identity"],
    )
    table = contaminants.contaminant_table(pd.Series(["a"] * 8), calls)
    assert table[["identity", "call", "n_cells", "fraction"]].to_numpy().tolist() == [
        ["unexplained", "unexplained", 2, 0.25],
        ["T cell", "fail", 1, 0.125],
        ["osteoblast", "pass", 1, 0.125],
    ]


def panel_of(**changes):
    entry = {
        "title": "t",
        "organism": "human",
        "verdict": True,
        "positive": {"THY1": {"protein": "CD90", "cpm": 20}},
        "negative": {"CD45": {"PTPRC": 20}},
    }
    return gate_panels.make_panel("p", entry | changes)


def test_calibration_is_the_geometric_middle_and_refuses_overlap():
    totals = np.full(2000, 10_000.0)
    samples = np.repeat(["msc", "blood"], 1000)
    counts = {"THY1": np.repeat([4, 0], 1000), "PTPRC": np.repeat([0, 3], 1000)}
    panel, new = calibration.calibrate(panel_of(), counts, totals, samples, positive=["msc"], negative=["blood"])
    assert new["THY1"] == pytest.approx(40, rel=0.1)  # 400 CPM against a hundredth of it
    assert new["PTPRC"] == pytest.approx(30, rel=0.1)
    assert panel.thresholds == pytest.approx(new)
    counts["THY1"] = np.full(2000, 4)
    with pytest.raises(UserError, match="THY1 does not separate the controls"):
        calibration.calibrate(panel_of(), counts, totals, samples, positive=["msc"], negative=["blood"])
    with pytest.raises(UserError, match="unknown or missing: \\['x'\\]"):
        calibration.calibrate(panel_of(), counts, totals, samples, positive=["x"], negative=["blood"])


def test_panels_of_the_resource_file_are_complete():
    panels, lineages = gate_panels.read_markers(gate_cases.MARKERS)
    assert {"isct2006", "isct_core", "adipose_svf", "mouse_stroma"} <= set(panels)
    for name, entry in panels.items():
        panel = gate_panels.make_panel(name, entry)
        assert panel.basis
        assert panel.doi
        assert "uncalibrated" in panel.note + panel.basis
    assert not panels["mouse_stroma"]["verdict"]
    made = {x.id: x for x in gate_panels.make_lineages(lineages, organism="human")}
    assert not any(made[i].fails for i in ("STROMAL", "PERICYTE", "ADIPOCYTE", "OSTEOBLAST", "INTERFERON_RESPONSE"))
    gate = {g for p in panels.values() for g in gate_panels.make_panel("x", p).thresholds}
    assert not [x.id for x in made.values() if gate & set(x.genes)]


def test_faulty_panels_are_named(tmp_path):
    with pytest.raises(UserError, match="lacks \\['negative'\\]"):
        gate_panels.make_panel("mine", {"title": "t", "organism": "human", "verdict": True, "positive": {}})
    with pytest.raises(UserError, match="malformed"):
        panel_of(positive={"THY1": 20})
    with pytest.raises(UserError, match="above 0 CPM"):
        panel_of(positive={"THY1": {"protein": "CD90", "cpm": 0}})
    path = tmp_path / "mine.yaml"
    path.write_text("genes: [A]\n")
    with pytest.raises(UserError, match="neither `panels:` nor `lineages:`"):
        gate_panels.read_markers(gate_cases.MARKERS, [path])


def test_panel_choice_follows_organism_and_tissue():
    panels, _ = gate_panels.read_markers(gate_cases.MARKERS)

    def choose(panel="auto", organism="human", culture="expanded", tissues=("bone marrow",)):
        return gate_panels.choose_panel(panels, panel, organism=organism, culture=culture, tissues=tissues)

    assert choose() == "isct2006"
    assert choose(organism="mouse") == "mouse_stroma"
    assert choose(culture="fresh", tissues=("Adipose tissue",)) == "adipose_svf"
    assert choose(tissues=("Adipose tissue",)) == "isct2006"
    with pytest.raises(UserError, match="known panels"):
        choose(panel="isct")


def test_features_sum_the_lineage_and_know_absent_genes():
    lineage = gate_panels.Lineage("L", "l", "g", 200, ("A", "B"), True)
    counts = sp.csc_matrix(np.array([[3, 1, 0], [0, 0, 2]]))
    measured = np.array([[True, True, True], [True, False, True]])
    f = gate_panels.make_features(panel_of(), [lineage], counts, ["THY1", "A", "B"], measured)
    assert f.names == ["THY1", "PTPRC", "L"]
    assert f.x.tolist() == [[3, 0, 1], [0, 0, 2]]
    assert f.measured.tolist() == [[True, False, True], [True, False, False]]
