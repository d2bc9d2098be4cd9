import numpy as np
import pandas as pd
import pytest

from mscape.scoring import confounders as confounding


@pytest.fixture
def study():
    rng = np.random.default_rng(0)
    lots = np.repeat([0, 1, 2], 200)
    depth = rng.normal(0, 1, 600) + lots  # deeper lots
    score = 0.5 * depth + rng.normal(0, 1, 600) + 3 * (lots == 2)
    return lots, depth, score


def test_correlations_are_within_lots():
    lots = np.repeat([0, 1], 100)
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=200) + 10 * lots, rng.normal(size=200) + 10 * lots
    assert np.corrcoef(x, y)[0, 1] > 0.9
    assert abs(confounding.within_lot_rho(y[:, None], x[:, None], lots)[0, 0]) < 0.15


def test_the_interval_of_a_correlation_covers_it_as_often_as_it_says():
    rng = np.random.default_rng(4)
    covers = 0
    for _ in range(400):
        x = rng.normal(size=60)
        y = 0.5 * x + np.sqrt(0.75) * rng.normal(size=60)
        rho = confounding.within_lot_rho(y[:, None], x[:, None], np.zeros(60, int))[0, 0]
        low, high = confounding.rho_interval(rho, 60)
        covers += low < 6 / np.pi * np.arcsin(0.25) < high  # Spearman's rho of a normal pair with r = 0.5
    assert 0.92 < covers / 400 < 0.98
    assert np.isnan(confounding.rho_interval(0.5, 3)).all()


def test_a_lot_of_a_few_cells_says_nothing():
    x = np.arange(10.0)[:, None]
    assert np.isnan(confounding.within_lot_rho(x, x, np.zeros(10, int))).all()


def test_removing_depth_leaves_lot_means_and_no_correlation(study):
    lots, depth, score = study
    adjusted = confounding.remove_depth(score[:, None], depth, lots)
    assert abs(confounding.within_lot_rho(adjusted, depth[:, None], lots)[0, 0]) < 0.1
    for lot in range(3):
        assert adjusted[lots == lot].mean() == pytest.approx(score[lots == lot].mean())


def test_a_score_that_only_a_few_cells_have_is_freed_from_depth_by_the_median():
    rng = np.random.default_rng(0)
    depth, lots = rng.normal(0, 1, 400), np.zeros(400, int)
    score = -0.5 * depth + rng.normal(0, 0.3, 400)  # no gene seen: only the controls speak
    score[(depth > 0.5) & (rng.random(400) < 0.2)] += 10
    fitted = confounding.remove_depth(score[:, None], depth, lots)
    robust = confounding.remove_depth(score[:, None], depth, lots, robust=True)
    rho_fitted, rho = (abs(confounding.within_lot_rho(x, depth[:, None], lots)[0, 0]) for x in (fitted, robust))
    assert rho < 0.1 < rho_fitted
    assert robust.mean() == pytest.approx(score.mean())


def test_a_confounder_is_found_and_a_bystander_is_not(study):
    lots, depth, score = study
    rng = np.random.default_rng(2)
    z = pd.DataFrame({"SIG": score, "CYCLE": depth, "EMPTY": np.nan})
    confounders = pd.DataFrame({"log depth": depth, "echo": depth + rng.normal(0, 1, 600), "nothing": np.nan})
    table, fits = confounding.relate(z, confounders, pd.Series(lots), {"CYCLE": {"log depth"}})
    table = table.set_index(["signature", "confounder"])
    assert table.loc[("SIG", "log depth"), "rho"] == pytest.approx(0.45, abs=0.1)
    assert table.loc[("SIG", "echo"), "rho"] > 0.2
    assert abs(table.loc[("SIG", "echo"), "rho_partial"]) < 0.1
    assert ("CYCLE", "log depth") not in table.index
    assert ("SIG", "nothing") not in table.index
    assert fits.set_index("signature").loc["SIG", "r2"] == pytest.approx(0.2, abs=0.06)


def test_adjusted_means_take_the_confounder_out_and_keep_the_rest(study):
    lots, depth, score = study
    z, confounders, names = pd.DataFrame({"SIG": score}), pd.DataFrame({"log depth": depth}), pd.Series(lots)
    table, _ = confounding.relate(z, confounders, names, {})
    adjusted = confounding.adjusted_means(
        z.groupby(lots).mean(), confounders.groupby(lots).mean(), confounding.spread_within(confounders, names), table
    )["SIG"]
    assert adjusted[1] - adjusted[0] == pytest.approx(0, abs=0.25)
    assert adjusted[2] - adjusted[0] == pytest.approx(3, abs=0.25)
