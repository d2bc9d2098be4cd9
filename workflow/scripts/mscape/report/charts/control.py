"""Control charts as SVG: each lot with the limits that the lots before it set (Levey and Jennings), and the EWMA."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from mscape.report.charts import colours
from mscape.report.charts.svg import ends, linear, round_ticks, svg

if TYPE_CHECKING:
    from collections.abc import Sequence

LEFT, STEP, TOP, HEIGHT, FOOT = 64, 22, 10, 150, 44
COLOURS = {"beyond limits": "FAIL", "drift": "FAIL", "drift warning": "WARN", "within limits": "PASS"}


def control_chart(
    names: Sequence[str],
    values: Sequence[float],
    *,
    limits: Sequence[tuple[float, float, float]],
    findings: Sequence[str],
    axis: str,
    title: str,
) -> Markup:
    """Draw lots in order of time.

    Parameters
    ----------
    names, values
        Of the lots; a missing value leaves a gap.
    limits
        (low, center, high) of each lot, NaN where it is not judged.
    findings
        One of the findings of :mod:`mscape.tracking.track`; the mark's colour and shape follow it.
    axis
        What the values are.
    title
        Name of the image.
    """
    finite = [v for v in [*values, *(v for three in limits for v in three)] if math.isfinite(v)]
    low, high = ends(finite, 0.06)
    place = linear(low, high)
    width = LEFT + STEP * max(len(names), 4) + 14

    def y(value: float) -> float:
        return TOP + HEIGHT * (1 - place(value))

    parts = []
    for tick in round_ticks(low, high):
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y(tick):.1f}" x2="{width - 14}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    parts.append(
        f'<text class="tick" x="12" y="{TOP + HEIGHT / 2:.1f}" text-anchor="middle" '
        f'transform="rotate(-90 12 {TOP + HEIGHT / 2:.1f})">{escape(axis)}</text>'
    )
    for i, (name, value, three, finding) in enumerate(zip(names, values, limits, findings, strict=True)):
        x = LEFT + STEP * (i + 0.5)
        for level, kind in zip(three, ("limit", "median", "limit"), strict=True):
            if math.isfinite(level):
                left, right = x - STEP / 2, x + STEP / 2
                parts.append(f'<line class="{kind}" x1="{left}" y1="{y(level):.1f}" x2="{right}" y2="{y(level):.1f}"/>')
        if math.isfinite(value):
            parts.append(_mark(x, y(value), f"{name}: {value:.4g}, {finding}", COLOURS.get(finding, "")))
        label = (
            f'x="{x:.1f}" y="{TOP + HEIGHT + 12}" text-anchor="end" transform="rotate(-45 {x:.1f} {TOP + HEIGHT + 12})"'
        )
        short = name if len(name) <= 10 else name[:9] + "…"
        parts.append(f'<text class="tick" {label}>{escape(short)}</text>')
    return svg(parts, title, width, TOP + HEIGHT + FOOT)


def _mark(x: float, y: float, hint: str, verdict: str) -> str:
    """Draw a lot: the shape says the finding as well as the colour does."""
    fill = colours.VERDICT.get(verdict, colours.VERDICT["NOT ASSESSABLE"])
    shapes = {
        "FAIL": f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" fill="{fill}" class="mark">',
        "WARN": f'<path d="M{x:.1f} {y - 5:.1f}l5.5 9.5h-11z" fill="{fill}" class="mark">',
    }
    shape = shapes.get(verdict, f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.2" fill="{fill}" class="mark">')
    end = {"FAIL": "rect", "WARN": "path"}.get(verdict, "circle")
    return f"{shape}<title>{escape(hint)}</title></{end}>"
