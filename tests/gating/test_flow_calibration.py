"""Thresholds from flow cytometry of the lots: simulated lots of known shares, and the refusals."""

import numpy as np
import pandas as pd
import pytest
from gate_cases import run_gate, toy_cells, write_case

from mscape.errors import UserError
from mscape.gating.flow_calibration import (
    CANDIDATES,
    FlowThreshold,
    agreement_table,
    fit_threshold,
    share_curve,
    summarize_agreement,
)
from mscape.gating.intervals import Blocks

DONORS = [f"D{i}" for i in range(8)]


def curves_of(median, *, spread=1.0):
    """Shares above each candidate of lots whose cells have log-normal rates."""
    from scipy.stats import norm

    return np.array([norm.sf(np.log(CANDIDATES / m) / spread) for m in median])


def flow_of(curves, tau, noise=0.0, seed=0):
    at = np.argmin(np.abs(np.log(CANDIDATES / tau)))
    value = curves[:, at] + np.random.default_rng(seed).normal(0, noise, len(curves))
    return pd.Series(np.clip(value, 0, 1), index=[f"L{i}" for i in range(len(curves))])


def test_the_share_curve_of_two_populations_is_their_share():
    """70 % of the neighborhoods at 40 CPM, the others at 1 CPM, under 5 % ambient RNA of the mean."""
    rng = np.random.default_rng(0)
    n, blocks = 1200, Blocks(np.split(np.arange(1200), 40), np.zeros(40, int))
    rate = np.where(np.arange(n) < 0.7 * n, 40.0, 1.0) * 1e-6
    totals = rng.lognormal(np.log(8000), 0.3, n)
    ambient, rho = np.full(n, rate.mean()), np.full(n, 0.05)
    x = rng.poisson(totals * ((1 - rho) * rate + rho * ambient))
    curve = share_curve(x, totals, blocks, ambient, rho, dispersion=0.3)
    assert (np.diff(curve) <= 1e-12).all()
    assert curve[np.searchsorted(CANDIDATES, 8)] == pytest.approx(0.7, abs=0.05)
    assert curve[np.searchsorted(CANDIDATES, 200)] < 0.02


@pytest.mark.parametrize("tau", [3.0, 12.0, 50.0])
def test_the_threshold_that_made_the_flow_values_is_found(tau):
    curves = curves_of(tau * np.geomspace(0.3, 8, 8))
    found = fit_threshold("CD73", "NT5E", curves, flow_of(curves, tau, 0.03), DONORS, seed=0)
    assert found.reason == ""
    assert found.basis == "flow cytometry of 8 lots"
    assert found.low <= found.cpm <= found.high
    assert found.cpm == pytest.approx(tau, rel=0.35)
    assert found.error < 0.06 < found.error_of_mean


def test_the_interval_holds_the_threshold_in_most_studies():
    """60 studies of eight lots, flow cytometry off by 4 points: nominal 95 % of a bootstrap of eight donors."""
    curves = curves_of(12 * np.geomspace(0.3, 8, 8))
    fits = [fit_threshold("CD73", "NT5E", curves, flow_of(curves, 12, 0.04, s), DONORS, seed=s) for s in range(60)]
    assert np.mean([fit.low / 1.16 <= 12 <= fit.high * 1.16 for fit in fits]) >= 0.8  # candidates are 15 % apart
    assert all(fit.reason == "" for fit in fits)


def test_lots_that_do_not_settle_a_threshold_are_refused_with_the_reason():
    curves = curves_of(12 * np.geomspace(0.3, 8, 8))
    flow = flow_of(curves, 12, 0.02)
    few = fit_threshold("CD73", "NT5E", curves[:5], flow[:5], DONORS[:5], seed=0)
    assert few.reason.startswith("5 lots with flow cytometry of this marker are fewer than the 6")
    assert few.basis == "panel"
    assert np.isnan(few.cpm)
    two = fit_threshold("CD73", "NT5E", curves, flow, ["D1"] * 4 + ["D2"] * 4, seed=0)
    assert two.reason == "the lots are of 2 donors; it takes 3"
    flat = fit_threshold("CD73", "NT5E", curves, flow * 0 + np.linspace(0.95, 0.99, 8), DONORS, seed=0)
    assert flat.reason.startswith("flow cytometry of all lots is 95 to 99 %")
    other = flow.set_axis(flow.index).sample(frac=1, random_state=3).set_axis(flow.index)
    unrelated = fit_threshold("CD73", "NT5E", curves, other, DONORS, seed=0)
    assert unrelated.reason.startswith("RNA does not follow flow cytometry")
    assert unrelated.error >= unrelated.error_of_mean


def test_a_threshold_that_the_lots_leave_wide_is_refused():
    """Shares hardly move with the threshold: rates of a lot spread over many orders of magnitude."""
    curves = curves_of(12 * np.geomspace(1e-5, 1e5, 8), spread=6.0)
    found = fit_threshold("CD73", "NT5E", curves, flow_of(curves, 12, 0.1, 1), DONORS, seed=0)
    assert "is wider than a factor of 3" in found.reason


def test_a_donor_with_many_lots_counts_once():
    curves = curves_of(12 * np.geomspace(0.3, 8, 8))
    flow = flow_of(curves, 12)
    wrong = pd.Series(flow_of(curves, 80).to_numpy(), index=[f"M{i}" for i in range(8)])
    both = pd.concat([flow, wrong])
    found = fit_threshold("CD73", "NT5E", np.vstack([curves, curves]), both, DONORS + ["D9"] * 8, seed=0)
    assert found.cpm == pytest.approx(12, rel=0.35)
    assert found.n_donors == 9


def test_agreement_and_its_limits_by_hand():
    gate = pd.DataFrame(
        {
            "lot_id": ["A", "B", "C", "D", "A"],
            "criterion": ["CD73"] * 4 + ["CD14|CD11b"],
            "estimate": [0.9, 0.8, 0.95, 0.7, 0.0],
            "low": 0.6,
            "high": 1.0,
            "threshold_cpm": "4",
        }
    )
    flow = pd.DataFrame({"CD73": [0.95, 0.9, np.nan, 0.6]}, index=list("ABCD"))
    fit = FlowThreshold(criterion="CD73", gene="NT5E", lots=("A", "B", "D"), n_donors=3, reason="few")
    table = agreement_table(gate, flow, pd.Series("unknown", index=list("ABCD")), [fit])
    assert list(table["lot_id"]) == ["A", "B", "D"]
    assert list(table["difference"].round(10)) == [-0.05, -0.1, 0.1]
    assert not table["used"].any()
    row = summarize_agreement(table).iloc[0]
    bias, sd = np.mean([-0.05, -0.1, 0.1]), np.std([-0.05, -0.1, 0.1], ddof=1)
    assert (row["n_donors"], row["bias"]) == (3, pytest.approx(bias))
    assert row["high"] == pytest.approx(bias + 1.96 * sd)
    one = summarize_agreement(table.assign(donor_id="D1")).iloc[0]
    assert one["n_donors"] == 1
    assert np.isnan(one["low"])


T_CELLS = (2, 8, 20, 5, 35, 50, 12)  # of 100 cells a lot: without CD73


@pytest.fixture(scope="module")
def study():
    lots = [toy_cells({"MSC": 100 - n, "T": n}, depth=8000, seed=i) for i, n in enumerate(T_CELLS)]
    X = np.vstack([x for x, _, _ in lots])
    names = np.repeat([f"L{i}" for i in range(len(T_CELLS))], 100)
    return X, lots[0][1], names


def test_the_gate_takes_the_threshold_of_the_lots_flow_and_says_so(study, tmp_path):
    X, genes, names = study
    given = {f"L{i}": str(100 - n) for i, n in enumerate(T_CELLS)}
    obs = {"donor_id": names, "flow_CD73": [given[lot] for lot in names], "flow_CD90": ["99"] * len(names)}
    result = run_gate(*write_case(tmp_path, X, genes, samples=names, obs=obs))
    table = result.flow_agreement.set_index(["criterion", "lot_id"])
    assert len(table) == 14
    assert (table.loc["CD73", "difference"].abs() < 0.05).all()
    assert set(table.loc["CD73", "basis"]) == {"flow cytometry of 7 lots"}
    assert table.loc["CD73", "used"].all()
    assert table.loc["CD90", "reason"].str.startswith("flow cytometry of all lots is 99 to 99 %").all()
    assert result.uns["thresholds_from"] == (
        "CD73 by flow cytometry of 7 lots; the others: panel, uncalibrated against protein"
    )
    by = result.table.set_index("criterion")["threshold_cpm"]
    assert 0.1 < float(by["CD73"].iloc[0]) < 40
    assert float(by["CD73"].iloc[0]) != 4
    assert set(by["CD90"]) == {"20"}


def test_without_flow_cytometry_nothing_is_fitted(study, tmp_path):
    X, genes, names = study
    result = run_gate(*write_case(tmp_path, X[:200], genes, samples=names[:200]))
    assert result.flow_agreement.empty
    assert result.uns["thresholds_from"] == "panel, uncalibrated against protein"
    assert "flow_calibration" not in result.uns
    assert set(result.table.set_index("criterion").loc["CD73", "threshold_cpm"]) == {"4"}


def test_a_value_that_is_no_per_cent_stops_the_gate(study, tmp_path):
    X, genes, names = study
    obs = {"donor_id": names[:200], "flow_CD73": ["101"] * 100 + ["high"] * 100}
    with pytest.raises(UserError, match=r"lot L0: flow_CD73 is '101'.*lot L1: flow_CD73 is 'high'"):
        run_gate(*write_case(tmp_path, X[:200], genes, samples=names[:200], obs=obs))
