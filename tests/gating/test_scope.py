import pandas as pd

from mscape.gating.scope import analyzed_cells


def test_open_cells_stay_unless_they_may_be_of_another_kind():
    cells = pd.DataFrame(
        [
            ("pass", "", True),
            ("pass", "DOUBLET_SUSPECT", True),
            ("indeterminate", "LOW_EXPOSURE", True),
            ("indeterminate", "HLADR_INDUCED", True),
            ("indeterminate", "POOL_MIXED", False),
            ("indeterminate", "CELL_UNRESOLVED", False),
            ("indeterminate", "UNEXPLAINED", False),
            ("fail", "MISSING_CD105", False),
            ("fail", "NEG_CD45", False),
        ],
        columns=["isct_call", "isct_reason", "stays"],
    )
    assert analyzed_cells(cells).tolist() == cells["stays"].tolist()
