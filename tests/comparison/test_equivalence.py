"""Two one-sided tests of donors' differences: against statsmodels, by simulation, and what is said."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired

import mscape as ms
from mscape.comparison import equivalence
from mscape.errors import UserError


def lots(differences, name="purity"):
    """One lot of each donor at site A and one at B."""
    rows = [
        {"donor_id": f"D{i}", "site": site, name: 0.9 + (x if site == "B" else 0)}
        for i, x in enumerate(differences)
        for site in "AB"
    ]
    return pd.DataFrame(rows)


def judge(differences, margin):
    table = ms.equivalence(lots(differences), factor="site", reference="A", other="B", margins={"purity": margin})
    return table.iloc[0]


def test_the_p_value_is_that_of_statsmodels():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=8), rng.normal(0.2, 1, size=8)
    found = equivalence.judge_pairs(b - a, 1.5)
    assert found["pvalue"] == pytest.approx(ttost_paired(b, a, -1.5, 1.5)[0])


def test_verdicts_follow_from_interval_and_margin():
    small = [0.01, -0.01, 0.0, 0.01, -0.01]
    assert judge(small, 0.1)["verdict"] == "EQUIVALENT"
    assert judge([x + 0.5 for x in small], 0.1)["verdict"] == "DIFFERENT"
    open_one = judge([0.3, -0.3, 0.1, -0.2, 0.05], 0.1)
    assert open_one["verdict"] == "UNDECIDED"
    assert open_one["donors_needed"] > 5
    assert "donors would show it in 4 of 5 studies" in open_one["reason"]
    assert judge([0.05], 0.1)["verdict"] == "NOT ASSESSABLE"


@pytest.mark.parametrize("n", [3, 6])
def test_at_the_margin_equivalence_is_declared_in_at_most_a_twentieth(n):
    drawn = np.random.default_rng(n).normal(1, 0.5, size=(40_000, n))
    room = (1 - np.abs(drawn.mean(axis=1))) / (drawn.std(axis=1, ddof=1) / np.sqrt(n))
    assert (room > stats.t.ppf(0.95, n - 1)).mean() <= 0.053
    assert equivalence.power_of_equivalence(n, 2, difference=2) <= 0.05


@pytest.mark.parametrize(
    ("n", "margin", "power"), [(3, 2, 0.55), (4, 2, 0.82), (6, 2, 0.99), (3, 1, 0.12), (6, 1, 0.41), (10, 1, 0.80)]
)
def test_power_is_the_simulated_one(n, margin, power):
    drawn = np.random.default_rng(n).normal(size=(20_000, n))
    room = (margin - np.abs(drawn.mean(axis=1))) / (drawn.std(axis=1, ddof=1) / np.sqrt(n))
    simulated = (room > stats.t.ppf(0.95, n - 1)).mean()
    assert equivalence.power_of_equivalence(n, margin) == pytest.approx(simulated, abs=0.012)
    assert simulated == pytest.approx(power, abs=0.015)


def test_as_many_donors_are_asked_for_as_do():
    needed = equivalence.donors_needed(1.0)
    assert equivalence.power_of_equivalence(needed, 1.0) >= 0.8 > equivalence.power_of_equivalence(needed - 1, 1.0)
    assert equivalence.donors_needed(0.01) is None


def test_lots_of_a_donor_are_averaged_and_single_ones_left_out():
    table = pd.concat([lots([0.1, 0.2]), pd.DataFrame([{"donor_id": "D9", "site": "A", "purity": 0.5}])])
    extra = pd.DataFrame([{"donor_id": "D0", "site": "B", "purity": 1.2}])
    pairs = equivalence.pair_donors(pd.concat([table, extra]), "purity", factor="site", reference="A", other="B")
    assert pairs.differences.to_dict() == pytest.approx({"D0": 0.2, "D1": 0.2})
    assert pairs.left_out == ["D9"]


def test_all_faults_are_said_at_once():
    with pytest.raises(UserError) as caught:
        ms.equivalence(lots([0.1, 0.2]), factor="site", reference="A", other="C", margins={"purity": 0, "depth": 1})
    for said in ("no column 'depth'", "the margin of purity is 0", "site has no 'C'; there are A, B"):
        assert said in str(caught.value)
