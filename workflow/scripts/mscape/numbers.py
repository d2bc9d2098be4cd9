"""How numbers are written in sentences and tables, so that the side of a limit that a number is on can be seen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_DIGITS = 6


def percent(value: float | None, digits: int = 1, *, apart: Iterable[float] = ()) -> str:
    """Write a fraction as per cent; never "0%" or "100%" for what is merely near.

    Parameters
    ----------
    value
        The fraction; None and NaN are "n/a".
    digits
        Decimals, more where they are needed to differ from `apart`; zeros at the end are left out.
    apart
        Limits as fractions: a value that differs from one is written with as many decimals as show it.
    """
    if value is None or not math.isfinite(value):
        return "n/a"
    digits = _digits(value * 100, digits, [limit * 100 for limit in apart])
    shown = f"{value * 100:.{digits}f}"
    if value < 1 and shown == f"{100:.{digits}f}":
        return f"> {100 - 10**-digits:.{digits}f}%"
    if value > 0 and shown == f"{0:.{digits}f}":
        return f"< {10**-digits:.{digits}f}%"
    return f"{_trim(shown)}%"


def decimal(value: float, digits: int = 0, *, apart: Iterable[float] = ()) -> str:
    """Write a number with commas between thousands and as many decimals as show its side of the limits `apart`."""
    digits = _digits(value, digits, list(apart))
    return _trim(f"{value:,.{digits}f}")


def signed(value: float, digits: int = 1, *, apart: Iterable[float] = ()) -> str:
    """Write a number with its sign and as many decimals as show its side of the limits `apart`."""
    return f"{value:+.{_digits(value, digits, list(apart))}f}"


def share(value: float, low: float, high: float, *, apart: Iterable[float] = ()) -> str:
    """Write a fraction with its interval in per cent, "An unknown share" where one of them is missing."""
    if any(x is None or math.isnan(x) for x in (value, low, high)):
        return "An unknown share"
    limits = list(apart)
    return f"{percent(value, apart=limits)} ({percent(low, apart=limits)} to {percent(high, apart=limits)})"


def _digits(value: float, digits: int, limits: list[float]) -> int:
    """Find the decimals with which a value is not written like a limit that it differs from."""

    def equal_in_print(decimals: int) -> bool:
        return any(value != limit and f"{value:.{decimals}f}" == f"{limit:.{decimals}f}" for limit in limits)

    while digits < MOST_DIGITS and equal_in_print(digits):
        digits += 1
    return digits


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
