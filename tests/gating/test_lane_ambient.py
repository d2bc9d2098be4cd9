"""Ambient RNA of other lots of a lane: ranges that hold the simulated fraction, and answers that follow from them."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from mscape.gating import lane_ambient

N_GENES = 400


def features(x, tau):
    """What the estimate reads of the gate's features."""
    return SimpleNamespace(x=x, tau=np.asarray(tau))


def lane(fraction, *, seed=0, n=600, constant=True, batch=("lane1", "lane1"), marker=(1e-4, 1e-3), foreign=0.0):
    """Two lots that share half of their genes; the first holds a fraction of the second's mean profile.

    The last gene is the marker, at rate ``marker[0]`` in the first and ``marker[1]`` in the second lot; ``foreign`` is
    a share of the first lot's cells that are cells of the second.
    """
    rng = np.random.default_rng(seed)
    base = rng.lognormal(0, 1, N_GENES)
    profiles = []
    for own in (slice(0, 100), slice(100, 200)):
        profile = base.copy()
        profile[:200] *= 1e-4
        profile[own] = base[own]
        profiles.append(profile / profile.sum())
    for profile, rate in zip(profiles, marker, strict=True):
        profile[-1] = rate
    totals = rng.lognormal(np.log(8000), 0.6, 2 * n)
    lot = np.repeat([0, 1], n)
    kind = np.where((lot == 0) & (rng.random(2 * n) < foreign), 1, lot)
    mean = totals[:, None] * np.array(profiles)[kind]
    size = np.ones(n) if constant else totals[:n] / totals[:n].mean()
    mean[:n] += fraction * totals[:n].mean() * size[:, None] * profiles[1]
    counts = sp.csc_matrix(rng.poisson(mean))
    totals = np.asarray(counts.sum(axis=1)).ravel().astype(float)
    obs = pd.DataFrame({"lot_id": np.array(["A", "B"])[lot], "batch": np.array(batch)[lot]})
    x = counts[:, [N_GENES - 1]].toarray()
    found = lane_ambient.estimate(obs, totals, counts[:, :-1], features(x, [2e-5]), np.zeros((2 * n, 1)))
    return found, totals, fraction / (1 + fraction)


def row(found, lot="A"):
    return found.table.set_index("lot_id").loc[lot]


@pytest.mark.parametrize("fraction", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("foreign", [0.0, 0.1])
def test_range_holds_the_fraction_and_is_narrow_where_genes_tell_it(fraction, foreign):
    found, _, truth = lane(fraction, foreign=foreign)
    of = row(found)
    assert of["low"] <= truth <= of["high"]
    assert of["low"] > 0.8 * truth
    assert of["high"] < 1.2 * truth + 0.002


def test_without_ambient_rna_of_the_other_lot_there_is_none():
    found, _, _ = lane(0.0)
    assert row(found)["low"] == row(found)["estimate"] == 0
    assert row(found)["high"] < 0.001
    assert row(found, "B")["high"] < 0.001


def test_cells_of_the_other_lot_are_no_ambient_rna():
    found, _, _ = lane(0.0, foreign=0.15)
    assert row(found)["high"] < 0.01


def test_soup_that_grows_with_the_cell_is_found_by_its_one_ratio():
    found, _, truth = lane(0.1, constant=False)
    assert row(found)["low"] <= truth <= row(found)["high"]
    assert row(found)["basis"].endswith("genes at one ratio to their source")
    assert found.constant[0] < 0.1


def test_lots_of_other_lanes_are_no_sources_and_an_unknown_lane_is_possible():
    apart, _, _ = lane(0.1, batch=("lane1", "lane2"))
    assert apart.table.empty
    unknown, _, truth = lane(0.1, batch=("unknown", "unknown"))
    assert not row(unknown)["lane_stated"]
    assert row(unknown)["low"] <= truth <= row(unknown)["high"]


def test_without_genes_that_tell_it_any_fraction_up_to_the_limit_is_possible():
    obs = pd.DataFrame({"lot_id": ["A"] * 60 + ["B"] * 60, "batch": "lane1"})
    x = np.repeat([[1], [50]], 60, axis=0)
    totals = np.full(120, 10_000.0)
    for batch, limit in (("lane1", 0.3), ("unknown", 0.1)):
        found = lane_ambient.estimate(obs.assign(batch=batch), totals, None, features(x, [2e-5]), np.zeros((120, 1)))
        assert row(found)["high"] == limit
        # a rate of 5,000 CPM in the other lot: its ambient RNA may add 0.3 or 0.1 of it
        assert found.high[0, 0] == pytest.approx(limit * 5e-3, rel=0.01)


def test_marker_of_the_other_lot_is_within_the_range():
    found, _, truth = lane(0.1, marker=(0.0, 1e-3))
    assert found.low[0, 0] <= truth * 1e-3 <= found.high[0, 0]
    assert found.material[0]
    assert found.ends(np.arange(600)) == ("low", "high")
    assert found.ends(np.arange(600, 1200)) == ()


def test_counts_that_do_not_grow_with_the_cell_are_possible_ambient_rna_without_a_known_source():
    rng = np.random.default_rng(0)
    totals = rng.lognormal(np.log(10_000), 0.6, 800)
    same, grows = rng.poisson(0.3, 800), rng.poisson(0.3 * totals / totals.mean())
    obs = pd.DataFrame({"lot_id": ["A"] * 800, "batch": "lane1"})
    x = np.column_stack([same, grows])
    found = lane_ambient.estimate(obs, totals, None, features(x, [4e-6, 4e-6]), np.zeros((800, 2)))
    rate = x.sum(axis=0) / totals.sum()
    assert found.high[0, 0] > 0.8 * rate[0]
    assert found.high[0, 1] == 0


def test_growth_splits_constant_from_growing_counts_and_leaves_other_cells_out():
    rng = np.random.default_rng(1)
    n = rng.lognormal(9, 0.6, 2000)
    y = rng.poisson(2 + 3 * n / n.mean()).astype(float)
    y[:300] += 400
    split = lane_ambient.growth(y, n)
    assert abs(split.constant - 2) < 3 * split.constant_error < 1
    assert abs(split.grows - 3) < 3 * split.grows_error < 1
    assert not split.used[:300].any()
    assert split.used[300:].mean() > 0.99


def test_a_small_cell_holds_more_of_what_all_droplets_hold_equally():
    found, totals, _ = lane(0.1)
    none = np.zeros(len(totals)), np.zeros((len(totals), 1))
    rho, ambient, added = found.at("center", *none, totals)
    cells = np.arange(600)
    assert found.constant[0] > 0.9
    counts = added[cells, 0] * totals[cells]
    assert counts.std() / counts.mean() < 0.1
    assert np.allclose((rho[:, None] * ambient)[cells], added[cells])
    assert (added[600:] == 0).all()


def answer(**verdicts):
    """Rows of a lot as judge_lot gives them."""
    return [
        {"criterion": name, "verdict": verdict, "reason": "x", "low": low, "high": high, "max_hidden_fraction": 0.1}
        for name, (verdict, low, high) in verdicts.items()
    ]


def test_a_criterion_that_the_range_turns_is_open_and_its_interval_holds_all():
    center = answer(CD73=("fails", 0.0, 0.1), CD90=("meets", 0.97, 1.0), phenotype=("fails", 0.0, 0.1))
    low = answer(CD73=("meets", 0.96, 1.0), CD90=("meets", 0.98, 1.0), phenotype=("meets", 0.95, 1.0))
    high = answer(CD73=("fails", 0.0, 0.01), CD90=("meets", 0.96, 1.0), phenotype=("fails", 0.0, 0.01))
    cd73, cd90, phenotype = lane_ambient.join_answers([center, low, high])
    assert (cd73["verdict"], cd73["reason"], cd73["low"], cd73["high"]) == ("inconclusive", "AMBIENT_RISK", 0.0, 1.0)
    assert (cd90["verdict"], cd90["low"], cd90["high"]) == ("meets", 0.96, 1.0)
    assert (phenotype["verdict"], phenotype["reason"]) == ("inconclusive", "AMBIENT_RISK")


def test_an_open_criterion_fails_no_phenotype_but_one_that_fails_at_all_fractions_does():
    open_ = answer(CD73=("inconclusive", 0.1, 0.9), phenotype=("fails", 0.1, 0.9))
    fails = answer(CD73=("fails", 0.0, 0.1), phenotype=("fails", 0.0, 0.1))
    assert lane_ambient.join_answers([fails, open_])[-1]["verdict"] == "inconclusive"
    assert lane_ambient.join_answers([fails, fails])[-1]["verdict"] == "fails"


def test_not_assessable_stays_so():
    missing = answer(CD73=("not_assessable", np.nan, np.nan), phenotype=("not_assessable", 0.5, 1.0))
    assert lane_ambient.join_answers([missing, missing])[0]["verdict"] == "not_assessable"
