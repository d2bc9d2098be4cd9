"""Colours that stay apart for colour-blind readers, the same in Python figures and in the page."""

from __future__ import annotations

import colorsys

# Okabe & Ito (2008), https://jfly.uni-koeln.de/color/; black is left to text.
OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
VERDICT = {"PASS": "#009E73", "WARN": "#E69F00", "FAIL": "#D55E00", "NOT ASSESSABLE": "#8A8F98"}
DESCRIBED = "#5B8AC0"  # of what only describes
CALL = {"pass": "#009E73", "indeterminate": "#8A8F98", "fail": "#D55E00"}
PHASE = {"G1": "#56B4E9", "S": "#E69F00", "G2M": "#CC79A7"}
NONE = "#B8BCC4"
# One-hue ramps with steadily falling lightness, in reading order low to high.
RAMP = ("#f3efc0", "#c4dd93", "#7fc58a", "#3fa68d", "#25848e", "#2f5f8a", "#3b3a78", "#34145a")
DIVERGING = ("#2a5a94", "#5b8ac0", "#9dbbdd", "#d8e2ee", "#f4f1ee", "#f3dcc9", "#e8b48a", "#cf7f45", "#9a4a12")


def categories(names: list[str]) -> list[str]:
    """Give each category a colour: Okabe-Ito first, then hues a golden angle apart at two lightnesses.

    Beyond about twelve categories no palette can be distinguished by colour alone: the page shows the name on hover and
    lets the reader pick out one category.
    """
    named = {
        **CALL,
        **PHASE,
        "": NONE,
        "unknown": NONE,
        "not clustered": NONE,
        "unresolved": NONE,
        "MSC-like": "#009E73",
    }
    free = iter(_endless())
    return [named[name] if name in named else next(c for c in free if c not in _taken(names, named)) for name in names]


def _taken(names: list[str], named: dict[str, str]) -> set[str]:
    return {named[name] for name in names if name in named}


def _endless():
    yield from OKABE_ITO
    step = 0
    while True:
        hue = (0.07 + step * 0.618034) % 1
        red, green, blue = colorsys.hls_to_rgb(hue, (0.36, 0.62, 0.5)[step % 3], (0.75, 0.6, 0.45)[step % 3])
        yield f"#{round(red * 255):02X}{round(green * 255):02X}{round(blue * 255):02X}"
        step += 1


def ramp_bin(value: float | None, edges: tuple[float, ...]) -> int | None:
    """Bin of a value on the diverging ramp; ``edges`` are where the colour deepens, the same on both sides of zero."""
    return None if value is None else signed_bin(value, edges)


def signed_bin(value: float, edges: tuple[float, ...]) -> int:
    """Bin of a number on the diverging ramp, as of `ramp_bin`."""
    step = sum(abs(value) >= edge for edge in edges)
    return len(DIVERGING) // 2 + (step if value > 0 else -step)
