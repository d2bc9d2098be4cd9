"""Small charts as SVG text, drawn without a plotting library so that the page stays light and scales with print."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup, escape

from mscape.report import colours

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WIDTH, LABEL, ROW, TOP, BOTTOM = 320, 108, 19, 8, 34
RIGHT = WIDTH - 14  # end of the axis
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


def _svg(height: float, body: Sequence[str], title: str, width: float = WIDTH) -> Markup:
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" '
        'aria-label="{t}">{b}</svg>'
    ).format(w=f"{width:g}", h=f"{height:g}", t=title, b=Markup("").join(map(Markup, body)))


def shorten(text: object, length: int = 15) -> str:
    """Cut a name in its middle, where lot names differ least."""
    text = str(text)
    if len(text) <= length:
        return text
    head = (length - 1) * 2 // 3
    return f"{text[:head]}…{text[-(length - 1 - head) :]}"


def _label(text: str, y: float) -> str:
    return f'<text class="lab" x="{LABEL - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(shorten(text))}<title>{escape(text)}</title></text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _axis(ticks: Sequence[tuple[float, str]], place: Callable[[float], float], bottom: float, title: str) -> list[str]:
    parts = []
    for value, text in ticks:
        x = place(value)
        parts.append(_line(x, TOP - 4, x, bottom, "grid"))
        parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 13}" text-anchor="middle">{escape(text)}</text>')
    parts.append(
        f'<text class="tick" x="{(LABEL + RIGHT) / 2:.1f}" y="{bottom + 28}" text-anchor="middle">{escape(title)}</text>'
    )
    return parts


def _mark(x: float, y: float, verdict: str) -> str:
    """Draw the estimate: the shape says the verdict as well as the colour does."""
    fill = colours.VERDICT.get(verdict, "#0072B2")
    if verdict == "FAIL":
        return f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" fill="{fill}" class="mark"/>'
    if verdict == "WARN":
        return f'<path d="M{x:.1f} {y - 5:.1f}l5.5 9.5h-11z" fill="{fill}" class="mark"/>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.4" fill="{fill}" class="mark"/>'


def percent(value: float | None, digits: int = 1) -> str:
    """Format a fraction as per cent; never "0 %" or "100 %" for what is merely near."""
    if value is None or not math.isfinite(value):
        return "n/a"
    shown = f"{value * 100:.{digits}f}"
    if value < 1 and shown == f"{100:.{digits}f}":
        return f"> {100 - 10**-digits:.{digits}f}\u00a0%"
    if value > 0 and shown == f"{0:.{digits}f}":
        return f"< {10**-digits:.{digits}f}\u00a0%"
    return f"{shown.removesuffix('.0')}\u00a0%"


def fractions(rows: Sequence[Interval], *, kind: str, limit: float | None, title: str) -> Markup:
    """Draw intervals of a fraction per lot on an axis that is stretched at the end that matters.

    Positive markers are read near 100 %, negative ones near 0 %: the axis is the square root of the distance from
    that end, so that 95 and 99 % (or 2 and 0.5 %) are apart and outliers still fit.
    """
    span = RIGHT - LABEL
    if kind == "negative":
        ticks = (0, 0.005, 0.02, 0.1, 0.3, 1)
        axis = "% of cells above the limit (√ scale)"
    else:
        ticks = (0, 0.5, 0.8, 0.95, 1)
        axis = "% of cells above the limit (stretched scale)"
        if kind == "overall":
            axis = "% of cells called pass (stretched scale)"

    def place(value: float) -> float:
        value = min(max(value, 0.0), 1.0)
        return LABEL + span * (math.sqrt(value) if kind == "negative" else 1 - math.sqrt(1 - value))

    bottom = TOP + ROW * len(rows)
    parts = []
    if limit is not None:
        left, right = (LABEL, place(limit)) if kind == "negative" else (place(limit), RIGHT)
        parts.append(
            f'<rect class="zone" x="{left:.1f}" y="{TOP - 4}" width="{right - left:.1f}" height="{bottom - TOP + 4}"/>'
        )
    parts += _axis([(t, f"{t * 100:g}") for t in ticks], place, bottom, axis)
    if limit is not None:
        parts.append(_line(place(limit), TOP - 4, place(limit), bottom, "limit"))
    parts += _rows(rows, place, percent)
    return _svg(bottom + BOTTOM, parts, title)


def forest(rows: Sequence[Interval], *, title: str, axis: str, zero: float = 0.0) -> Markup:
    """Draw effects with intervals about a line of no effect."""
    ends = [v for row in rows for v in (row.value, row.low, row.high) if v is not None] + [zero]
    low, high = min(ends), max(ends)
    pad = (high - low) * 0.06 or 1.0
    low, high = low - pad, high + pad
    span = RIGHT - LABEL
    bottom = TOP + ROW * len(rows)

    def place(value: float) -> float:
        return LABEL + span * (value - low) / (high - low)

    parts = _axis([(t, f"{t:g}") for t in round_ticks(low, high)], place, bottom, axis)
    parts.append(_line(place(zero), TOP - 4, place(zero), bottom, "limit"))
    parts += _rows(rows, place, lambda v: "n/a" if v is None else f"{v:.2f}")
    return _svg(bottom + BOTTOM, parts, title)


def _rows(rows: Sequence[Interval], place: Callable[[float], float], show: Callable[[float | None], str]) -> list[str]:
    parts = []
    for i, row in enumerate(rows):
        y = TOP + ROW * (i + 0.5)
        hint = f"{row.label}: {show(row.value)} ({show(row.low)} to {show(row.high)}). {row.note}"
        parts.append(f"<g><title>{escape(hint)}</title>")
        parts.append(f'<rect class="hit" x="0" y="{y - ROW / 2:.1f}" width="{WIDTH}" height="{ROW}"/>')
        parts.append(_label(row.label, y))
        if row.value is None:
            parts.append(f'<text class="tick" x="{LABEL + 4}" y="{y + 4:.1f}">not assessable</text></g>')
            continue
        if row.low is not None and row.high is not None:
            parts.append(_line(place(row.low), y, place(row.high), y, "bar"))
            parts += [_line(place(v), y - 4, place(v), y + 4, "bar") for v in (row.low, row.high)]
        if row.other is not None:
            x = place(row.other)
            parts.append(f'<path class="naive" d="M{x:.1f} {y - 4.5:.1f}l4.5 4.5l-4.5 4.5l-4.5 -4.5z"/>')
        parts.append(_mark(place(row.value), y, row.verdict) + "</g>")
    return parts


def stacks(
    rows: Sequence[tuple[str, Sequence[tuple[str, float, str]]]], *, title: str, axis: str = "% of cells", top: float = 1.0
) -> Markup:
    """Stack shares into bars: one row a lot, parts of (name, share, colour); the axis ends at ``top``."""
    span = RIGHT - LABEL
    bottom = TOP + ROW * len(rows)

    def place(value: float) -> float:
        return LABEL + span * min(value / top, 1.0)

    parts = _axis([(t / 4 * top, f"{t * 25 * top:g}") for t in range(5)], place, bottom, axis)
    for i, (label, shares) in enumerate(rows):
        y = TOP + ROW * i + 2
        parts.append(_label(label, y + ROW / 2 - 2))
        left = 0.0
        for name, share, colour in shares:
            if share <= 0:
                continue
            hint = escape(f"{label}, {name}: {percent(share)}")
            parts.append(f'<rect class="part" x="{place(left):.2f}" y="{y}" width="{place(left + share) - place(left):.2f}" height="{ROW - 4}" '
                         f'fill="{colour}"><title>{hint}</title></rect>')  # fmt: skip
            left += share
    return _svg(bottom + BOTTOM, parts, title)


def boxes(rows: Sequence[tuple[str, Sequence[float], Sequence[float]]], *, title: str, axis: str, log: bool) -> Markup:
    """Draw quantile boxes: rows of (label, 5/25/50/75/95 % quantiles, limits); the whisker is 5 to 95 %."""
    change = (lambda v: math.log10(max(v, 1.0))) if log else float
    ends = [change(v) for _, quantiles, limits in rows for v in (*quantiles, *limits) if math.isfinite(v)]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    pad = (high - low) * 0.04 or 0.5
    low, high = low - pad, high + pad
    span, bottom = RIGHT - LABEL, TOP + ROW * len(rows)

    def at(value: float) -> float:
        return LABEL + span * (change(value) - low) / (high - low)

    if log:
        ticks = [(10.0**e * m, f"{10**e * m:,.0f}") for e in range(math.floor(low), math.ceil(high)) for m in (1, 3)]
        ticks = [(v, text) for v, text in ticks if low <= math.log10(v) <= high]
    else:
        ticks = [(t, f"{t:g}") for t in round_ticks(low, high)]
    parts = _axis(ticks[:: max(1, len(ticks) // 5)], at, bottom, axis)
    for i, (label, quantiles, limits) in enumerate(rows):
        y = TOP + ROW * (i + 0.5)
        parts.append(_label(label, y))
        if not all(map(math.isfinite, quantiles)):
            parts.append(f'<text class="tick" x="{LABEL + 4}" y="{y + 4:.1f}">not measured</text>')
            continue
        q05, q25, q50, q75, q95 = map(at, quantiles)
        hint = escape(f"{label}: median {quantiles[2]:.4g}, half of the cells {quantiles[1]:.4g} to {quantiles[3]:.4g}")
        parts.append(f"<g><title>{hint}</title>" + _line(q05, y, q95, y, "bar"))
        parts.append(f'<rect class="box" x="{q25:.1f}" y="{y - 5}" width="{max(q75 - q25, 1):.1f}" height="10"/>')
        parts.append(_line(q50, y - 6, q50, y + 6, "median") + "</g>")
        parts += [_line(at(v), y - 8, at(v), y + 8, "limit") for v in limits if math.isfinite(v)]
    return _svg(bottom + BOTTOM, parts, title)


def curve(
    points: Sequence[tuple[float, float, float, float, str, bool]], *, title: str, x_axis: str, y_axis: str
) -> Markup:
    """Draw a line with an interval band: points of (x, y, low, high, text, chosen)."""
    width, height, left, bottom = WIDTH, 220, 44, 176
    xs = [p[0] for p in points]
    low = min([p[2] for p in points] + [0.9])
    x0, x1 = min(xs), max(xs)
    y0, y1 = max(0.0, math.floor(low * 20) / 20), 1.0

    def px(x: float) -> float:
        return left + (width - left - 14) * ((x - x0) / ((x1 - x0) or 1.0))

    def py(y: float) -> float:
        return bottom - (bottom - 26) * (y - y0) / (y1 - y0)

    parts = []
    for tick in round_ticks(y0, y1):
        parts.append(_line(left, py(tick), width - 14, py(tick), "grid"))
        parts.append(f'<text class="tick" x="{left - 6}" y="{py(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for tick in round_ticks(x0, x1):
        parts.append(f'<text class="tick" x="{px(tick):.1f}" y="{bottom + 15}" text-anchor="middle">{tick:g}</text>')
    band = [f"{px(p[0]):.1f},{py(p[3]):.1f}" for p in points] + [
        f"{px(p[0]):.1f},{py(p[2]):.1f}" for p in reversed(points)
    ]
    parts.append(f'<polygon class="band" points="{" ".join(band)}"/>')
    parts.append(f'<polyline class="line" points="{" ".join(f"{px(p[0]):.1f},{py(p[1]):.1f}" for p in points)}"/>')
    for x, y, _, _, text, chosen in points:
        kind = "chosen" if chosen else "dot"
        parts.append(
            f'<circle class="{kind}" cx="{px(x):.1f}" cy="{py(y):.1f}" r="{6 if chosen else 3.2}"><title>{escape(text)}</title></circle>'
        )
        if chosen:
            anchor = "end" if px(x) > width * 0.7 else "start" if px(x) < width * 0.3 else "middle"
            parts.append(
                f'<text class="lab" x="{px(x):.1f}" y="16" text-anchor="{anchor}">chosen: {escape(text)}</text>'
            )
            parts.append(_line(px(x), 20, px(x), bottom, "limit"))
    parts.append(
        f'<text class="tick" x="{(left + width) / 2:.1f}" y="{bottom + 32}" text-anchor="middle">{escape(x_axis)}</text>'
    )
    middle = (26 + bottom) / 2
    parts.append(
        f'<text class="tick" x="12" y="{middle}" text-anchor="middle" transform="rotate(-90 12 {middle})">{escape(y_axis)}</text>'
    )
    return _svg(height, parts, title)


def round_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers between two ends."""
    raw = (high - low) / count
    size = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    step = next((m * size for m in (1, 2, 2.5, 5, 10) if m * size >= raw), size)
    first = math.ceil(low / step - 1e-9)
    ticks = []
    while first * step <= high + step * 1e-9:
        ticks.append(round(first * step, 10))
        first += 1
    return ticks
