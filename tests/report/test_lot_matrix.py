"""The matrix of all lots: the numbers of the passports, once, as the other parts of the page write them."""

import json

import pytest

from mscape.report.lot_matrix import lot_matrix


def attribute(name, verdict, value=None, low=None, high=None, **more):
    given = {"name": name, "title": name.title(), "verdict": verdict, "value": value, "low": low, "high": high}
    return given | {"unit": "fraction of cells", "weight": "decides", "n": 100, "reason": "Because."} | more


DOCUMENT = {
    "lots": [
        {
            "lot_id": "A <b>",
            "verdict": "WARN",
            "donor_id": "D1",
            "tissue": "bone marrow",
            "passage": "3",
            "attributes": [
                attribute("purity", "WARN", 0.02034, 0.01, 0.05, limits=[0.02]),
                attribute("cycling", "DESCRIBED", 0.2, weight="describes"),
            ],
        },
        {
            "lot_id": "B",
            "verdict": "PASS",
            "donor_id": "D2",
            "tissue": "bone marrow",
            "attributes": [
                attribute("purity", "PASS", 0.0, 0.0, 0.004),
                attribute("criterion_CD73", "NOT ASSESSABLE", weight="describes"),
            ],
        },
    ]
}


def test_a_square_says_what_the_passport_says_and_an_absent_attribute_is_empty():
    made = lot_matrix(DOCUMENT)
    assert [column["name"] for column in made["columns"]] == ["purity", "cycling", "criterion_CD73"]
    assert [column["chosen"] for column in made["columns"]] == [True, False, True]
    purity, cycling, criterion = made["lots"][0].squares
    assert (purity.text, purity.span) == ("2.03%", "1% to 5%")  # the side of the limit of 2 % is seen
    assert purity.said == "WARN, 2.03% (1% to 5%). Because."
    assert criterion.said == "no entry."
    assert (cycling.text, cycling.span, cycling.low) == ("20%", "", None)
    assert (criterion.verdict, criterion.text, criterion.value) == ("", "", None)
    assert made["lots"][1].squares[2].verdict == "NOT ASSESSABLE"
    assert made["lots"][1].squares[2].text == ""


def test_lots_are_grouped_by_facts_in_which_they_differ():
    made = lot_matrix(DOCUMENT)
    assert made["groups"] == {"passage": "passage", "donor_id": "donor"}
    assert [lot.facts["passage"] for lot in made["lots"]] == ["3", "unknown"]
    assert made["lots"][0].severity < made["lots"][1].severity


def test_the_script_gets_the_same_numbers_without_rounding():
    text = str(lot_matrix(DOCUMENT)["json"])
    assert "<" not in text
    lots = json.loads(text)["lots"]
    assert lots[0]["squares"][0] == ["WARN", 0.02034, 0.01, 0.05, 100, "2.03%", "1% to 5%"]
    assert lots[0]["lot_id"] == "A <b>"
    assert lots[1]["squares"][0][1:4] == pytest.approx([0.0, 0.0, 0.004])
