"""What the passport says of a stated priming."""

from types import SimpleNamespace

import pandas as pd
import pytest
import stage_tables

from mscape.passports import priming_rules
from mscape.passports.rules import DESCRIBED, NOT_ASSESSABLE, WARN

ROW = {
    "lot_id": "L",
    "stated": "IFNG",
    "answer": "yes",
    "controls": 3,
    "relative_to": "study",
    "measurable": 11,
    "moved": 9,
    "effect": 4.21,
    "low": 3.0,
    "high": 5.0,
    "reason": "",
}


def judge(**given):
    table = stage_tables.fill("priming", [ROW | given])
    return priming_rules.judge_priming(SimpleNamespace(priming=table, cells=range(50)), {})


def test_stated_is_set_beside_found():
    found = judge()
    assert found.reason == (
        "Stated IFNG: 9 of 11 expected genes are up against 3 lots with none, on average by +4.2 log2: yes."
    )
    assert (found.verdict, found.value, found.next_action) == (DESCRIBED, 4.21, "")
    found = judge(answer="no", moved=0, effect=0.1, controls=1, relative_to="donor")
    assert "0 of 11 expected genes are up against 1 lot with none of the same donor" in found.reason
    assert found.verdict == WARN
    assert "labels" in found.next_action


@pytest.mark.parametrize(("answer", "verdict"), [("control", DESCRIBED), ("undecided", NOT_ASSESSABLE)])
def test_a_control_is_described_and_an_open_answer_not_assessable(answer, verdict):
    found = judge(answer=answer, stated="none" if answer == "control" else "LPS", reason="There is no list.")
    assert found.verdict == verdict
    assert found.value is None


def test_a_lot_without_a_row_is_not_assessable():
    found = priming_rules.judge_priming(SimpleNamespace(priming=pd.DataFrame(), cells=range(5)), {})
    assert found.verdict == NOT_ASSESSABLE
