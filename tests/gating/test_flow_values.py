"""Columns of flow cytometry in the sample sheet."""

import numpy as np
import pandas as pd
import pytest

from mscape import paths
from mscape.data.schema import load_schema
from mscape.errors import UserError
from mscape.gating.flow_values import flow_faults, flow_markers, read_flow
from mscape.run import config


def test_values_are_read_by_lot_and_empty_ones_were_not_measured():
    obs = pd.DataFrame({"lot_id": ["A", "A", "B", "C"], "flow_CD73": ["98.5", "unknown", "0", ""], "medium": "x"})
    assert flow_markers(obs) == ["CD73"]
    assert flow_faults(obs) == []
    flow = read_flow(obs.astype("category"))
    assert flow.loc["A", "CD73"] == pytest.approx(0.985)
    assert flow.loc["B", "CD73"] == 0
    assert np.isnan(flow.loc["C", "CD73"])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["98", "102"], "lot B: flow_CD105 is '102'; expected the per cent of positive cells, 0 to 100"),
        (["98", "-1"], "lot B: flow_CD105 is '-1'"),
        (["98,5", "97"], "lot A: flow_CD105 is '98,5'"),
        (["> 95", "97"], "lot A: flow_CD105 is '> 95'"),
        (["0.98", "0.7"], "flow_CD105: no value is above 1; expected per cent (98.5 and not 0.985)"),
    ],
)
def test_each_fault_is_said(values, said):
    faults = flow_faults(pd.DataFrame({"lot_id": ["A", "B"], "flow_CD105": values}))
    assert len(faults) == 1
    assert faults[0].startswith(said)


def test_two_values_of_one_lot_are_a_fault_and_small_ones_of_a_negative_marker_are_not():
    sheet = pd.DataFrame({"lot_id": ["A", "A", "B"], "flow_CD73": ["98", "97", "90"], "flow_CD45": ["0.1", "0.1", "0"]})
    assert flow_faults(sheet) == ["lot A: its samples give 98 and 97 for flow_CD73; give one value a lot"]


def test_a_sheet_with_such_a_value_is_refused_before_any_work(tmp_path):
    sheet = tmp_path / "samples.tsv"
    sheet.write_text("sample_id\tpath\tflow_CD73\tflow_CD45\nS1\ta.h5\t120\t0\nS2\tb.h5\t98\tfew\n")
    with pytest.raises(UserError) as error:
        config.read_sheet(sheet, schema=load_schema(paths.schema("samples.schema.yaml")))
    assert "lot S1: flow_CD73 is '120'" in str(error.value)
    assert "lot S2: flow_CD45 is 'few'" in str(error.value)


def test_every_marker_may_have_a_column(tmp_path):
    sheet = tmp_path / "samples.tsv"
    sheet.write_text("sample_id\tpath\tflow_CD73\tflow_CD90\tflow_HLA-DR\nS1\ta.h5\t98\t99.5\t\n")
    read = config.read_sheet(sheet, schema=load_schema(paths.schema("samples.schema.yaml")))
    assert flow_markers(read) == ["CD73", "CD90", "HLA-DR"]
