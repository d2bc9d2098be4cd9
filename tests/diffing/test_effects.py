"""What changed in results: worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from mscape.diffing import effects

CELLS = list("abcdefgh")


def attribute(name, verdict="PASS", value=0.9, low=0.8, high=0.95, unit="fraction of cells"):
    return {"name": name, "verdict": verdict, "value": value, "low": low, "high": high, "unit": unit}


def lot(*attributes, verdict="PASS"):
    return {"verdict": verdict, "attributes": list(attributes)}


def test_changed_verdicts_and_separated_intervals_are_listed():
    before = {"L1": lot(attribute("purity"), attribute("depth")), "L2": lot(attribute("purity"))}
    moved = attribute("purity", "FAIL", value=0.5, low=0.4, high=0.7)
    after = {"L1": lot(moved, attribute("depth", value=0.91), verdict="FAIL"), "L3": lot()}
    rows = pd.DataFrame(effects.compare_passports(before, after))
    said = rows[["kind", "lot_id", "item", "before", "after"]].to_numpy().tolist()
    assert said == [
        ["verdict", "L1", "verdict", "PASS", "FAIL"],
        ["verdict", "L1", "purity", "PASS", "FAIL"],
        ["attribute", "L1", "purity", "90% (80% to 95%)", "50% (40% to 70%)"],
        ["verdict", "L2", "verdict", "PASS", "absent"],
        ["verdict", "L2", "purity", "PASS", "absent"],
        ["verdict", "L3", "verdict", "absent", "PASS"],
    ]
    assert rows.loc[2, "size"] == pytest.approx(-0.4)


def test_intervals_that_touch_are_no_change():
    before, after = ({"L": lot(attribute("purity", low=a, high=b))} for a, b in ((0.8, 0.9), (0.9, 0.95)))
    assert effects.compare_passports(before, after) == []


def test_calls_are_counted_by_lot_and_direction():
    before = pd.Series(["pass"] * 6 + ["fail"] * 2, index=CELLS)
    after = pd.Series(["fail", "fail", *["pass"] * 3, "pass"], index=list("abcdez"))
    lots = pd.Series(["A"] * 3 + ["B"] * 5, index=CELLS)
    rows = [(r["lot_id"], r["before"], r["after"], r["size"]) for r in effects.compare_calls(before, after, lots)]
    assert rows == [
        ("", "absent", "pass", 1),
        ("A", "pass", "fail", 2),
        ("B", "fail", "absent", 2),
        ("B", "pass", "absent", 1),
    ]
    assert effects.compare_calls(before, before, lots) == []


def test_clusters_are_matched_by_their_cells():
    before = pd.Series([*"00001111"], index=CELLS)
    assert effects.compare_clusters(before, before.map({"0": "1", "1": "0"})) == []  # numbers alone
    after = pd.Series([*"11110002"], index=CELLS)  # h has become a cluster
    rows = effects.compare_clusters(before, after)
    assert [(r["item"], r["before"], r["after"]) for r in rows] == [
        ("adjusted Rand index", "2 clusters", "3 clusters"),
        ("matched Jaccard", "1", "0"),
        ("matched Jaccard", "absent", "2"),
    ]
    # pairs in one cluster: 12 before, 9 after, 9 in both, of 28: (9 - 12 * 9 / 28) / ((12 + 9) / 2 - 12 * 9 / 28)
    assert rows[0]["size"] == pytest.approx((9 - 108 / 28) / (10.5 - 108 / 28))
    assert rows[1]["size"] == pytest.approx(3 / 4)


def test_the_largest_shift_of_a_score_is_in_its_own_sd():
    before = pd.DataFrame({"S": [0.0, 2.0, 0.0, 2.0], "T": [1.0, 2, 3, 4], "gone": 0.0}, index=list("abcd"))
    after = before.drop(columns="gone").assign(new=1.0)
    after.loc["b", "S"] = 5.0  # sd of S is 1
    rows = {r["item"]: r for r in effects.compare_scores(before, after)}
    assert set(rows) == {"S", "gone", "new"}
    assert rows["S"]["size"] == pytest.approx(3)
    assert rows["S"]["after"] == "mean 1.75"
    assert (rows["gone"]["before"], rows["gone"]["after"]) == ("scored", "absent")
    assert effects.compare_scores(before, before + 1e-9) == []


def test_cells_without_a_score_are_left_out():
    before = pd.DataFrame({"S": [0.0, 2.0, np.nan]}, index=list("abc"))
    assert effects.compare_scores(before, before.assign(S=[0.0, 2.0, 9.0])) == []
