"""What the tables of a reference say in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mscape.numbers import percent
from mscape.reference import departure

if TYPE_CHECKING:
    from collections.abc import Mapping

WHY = {"programmes": "by the programmes that passports speak of", "genes": "by single genes all over the registry"}


def say_place(row: Mapping[str, Any]) -> str:
    """Say where a lot lies among the lots of a reference, and what so many lots can promise.

    Parameters
    ----------
    row
        Of ``reference_lots``.
    """
    n, needed = row["alarm_lots"], departure.lots_needed(row["alpha"])
    among = f"the {n} lots ({row['alarm_stratum']}) of the {row['reference']}"
    if math.isnan(row["p"]):
        return f"It cannot be placed among {among}: a spread between lots takes {departure.LEAST_LOTS}."
    rate = departure.smallest_rate(n)
    promise = f"With {n} lots the smallest false-alarm rate that can be promised is {percent(rate)}"
    deepest = f"{row['p'] * (n + 1):.0f} of {n + 1} lots, this one among them, depart as far"
    largest = f"Largest departures (z): {row['top'].replace(';', ', ')}."
    tissue = _say_tissue(row)
    if row["place"] == "no promise":
        farthest = row["p"] <= rate + 1e-9
        side = "It departs farther than each of them does" if farthest else "It departs no farther than they do"
        return (
            f"{side}, but {among} are too few for an alarm at {percent(row['alpha'])}, which takes {needed}. "
            f"{promise}. {largest}{tissue}"
        )
    if row["place"] == "outside":
        return (
            f"Outside {among}, {WHY[row['decided_by']]}: {deepest}. {largest}{tissue} {promise}; the alarm is set at "
            f"{percent(row['alpha'])}."
        )
    return f"Inside {among}: {deepest}. {largest}{tissue} {promise}; the alarm is set at {percent(row['alpha'])}."


def _say_tissue(row: Mapping[str, Any]) -> str:
    nearest = row["nearest_tissue"]
    if not nearest:
        return ""
    stated = "" if row["tissue"] in {"unknown", nearest} else f", where the sheet says {row['tissue']}"
    return f" The nearest tissue of the reference is {nearest}{stated}."
