from types import SimpleNamespace

import numpy as np
import pandas as pd
import stage_tables

from mscape.report.options import ReportOptions
from mscape.report.sections import flow

FIT = {"criterion": "CD73", "cpm": 6.3, "low": 5.1, "high": 8.2, "error": 0.031, "error_of_mean": 0.12}


def dataset(rows, fits=()):
    table = stage_tables.fill("flow_agreement", rows)
    record = {"flow_calibration": pd.DataFrame(list(fits))} if fits else {}
    return SimpleNamespace(tables={"flow_agreement": table}, stage=lambda name, step: record)


def rows(n, **given):
    flow_, rna = np.linspace(0.8, 0.98, n), np.linspace(0.85, 0.97, n)
    own = pd.DataFrame({"lot_id": [f"L{i}" for i in range(n)], "flow": flow_, "estimate": rna, "criterion": "CD73"})
    return own.assign(donor_id=[f"D{i}" for i in range(n)], difference=rna - flow_, low=0.8, high=1.0, **given)


def test_a_point_a_donor_and_a_note_that_says_which_lots_set_the_threshold():
    given = dataset(rows(7, basis="flow cytometry of 7 lots", used=True, reason=""), [FIT])
    found = flow.flow(given, ReportOptions())
    (figure,) = found["figures"]
    assert str(figure["svg"]).count('class="dot"') == 7
    assert all(f"D{i}: RNA" in str(figure["svg"]) for i in range(7))
    assert figure["note"] == (
        "7 lots of 7 donors: bias +2.0 points, limits of agreement -2.2 to +6.2. It set the threshold to 6.3 CPM (5.1 "
        "to 8.2, bootstrap over donors): the lots are not independent of it; lots that were left out of the fit differ "
        "by 3.1% of cells on average."
    )


def test_two_lots_of_one_donor_are_one_point_and_a_refusal_is_said():
    own = rows(2, basis="panel", used=False, reason="2 lots are fewer than the 6 that it takes").assign(donor_id="D1")
    (figure,) = flow.flow(dataset(own), ReportOptions())["figures"]
    assert str(figure["svg"]).count('class="dot"') == 1
    assert "limits of agreement take three donors" in figure["note"]
    assert figure["note"].endswith(
        "The flow cytometry does not set the threshold: 2 lots are fewer than the 6 that it takes."
    )


def test_controls_take_precedence_and_the_note_says_so():
    own = rows(7, basis="control samples", used=True, reason="")
    (figure,) = flow.flow(dataset(own, [FIT]), ReportOptions())["figures"]
    assert "It would set the threshold to 6.3 CPM" in figure["note"]
    assert "used are control samples" in figure["note"]


def test_without_flow_cytometry_there_is_no_section():
    assert flow.flow(dataset([]), ReportOptions()) is None
