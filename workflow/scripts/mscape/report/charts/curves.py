"""The curve that shows how the resolution was chosen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from markupsafe import escape

from mscape.report.charts.svg import RowChart, linear, round_ticks, svg

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from markupsafe import Markup


def curve(
    points: Sequence[tuple[float, float, float, float, str, bool]], *, title: str, x_axis: str, y_axis: str
) -> Markup:
    """Draw a line with an interval band: points of (x, y, low, high, text, chosen)."""
    width, height, left, top, bottom = 320, 220, 44, 26, 176
    x0, x1 = min(p[0] for p in points), max(p[0] for p in points)
    y0 = max(0.0, math.floor(min([p[2] for p in points] + [0.9]) * 20) / 20)
    to_x, to_y = linear(x0, x1), linear(y0, 1.0)
    chart = RowChart(0, to_x, width=width, label=left)

    def py(value: float) -> float:
        return bottom - (bottom - top) * to_y(value)

    for tick in round_ticks(y0, 1.0):
        chart.line(left, py(tick), chart.right, py(tick), "grid")
        chart.text(left - 6, py(tick) + 4, f"{tick:g}", anchor="end")
    for tick in round_ticks(x0, x1):
        chart.text(chart.x(tick), bottom + 15, f"{tick:g}")
    band = [(p[0], p[3]) for p in points] + [(p[0], p[2]) for p in reversed(points)]
    chart.parts.append(f'<polygon class="band" points="{_path(band, chart.x, py)}"/>')
    chart.parts.append(f'<polyline class="line" points="{_path([p[:2] for p in points], chart.x, py)}"/>')
    for x, y, _, _, text, chosen in points:
        if chosen:
            share = to_x(x)
            anchor = "end" if share > 0.7 else "start" if share < 0.3 else "middle"
            chart.line(chart.x(x), 20, chart.x(x), bottom, "limit")
            chart.text(chart.x(x), 16, f"chosen: {text}", kind="lab", anchor=anchor)
        circle = f'cx="{chart.x(x):.1f}" cy="{py(y):.1f}" r="{6 if chosen else 3.2}"'
        kind = "chosen" if chosen else "dot"
        chart.parts.append(f'<circle class="{kind}" {circle}><title>{escape(text)}</title></circle>')
    chart.text((left + width) / 2, bottom + 32, x_axis)
    middle = (top + bottom) / 2
    turn = f'transform="rotate(-90 12 {middle})"'
    chart.parts.append(f'<text class="tick" x="12" y="{middle}" text-anchor="middle" {turn}>{escape(y_axis)}</text>')
    return svg(chart.parts, title, width, height)


def _path(points, x: Callable, y: Callable) -> str:
    return " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in points)
