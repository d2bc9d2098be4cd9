"""What was read of the samples stands in the report: warnings as alerts, one a check, and a table in words."""

from types import SimpleNamespace

import pandas as pd

from mscape.checks.study import COLUMNS, READING
from mscape.report.sections.alerts import _of_inputs
from mscape.report.sections.quality import READING as SHOWN
from mscape.report.tables import from_frame


def test_warnings_of_what_was_read_are_alerts_over_samples():
    rows = [
        (
            "D",
            "A",
            "warning",
            "no genes",
            "left out: 1 x sum of the genes",
            "genes only",
            "nothing, if they are no genes",
        ),
        ("D", "B", "warning", "no genes", "left out: 2 x metadata", "genes only", "nothing, if they are no genes"),
        ("D", "A", "note", "format", "h5ad", "", ""),
    ]
    found = list(_of_inputs(SimpleNamespace(tables={"findings": pd.DataFrame(rows, columns=COLUMNS)})))
    assert [(one.level, one.title, one.target) for one in found] == [("WARN", "Input: no genes", "quality")]
    assert found[0].lots == [("A", "left out: 1 x sum of the genes"), ("B", "left out: 2 x metadata")]
    assert found[0].action == "Nothing, if they are no genes."
    assert list(_of_inputs(SimpleNamespace(tables={}))) == []


def test_the_table_of_what_was_read_has_the_columns_of_the_step():
    assert {column for column, *_ in SHOWN} <= set(READING)
    frame = pd.DataFrame(
        [[f"{name} x" if name not in {"cells", "genes", "counts"} else 5 for name in READING]], columns=READING
    )
    table = from_frame(frame, id="reading", caption="What was read", columns=SHOWN)
    assert len(table.rows) == 1
    assert [one.text for one in table.rows[0]][:2] == ["sample_id x", "file x"]
