"""Small charts as SVG text, drawn without a plotting library so that the page stays light and prints sharp.

Colours and line widths are classes of the page's style sheet, so that charts follow the light and the dark theme.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup, escape

from mscape.report.charts import colours
from mscape.report.numbers import fit, percent, text_width

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROW, TOP, BOTTOM = 19, 8, 34
LONG = 25  # rows above which the axis is written at the top too
MEETS = {"meets": "PASS", "fails": "FAIL", "inconclusive": "WARN", "not_assessable": "NOT ASSESSABLE"}


class Interval(NamedTuple):
    """A row of an interval chart; values may be None."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    verdict: str = ""
    other: float | None = None  # a second, hollow mark
    note: str = ""


class RowChart:
    """A chart with one row per name: labels on the left, one axis below.

    Parameters
    ----------
    rows
        Number of rows.
    place
        Value to a share of the axis, 0 to 1.
    width, label
        Of the chart and of the column of labels, in pixels.
    """

    def __init__(self, rows: int, place: Callable[[float], float], *, width: int = 320, label: int = 108):
        self.width, self.left, self.right = width, label, width - 14
        self.top = TOP + (14 if rows > LONG else 0)  # room for values above, where those below are far
        self.bottom = self.top + ROW * rows
        self._place = place
        self.parts: list[str] = []

    def x(self, value: float) -> float:
        """Horizontal place of a value."""
        return self.left + (self.right - self.left) * self._place(value)

    def middle(self, row: int) -> float:
        """Vertical middle of a row."""
        return self.top + ROW * (row + 0.5)

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        """Draw a line of a class of the style sheet."""
        self.parts.append(f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def text(
        self, x: float, y: float, text: str, *, kind: str = "tick", anchor: str = "middle", hint: str = ""
    ) -> None:
        """Write text; ``hint`` is shown on hover."""
        title = f"<title>{escape(hint)}</title>" if hint else ""
        place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
        self.parts.append(f'<text class="{kind}" {place}>{escape(text)}{title}</text>')

    def label(self, row: int, text: str) -> None:
        """Name a row."""
        self.text(self.left - 8, self.middle(row) + 4, fit(text, self.left - 8), kind="lab", anchor="end", hint=text)

    def axis(self, ticks: Sequence[tuple[float, str]], title: str) -> None:
        """Draw grid lines with their values, and the axis title."""
        for value, text in ticks:
            self.line(self.x(value), self.top - 4, self.x(value), self.bottom, "grid")
            self.text(self.x(value), self.bottom + 13, text)
            if self.top > TOP:
                self.text(self.x(value), self.top - 8, text)
        self.text((self.left + self.right) / 2, self.bottom + 28, title)

    def limit(self, value: float) -> None:
        """Draw a dashed line through all rows."""
        self.line(self.x(value), self.top - 4, self.x(value), self.bottom, "limit")

    def zone(self, low: float, high: float) -> None:
        """Shade the good side of a limit."""
        left, width = self.x(low), self.x(high) - self.x(low)
        box = f'x="{left:.1f}" y="{self.top - 4}" width="{width:.1f}" height="{self.bottom - self.top + 4}"'
        self.parts.append(f'<rect class="zone" {box}/>')

    def intervals(self, rows: Sequence[Interval], show: Callable[[float | None], str]) -> None:
        """Draw the rows of an interval chart; ``show`` writes a value."""
        for i, row in enumerate(rows):
            y = self.middle(i)
            ends = "no interval" if row.low is None or row.high is None else f"{show(row.low)} to {show(row.high)}"
            hint = f"{row.label}: {show(row.value)} ({ends}). {row.note}"
            self.parts.append(f"<g><title>{escape(hint)}</title>")
            self.parts.append(f'<rect class="hit" x="0" y="{y - ROW / 2:.1f}" width="{self.width}" height="{ROW}"/>')
            self.label(i, row.label)
            if row.value is None:
                self.text(self.left + 4, y + 4, "not assessable", anchor="start")
            else:
                self._interval(row, row.value, y)
            self.parts.append("</g>")

    def _interval(self, row: Interval, value: float, y: float) -> None:
        if row.low is not None and row.high is not None:
            self.line(self.x(row.low), y, self.x(row.high), y, "bar")
            for end in (row.low, row.high):
                self.line(self.x(end), y - 4, self.x(end), y + 4, "bar")
        if row.other is not None:
            diamond = f"M{self.x(row.other):.1f} {y - 4.5:.1f}l4.5 4.5l-4.5 4.5l-4.5 -4.5z"
            self.parts.append(f'<path class="naive" d="{diamond}"/>')
        self.parts.append(_mark(self.x(value), y, row.verdict))

    def svg(self, title: str) -> Markup:
        """Return the chart."""
        return svg(self.parts, title, self.width, self.bottom + BOTTOM)


def svg(parts: Sequence[str], title: str, width: float, height: float) -> Markup:
    """Join parts, which are escaped already, into an image with a name."""
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    name = f'role="img" aria-label="{escape(title)}" style="min-width:{0.8 * width:g}px;max-width:{1.2 * width:g}px"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" {size} {name}>'
    return Markup(head + "".join(parts) + "</svg>")


def _mark(x: float, y: float, verdict: str) -> str:
    """Draw the estimate: the shape says the verdict as well as the colour does."""
    fill = colours.VERDICT.get(verdict, colours.OKABE_ITO[0])
    if verdict == "FAIL":
        return f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" fill="{fill}" class="mark"/>'
    if verdict == "WARN":
        return f'<path d="M{x:.1f} {y - 5:.1f}l5.5 9.5h-11z" fill="{fill}" class="mark"/>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.4" fill="{fill}" class="mark"/>'


def fractions(rows: Sequence[Interval], *, kind: str, limit: float | None, title: str) -> Markup:
    """Draw intervals of a fraction on an axis that is stretched at the end that matters.

    Positive markers are read near 100 %, negative ones near 0 %: the axis is the square root of the distance from
    that end, so that 95 and 99 % (or 2 and 0.5 %) are apart and outliers still fit.

    Parameters
    ----------
    rows
        One per lot or criterion.
    kind
        positive, negative or overall.
    limit
        Of the criterion, as a fraction; its good side is shaded.
    title
        Name of the image.
    """
    negative = kind == "negative"

    def place(value: float) -> float:
        value = min(max(value, 0.0), 1.0)
        return math.sqrt(value) if negative else 1 - math.sqrt(1 - value)

    chart = RowChart(len(rows), place)
    if limit is not None:
        chart.zone(*((0, limit) if negative else (limit, 1)))
    ticks = (0, 0.005, 0.02, 0.1, 0.3, 1) if negative else (0, 0.5, 0.8, 0.95, 1)
    what = "called pass" if kind == "overall" else "above the limit"
    chart.axis([(t, f"{t * 100:g}") for t in ticks], f"% of cells {what} ({'√' if negative else 'stretched'} scale)")
    if limit is not None:
        chart.limit(limit)
    chart.intervals(rows, percent)
    return chart.svg(title)


def forest(rows: Sequence[Interval], *, title: str, axis: str, zero: float = 0.0, label: int = 108) -> Markup:
    """Draw effects with intervals about a line of no effect; ``label`` is the most that names may take."""
    label = round(min(label, max([40.0, *(text_width(row.label) + 14 for row in rows)])))
    low, high = ends([v for row in rows for v in (row.value, row.low, row.high) if v is not None] + [zero], 0.06)
    chart = RowChart(len(rows), linear(low, high), width=212 + label, label=label)
    chart.axis([(t, f"{t:g}") for t in round_ticks(low, high)], axis)
    chart.limit(zero)
    chart.intervals(rows, lambda v: "n/a" if v is None else f"{v:.2f}")
    return chart.svg(title)


def stacks(
    rows: Sequence[tuple[str, Sequence[tuple[str, float, str]]]],
    *,
    title: str,
    axis: str = "% of cells",
    top: float = 1.0,
) -> Markup:
    """Stack shares into bars: one row a lot, parts of (name, share, colour); the axis ends at ``top``."""
    chart = RowChart(len(rows), lambda value: min(value / top, 1.0))
    chart.axis([(t / 4 * top, f"{t * 25 * top:g}") for t in range(5)], axis)
    for i, (label, shares) in enumerate(rows):
        chart.label(i, label)
        left = 0.0
        for name, share, colour in shares:
            if share <= 0:
                continue
            x, end = chart.x(left), chart.x(left + share)
            box = f'x="{x:.2f}" y="{chart.middle(i) - 7.5:.1f}" width="{end - x:.2f}" height="15" fill="{colour}"'
            hint = escape(f"{label}, {name}: {percent(share)}")
            chart.parts.append(f'<rect class="part" {box}><title>{hint}</title></rect>')
            left += share
    return chart.svg(title)


def boxes(
    rows: Sequence[tuple[str, Sequence[float], Sequence[float]]], *, title: str, axis: str, log: bool = False
) -> Markup:
    """Draw quantile boxes: rows of (label, 5/25/50/75/95 % quantiles, limits); the whisker is 5 to 95 %."""
    change = (lambda v: math.log10(max(v, 1.0))) if log else float
    low, high = ends(
        [change(v) for _, quantiles, limits in rows for v in (*quantiles, *limits) if math.isfinite(v)], 0.04
    )
    to_share = linear(low, high)
    chart = RowChart(len(rows), lambda value: to_share(change(value)))
    if log:
        steps = [10.0**e * m for e in range(math.floor(low), math.ceil(high)) for m in (1, 3)]
        ticks = [(v, f"{v:,.0f}".replace(",", "\u202f")) for v in steps if low <= math.log10(v) <= high]
    else:
        ticks = [(t, f"{t:g}") for t in round_ticks(low, high)]
    chart.axis(ticks[:: max(1, math.ceil(len(ticks) / 5))], axis)
    for i, (label, quantiles, limits) in enumerate(rows):
        y = chart.middle(i)
        chart.label(i, label)
        if not all(map(math.isfinite, quantiles)):
            chart.text(chart.left + 4, y + 4, "not measured", anchor="start")
            continue
        q05, q25, q50, q75, q95 = map(chart.x, quantiles)
        hint = f"{label}: median {quantiles[2]:.4g}, half of the cells {quantiles[1]:.4g} to {quantiles[3]:.4g}"
        chart.parts.append(f"<g><title>{escape(hint)}</title>")
        chart.line(q05, y, q95, y, "bar")
        box = f'x="{q25:.1f}" y="{y - 5:.1f}" width="{max(q75 - q25, 1):.1f}" height="10"'
        chart.parts.append(f'<rect class="box" {box}/>')
        chart.line(q50, y - 6, q50, y + 6, "median")
        chart.parts.append("</g>")
        for value in filter(math.isfinite, limits):
            chart.line(chart.x(value), y - 8, chart.x(value), y + 8, "limit")
    return chart.svg(title)


def ends(values: Sequence[float], pad: float) -> tuple[float, float]:
    """Smallest and largest value with some room."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    room = (high - low) * pad or 1.0
    return low - room, high + room


def linear(low: float, high: float) -> Callable[[float], float]:
    """Map a range to 0 to 1."""
    span = (high - low) or 1.0
    return lambda value: (value - low) / span


def round_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers between two ends."""
    raw = (high - low) / count
    size = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    step = next((m * size for m in (1, 2, 2.5, 5, 10) if m * size >= raw), size)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(k * step, 10) for k in range(first, last + 1)]
