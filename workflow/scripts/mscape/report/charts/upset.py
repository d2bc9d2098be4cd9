"""UpSet chart: how many cells fail which limits together (Lex 2014, doi:10.1109/TVCG.2014.2346248)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import escape

from mscape.report.charts.svg import ROW, svg
from mscape.report.numbers import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup

LEFT, STEP, BARS, TOP = 118, 30, 70, 16
WIDTH = 320  # at least, as that of other charts: narrow ones would be drawn larger
MOST = 8  # combinations drawn; the others are rare


def upset(together: Mapping[str, int], *, title: str) -> Markup:
    """Draw a column for each combination of limits, with its number of cells, and a dot for each limit in it.

    Parameters
    ----------
    together
        Cells by the names of the limits that they fail, joined by ``+``; not empty.
    title
        Name of the image.
    """
    columns = sorted(together.items(), key=lambda one: (-one[1], one[0]))[:MOST]
    single: dict[str, int] = {}
    for names, count in together.items():
        for name in names.split("+"):
            single[name] = single.get(name, 0) + count
    rows = sorted(single, key=lambda name: (-single[name], name))
    highest = max(count for _, count in columns)
    below = TOP + BARS + 10
    width, height = max(LEFT + STEP * len(columns) + 10, WIDTH), below + ROW * len(rows) + 4
    parts = []
    for row, name in enumerate(rows):
        y = below + ROW * (row + 0.5)
        text = escape(f"{name.replace('_', ' ')} ({number(single[name])})")
        parts.append(f'<text class="lab" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{width - 10}" y2="{y:.1f}"/>')
    for column, (names, count) in enumerate(columns):
        x = LEFT + STEP * (column + 0.5)
        inside = [rows.index(name) for name in names.split("+")]
        ys = [below + ROW * (row + 0.5) for row in sorted(inside)]
        size = max(BARS * count / highest, 1)
        what = escape(f"{names.replace('+', ' and ').replace('_', ' ')}: {number(count)} cells")
        parts.append(f"<g><title>{what}</title>")
        box = f'x="{x - 8:.1f}" y="{TOP + BARS - size:.1f}" width="16" height="{size:.1f}"'
        parts.append(f'<rect class="box" {box}/>')
        place = f'x="{x:.1f}" y="{TOP + BARS - size - 4:.1f}" text-anchor="middle"'
        parts.append(f'<text class="tick" {place}>{number(count)}</text>')
        if len(ys) > 1:
            parts.append(f'<line class="median" x1="{x:.1f}" y1="{ys[0]:.1f}" x2="{x:.1f}" y2="{ys[-1]:.1f}"/>')
        parts += [f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="5"/>' for y in ys]
        parts.append("</g>")
    return svg(parts, title, width, height)
