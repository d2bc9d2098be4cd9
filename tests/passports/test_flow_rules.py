"""The passport of a lot with flow cytometry in the sheet, and of a study without."""

import pandas as pd
import stage_tables
from passport_cases import draw_study

from mscape.passports import flow_rules
from mscape.passports.document import gather_evidence, judge_lots
from mscape.passports.options import PassportOptions
from mscape.passports.rules import DESCRIBED, NOT_ASSESSABLE


def lots(study, cells):
    given = {"scored": study.scored, "doublets": study.doublets, "ambient": study.ambient}
    evidence = gather_evidence(study.tables, cells, limits=dict(study.limits), **given)
    return list(evidence), judge_lots(
        gather_evidence(study.tables, cells, limits=dict(study.limits), **given), PassportOptions()
    )


def test_the_lots_that_set_a_threshold_are_said_to_be_so():
    study = draw_study(3)
    rows = [
        {"criterion": "CD73", "estimate": 0.97, "low": 0.94, "high": 0.99, "flow": 0.985, "used": True},
        {"criterion": "CD90", "estimate": 1.0, "low": 0.97, "high": 1.0, "flow": 0.99, "used": False},
    ]
    table = stage_tables.fill(
        "flow_agreement", pd.DataFrame(rows).assign(lot_id="L0", basis="flow cytometry of 8 lots")
    )
    study.tables["flow_agreement"] = table
    evidence, _ = lots(study, study.cells)
    found = flow_rules.judge_flow(evidence[0], {})
    assert found.verdict == DESCRIBED
    assert found.reason == (
        "CD73 97% (94% to 99%) of cells by RNA, 98.5% by flow cytometry. CD90 100% (97% to 100%) of cells by RNA, 99% "
        "by flow cytometry. The threshold of CD73 was set from flow cytometry of 8 lots, this one among them: for "
        "these markers its RNA and its flow cytometry are not independent. The threshold of CD90 was set from flow "
        "cytometry of 8 lots, without this one."
    )
    assert flow_rules.judge_flow(evidence[1], {}).verdict == NOT_ASSESSABLE


def test_a_study_without_flow_cytometry_has_no_such_attribute():
    study = draw_study(3)
    without = study.cells.drop(columns="flow_CD73")
    named = [{a["name"] for a in record["attributes"]} for record in lots(study, without)[1]]
    assert all("flow_agreement" not in names for names in named)
    named = [{a["name"] for a in record["attributes"]} for record in lots(study, study.cells)[1]]
    assert all("flow_agreement" in names for names in named)
