"""Pictures of enrichment as SVG text: a dot for each gene set and group, and running sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from markupsafe import escape

from mscape.report.charts import colours
from mscape.report.charts.svg import ROW, svg
from mscape.report.dataset import natural
from mscape.report.numbers import finite, fit, shorten, signature_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd
    from markupsafe import Markup

NES_EDGES = (1.0, 1.4, 1.8, 2.2)  # NES at which the colour deepens
FDR_SIZES = ((0.001, 7.5), (0.01, 6.0), (0.05, 4.5), (1.01, 2.2))  # radius below each FDR


class Panel(NamedTuple):
    """Running sum of a set over a ranking.

    Attributes
    ----------
    title, caption
        The set's name; its NES, FDR and numbers of genes.
    x, y
        The line: positions in the ranking and running sums, from the first gene to the last.
    hits, leading
        Positions of the set's genes, and which of them lead.
    names
        First leading genes.
    n_list
        Genes ranked.
    """

    title: str
    caption: str
    x: np.ndarray
    y: np.ndarray
    hits: np.ndarray
    leading: np.ndarray
    names: list[str]
    n_list: int


def radius(fdr: float | None) -> float:
    """Radius of a dot, in pixels."""
    return FDR_SIZES[-1][1] if fdr is None else next(r for limit, r in FDR_SIZES if fdr < limit)


def dots(rows: pd.DataFrame, *, title: str) -> Markup:
    """Draw a dot for each set (rows) and group (columns): colour is NES, size is FDR.

    Parameters
    ----------
    rows
        From :func:`choose`.
    title
        Name of the image.
    """
    terms, groups = list(dict.fromkeys(rows["term"])), natural(rows["cluster"].unique())
    left, top, step = 330, 16 + min(max(map(len, groups)), 24) * 4.6, 34
    width = left + step * len(groups) + 120
    bottom = top + ROW * len(terms)
    x = {group: left + step * (i + 0.5) for i, group in enumerate(groups)}
    y = {term: top + ROW * (i + 0.5) for i, term in enumerate(terms)}
    parts = []
    for group in groups:
        turn = f'transform="rotate(-45 {x[group]:.1f} {top - 8:.1f})"'
        name = escape(shorten(group, 24))
        hint = f"<title>{escape(group)}</title>"
        parts.append(f'<text class="lab" x="{x[group]:.1f}" y="{top - 8:.1f}" {turn}>{name}{hint}</text>')
    for term in terms:
        parts.append(
            f'<line class="grid" x1="{left}" y1="{y[term]:.1f}" x2="{left + step * len(groups)}" y2="{y[term]:.1f}"/>'
        )
        name = escape(fit(signature_name(term), left - 8))
        hint = f"<title>{escape(term)}</title>"
        parts.append(f'<text class="lab" x="{left - 8}" y="{y[term] + 4:.1f}" text-anchor="end">{name}{hint}</text>')
    for row in rows.to_dict("records"):
        fill = colours.DIVERGING[colours.signed_bin(row["nes"], NES_EDGES)]
        circle = (
            f'cx="{x[row["cluster"]]:.1f}" cy="{y[row["term"]]:.1f}" r="{radius(finite(row["fdr"]))}" fill="{fill}"'
        )
        hint = f"{signature_name(row['term'])}, {row['cluster']}: {row['said']}"
        parts.append(f'<circle class="bar" {circle}><title>{escape(hint)}</title></circle>')
    parts += _dot_key(left + step * len(groups) + 26, top)
    return svg(parts, title, width, max(bottom, top + 12 * ROW) + 8)


def _dot_key(x: float, top: float) -> list[str]:
    parts, y = [f'<text class="tick" x="{x}" y="{top}">NES</text>'], top
    levels = [-2.4, -1.9, -1.5, -1.1, 1.1, 1.5, 1.9, 2.4]
    words = ["≤ −2.2", "", "", "−1", "1", "", "", "≥ 2.2"]
    for nes, text in zip(levels, words, strict=True):
        y += 13
        fill = colours.DIVERGING[colours.signed_bin(nes, NES_EDGES)]
        parts.append(f'<circle class="bar" cx="{x + 7}" cy="{y - 3:.1f}" r="5" fill="{fill}"/>')
        parts.append(f'<text class="tick" x="{x + 20}" y="{y:.1f}">{text}</text>')
    y += 18
    parts.append(f'<text class="tick" x="{x}" y="{y:.1f}">FDR</text>')
    for (_, size), text in zip(FDR_SIZES, ("< 0.001", "< 0.01", "< 0.05", "not below"), strict=True):
        y += 17
        parts.append(f'<circle class="dot" cx="{x + 7}" cy="{y - 4:.1f}" r="{size}"/>')
        parts.append(f'<text class="tick" x="{x + 20}" y="{y:.1f}">{text}</text>')
    return parts


def running(made: Sequence[Panel], *, title: str) -> Markup:
    """Draw running sums, three panels a row: the line, its genes below, the leading ones dark."""
    across, wide, high = min(3, len(made)), 292, 176
    parts = []
    for i, panel in enumerate(made):
        x0, y0 = (i % across) * wide, (i // across) * high
        parts.append(f'<g transform="translate({x0} {y0})">{"".join(_panel(panel))}</g>')
    return svg(parts, title, wide * across, high * -(-len(made) // across))


def _panel(panel: Panel) -> list[str]:
    left, right, top, bottom = 38, 282, 34, 112
    low, high = min(panel.y.min(), 0.0), max(panel.y.max(), 0.0)

    def px(value: float) -> float:
        return left + (right - left) * value / panel.n_list

    def py(value: float) -> float:
        return bottom - (bottom - top) * (value - low) / (high - low)

    line = " ".join(f"{px(a):.1f},{py(b):.1f}" for a, b in zip(panel.x, panel.y, strict=True))
    hint = f"{panel.title}: {panel.caption}. First leading genes: {', '.join(panel.names)}."
    parts = [f"<title>{escape(hint)}</title>"]
    parts.append(f'<text class="lab" x="{left}" y="12">{escape(shorten(panel.title, 38))}</text>')
    parts.append(f'<text class="tick" x="{left}" y="26">{escape(shorten(panel.caption, 52))}</text>')
    for value in sorted({low, 0.0, high}):
        parts.append(f'<line class="grid" x1="{left}" y1="{py(value):.1f}" x2="{right}" y2="{py(value):.1f}"/>')
        if value == 0 or abs(value) > 0.12 * (high - low):
            text = f"{value:.2f}".rstrip("0").rstrip(".").replace("-", "−")
            parts.append(f'<text class="tick" x="{left - 5}" y="{py(value) + 4:.1f}" text-anchor="end">{text}</text>')
    parts.append(f'<polyline class="line" points="{line}"/>')
    for rank, leads in zip(panel.hits, panel.leading, strict=True):
        place = f'x1="{px(rank):.1f}" y1="{bottom + 6}" x2="{px(rank):.1f}" y2="{bottom + 18}"'
        parts.append(f'<line class="{"hitmark" if leads else "grid"}" {place}/>')
    parts.append(f'<text class="tick" x="{left}" y="{bottom + 32}">{escape(", ".join(panel.names[:5]))}</text>')
    parts.append(
        f'<text class="tick" x="{right}" y="{bottom + 46}" text-anchor="end">rank, of {panel.n_list} genes</text>'
    )
    return parts
