import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mscape.comparison import composition, design, linear_model
from mscape.comparison.contrasts import Contrast
from mscape.stats import adjust_pvalues

DONORS = pd.DataFrame(
    {"donor_id": [f"D{i}" for i in range(6)], "condition": ["control"] * 3 + ["primed"] * 3, "n_cells": 100},
    index=[f"L{i}" for i in range(6)],
)
DESIGN = design.build_design(DONORS, Contrast("condition", "control", "primed"))


def test_precise_lots_weigh_more():
    values = np.array([0.0, 0, 3, 1, 1, 1])[:, None]
    variance = np.array([0.01, 0.01, 100, 0.01, 0.01, 0.01])[:, None]
    plain, weighted = (
        linear_model.fit_linear(values, DESIGN, variance=v)["estimate"].iloc[0] for v in (None, variance)
    )
    assert plain == pytest.approx(0)
    assert weighted == pytest.approx(1, abs=0.01)


def test_donors_that_agree_by_chance_are_no_surer_than_their_counts():
    values, variance = np.array([0.0, 0, 0, 1, 1, 1])[:, None], np.full((6, 1), 0.03)
    for weighted in (True, False):
        row = linear_model.fit_linear(values, DESIGN, variance=variance, weighted=weighted).iloc[0]
        assert row["statistic"] == pytest.approx(1 / np.sqrt(2 * 0.03 / 3))


def test_one_share_that_grows_does_not_shrink_the_others():
    table = np.tile([100.0, 200, 300, 400], (6, 1))
    table[3:, 0] *= 4
    ratios = composition.centred_log_ratio(table, pseudocount=0)
    plain, relative = (
        linear_model.fit_linear(ratios, DESIGN, relative=r)["estimate"].to_numpy() for r in (False, True)
    )
    assert plain == pytest.approx([1.5, -0.5, -0.5, -0.5])
    assert relative == pytest.approx([2, 0, 0, 0])


def test_a_missing_value_gives_no_estimate_and_others_are_untouched():
    values = np.column_stack([[1.0, 2, 3, 4, 6, 8], [np.nan, 2, 3, 4, 6, 8]])
    table = linear_model.fit_linear(values, DESIGN)
    assert table["estimate"].iloc[0] == pytest.approx(4)
    assert table.iloc[1].isna().all()


def test_adjusted_p_values_by_hand():
    adjusted = adjust_pvalues(np.array([0.01, 0.04, np.nan, 0.03]))
    assert adjusted[[0, 1, 3]] == pytest.approx([0.03, 0.04, 0.04])
    assert np.isnan(adjusted[2])


def test_permuted_donors_are_seldom_significant_where_cells_are_always():
    """Null lots with donor effects: a test of donors errs at its level, a test of cells nearly always."""
    rng = np.random.default_rng(1)
    donors, n_cells = rng.normal(0, 1, (6, 2000)), 100
    means = donors + rng.normal(0, 1 / np.sqrt(n_cells), donors.shape)
    variance = np.full(means.shape, 1 / n_cells)
    rate = (linear_model.fit_linear(means, DESIGN, variance=variance)["pvalue"] < 0.05).mean()
    cells = (means[3:].mean(axis=0) - means[:3].mean(axis=0)) / np.sqrt(2 / (3 * n_cells))
    assert 0.03 < rate < 0.07
    assert (2 * stats.norm.sf(np.abs(cells)) < 0.05).mean() > 0.8


def lots_of(n_reference, n_other):
    arms = ["control"] * n_reference + ["primed"] * n_other
    donors = [f"D{i}" for i in range(len(arms))]
    lots = pd.DataFrame({"donor_id": donors, "condition": arms, "n_cells": 100}, index=donors)
    return design.build_design(lots, Contrast("condition", "control", "primed"))


def test_unequal_arms_get_welchs_test():
    rng = np.random.default_rng(4)
    values = rng.normal(0, np.repeat([1.0, 4.0], [6, 3])[:, None], (9, 2000))
    table = linear_model.fit_linear(values, lots_of(6, 3))
    welch = stats.ttest_ind(values[6:], values[:6], equal_var=False)
    assert table["pvalue"].to_numpy() == pytest.approx(welch.pvalue)
    pooled = stats.ttest_ind(values[6:], values[:6]).pvalue
    assert (table["pvalue"] < 0.05).mean() < 0.08 < 0.15 < (pooled < 0.05).mean()


def test_one_donor_in_an_arm_gives_a_point_without_interval():
    values = np.array([[1.0], [2], [3], [7]])
    table = linear_model.fit_linear(values, lots_of(3, 1))
    assert table["estimate"].iloc[0] == pytest.approx(5)
    assert table[["low", "high", "statistic", "pvalue"]].isna().all(axis=None)
