import re

from mscape.report.charts.agreement import differences


def test_points_lie_where_their_difference_is_and_lines_are_named():
    points = [(90.0, -10.0, "A"), (95.0, 0.0, "B"), (99.0, 10.0, "C & D")]
    text = str(differences(points, lines=[(2.0, "bias")], title="t", x_axis="mean", y_axis="difference"))
    places = [(float(x), float(y)) for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', text)]
    assert len(places) == 3
    assert places == sorted(places)[::1]  # to the right with the mean
    assert places[0][1] > places[1][1] > places[2][1]  # and up with the difference
    assert abs((places[0][1] + places[2][1]) / 2 - places[1][1]) < 0.2
    assert "bias" in text
    assert "C &amp; D" in text
