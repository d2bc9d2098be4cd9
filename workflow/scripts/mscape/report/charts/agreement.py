"""The plot of Bland and Altman: difference of two measurements against their mean, one point a donor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import escape

from mscape.report.charts.svg import RowChart, ends, linear, round_ticks, svg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup


def differences(
    points: Sequence[tuple[float, float, str]],
    *,
    lines: Sequence[tuple[float, str]],
    title: str,
    x_axis: str,
    y_axis: str,
) -> Markup:
    """Draw points of (mean, difference, text), and level lines of (difference, text); values in per cent."""
    width, height, left, top, bottom = 320, 220, 44, 16, 176
    x0, x1 = ends([x for x, _, _ in points], 0.08)
    y0, y1 = ends([0.0, *(y for _, y, _ in points), *(y for y, _ in lines)], 0.08)
    place = linear(y0, y1)
    chart = RowChart(0, linear(x0, x1), width=width, label=left)

    def py(value: float) -> float:
        return bottom - (bottom - top) * place(value)

    for tick in round_ticks(y0, y1):
        chart.line(left, py(tick), chart.right, py(tick), "grid")
        chart.text(left - 6, py(tick) + 4, f"{tick:g}", anchor="end")
    for tick in round_ticks(x0, x1, 4):
        chart.text(chart.x(tick), bottom + 15, f"{tick:g}")
    for value, text in lines:
        chart.line(left, py(value), chart.right, py(value), "limit")
        chart.text(chart.right, py(value) - 3, text, kind="lab", anchor="end")
    for x, y, text in points:
        circle = f'cx="{chart.x(x):.1f}" cy="{py(y):.1f}" r="4"'
        chart.parts.append(f'<circle class="dot" {circle}><title>{escape(text)}</title></circle>')
    chart.text((left + width) / 2, bottom + 32, x_axis)
    middle = (top + bottom) / 2
    turn = f'transform="rotate(-90 12 {middle})"'
    chart.parts.append(f'<text class="tick" x="12" y="{middle}" text-anchor="middle" {turn}>{escape(y_axis)}</text>')
    return svg(chart.parts, title, width, height)
