import numpy as np
import pandas as pd
import pytest
import stage_tables
from toy_study import default_settings

from mscape.gating.reasons import Reason
from mscape.passports import identity_rules, quality_rules, score_rules
from mscape.passports import rules as passport
from mscape.passports.certificate_rules import CERTIFICATE_ATTRIBUTES
from mscape.passports.flow_rules import FLOW_ATTRIBUTES
from mscape.passports.passport import list_rules
from mscape.passports.rules import DECIDES, DESCRIBED, DESCRIBES, FAIL, NOT_ASSESSABLE, PASS, WARN, WARNS


@pytest.fixture
def settings():
    return default_settings("passport")


def evidence(n=200, **given):
    cells = pd.DataFrame(
        {
            "total_counts": 8000.0,
            "pct_counts_mt": 5.0,
            "isct_call": "pass",
            "isct_reason": "",
            "phase": ["S" if i % 4 == 0 else "G1" for i in range(n)],
            "condition": "control",
        },
        index=[f"c{i}" for i in range(n)],
    )
    empty = {
        "gate": stage_tables.fill("gate", []),
        "contaminants": pd.DataFrame(columns=["identity", "n_cells", "fraction", "low", "high", "call"]),
        "hidden": pd.DataFrame(columns=["cluster", "gene", "hidden_fraction", "finding"]),
        "composition": pd.DataFrame({"cluster": ["0"], "n_cells": [n]}),
        "stability": pd.DataFrame({"stable": [True]}, index=["0"]),
        "scores": pd.DataFrame(columns=["lot_id", "signature", "n_cells", "z"]),
        "signatures": pd.DataFrame(columns=["axis", "direction", "reason"]),
    }
    rest = {
        "lot_id": "L1",
        "cells": cells,
        "loaded": n + 20,
        "scored": n,
        "doublets": 5,
        "ambient": [0.02],
        "culture": "expanded",
    }
    return passport.LotEvidence(**(empty | rest | given))


def structure(**given):
    return quality_rules.judge_structure(evidence(**given), {"min_stable": 0.8})


def test_the_stability_of_labels_that_a_user_gave_is_not_assessed():
    composition = pd.DataFrame({"cluster": ["stroma", "other"], "n_cells": [150, 50]})
    flags = pd.DataFrame({"stable": pd.array([None, None], dtype="boolean")}, index=["stroma", "other"])
    found = structure(composition=composition, stability=flags)
    assert found.verdict == "NOT ASSESSABLE"
    assert found.value is None
    assert "labels that the user gave" in found.reason
    assert structure(composition=composition, stability=flags.fillna(value=False)).verdict == "WARN"


def row(kind, verdict, reason="", estimate=0.97, hidden=float("nan")):
    return pd.Series(
        {"criterion": "CD73", "kind": kind, "verdict": verdict, "reason": reason, "estimate": estimate}
        | {"max_hidden_fraction": hidden}
        | {"low": estimate - 0.01, "high": estimate + 0.01, "n_cells": 100, "n_judged": 100, "decided_by": "phenotype"}
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
def test_the_gate_s_verdicts_are_translated(given, expected):
    found = identity_rules.judge_criterion(
        row("positive", given, "" if given == "meets" else "LOW_EXPOSURE"), passport.PANEL_LIMITS
    )
    assert found.verdict == expected
    assert (found.next_action == "") == (expected == PASS)


def test_what_fails_is_blamed_on_contaminants_only_if_they_account_for_it():
    lost = row("positive", "fails", "MISSING_CD73", 0.8)
    assert "CD73 is missing" in identity_rules.judge_criterion(lost, passport.PANEL_LIMITS, foreign=0.05).reason
    assert "Cells of other lineages" in identity_rules.judge_criterion(lost, passport.PANEL_LIMITS, foreign=0.15).reason
    near = row("positive", "inconclusive", "AMBIGUOUS", 0.93)
    assert "Cells of other lineages" in identity_rules.judge_criterion(near, passport.PANEL_LIMITS, foreign=0.06).reason
    inside = "the limit of 95% lies inside the interval."
    near["high"] = 0.96
    assert identity_rules.judge_criterion(near, passport.PANEL_LIMITS).reason.endswith(inside)


def test_a_group_of_markers_is_named_in_words():
    group = row("negative", "inconclusive", "AMBIGUOUS", 0.02)
    group["criterion"] = "CD14|CD11b"
    assert (
        "of cells have RNA of CD14 or CD11b above its threshold:"
        in identity_rules.judge_criterion(group, passport.PANEL_LIMITS).reason
    )


def test_a_met_criterion_says_how_small_a_subset_could_not_be_seen():
    met = row("positive", "meets", "HOMOGENEITY_ASSUMED", hidden=0.134)
    found = identity_rules.judge_criterion(met, passport.PANEL_LIMITS)
    assert found.verdict == PASS
    assert found.resolution == "Fewer than 14% without CD73 could not be seen."
    assert found.reason == (
        "97% (96% to 98%) of cells have RNA of CD73 above its threshold: the whole interval is within the limit of "
        f"95%. {found.resolution}"
    )
    absent = row("negative", "meets", hidden=0.004)
    absent["criterion"] = "CD45"
    found = identity_rules.judge_criterion(absent, passport.PANEL_LIMITS)
    assert found.resolution == "Fewer than 1% with CD45 could not be seen."


def test_what_rna_does_not_settle_names_the_marker_to_measure_and_what_would_settle_it():
    open_ = row("positive", "inconclusive", "HOMOGENEITY_ASSUMED", hidden=0.41)
    open_["median_counts"] = 5000.0
    found = identity_rules.judge_criterion(open_, passport.PANEL_LIMITS)
    assert found.verdict == WARN
    assert "not settled by RNA. Up to 41% of the cells could lack CD73 and give the same counts." in found.reason
    assert found.resolution == ""
    flow = "Measure CD73 by flow cytometry, which sees single cells."
    assert found.next_action == f"{flow} More cells or counts would hardly settle it."
    open_["n_cells_needed"], open_["median_counts_needed"] = 600.0, 15_138.0
    found = identity_rules.judge_criterion(open_, passport.PANEL_LIMITS)
    assert found.next_action == (
        f"{flow} RNA would need about 600 cells at this depth or about 16,000 counts a cell with as many cells."
    )
    open_["n_cells_needed"], open_["median_counts_needed"] = 100.0, 5000.0
    found = identity_rules.judge_criterion(open_, passport.PANEL_LIMITS)
    assert found.next_action == (
        f"{flow} The counts of a homogeneous lot of this size are expected to settle it; these do not."
    )


def test_the_phenotype_names_the_marker_that_single_cells_show_least():
    rows = [
        row("positive", "meets", "HOMOGENEITY_ASSUMED", hidden=0.1),
        row("overall", "inconclusive", "HOMOGENEITY_ASSUMED", 0.99, 0.45),
    ]
    rows.append(pd.Series({**rows[0], "criterion": "CD105", "verdict": "inconclusive", "max_hidden_fraction": 0.4}))
    own = evidence(gate=pd.DataFrame(rows))
    phenotype = identity_rules.gate_attributes(own.gate)[0].judge(own, {})
    assert phenotype.verdict == WARN
    assert "Up to 40% of the cells could lack CD105" in phenotype.reason
    assert phenotype.next_action.startswith("Measure CD105 by flow cytometry")
    rows[1]["verdict"] = rows[2]["verdict"] = "meets"
    own = evidence(gate=pd.DataFrame(rows))
    phenotype = identity_rules.gate_attributes(own.gate)[0].judge(own, {})
    assert phenotype.verdict == PASS
    assert phenotype.resolution == "Fewer than 40% without CD105 could not be seen."


def test_the_lot_s_line_of_a_pass_carries_the_resolution():
    passing = attribute(PASS, DECIDES) | {"resolution": "Fewer than 12% without CD105 could not be seen."}
    verdict, reason = passport.judge_lot([passing, attribute(PASS, DECIDES)])
    assert verdict == PASS
    assert reason.startswith("Fewer than 12% without CD105 could not be seen. Phenotype and purity meet")


def test_what_is_not_assessable_has_no_share():
    found = identity_rules.judge_criterion(row("positive", "not_assessable", "LOW_EXPOSURE"), passport.PANEL_LIMITS)
    assert (found.value, found.low, found.high) == (None, None, None)
    assert "%" not in found.reason


def test_hla_dr_of_the_stroma_itself_warns_and_is_called_informative():
    for code, said in (("HLADR_INDUCED", "interferon"), ("LINEAGE_UNSUPPORTED", "without other genes of its lineage")):
        found = identity_rules.judge_criterion(row("negative", "inconclusive", code, 0.4), passport.PANEL_LIMITS)
        assert found.verdict == WARN
        assert said in found.reason
        assert "above the limit of 2%, which is informative, not decisive" in found.reason


def test_a_mouse_is_not_assessable():
    found = identity_rules.judge_criterion(
        row("overall", "not_assessable", "SPECIES_NOT_COVERED"), passport.PANEL_LIMITS
    )
    assert found.verdict == NOT_ASSESSABLE
    assert found.reason == "The ISCT phenotype is defined for human cells."


def test_every_code_of_the_gate_has_a_sentence_and_an_action():
    for code in Reason:
        said, action = identity_rules._explain(f"{code}_CD45" if code.named else code)
        assert said.endswith(".")
        assert action.endswith(".")


def test_shallow_cycling_cells_count_and_both_shares_are_said(settings):
    own = evidence(200)
    own.cells["phase"] = ["S"] * 40 + ["G1"] * 160
    own.cells.loc[own.cells.index[:30], ["isct_call", "isct_reason"]] = ["indeterminate", "LOW_EXPOSURE"]
    own.cells.loc[own.cells.index[190:], ["isct_call", "isct_reason"]] = ["fail", "NEG_CD45"]
    found = quality_rules.judge_cycling(own, settings)
    assert found.value == pytest.approx((40 / 190 - 0.01) / 0.97)  # corrected for the call's errors
    assert "30 of these 190 cells are left open by the gate; of the 160 that pass it is 5.4%." in found.reason


def test_purity_follows_the_interval(settings):
    def judge(k, n):
        table = pd.DataFrame({"identity": ["T cell", "unresolved", "osteoblast"], "n_cells": [k, 50, 50]})
        table["call"] = ["fail", "fail", "pass"]
        return quality_rules.judge_purity(evidence(n, contaminants=table), settings).verdict

    assert judge(0, 200) == PASS
    assert judge(6, 200) == WARN  # 3 %
    assert judge(40, 200) == FAIL  # 20 %
    assert judge(14, 200) == WARN  # 7 %, interval from 4.2 %
    assert judge(0, 20) == WARN  # none of 20 leaves room for 16 %


def test_cells_that_fit_no_panel_count_against_purity_and_are_said(settings):
    table = pd.DataFrame({"identity": ["T cell", "unexplained"], "n_cells": [2, 20], "call": ["fail", "unexplained"]})
    found = quality_rules.judge_purity(evidence(400, contaminants=table), settings)
    assert found.value == pytest.approx(22 / 400)
    assert found.verdict == WARN
    assert "or fit none (T cell 0.5%):" in found.reason
    assert "5% (3.3% to 7.6%) fit no lineage panel" in found.reason


def test_mostly_empty_barcodes_are_named_and_no_donor_is_blamed(settings):
    own = evidence()
    n = len(own.cells)
    own.cells["total_counts"] = np.where(np.arange(n) < 0.8 * n, 600.0, 25_000.0)
    found = quality_rules.judge_depth(own, settings)
    assert found.verdict == NOT_ASSESSABLE
    assert "80% of" in found.reason
    assert "mostly empty droplets, which says nothing of the donor" in found.reason
    own.cells["total_counts"] = np.where(np.arange(n) < 0.8 * n, 6000.0, 25_000.0)
    assert "empty" not in quality_rules.judge_depth(own, settings).reason


def test_depth_has_three_answers(settings):
    for depth, expected in ((8000, PASS), (3000, WARN), (500, NOT_ASSESSABLE)):
        own = evidence()
        own.cells["total_counts"] = float(depth)
        assert quality_rules.judge_depth(own, settings).verdict == expected


def test_a_lot_without_cells_is_never_an_exception(settings):
    own = evidence(0, loaded=0, scored=0, doublets=0, ambient=[])
    attributes = [passport.write_attribute(rule, own, settings) for rule in list_rules(own.gate)]
    assert passport.judge_lot(attributes)[0] == NOT_ASSESSABLE
    assert {a["verdict"] for a in attributes} <= {NOT_ASSESSABLE, WARN}


def test_cycling_is_counted_in_msc(settings):
    found = quality_rules.judge_cycling(evidence(), settings)
    assert found.value == pytest.approx((0.25 - 0.01) / 0.97)  # a quarter is called; specificity 0.99, sensitivity 0.98
    assert found.low < found.value < found.high
    assert found.verdict == DESCRIBED
    resting = evidence()
    resting.cells["phase"] = "G1"
    assert quality_rules.judge_cycling(resting, settings).verdict == WARN


def test_missing_mitochondrial_genes_are_not_zero(settings):
    own = evidence()
    own.cells["pct_counts_mt"] = float("nan")
    assert quality_rules.judge_mitochondria(own, settings).verdict == NOT_ASSESSABLE


def test_isbt_names_are_for_culture_adapted_cells():
    assert passport.name_tissue("Bone marrow", "expanded") == "MSC(M)"
    assert passport.name_tissue("Wharton's jelly", "expanded") == "MSC(WJ)"
    assert passport.name_tissue("bone marrow", "fresh") == ""
    assert passport.name_tissue("umbilical cord", "expanded") == ""  # which part of it is not said


def scored(z, lots=4, **given):
    """Lots L1 to L4; L1 has the z given, the others have none that stands out."""
    rows = [
        {"lot_id": f"L{i + 1}", "signature": name, "n_cells": 100, "z": value if i == 0 else 0.1, "cells": "MSC"}
        | {"z_low": value - 0.2, "z_high": value + 0.3}
        for name, value in z.items()
        for i in range(lots)
    ]
    signatures = pd.DataFrame({"axis": "x", "direction": "up", "reason": ""}, index=list(z))
    return evidence(scores=pd.DataFrame(rows), signatures=signatures, **given)


SENESCENCE = {"MSC_SENESCENCE_ARREST": 4.0, "MSC_SENESCENCE_DOWN": -3.2, "MSC_SENESCENCE_ARREST__SIGNED": 4.4}
SENESCENCE |= {"SENMAYO__DEPLETED": 3.5, "FRIDMAN_SENESCENCE_UP__DEPLETED": 0.5}
IMMUNE = {"MSC_IMMUNOREG_CONSTITUTIVE": 0.0, "MSC_IMMUNOREG_LICENSED": 0.2, "MSC_SASP_INFLAMMATORY": 4.0}
INFLAMED = "MSC_SASP_INFLAMMATORY"


def test_senescence_needs_genes_gained_and_genes_lost(settings):
    found = score_rules.judge_senescence(scored(SENESCENCE), settings)
    assert found.verdict == WARN
    assert (found.value, found.low, found.high) == pytest.approx((4.4, 4.2, 4.7))
    assert "more senescent than they do" in found.reason
    assert "gained +4.0, lost -3.2, secretome +3.5" in found.reason
    rest = score_rules.judge_senescence(scored(SENESCENCE | {"MSC_SENESCENCE_DOWN": -0.4}), settings)
    assert rest.verdict == DESCRIBED
    assert "no claim of senescence" in rest.reason
    inflamed = score_rules.judge_senescence(scored(SENESCENCE | {"MSC_SENESCENCE_ARREST": 0.0}), settings)
    assert inflamed.verdict == DESCRIBED
    assert "Only secretory scores" in inflamed.reason
    bone = score_rules.judge_senescence(scored(SENESCENCE | {"MSC_OSTEOGENIC_EARLY": 5.0}), settings)
    assert bone.verdict == DESCRIBED
    assert "senescence is not claimed" in bone.reason


def test_every_sentence_of_a_score_says_that_it_is_relative_to_this_study(settings):
    names = [*SENESCENCE, *IMMUNE, score_rules.STRESS, "MSC_OSTEOGENIC_EARLY", "MSC_OSTEOGENIC_LATE"]
    names += ["MSC_ADIPOGENIC_CORE", "MSC_CHONDROGENIC_CORE", "MSC_GLUCOCORTICOID"]
    rng = np.random.default_rng(0)
    for _ in range(50):
        own = scored(dict(zip(names, rng.normal(0, 4, len(names)), strict=True)))
        for rule in score_rules.SCORE_ATTRIBUTES:
            reason = rule.judge(own, settings).reason
            assert reason.startswith("Against the average of the lots of this study, z: "), reason
            for sentence in reason.split(". ")[1:]:
                assert "of this study" in sentence or "Whether all its lots" in sentence or "them:" in sentence, reason


def test_three_primed_lots_without_controls_are_not_said_to_show_no_sign(settings):
    for z in (2.7, 0.1, -2.7):  # as measured in three primed lots of cord MSC beside each other
        found = score_rules.judge_licensing(scored(IMMUNE | {"MSC_IMMUNOREG_LICENSED": z, INFLAMED: 0.0}), settings)
        assert "sign" not in found.reason
        assert "above the average of the lots of this study" in found.reason
        assert "can be decided only by a lot of known state" in found.reason


def test_an_untreated_control_beside_primed_lots_has_not_stopped(settings):
    z = SENESCENCE | {"MSC_SENESCENCE_ARREST": 3.3, "MSC_SENESCENCE_DOWN": -0.4, "SENMAYO__DEPLETED": -2.3}
    found = score_rules.judge_senescence(scored(z), settings)
    assert found.verdict == DESCRIBED
    assert "stopped" not in found.reason


def test_an_inflamed_senescent_lot_does_not_look_licensed(settings):
    found = score_rules.judge_licensing(scored(SENESCENCE | IMMUNE), settings)
    assert found.verdict == WARN
    assert "together with senescence" in found.reason
    assert "not licensing" in found.reason


def test_licensing_that_the_sheet_does_not_explain_warns(settings):
    own = scored(IMMUNE | {"MSC_IMMUNOREG_LICENSED": 6.0})
    assert score_rules.judge_licensing(own, settings).verdict == WARN
    own.cells["condition"] = "IFNg + TNF 24 h"
    assert score_rules.judge_licensing(own, settings).verdict == DESCRIBED


def test_the_lineages_are_compared(settings):
    z = {
        "MSC_OSTEOGENIC_EARLY": 0.3,
        "MSC_OSTEOGENIC_LATE": 4.5,
        "MSC_ADIPOGENIC_CORE": 0.0,
        "MSC_CHONDROGENIC_CORE": 1.0,
    }
    assert "lineage bias is osteogenic" in score_rules.judge_trilineage(scored(z), settings).reason
    late = score_rules.judge_osteogenic(scored(z), settings)
    assert (late.verdict, late.value) == (WARN, 4.5)
    assert "late osteogenic genes" in late.reason
    assert score_rules.judge_trilineage(scored(z | {"MSC_OSTEOGENIC_LATE": 0.1}), settings).verdict == DESCRIBED
    primed = z | {"MSC_OSTEOGENIC_LATE": 0.1, "MSC_ADIPOGENIC_CORE": 3.6}  # as priming alone does, see consensus
    assert score_rules.judge_trilineage(scored(primed), settings).verdict == DESCRIBED


def test_low_resting_immunoregulation_and_high_stress_warn(settings):
    own = scored({"MSC_IMMUNOREG_CONSTITUTIVE": -3.5, "MSC_DISSOCIATION_STRESS": 3.5})
    assert score_rules.judge_constitutive(own, settings).verdict == WARN
    assert score_rules.judge_stress(own, settings).verdict == WARN
    own = scored({"MSC_IMMUNOREG_CONSTITUTIVE": 3.5, "MSC_DISSOCIATION_STRESS": -3.5})
    assert score_rules.judge_constitutive(own, settings).verdict == DESCRIBED
    assert score_rules.judge_stress(own, settings).verdict == DESCRIBED


def test_one_lot_has_nothing_to_be_compared_with(settings):
    found = score_rules.judge_senescence(scored(dict.fromkeys(SENESCENCE, float("nan")), lots=1), settings)
    assert found.verdict == NOT_ASSESSABLE
    assert found.reason == "There is no second lot in this study to compare with."


def test_missing_genes_give_the_scorer_s_reason(settings):
    own = scored(dict.fromkeys(SENESCENCE, float("nan")))
    own.signatures["reason"] = "4 of 125 genes found"
    found = score_rules.judge_senescence(own, settings)
    assert found.verdict == NOT_ASSESSABLE
    assert found.reason == "It could not be scored: 4 of 125 genes found."


def test_scores_of_other_cells_than_msc_are_named(settings):
    own = scored(IMMUNE)
    own.scores["cells"] = "not failing"
    assert "Scored were not failing cells" in score_rules.judge_licensing(own, settings).reason


def test_a_hidden_subset_warns(settings):
    rows = pd.DataFrame(
        {"cluster": "0", "gene": ["THY1", "ENG"], "hidden_fraction": [0.2, 0.0], "finding": ["hidden_mixture", "none"]}
    )
    found = quality_rules.judge_hidden(evidence(hidden=rows), settings)
    assert found.verdict == WARN
    assert found.reason.startswith("THY1 in cluster 0: about 20% of cells")
    assert quality_rules.judge_hidden(evidence(hidden=rows.iloc[1:]), settings).verdict == PASS
    assert (
        quality_rules.judge_hidden(evidence(hidden=rows.assign(finding="not_assessable")), settings).verdict
        == NOT_ASSESSABLE
    )


def rule_table():
    """Write the rules as docs/reference/attributes.md."""
    gate = pd.DataFrame({"criterion": ["phenotype", "CD73", "CD45"], "kind": ["overall", "positive", "negative"]})
    lines = ["# Attributes of the passport", ""]
    lines += ["<!-- Generated by: pytest tests/passports/test_rules.py --fix -->", ""]
    lines += ["How they make a verdict: [passports.md](../passports.md).", ""]
    lines += ["| attribute | section | weight | value | definition |", "|---|---|---|---|---|"]
    for rule in (*list_rules(gate), *FLOW_ATTRIBUTES, *CERTIFICATE_ATTRIBUTES):
        title = rule.title.replace("CD73", "CD73, CD90, ...").replace("CD45", "CD45, CD34, ...")
        lines.append(f"| {title} | {rule.group} | {rule.weight} | {rule.unit} | {rule.definition} |")
    return "\n".join(lines) + "\n"


def test_the_document_lists_every_rule(request, root):
    path, expected = root / "docs/reference/attributes.md", rule_table()
    if request.config.getoption("--fix"):
        path.write_text(expected, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == expected, "pytest tests/passports/test_rules.py --fix writes it anew"


@pytest.mark.parametrize("rule", score_rules.SCORE_ATTRIBUTES, ids=lambda rule: rule.name)
def test_each_score_in_a_passport_has_n_interval_and_definition(rule, settings):
    names = [*SENESCENCE, *IMMUNE, score_rules.STRESS, "MSC_OSTEOGENIC_EARLY", "MSC_OSTEOGENIC_LATE"]
    own = scored(dict.fromkeys([*names, "MSC_ADIPOGENIC_CORE"], 1.0) | SENESCENCE | {"MSC_OSTEOGENIC_EARLY": 2.0})
    found = rule.judge(own, settings)
    assert found.low < found.value < found.high
    assert found.n >= 100
    assert "interval" in rule.definition or "with their range" in rule.definition


@pytest.mark.parametrize("n", [1, 19, 20])
def test_a_lot_of_few_cells_is_neither_failed_nor_passed(settings, n):
    foreign = pd.DataFrame(
        [{"identity": "T cell", "n_cells": n, "fraction": 1.0, "low": 0.2, "high": 1.0, "call": "fail"}]
    )
    lot = evidence(n=n, contaminants=foreign)
    attributes = [passport.write_attribute(rule, lot, settings) for rule in quality_rules.QUALITY_ATTRIBUTES]
    by_name = {a["name"]: a for a in attributes}
    assert by_name["cells"]["verdict"] == WARN
    if n < 20:
        assert passport.judge_lot(attributes)[0] == NOT_ASSESSABLE
        assert {a["verdict"] for a in attributes if a["name"] not in ("cells", "depth")} == {NOT_ASSESSABLE}
        assert by_name["purity"]["reason"].startswith(f"The lot has {n} of the 20 cells")
    else:
        assert passport.judge_lot(attributes)[0] == FAIL


def test_a_lot_that_lacks_the_matrix_as_a_whole_is_no_contaminated_one(settings):
    def judge(unexplained, t_cells):
        table = pd.DataFrame({"identity": ["unexplained", "T cell"], "n_cells": [unexplained, t_cells]})
        table["call"] = ["unexplained", "fail"]
        return quality_rules.judge_purity(evidence(700, contaminants=table), settings)

    assert judge(634, 0).verdict == WARN  # licensed stroma makes little collagen
    assert "the share decides nothing" in judge(634, 0).reason
    assert judge(300, 0).verdict == FAIL  # most of the lot is stroma that has it
    assert judge(500, 140).verdict == FAIL  # a named lineage counts beside it as ever


def test_doublets_say_what_part_could_be_seen_and_that_the_total_cannot(settings):
    found = quality_rules.judge_doublets(evidence(detectable=[0.21, 0.6]), settings)
    assert found.reason.endswith(
        "Of doublets simulated from its cells, 21% would be called; doublets of like cells are not seen, and the total "
        "is not assessable."
    )
    unknown = quality_rules.judge_doublets(evidence(detectable=[float("nan")]), settings)
    assert unknown.reason.endswith("Doublets of like cells are not seen, and the total is not assessable.")
