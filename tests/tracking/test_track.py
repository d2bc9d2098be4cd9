"""Lots of runs, in order of time, and what is said about each."""

import numpy as np
import pytest
import tracked_runs

import mscape as ms
from mscape.errors import UserError
from mscape.tracking import lots
from mscape.tracking.options import TrackOptions

PURITY = [0.010, 0.012, 0.009, 0.011, 0.013, 0.010, 0.008]


@pytest.fixture
def release(tmp_path):
    return tracked_runs.write_run(tmp_path / "release", tracked_runs.make_lots([*PURITY, 0.2, 0.011]))


def test_a_lot_that_departs_is_found_and_the_next_is_judged_without_it(release):
    found = ms.track([release])
    rows = found.lots[found.lots["attribute"] == "purity"].set_index("lot_id")
    assert rows["finding"].tolist() == ["not assessable"] * 5 + ["within limits"] * 2 + [
        "beyond limits",
        "within limits",
    ]
    assert rows["n_history"].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 7]
    row = rows.loc["L07"]
    assert row["low"] < 0.01 < row["high"] < 0.2
    assert row["reason"].startswith("20%; the 7 lots before it predict ")
    assert list(found.alarms["lot_id"]) == ["L07"]
    assert set(found.lots["attribute"]) == {"purity", "depth", tracked_runs.SIGNATURE}  # z of one study is left out


def test_lots_of_several_runs_are_put_in_order(tmp_path, release):
    earlier = tracked_runs.make_lots([0.01] * 3, year=2025, prefix="E")
    tracked_runs.write_run(tmp_path / "earlier", earlier, dataset="old")
    found = ms.track([release, tmp_path / "earlier"])
    rows = found.lots[found.lots["attribute"] == "depth"]
    assert rows["lot_id"].tolist() == ["E00", "E01", "E02", *[f"L{i:02d}" for i in range(9)]]
    assert set(rows["dataset"]) == {"old", "release"}


def test_lots_of_another_tissue_are_another_chart(tmp_path):
    made = tracked_runs.make_lots([*PURITY, 0.2])
    made[-1]["tissue"] = "umbilical cord"
    found = ms.track([tracked_runs.write_run(tmp_path, made)])
    assert found.alarms.empty
    assert set(found.lots["stratum"]) == {"bone marrow, control", "umbilical cord, control"}
    assert "nothing is judged yet" in " ".join(found.sight["sentence"])


def test_what_could_have_been_seen_is_said(release):
    row = ms.track([release]).sight.set_index("attribute").loc["purity"]
    assert row["n_history"] == 7
    assert row["sentence"].startswith("With 7 lots of history, in 4 of 5 cases: one lot is found beyond its limits if ")
    assert row["warned"] < row["drift"] < row["shift"]


def test_a_slow_drift_is_found_though_each_lot_is_within_its_limits(tmp_path):
    rng = np.random.default_rng(3)
    level = np.exp(rng.normal(0, 0.1, 28) + np.concatenate([np.zeros(18), np.arange(10) * 0.025]))
    made = tracked_runs.make_lots(np.full(28, 0.01))
    for lot, factor in zip(made, level, strict=True):
        lot["depth"] = 10_000 * factor
    found = ms.track([tracked_runs.write_run(tmp_path, made)], options=TrackOptions(attributes=["depth"]))
    rows = found.lots[found.lots["attribute"] == "depth"]
    assert "beyond limits" not in set(rows["finding"])
    drifts = rows[rows["finding"].isin(["drift", "drift warning"])]
    assert len(drifts) > 0
    assert drifts["lot_id"].min() >= "L18"
    assert "the lots drift up" in drifts["reason"].iloc[-1]


def test_all_faults_of_dates_and_names_are_said_at_once(tmp_path, release):
    made = tracked_runs.make_lots([0.01] * 2)
    made[1]["date"] = "31.3.2026"
    tracked_runs.write_run(tmp_path / "other", made, dataset="other")
    tracked_runs.write_run(tmp_path / "undated", tracked_runs.make_lots([0.1], prefix="U"), dated=False)
    folders = [release, tmp_path / "other", tmp_path / "undated"]
    with pytest.raises(UserError) as caught:
        ms.track(folders, options=TrackOptions(attributes=["purty"]))
    for said in ("lot L00 is in", "'31.3.2026' is none", "lot U00 of", "no lot has 'purty'; there are "):
        assert said in str(caught.value)
    assert ms.track([tmp_path / "undated"], dates={"U00": "2026-05-01"}).lots["date"].unique() == ["2026-05-01"]


def test_fractions_and_counts_are_judged_on_scales_of_their_own():
    n = np.array([100.0])
    logit = lots.transform(np.array([0.02]), "fraction of cells", n)
    assert logit == pytest.approx(np.log(2.5 / 98.5))
    assert np.isfinite(lots.transform(np.array([0.0]), "fraction of cells", n))
    assert lots.restore(lots.transform(np.array([500.0]), "counts per cell", n), "counts per cell") == pytest.approx(
        500
    )
    assert lots.transform(np.array([-1.5]), "mean score", n) == -1.5
