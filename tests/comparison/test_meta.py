"""Several datasets: by hand, against statsmodels, and by how often intervals cover."""

import numpy as np
import pandas as pd
import pytest
import stage_tables
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

import mscape as ms
from mscape.comparison import meta


def contrasts(effects, *, error=0.5, kind="score", unit="score"):
    """Table of one dataset: effect by feature, all with one standard error."""
    rows = [
        {"contrast": "condition: primed vs control", "kind": kind, "feature": name, "estimate": x, "low": x - 2 * error,
         "high": x + 2 * error, "statistic": x / error, "unit": unit}
        for name, x in effects.items()
    ]  # fmt: skip
    return stage_tables.fill("contrasts", rows)


def test_studies_that_agree_are_as_sure_as_sampling_allows_and_no_surer():
    pooled = meta.pool(np.array([1.0, 1.0, 1.0]), np.array([0.25, 0.25, 0.25]))
    assert (pooled.estimate, pooled.tau2, pooled.i2) == (1.0, 0.0, 0.0)
    assert pooled.error == pytest.approx(0.5 / np.sqrt(3))  # Knapp and Hartung's own would be 0
    assert pooled.high == pytest.approx(1 + stats.t.ppf(0.975, 2) * 0.5 / np.sqrt(3))
    assert pooled.predicted_high == pytest.approx(1 + stats.t.ppf(0.975, 1) * 0.5 / np.sqrt(3))


@pytest.mark.parametrize("seed", range(5))
def test_heterogeneity_and_mean_are_those_of_statsmodels(seed):
    rng = np.random.default_rng(seed)
    v = rng.uniform(0.05, 0.4, 6)
    y = rng.normal(1, 1, 6)
    other = combine_effects(y, v, method_re="iterated", use_t=True)
    pooled = meta.pool(y, v)
    assert pooled.tau2 == pytest.approx(other.tau2, abs=1e-4)
    assert pooled.estimate == pytest.approx(other.mean_effect_re, abs=1e-4)
    assert pooled.i2 == pytest.approx(max(0, other.i2), abs=1e-6)
    assert pooled.error >= other.sd_eff_w_re_hksj - 1e-6
    assert meta.heterogeneity(y, v, pooled.tau2) == pytest.approx(5) or pooled.tau2 == 0


@pytest.mark.parametrize("k", [3, 6])
def test_intervals_cover_and_permuted_studies_are_rarely_called(k):
    rng = np.random.default_rng(k)
    covered, wrong = 0, 0
    for _ in range(400):
        donors = rng.integers(3, 6, k)
        arms = [(rng.normal(size=n), rng.normal(size=n) + rng.normal(0, 0.5)) for n in donors]
        v = np.array([(a.var(ddof=1) + b.var(ddof=1)) / len(a) for a, b in arms])
        covered += meta.pool(np.array([b.mean() - a.mean() for a, b in arms]), v).pvalue >= 0.05
        dealt = [np.split(rng.permutation(np.concatenate(pair)), 2) for pair in arms]
        v = np.array([(a.var(ddof=1) + b.var(ddof=1)) / len(a) for a, b in dealt])
        wrong += meta.pool(np.array([b.mean() - a.mean() for a, b in dealt]), v).pvalue < 0.05
    assert covered / 400 >= 0.93
    assert wrong / 400 <= 0.07


def test_features_are_pooled_over_datasets_and_without_each():
    found = ms.meta({f"d{i}": contrasts({"S": x}) for i, x in enumerate([1.0, 1.2, 0.8, 5.0])})
    assert list(found["role"]) == ["study"] * 4 + ["pooled"] + ["without"] * 4
    whole = found[found["role"] == "pooled"].iloc[0]
    assert whole["n_studies"] == 4
    assert whole["estimate"] == pytest.approx(2.0)
    without = found[found["role"] == "without"].set_index("study")
    assert without.loc["d3", "estimate"] == pytest.approx(1.0)
    assert without.loc["d3", "tau2"] == 0
    assert whole["i2"] > 0.5
    assert whole["pvalue_adj"] == whole["pvalue"]


def test_fewer_than_three_datasets_other_units_and_clusters_are_not_pooled():
    two = ms.meta({"a": contrasts({"S": 1.0}), "b": contrasts({"S": 1.0})})
    (row,) = two[two["role"] == "pooled"].to_dict("records")
    assert np.isnan(row["estimate"])
    assert row["note"] == "2 studies have an interval; 3 are needed."
    assert ms.meta({"a": contrasts({"G": 1.0}, kind="gene"), "b": contrasts({"G": 1.0}, kind="gene")}).empty
    units = {"a": contrasts({"S": 1.0}), "b": contrasts({"S": 1.0}), "c": contrasts({"S": 1.0}, unit="z")}
    assert ms.meta(units)["note"].iloc[-1] == "Not pooled: the studies have the units score and z."
    assert ms.meta(dict.fromkeys("abc", contrasts({"0": 1.0}, kind="composition"))).empty
    no_interval = contrasts({"S": 1.0}).assign(statistic=np.nan)
    assert ms.meta(units | {"c": no_interval})["note"].iloc[-1].startswith("2 studies have an interval")


def test_too_few_studies_are_refused():
    with pytest.raises(ValueError, match="2 studies"):
        meta.pool(np.ones(2), np.ones(2))
    assert isinstance(ms.meta({}), pd.DataFrame)
