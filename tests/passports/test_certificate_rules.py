"""What a passport says of smaller copies of its lot."""

from types import SimpleNamespace

import pandas as pd
import pytest
import stage_tables

from mscape.passports.certificate_rules import judge_certificate
from mscape.passports.rules import DESCRIBED, NOT_ASSESSABLE

COLUMNS = "n_cells median_counts repeats kept held meets inconclusive fails not_assessable"


def judge(rows, *, verdict="meets", gate="meets"):
    table = stage_tables.fill("certificate", rows, COLUMNS).assign(verdict=verdict)
    overall = pd.DataFrame({"kind": ["overall"], "verdict": [gate]})
    return judge_certificate(SimpleNamespace(certificate=table, gate=overall, cells=range(800)), {})


def test_the_smallest_sizes_that_held_are_named_and_what_the_others_were():
    found = judge(
        [
            [800, 8000, 1, 1, True, 1, 0, 0, 0],
            [400, 4000, 4, 4, True, 4, 0, 0, 0],
            [200, 2000, 4, 0, False, 0, 1, 0, 3],
            [200, 4000, 4, 4, True, 4, 0, 0, 0],
            [100, 4000, 4, 3, False, 3, 1, 0, 0],
            [400, 2000, 4, 1, False, 1, 3, 0, 0],
        ]
    )
    assert found.verdict == DESCRIBED
    assert found.reason == (
        "PASS held in 4 of 4 copies of 200 cells and 4,000 counts a cell. "
        "Of copies of 200 cells and 2,000 counts a cell, 0 of 4 were PASS (1 WARN, 3 NOT ASSESSABLE). "
        "Of copies of 100 cells and 4,000 counts a cell, 3 of 4 were PASS (1 WARN). "
        "Of copies of 400 cells and 2,000 counts a cell, 1 of 4 were PASS (3 WARN)."
    )


def test_two_sizes_of_which_neither_is_smaller_are_both_named():
    whole = [800, 8000, 1, 1, True, 0, 0, 1, 0]
    fewer_cells, fewer_counts = [400, 8000, 4, 4, True, 0, 0, 4, 0], [800, 4000, 4, 4, True, 0, 0, 4, 0]
    said = judge([whole, fewer_cells, fewer_counts], verdict="fails", gate="fails").reason
    assert said == (
        "FAIL held in 4 of 4 copies of 400 cells and 8,000 counts a cell. "
        "FAIL held in 4 of 4 copies of 800 cells and 4,000 counts a cell."
    )


def test_a_verdict_that_no_smaller_copy_keeps_surely_is_said_to_be_one():
    said = judge([[800, 8000, 1, 1, True, 1, 0, 0, 0], [400, 4000, 4, 0, False, 0, 4, 0, 0]]).reason
    assert said.startswith("No smaller size was found of which all copies are PASS. Of copies of 400 cells")


@pytest.mark.parametrize(
    ("rows", "gate", "said"),
    [
        ([], "inconclusive", "The phenotype is open"),
        ([[800, 8000, 1, 0, False, 0, 1, 0, 0]], "meets", "the lot's phenotype is WARN and not PASS: its stability"),
    ],
)
def test_what_was_not_tried_is_not_assessable(rows, gate, said):
    found = judge(rows, gate=gate)
    assert found.verdict == NOT_ASSESSABLE
    assert said in found.reason
    assert found.next_action
