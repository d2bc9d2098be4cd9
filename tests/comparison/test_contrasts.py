import pytest
from contrast_cases import UNPAIRED, lots

from mscape.comparison import contrasts
from mscape.comparison.contrasts import Contrast
from mscape.errors import UserError


def test_contrasts_are_found_with_a_resting_reference():
    table = lots(UNPAIRED, tissue="unknown", sex=["f", "f", "f", "f", "m", "unknown"])
    found = contrasts.find_contrasts(table)
    assert [c.name for c in found] == ["condition: primed vs control", "sex: m vs f"]


def test_three_passages_make_a_trend_and_two_a_contrast_with_the_lower():
    three = lots(UNPAIRED, passage=["P2", "P2", "P4", "P4", "P10", "P10"])
    assert contrasts.find_contrasts(three, factors=["passage"]) == [Contrast("passage", trend=True)]
    two = lots(UNPAIRED, passage=["P10", "P10", "P10", "P9", "P9", "P9"])
    assert contrasts.find_contrasts(two, factors=["passage"]) == [Contrast("passage", "P9", "P10")]


def test_the_reference_of_the_config_is_taken_and_checked():
    table = lots(UNPAIRED)
    found = contrasts.find_contrasts(table, reference={"condition": "primed"})
    assert found == [Contrast("condition", "primed", "control")]
    with pytest.raises(UserError, match=r"no level 'ifng'.*'control', 'primed'"):
        contrasts.find_contrasts(table, reference={"condition": "ifng"})
    with pytest.raises(UserError, match="no factor 'dose'"):
        contrasts.check_contrasts(table, [{"factor": "dose", "reference": "a", "other": "b"}])


def test_ages_of_donors_give_a_trend():
    table = lots([(f"D{i}", "control") for i in range(4)], age=["21", "34", "50", "67"])
    (found,) = contrasts.find_contrasts(table, factors=["age"])
    assert found.trend
    assert found.name == "age: trend"
