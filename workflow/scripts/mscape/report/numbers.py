"""How the report writes numbers and long names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mscape.numbers import percent

if TYPE_CHECKING:
    from collections.abc import Iterable


def finite(value: Any) -> float | None:
    """Return a number, or None where it is missing."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def number(value: object, digits: int = 3) -> str:
    """Write a number with few digits; large ones with thin spaces between thousands."""
    value = finite(value)
    if value is None:
        return "n/a"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}".replace(",", "\u202f")
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", "\u202f")
    if value and abs(value) < 1e-3:
        return f"{value:.1e}"
    return f"{value:.{digits}g}"


def is_fraction(unit: str) -> bool:
    """Whether a value of this unit is a share between 0 and 1."""
    return unit.startswith(("fraction", "share"))


def value_text(value: object, unit: str = "", *, apart: Iterable[float] = ()) -> str:
    """Write an attribute's value with its unit; fractions become per cent, long units are left to the definition.

    ``apart`` are limits that a fraction is written apart from, as in the passport's sentences.
    """
    value = finite(value)
    if value is None:
        return "n/a"
    if is_fraction(unit):
        return percent(value, apart=apart)
    if unit.split(" ")[0] == "z":
        return f"z {value:+.2f}".replace("-", "−")
    if unit.startswith("%"):
        return f"{number(value)}%"
    return f"{number(value)} {unit if len(unit) <= 6 else ''}".strip()


def interval_text(low: object, high: object, unit: str = "", *, apart: Iterable[float] = ()) -> str:
    """Write an interval, or nothing where there is none."""
    low, high = finite(low), finite(high)
    if low is None or high is None:
        return ""
    if is_fraction(unit):
        return f"{percent(low, apart=apart)} to {percent(high, apart=apart)}"
    if unit.split(" ")[0] == "z":
        return f"{low:+.2f} to {high:+.2f}".replace("-", "−")
    return f"{number(low)} to {number(high)}"


def signature_name(id: str) -> str:
    """Write a signature's id to be read; variants, such as ``__DEPLETED``, follow a dot."""
    base, _, variant = id.partition("__")
    name = base.replace("_", " ")
    return f"{name} · {variant.lower().replace('_', ' ')}" if variant else name


def text_width(text: str) -> float:
    """Width of a chart's label in pixels at 11 px, generous: fonts differ."""
    widths = {"narrow": 4.0, "upper": 8.0, "wide": 11.5, "other": 6.9}

    def kind(sign: str) -> str:
        if sign in " .,:;'|!()[]ijl1/-·":
            return "narrow"
        return "wide" if ord(sign) > 0x2E80 else "upper" if sign.isupper() or sign in "mw@%" else "other"

    return sum(widths[kind(sign)] for sign in text)


def fit(text: object, width: float) -> str:
    """Cut a name in its middle until it fits a width in pixels."""
    text = str(text)
    length = len(text)
    while length > 3 and text_width(short := shorten(text, length)) > width:
        length -= 1
    return short if length > 3 else shorten(text, 3)


def shorten(text: object, length: int = 15) -> str:
    """Cut a name in its middle, where lot names differ least."""
    text = str(text)
    if len(text) <= length:
        return text
    head = (length - 1) * 2 // 3
    return f"{text[:head]}…{text[-(length - 1 - head) :]}"
