"""One donor in a lot, as far as sex shows it: found, not found, cannot be said, and swapped labels."""

import pandas as pd
import pytest
from passport_cases import draw_study

from mscape.passports import donor_rules
from mscape.passports.document import gather_evidence, judge_lots
from mscape.passports.options import PassportOptions
from mscape.passports.rules import NOT_ASSESSABLE, PASS, WARN, WARNS

FEMALE = {"finding": "not_found", "sex": "female", "bound": 0.004, "reason": ""}
MALE = FEMALE | {"sex": "male", "bound": 0.03}
MIXED = {"finding": "found", "sex": "female", "share": 0.12, "low": 0.1, "high": 0.15, "reason": ""}
UNSEEN = {"finding": "cannot_say", "sex": "unclear", "bound": 0.3, "reason": "the feature table lacks XIST"}


def judged(sexes, *, donors=("D1", "D1", "D2"), sex="unknown", organism="human"):
    """Attribute of the first of three lots of one sample each."""
    study = draw_study(3)
    cells = study.cells.assign(sex=sex)
    cells["donor_id"] = cells["lot_id"].map(dict(zip(("L0", "L1", "L2"), donors, strict=True)))
    given = {"scored": study.scored, "doublets": study.doublets, "ambient": study.ambient, "limits": dict(study.limits)}
    sexes = dict(zip(("L0_s", "L1_s", "L2_s"), sexes, strict=False))
    quality = {name: {"sex_mixture": one, "doublets": {"detectable": 0.2}} for name, one in sexes.items()}
    evidence = list(gather_evidence(study.tables, cells, organism=organism, quality=quality, **given))
    return donor_rules.judge_donor(evidence[0], {}), evidence


def test_a_mixture_warns_with_its_share():
    found, evidence = judged([MIXED, FEMALE, FEMALE])
    assert found.verdict == WARN
    assert found.reason == "12% (10% to 15%) of the cells are male among female ones: two donors in one lot."
    assert (found.value, found.low, found.high) == (0.12, 0.1, 0.15)
    record = next(judge_lots(iter([one]), PassportOptions())[0] for one in evidence)
    assert record["verdict"] == WARN
    assert "two donors in one lot" in record["verdict_reason"]


def test_one_sex_passes_and_says_what_could_not_be_seen():
    found, _ = judged([FEMALE, FEMALE, MALE])
    assert found.verdict == PASS
    assert found.reason == (
        "No male cells were found among the female ones; more than 0.4% with 150 CPM of Y-linked genes would have been "
        "seen. A second donor of the same sex is not seen this way."
    )
    assert "60 CPM of XIST" in judged([MALE, MALE, MALE])[0].reason


def test_lots_of_a_donor_that_differ_in_sex_are_swapped():
    found, _ = judged([FEMALE, MALE, MALE])
    assert found.verdict == WARN
    assert found.reason == "Its cells are female, those of L1 of the same donor male: labels may be swapped."
    assert judged([FEMALE, MALE, MALE], donors=("D1", "D2", "D2"))[0].verdict == PASS
    assert judged([FEMALE, MALE, MALE], donors=("unknown",) * 3)[0].verdict == PASS
    assert judged([FEMALE, UNSEEN, MALE])[0].verdict == PASS  # a lot of unclear sex contradicts nothing


@pytest.mark.parametrize(("stated", "verdict"), [("male", WARN), ("M", WARN), ("female", PASS), ("unknown", PASS)])
def test_the_sheet_is_contradicted_only_by_clear_cells(stated, verdict):
    found, _ = judged([FEMALE, FEMALE, FEMALE], sex=stated)
    assert found.verdict == verdict
    assert judged([UNSEEN, FEMALE, FEMALE], sex=stated)[0].verdict == NOT_ASSESSABLE


def test_what_cannot_be_said_is_not_assessable_and_lowers_no_verdict():
    found, _ = judged([UNSEEN, FEMALE, FEMALE])
    assert found.verdict == NOT_ASSESSABLE
    assert found.reason == "Whether all cells are of one donor cannot be said by sex: the feature table lacks XIST."
    assert judged([])[0].reason == "Quality control did not look for cells of the other sex."
    assert judged([FEMALE], organism="mouse")[0].verdict == NOT_ASSESSABLE
    (rule,) = donor_rules.DONOR_ATTRIBUTES
    assert rule.weight == WARNS


def test_samples_of_one_lot_that_differ_in_sex_are_two_donors():
    _, evidence = judged([FEMALE, FEMALE, FEMALE])
    one = evidence[0]
    two = type(one)(**(vars(one) | {"sexes": {"A": FEMALE, "B": MALE}}))
    assert donor_rules.judge_donor(two, {}).reason == "Its samples differ in sex: A female, B male."
    mixed = type(one)(**(vars(one) | {"sexes": {"A": FEMALE, "B": MIXED}}))
    assert "of the cells of sample B are male" in donor_rules.judge_donor(mixed, {}).reason


def test_lots_are_grouped_by_donor():
    accounting = pd.DataFrame({"lot_id": ["A", "A", "B", "C"], "sample_id": ["a1", "a2", "b", "c"]})
    cells = pd.DataFrame({"lot_id": ["A", "B"], "donor_id": ["D1", "unknown"]})
    assert donor_rules.group_lots(accounting, cells) == {"A": ("D1", ["a1", "a2"]), "B": ("", ["b"]), "C": ("", ["c"])}
