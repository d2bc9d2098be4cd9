import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mscape.comparison import design, linear_model, moderated_t
from mscape.comparison.contrasts import Contrast

# limma 3.54.1 on expression_of_sixty_genes(): eBayes(lmFit(y, design), trend=TRUE)
LIMMA_T = [1.647999671, 3.866904244, 2.056543164, 3.249908982, 3.895895747, 5.128757162]
LIMMA_P = [1.185951369e-01, 1.336673979e-03, 5.619607712e-02, 4.952596040e-03, 1.256962227e-03, 9.700609826e-05]
LIMMA_PRIOR_DF, LIMMA_PRIOR = 10.21134267, [0.15935445250, 0.49186112816, 0.67765840026]


def make_design(n_reference, n_other, *, paired=False):
    arms = ["control"] * n_reference + ["primed"] * n_other
    donors = [f"D{i % n_reference if paired else i}" for i in range(len(arms))]
    lots = pd.DataFrame(
        {"donor_id": donors, "condition": arms, "n_cells": 100}, index=[f"L{i}" for i in range(len(arms))]
    )
    return design.build_design(lots, Contrast("condition", "control", "primed"))


def expression_of_sixty_genes():
    rng = np.random.default_rng(0)
    mean = rng.uniform(0, 10, 60)
    values = mean + np.exp(-mean / 8 + 0.3 * rng.normal(size=60)) * rng.normal(size=(8, 60))
    values = np.round(values, 3)
    values[4:, :6] += 1
    return values


def test_with_one_trend_the_numbers_are_limmas(monkeypatch):
    monkeypatch.setattr(moderated_t, "split_arms", lambda *_args, **_settings: None)
    values = expression_of_sixty_genes()
    _, _, statistic, pvalue = moderated_t.moderated_t(values, make_design(4, 4))
    assert statistic[:6] == pytest.approx(LIMMA_T, rel=1e-6)
    assert pvalue[:6] == pytest.approx(LIMMA_P, rel=1e-6)
    residual = values - np.repeat([values[:4].mean(axis=0), values[4:].mean(axis=0)], 4, axis=0)
    prior, df = moderated_t.prior_of_variances((residual**2).sum(axis=0) / 6, 6, values.mean(axis=0))
    assert df == pytest.approx(LIMMA_PRIOR_DF, rel=1e-6)
    assert prior[:3] == pytest.approx(LIMMA_PRIOR, rel=1e-6)


def test_pairs_are_tested_with_one_trend():
    rng = np.random.default_rng(2)
    donors = rng.normal(0, 3, (5, 200))
    values = np.vstack([donors, donors + 1]) + rng.normal(0, 0.2, (10, 200))
    pairs = make_design(5, 5, paired=True)
    assert pairs.paired
    estimate, half, _, _ = moderated_t.moderated_t(values, pairs)
    assert estimate.mean() == pytest.approx(1, abs=0.03)
    assert half.mean() == pytest.approx(stats.t.ppf(0.975, 200) * 0.2 * np.sqrt(2 / 5), rel=0.05)


@pytest.mark.parametrize(("n_reference", "n_other"), [(6, 3), (3, 6), (4, 4)])
def test_a_loud_arm_errs_at_its_level_whichever_arm_is_larger(n_reference, n_other):
    rng = np.random.default_rng(3)
    spread = np.repeat([0.2, 0.8], [n_reference, n_other])[:, None]
    values = rng.uniform(3, 10, 4000) + spread * rng.normal(size=(n_reference + n_other, 4000))
    loud = moderated_t.moderated_t(values, make_design(n_reference, n_other))[3]
    assert (loud < 0.05).mean() == pytest.approx(0.05, abs=0.012)


def test_a_common_trend_would_err_four_times_as_often_where_the_small_arm_is_loud(monkeypatch):
    rng = np.random.default_rng(3)
    values = rng.uniform(3, 10, 4000) + np.repeat([0.2, 0.8], [6, 3])[:, None] * rng.normal(size=(9, 4000))
    monkeypatch.setattr(moderated_t, "split_arms", lambda *_args, **_settings: None)
    assert (moderated_t.moderated_t(values, make_design(6, 3))[3] < 0.05).mean() > 0.15


def test_the_prior_is_found_along_expression():
    rng = np.random.default_rng(0)
    average = rng.uniform(0, 10, 20_000)
    true = np.exp(-average / 3) * 8 / rng.chisquare(8, 20_000)
    prior, df = moderated_t.prior_of_variances(true * rng.chisquare(4, 20_000) / 4, 4, average)
    assert df == pytest.approx(8, rel=0.1)
    assert prior / np.exp(-average / 3) == pytest.approx(1, abs=0.12)
    _, none = moderated_t.prior_of_variances(rng.chisquare(4, 20_000) / 4, 4, average)
    assert none > 100


def test_genes_that_do_not_vary_at_all_are_squeezed_and_not_infinitely_sure():
    values = expression_of_sixty_genes()
    values[:4, 0], values[4:, 0] = 1, 2
    _, half, statistic, _ = moderated_t.moderated_t(values, make_design(4, 4))
    assert np.isfinite(statistic[0])
    assert half[0] > 0


def test_the_estimate_is_the_sum_of_lever_times_value_and_weights_move_it():
    values = np.array([[0.0], [0], [3], [1], [1], [1]])
    X = np.column_stack([np.ones(6), [0, 0, 0, 1, 1, 1]])
    equal = linear_model.fit_columns(values, X, 1, np.ones((6, 1)))
    assert equal.estimate == pytest.approx([0])
    heavy = linear_model.fit_columns(values, X, 1, np.array([[1.0], [1], [0], [1], [1], [1]]))
    assert heavy.estimate == pytest.approx([1])
    assert (heavy.lever * values).sum(axis=0) == pytest.approx(heavy.estimate)
    assert equal.leverage.sum() == pytest.approx(2)


def test_genes_with_variance_ratios_of_their_own_are_told_from_one_ratio():
    rng = np.random.default_rng(5)
    average, arms = rng.uniform(3, 10, 1000), [np.arange(3), np.arange(3, 9)]
    X = np.column_stack([np.ones(9), np.repeat([0, 1], [3, 6])])
    spread = np.repeat([0.2, 0.8], [3, 6])[:, None] * rng.lognormal(0, 0.5, 1000)
    for own, expected in ((np.ones(1000), False), (rng.lognormal(0, 0.6, 1000), True)):
        values = average + spread * np.where(X[:, [1]] == 1, own, 1) * rng.normal(size=(9, 1000))
        fit = linear_model.fit_columns(values, X, 1, np.ones(values.shape))
        assert moderated_t.ratios_differ(fit, arms, average) is expected
