import pandas as pd
import pytest
from toy_study import default_settings

from mscape import passport, passport_scores
from mscape.passport import DECIDES, DESCRIBES, FAIL, NOT_ASSESSABLE, PASS, WARN, WARNS


@pytest.fixture
def settings():
    return default_settings("passport")


def evidence(n=200, **given):
    cells = pd.DataFrame(
        {
            "total_counts": 8000.0,
            "pct_counts_mt": 5.0,
            "isct_call": "pass",
            "phase": ["S" if i % 4 == 0 else "G1" for i in range(n)],
            "condition": "control",
        },
        index=[f"c{i}" for i in range(n)],
    )
    empty = {
        "gate": pd.DataFrame(columns=["criterion", "kind"]),
        "contaminants": pd.DataFrame(columns=["identity", "n_cells", "fraction", "low", "high"]),
        "composition": pd.DataFrame({"cluster": ["0"], "n_cells": [n]}),
        "stability": pd.DataFrame({"stable": [True]}, index=["0"]),
        "scores": pd.DataFrame(columns=["lot_id", "signature", "n_cells", "z"]),
        "signatures": pd.DataFrame(columns=["axis", "direction", "reason"]),
    }
    rest = {"lot_id": "L1", "cells": cells, "loaded": n + 20, "doublets": 5, "ambient": [0.02], "culture": "expanded"}
    return passport.Evidence(**(empty | rest | given))


def row(kind, verdict, reason="", estimate=0.97):
    return pd.Series(
        {"criterion": "CD73", "kind": kind, "verdict": verdict, "reason": reason, "estimate": estimate}
        | {"low": estimate - 0.01, "high": estimate + 0.01, "n_cells": 100}
    )


def attribute(verdict, weight):
    return {"title": "T", "reason": "R.", "verdict": verdict, "weight": weight}


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ([(PASS, DECIDES), (PASS, DECIDES)], PASS),
        ([(PASS, DECIDES), (FAIL, DECIDES)], FAIL),
        ([(NOT_ASSESSABLE, DECIDES), (FAIL, DECIDES)], FAIL),
        ([(NOT_ASSESSABLE, DECIDES), (WARN, DECIDES)], NOT_ASSESSABLE),
        ([(WARN, DECIDES), (PASS, WARNS)], WARN),
        ([(PASS, DECIDES), (WARN, WARNS)], WARN),
        ([(PASS, DECIDES), (NOT_ASSESSABLE, WARNS)], PASS),
        ([(PASS, DECIDES), (WARN, DESCRIBES)], PASS),
        ([(PASS, DECIDES), (FAIL, DESCRIBES)], PASS),
        ([(PASS, WARNS)], NOT_ASSESSABLE),
    ],
)
def test_the_verdict_is_the_worst_of_what_decides_and_scores_never_do(attributes, expected):
    verdict, reason = passport.judge_lot([attribute(*pair) for pair in attributes])
    assert verdict == expected
    assert reason.endswith(".")


@pytest.mark.parametrize(
    ("given", "expected"),
    [("meets", PASS), ("fails", FAIL), ("inconclusive", WARN), ("not_assessable", NOT_ASSESSABLE)],
)
def test_the_gate_s_verdicts_are_translated(settings, given, expected):
    found = passport.judge_criterion(row("positive", given, "" if given == "meets" else "LOW_EXPOSURE"), settings)
    assert found.verdict == expected
    assert (found.next_action == "") == (expected == PASS)


def test_licensing_turns_a_failed_hla_dr_into_a_warning(settings):
    found = passport.judge_criterion(row("negative", "fails", "HLADR_INDUCED", 0.4), settings)
    assert found.verdict == WARN
    assert "interferon" in found.reason


def test_a_mouse_is_not_assessable(settings):
    found = passport.judge_criterion(row("overall", "not_assessable", "SPECIES_NOT_COVERED"), settings)
    assert found.verdict == NOT_ASSESSABLE
    assert found.reason == "The ISCT phenotype is defined for human cells."


def test_every_code_of_the_gate_has_a_sentence_and_an_action():
    for code in passport.REASONS:
        said, action = passport._explain(f"{code}_CD45" if code in {"MISSING", "NEG", "LINEAGE"} else code)
        assert said.endswith(".")
        assert action.endswith(".")


def test_purity_follows_the_interval(settings):
    def judge(k, n):
        table = pd.DataFrame({"identity": ["T cell", "unresolved"], "n_cells": [k, 50]})
        return passport.judge_purity(evidence(n, contaminants=table), settings).verdict

    assert judge(0, 200) == PASS
    assert judge(6, 200) == WARN  # 3 %
    assert judge(40, 200) == FAIL  # 20 %
    assert judge(14, 200) == WARN  # 7 %, interval from 4.2 %
    assert judge(0, 20) == WARN  # none of 20 leaves room for 16 %


def test_depth_has_three_answers(settings):
    for depth, expected in ((8000, PASS), (3000, WARN), (500, NOT_ASSESSABLE)):
        own = evidence()
        own.cells["total_counts"] = float(depth)
        assert passport.judge_depth(own, settings).verdict == expected


def test_a_lot_without_cells_is_never_an_exception(settings):
    own = evidence(0, gate=pd.DataFrame(columns=["criterion", "kind"]), loaded=0, doublets=0, ambient=[])
    rules = [*passport.gate_rules(own.gate), *passport.QUALITY_RULES, *passport_scores.SCORE_RULES]
    attributes = [passport.write_attribute(rule, own, settings) for rule in rules]
    assert passport.judge_lot(attributes)[0] == NOT_ASSESSABLE
    assert {a["verdict"] for a in attributes} <= {NOT_ASSESSABLE, WARN}


def test_cycling_is_counted_in_msc(settings):
    found = passport.judge_cycling(evidence(), settings)
    assert found.value == pytest.approx(0.25)
    assert found.verdict == PASS
    resting = evidence()
    resting.cells["phase"] = "G1"
    assert passport.judge_cycling(resting, settings).verdict == WARN


def test_missing_mitochondrial_genes_are_not_zero(settings):
    own = evidence()
    own.cells["pct_counts_mt"] = float("nan")
    assert passport.judge_mitochondria(own, settings).verdict == NOT_ASSESSABLE


def test_isbt_names_are_for_culture_adapted_cells():
    assert passport.name_tissue("Bone marrow", "expanded") == "MSC(M)"
    assert passport.name_tissue("Wharton's jelly", "expanded") == "MSC(WJ)"
    assert passport.name_tissue("bone marrow", "fresh") == ""
    assert passport.name_tissue("umbilical cord", "expanded") == ""  # which part of it is not said


def scored(values, axis):
    """Lots L1 to L4 with a mean z per signature."""
    rows = [
        {"lot_id": f"L{i + 1}", "signature": name, "n_cells": 100, "z": z}
        for name, zs in values.items()
        for i, z in enumerate(zs)
    ]
    signatures = pd.DataFrame(
        {"axis": [axis[name] for name in values], "direction": "up", "reason": ""}, index=list(values)
    )
    return evidence(scores=pd.DataFrame(rows), signatures=signatures)


def test_senescence_needs_half_of_the_scorers(settings):
    axis = dict.fromkeys("ABC", "senescence")
    agree = scored({"A": [3, 1, 1, 1], "B": [4, 1, 0, 2], "C": [1, 1, 1, 1]}, axis)
    found = passport_scores.judge_senescence(agree, settings)
    assert found.verdict == WARN
    assert found.value == pytest.approx(2)  # shifts 2, 3, 0
    assert (found.low, found.high) == (0, 3)
    assert "2 of 3 scorers" in found.reason
    alone = scored({"A": [3, 1, 1, 1], "B": [1, 1, 0, 2], "C": [1, 1, 1, 1]}, axis)
    assert passport_scores.judge_senescence(alone, settings).verdict == PASS


def test_an_inflamed_senescent_lot_does_not_look_licensed(settings):
    axis = {"LIC": "immune_licensed", "SASP": "immune_inflammatory", "SEN": "senescence"}
    found = passport_scores.judge_licensing(
        scored({"LIC": [0.2, 0, 0, 0], "SASP": [3, 0, 0, 0], "SEN": [2, 0, 0, 0]}, axis), settings
    )
    assert found.verdict == WARN
    assert "together with senescence" in found.reason
    assert "not licensing" in found.reason


def test_licensing_that_the_sheet_does_not_explain_warns(settings):
    axis = {"LIC": "immune_licensed"}
    own = scored({"LIC": [5, 0, 0, 0]}, axis)
    assert passport_scores.judge_licensing(own, settings).verdict == WARN
    own.cells["condition"] = "IFNg + TNF 24 h"
    assert passport_scores.judge_licensing(own, settings).verdict == PASS


def test_two_lots_are_too_few_to_stand_out(settings):
    own = scored({"A": [3, 1]}, {"A": "senescence"})
    found = passport_scores.judge_senescence(own, settings)
    assert found.verdict == NOT_ASSESSABLE
    assert found.reason == "There are 2 lots with scores; three are needed to say what stands out."


def test_missing_genes_give_the_scorer_s_reason(settings):
    own = evidence(
        signatures=pd.DataFrame(
            {"axis": ["senescence"], "direction": ["up"], "reason": ["4 of 125 genes found"]}, index=["A"]
        )
    )
    found = passport_scores.judge_senescence(own, settings)
    assert found.verdict == NOT_ASSESSABLE
    assert found.reason == "No signature of it could be scored: 4 of 125 genes found."
