"""Figures of lots draw the numbers that they are given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from mscape.report import lot_figures
from mscape.report.charts import colours


@pytest.fixture
def criteria():
    rows = [
        ("A", "CD73", "positive", 0.97, 0.96, 0.98, "meets"),
        ("B", "CD73", "positive", 0.50, 0.40, 0.60, "fails"),
        ("A", "CD45", "negative", 0.01, 0.00, 0.02, "meets"),
    ]
    return pd.DataFrame(rows, columns=["lot_id", "criterion", "kind", "estimate", "low", "high", "verdict"])


def test_shares_are_drawn_in_per_cent_with_limit_and_color_of_the_verdict(criteria):
    figure = lot_figures.draw_intervals(criteria, ["A", "B"])
    positive, negative = figure.axes
    assert positive.get_title() == "CD73"
    points = positive.collections[1]
    assert np.allclose(points.get_offsets(), [[97, 0], [50, 1]])
    assert to_hex(points.get_facecolor()[1]) == colours.VERDICT["FAIL"].lower()
    assert positive.lines[0].get_xdata()[0] == 95
    assert negative.lines[0].get_xdata()[0] == 2


@pytest.mark.parametrize(
    ("text", "short"), [("a" * 30, "a" * 27 + "…"), ("$x$", r"\$x\$"), ("_hidden", "\u200b_hidden"), ("plain", "plain")]
)
def test_names_are_shortened_and_signs_of_mathematics_lose_their_meaning(text, short):
    assert lot_figures.short(text) == short
