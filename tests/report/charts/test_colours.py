"""Colours of categories and of values."""

import pytest

from mscape.report.charts import colours


def test_names_with_a_meaning_keep_their_color_and_others_differ_from_them():
    found = colours.categories(["pass", "a", "b", "unknown"])
    assert found[0] == colours.CALL["pass"]
    assert found[3] == colours.NONE
    assert len(set(found)) == 4


def test_many_categories_all_differ():
    names = [f"lot {i}" for i in range(40)]
    assert len(set(colours.categories(names))) == 40


@pytest.mark.parametrize(
    ("value", "place"), [(None, None), (0.5, 4), (1.0, 5), (-1.0, 3), (1.5, 6), (-9.0, 2), (9.0, 6)]
)
def test_a_value_has_a_bin_on_its_side_of_zero(value, place):
    """Nine colors, two edges: the middle one (4) up to the first edge."""
    assert len(colours.DIVERGING) == 9
    assert colours.ramp_bin(value, (1.0, 1.5)) == place
