"""A lot's reason follows from the cells that break the criterion."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from mscape.gating import lot_reasons
from mscape.gating import panels as gate_panels


@pytest.fixture
def features():
    """A positive and a negative marker in four cells."""
    counts = np.zeros((4, 2), np.int32)
    panel = gate_panels.make_panel(
        "p",
        {
            "title": "t",
            "organism": "human",
            "verdict": True,
            "positive": {"THY1": {"protein": "CD90", "cpm": 20}},
            "negative": {"HLA-DR": {"HLA-DRA": 20}},
        },
    )
    measured = np.ones((4, 2), bool)
    return gate_panels.make_features(panel, [], sp.csc_matrix(counts), ["THY1", "HLA-DRA"], measured)


@pytest.mark.parametrize(
    ("criterion", "reasons", "verdict", "reason"),
    [
        ("HLA-DR", ["HLADR_INDUCED"] * 3, "inconclusive", "HLADR_INDUCED"),
        ("CD45", ["LINEAGE_UNSUPPORTED"] * 3, "fails", "LINEAGE_UNSUPPORTED"),
        ("HLA-DR", ["NEG_HLA-DR", "NEG_HLA-DR", "HLADR_INDUCED"], "fails", "as before"),
    ],
)
def test_the_majority_of_the_cells_that_break_it_decides(features, criterion, reasons, verdict, reason):
    p = np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
    calls = pd.DataFrame({"reason": [*reasons, "CELL_UNRESOLVED"]})
    row = {"verdict": "fails", "reason": "as before", "kind": "negative", "criterion": criterion, "genes": "HLA-DRA"}
    found = lot_reasons.follow_cells(row, np.arange(4), p, calls, features, min_probability=0.9)
    assert (found["verdict"], found["reason"]) == (verdict, reason)


def test_a_criterion_that_is_met_stays_as_it_is(features):
    row = {"verdict": "meets", "reason": ""}
    calls = pd.DataFrame({"reason": [""] * 4})
    assert lot_reasons.follow_cells(row, np.arange(4), np.ones((4, 2)), calls, features, min_probability=0.9) is row
