"""A lot that is judged against a reference is relative to it, says so, and does not change with its companions."""

import pandas as pd
import pytest
from passport_cases import draw_study
from toy_study import default_settings

from mscape.passports.document import gather_evidence, judge_lots
from mscape.passports.options import PassportOptions
from mscape.passports.reference_rules import REFERENCE_ATTRIBUTES, judge_place, relate_scores
from mscape.passports.rules import DESCRIBED, NOT_ASSESSABLE, WARN

REFERENCE = "simulated reference marrow, version 0123456789ab"
OF = f"the average of 30 lots (tissue bone marrow) of the {REFERENCE}"


def places(lots, **given):
    row = {"reference": REFERENCE, "n_lots": 30, "stratum": "tissue bone marrow", "place": "inside", "p": 0.4}
    row |= {"alpha": 0.05, "sentence": "Inside the 30 lots."} | given
    return dict.fromkeys(lots, row)


def judged(tables, lots, *, placed=True, **given):
    """Passports of some lots of a drawn study, whose scores are relative to a reference."""
    study = {
        name: table[table["lot_id"].isin(lots)] if "lot_id" in table else table for name, table in tables.tables.items()
    }
    signatures = tables.tables["signature_scores"][["lot_id", "signature"]].assign(z=3.5, z_low=3.1, z_high=3.9)
    if placed:
        study["signature_scores"] = relate_scores(study["signature_scores"], signatures)
    evidence = gather_evidence(
        study,
        tables.cells[tables.cells["lot_id"].isin(lots)],
        scored=tables.scored,
        doublets=tables.doublets,
        ambient=tables.ambient,
        limits=dict(tables.limits),
        places=places(lots, **given) if placed else None,
        culture=tables.culture,
    )
    return {one["lot_id"]: {a["name"]: a for a in one["attributes"]} for one in judge_lots(evidence, PassportOptions())}


@pytest.fixture(scope="module")
def study():
    return draw_study(3)


def test_a_single_lot_has_statements_relative_to_the_reference(study):
    (lot, *_) = dict.fromkeys(study.tables["accounting"]["lot_id"])
    alone = judged(study, [lot])[lot]
    for name in ("stress", "osteogenic", "senescence", "immune_licensed"):
        if alone[name]["verdict"] == NOT_ASSESSABLE:
            continue
        assert alone[name]["reason"].startswith(f"Against {OF}, z: ")
        assert "this study" not in alone[name]["reason"] + alone[name]["definition"]
        assert alone[name]["unit"] == "z from the lots of the reference"
    assert (alone["stress"]["verdict"], alone["stress"]["value"]) == (WARN, 3.5)


def test_programmes_and_place_do_not_change_with_the_lots_beside(study):
    lots = list(dict.fromkeys(study.tables["accounting"]["lot_id"]))
    alone, together = judged(study, lots[:1])[lots[0]], judged(study, lots)[lots[0]]
    assert alone["reference"]["reason"] == "Inside the 30 lots."
    assert {name: one for name, one in alone.items() if one["group"] == "programmes"} == {
        name: one for name, one in together.items() if one["group"] == "programmes"
    }


def test_without_a_reference_nothing_is_said_of_one(study):
    lots = list(dict.fromkeys(study.tables["accounting"]["lot_id"]))
    found = judged(study, lots, placed=False)[lots[0]]
    assert "reference" not in found
    assert "reference" not in found["stress"]["reason"]


@pytest.mark.parametrize(
    ("place", "verdict"), [("inside", DESCRIBED), ("outside", WARN), ("no promise", NOT_ASSESSABLE)]
)
def test_the_place_is_a_verdict(study, place, verdict):
    lot = study.tables["accounting"]["lot_id"].iloc[0]
    found = judged(study, [lot], place=place, p=float("nan"))[lot]["reference"]
    assert found["verdict"] == verdict
    assert found["value"] is None
    assert bool(found["next_action"]) == (place != "inside")


def test_a_score_that_the_reference_lacks_is_not_assessable(study):
    lot = study.tables["accounting"]["lot_id"].iloc[0]
    scores = study.tables["signature_scores"]
    none = relate_scores(scores, pd.DataFrame(columns=["lot_id", "signature", "z", "z_low", "z_high"]))
    assert none["z"].isna().all()
    assert len(none) == len(scores)
    rule = next(one for one in REFERENCE_ATTRIBUTES if one.name == "stress")
    tables = dict(study.tables) | {"signature_scores": none}
    (evidence, *_) = gather_evidence(
        tables, study.cells, scored={}, doublets={}, ambient={}, limits=dict(study.limits), places=places([lot])
    )
    found = rule.judge(evidence, default_settings("passport"))
    assert found.verdict == NOT_ASSESSABLE
    assert "no z of it" in found.reason or "could not be scored" in found.reason
    assert judge_place(evidence, {}).reason == "Inside the 30 lots."
