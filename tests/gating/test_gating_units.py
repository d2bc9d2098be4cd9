from dataclasses import FrozenInstanceError
from types import SimpleNamespace

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
    calls,
    contaminants,
    hidden_subset_test,
    intervals,
    lot_reasons,
    pooling,
    posterior,
)
from mscape.gating import lots as gate_lots
from mscape.gating import (
    panels as gate_panels,
)
from mscape.gating.options import GateOptions


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


def pool(points, features, totals, groups=None, threads=1, **options):
    groups = np.zeros(len(points), int) if groups is None else groups
    thresholds = np.broadcast_to(features.tau, features.x.shape)
    return pooling.pool(
        points, groups, np.asarray(totals), features, thresholds, options=GateOptions(**options), threads=threads
    )


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
    clean = posterior.marker_probabilities(
        features, totals, pools, rho=rho, ambient=np.zeros((200, 1)), dispersion=np.full((200, 1), 0.3)
    )
    assert clean[0, 0] > 0.9
    soup = posterior.marker_probabilities(
        features, totals, pools, rho=rho, ambient=np.full((200, 1), 0.016), dispersion=np.full((200, 1), 0.3)
    )
    assert soup[0, 0] < 0.9


def test_absent_gene_has_no_probability():
    features = toy_features(np.zeros((50, 1)))
    features.measured[:] = False
    pools, _ = pool(np.arange(50.0)[:, None], features, np.full(50, 5_000.0))
    p = posterior.marker_probabilities(
        features,
        np.full(50, 5e3),
        pools,
        rho=np.full(50, 0.05),
        ambient=np.zeros((50, 1)),
        dispersion=np.full((50, 1), 0.3),
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


def test_one_marker_in_one_of_many_clusters_is_no_finding():
    rng = np.random.default_rng(16)
    lots, clusters = np.full(900, "a"), np.repeat(np.arange(6), 150)
    n = rng.lognormal(np.log(10_000), 0.4, 900)
    x = rng.poisson(n[:, None] * 400e-6 * rng.gamma(4, 0.25, (900, 3)))
    features = toy_features(x, kind=gate_panels.POSITIVE)
    evidence = SimpleNamespace(features=features, totals=n, rho=np.zeros(900), ambient=np.zeros((900, 3)))
    table, expressing = hidden_subset_test.find_hidden_mixtures(evidence, lots, clusters, exclude=np.zeros(900, bool))
    assert len(table) == 18
    assert (table["pvalue"] <= 0.05).any()  # as in one of twenty tests of pure clusters
    assert set(table["finding"]) == {"none"}
    assert expressing.min() == 1


def test_slopes_of_the_mixture_are_those_of_its_likelihood():
    rng = np.random.default_rng(1)
    n = rng.lognormal(9, 0.3, 50)
    x = rng.poisson(n * 4e-4).astype(float)
    silent = posterior.log_poisson(x, n * 1e-6)
    for of, theta in ((lambda t: hidden_subset_test._mixture(t, x, n, silent), [-7.5, 1.2, -2.0]),
                      (lambda t: hidden_subset_test._single(t, x, n), [-7.5, 1.2])):  # fmt: skip
        steps = np.eye(len(theta)) * 1e-6
        by_hand = [(of(theta + step)[0] - of(theta - step)[0]) / 2e-6 for step in steps]
        assert of(np.array(theta))[1] == pytest.approx(by_hand, rel=1e-4)


def test_evidence_is_not_changed_in_place():
    evidence = calls.Evidence(*[None] * 13)
    with pytest.raises(FrozenInstanceError):
        evidence.rho = np.zeros(1)


@pytest.mark.parametrize(("violating", "verdict"), [(0.01, "meets"), (0.2, "inconclusive")])
def test_open_cells_are_settled_together_by_the_criteria(violating, verdict):
    cells = np.arange(400)
    call = pd.DataFrame({"call": ["pass"] * 340 + ["indeterminate"] * 60, "reason": [""] * 340 + ["AMBIGUOUS"] * 60})
    panel = SimpleNamespace(allowed={}, verdict=True, min_positive=0.95, positive={}, negative={})
    features = SimpleNamespace(x=np.zeros((400, 1)), columns=lambda _: [0])
    criterion = {"criterion": "CD90", "verdict": "meets", "reason": "", "genes": "THY1"}
    criterion |= {"min_detectable_fraction": 0.01, "max_hidden_fraction": 0.0}
    row = gate_lots._overall(
        {"n_cells": 400},
        cells,
        gate_lots.Called(SimpleNamespace(features=features, panel=panel), call, np.zeros((400, 1))),
        intervals.Blocks(np.array_split(cells, 40), np.zeros(40, int)),
        [criterion],
        limits={},
        options=SimpleNamespace(n_bootstrap=200),
        violating=violating,
        seed=0,
    )
    assert row["verdict"] == verdict
    assert row["low"] == pytest.approx(max(0.99 - violating, 0.81), abs=0.02)


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


@pytest.mark.parametrize(
    ("criterion", "reason", "verdict"),
    [("HLA-DR", "UNEXPLAINED", "inconclusive"), ("CD45", "UNEXPLAINED", "fails"), ("HLA-DR", "NEG_HLA-DR", "fails")],
)
def test_hla_dr_fails_a_lot_only_by_a_lineage_that_carries_it(criterion, reason, verdict):
    features = toy_features(np.ones((10, 1)))
    row = {"criterion": criterion, "kind": "negative", "verdict": "fails", "genes": "g0", "reason": "NEG_X"}
    found = pd.DataFrame({"reason": [reason] * 8 + [""] * 2})
    judged = lot_reasons.follow_cells(row, np.arange(10), np.ones((10, 1)), found, features, min_probability=0.9)
    assert judged["verdict"] == verdict
