"""Every sentence of a passport follows from the tables: held by computing each claim again, without the rules."""

import re

import numpy as np
import pytest
from passport_cases import draw_study
from passport_sentences import Lot, find_false

from mscape import numbers
from mscape.passports.document import gather_evidence, judge_lots
from mscape.passports.options import PassportOptions


def write(study):
    evidence = gather_evidence(
        study.tables,
        study.cells,
        scored=study.scored,
        doublets=study.doublets,
        ambient=study.ambient,
        limits=dict(study.limits),
        culture=study.culture,
        quality={
            sample: {
                "sex_mixture": study.sexes.get(sample, {}),
                "doublets": {"detectable": study.detectable.get(sample, np.nan)},
            }
            for sample in study.tables["accounting"]["sample_id"]
        },
    )
    return judge_lots(evidence, PassportOptions(**study.settings))


@pytest.fixture(scope="module")
def studies():
    drawn = [draw_study(seed) for seed in range(12)]
    return [(study, write(study)) for study in drawn]


def test_no_sentence_of_a_drawn_passport_is_false(studies):
    faults = [fault for study, records in studies for record in records for fault in find_false(record, study)]
    assert not faults, "\n".join(faults[:20])


def test_drawn_passports_hold_every_verdict_and_the_kinds_of_sentences(studies):
    lots = [record for _, records in studies for record in records]
    assert {lot["verdict"] for lot in lots} == {"PASS", "WARN", "FAIL", "NOT ASSESSABLE"}
    said = " ".join(a["reason"] for lot in lots for a in lot["attributes"])
    for part in (
        "is within the limit", "lies inside the interval", "lies above the limit", "lies below the limit", "could hide",
        "informative, not decisive", "one by one", "not settled by RNA", "It is open because of", "It fails by",
        "in which it was measured", "The same holds for", "could not be assessed", "No cell was scored",
        "account for most", "is not wholly above", "of so few cells", "fit no lineage panel",
        "by flow cytometry", "are not independent", "without this one", "no flow cytometry of this lot",
        "two donors in one lot", "the same donor", "the sheet says", "were found among", "cannot be said by sex",
    ):  # fmt: skip
        assert part in said, part


def test_a_number_or_verdict_that_is_changed_is_found(studies):
    """The check sees each number: one of a reason is changed, and the sentence must no longer hold."""
    rng = np.random.default_rng(0)
    for study, records in studies[:4]:
        for record in records:
            lot = Lot(record, study)
            for a in record["attributes"]:
                spots = list(re.finditer(r"(?<![\w.])[\d.]+(?=%| of \d+)", a["reason"]))
                if not spots or "barcodes" in a["reason"]:
                    continue
                spot = spots[rng.integers(len(spots))]
                changed = a["reason"][: spot.start()] + f"{float(spot.group()) + 7:g}" + a["reason"][spot.end() :]
                assert lot.check(a | {"reason": changed}), changed
            record = record | {"verdict": "PASS" if record["verdict"] != "PASS" else "WARN"}
            assert Lot(record, study).check_verdict()


@pytest.mark.parametrize(
    ("value", "limit", "written"),
    [
        (0.02034, 0.02, "2.03%"),
        (0.02, 0.02, "2%"),
        (0.0199996, 0.02, "1.99996%"),
        (0.871, 0.02, "87.1%"),
        (1.0, 0.95, "100%"),
        (0.9999, 0.95, "> 99.9%"),
        (0.0004, 0.02, "< 0.1%"),
        (0.0, 0.02, "0%"),
    ],
)
def test_a_per_cent_shows_its_side_of_the_limit(value, limit, written):
    assert numbers.percent(value, apart=(limit,)) == written


def test_numbers_and_z_show_their_side():
    assert numbers.decimal(4999.7, apart=(5000,)) == "4,999.7"
    assert numbers.decimal(12345.4) == "12,345"
    assert numbers.signed(2.96, apart=(3,)) == "+2.96"
    assert numbers.signed(3.0, apart=(3,)) == "+3.0"
    assert numbers.share(None, 0.1, 0.2) == "An unknown share"
