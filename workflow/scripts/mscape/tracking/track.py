"""Follow lots over time: which lots leave the limits that the lots before them set, and what drifts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mscape.data.tables import TABLES
from mscape.diffing.runs import find_datasets
from mscape.numbers import percent
from mscape.tracking import charts
from mscape.tracking.lots import gather_lots, restore, transform
from mscape.tracking.options import TrackOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

RULE_VERSION = "1"
WITHIN, BEYOND, DRIFT, WARNING = "within limits", "beyond limits", "drift", "drift warning"
NOT_ASSESSABLE = "not assessable"
FINDINGS = (BEYOND, DRIFT, WARNING, WITHIN, NOT_ASSESSABLE)


@dataclass(frozen=True)
class Tracked:
    """Lots over time.

    Attributes
    ----------
    lots
        Table ``track``: one row a lot and number, in order of time.
    sight
        Table ``track_sight``: one row a chart, and the smallest changes that it could have shown.
    """

    lots: pd.DataFrame
    sight: pd.DataFrame

    @property
    def alarms(self) -> pd.DataFrame:
        """Rows of lots beyond their limits or with a drift."""
        return self.lots[self.lots["finding"].isin([BEYOND, DRIFT])]


def track(
    folders: Sequence[str | Path], *, dates: Mapping[str, str] | None = None, options: TrackOptions | None = None
) -> Tracked:
    """Draw control charts of the lots of finished runs.

    Rules, version 1. *Beyond limits*: the lot lies outside the prediction interval of the next lot, Student's t of the
    lots before it. *Drift*: the self-starting EWMA of the lots' normal deviates leaves its limits; *drift warning*:
    limits that warn more often. A lot beyond its limits does not enter the history of later lots.

    Parameters
    ----------
    folders
        Finished runs: where they were made, their ``results``, or one dataset.
    dates
        Date of each lot (ISO 8601); of the sample sheet's column ``date``, if not given.
    options
        Settings (config section ``track``).

    Returns
    -------
    Tracked
        The charts as a table, and what each could have shown.

    Raises
    ------
    mscape.errors.UserError
        If a folder holds no finished run, or lots cannot be put in order: all faults.
    """
    options = options or TrackOptions()
    places = [place for folder in folders for place in find_datasets(folder).values()]
    numbers = gather_lots(places, options, dates=dates)
    lots, sight = [], []
    for (stratum, attribute), rows in numbers.groupby(["stratum", "attribute"], sort=True):
        chart = judge_series(rows, options)
        lots.append(chart)
        sight.append(describe_sight(str(stratum), str(attribute), chart, options))
    order = pd.concat(lots, ignore_index=True) if lots else pd.DataFrame(columns=TABLES["track"].names)
    return Tracked(order[TABLES["track"].names], pd.DataFrame(sight, columns=TABLES["track_sight"].names))


def judge_series(rows: pd.DataFrame, options: TrackOptions) -> pd.DataFrame:
    """Judge each lot of one chart by those before it.

    Parameters
    ----------
    rows
        Of :func:`mscape.tracking.lots.gather_lots`, of one stratum and attribute.
    options
        Settings.

    Returns
    -------
    The rows with limits, deviate, EWMA, finding and reason, as in the table ``track``.
    """
    unit = str(rows["unit"].iloc[0])
    value = rows["value"].to_numpy(dtype=float)
    scaled = transform(value, unit, rows["n"].to_numpy(dtype=float))
    chart = charts.draw_chart(scaled, min_history=options.min_history, false_alarms=options.false_alarms)
    limits = [charts.ewma_limit(rate) for rate in (options.false_alarms, options.drift_warnings)]
    findings = [
        _judge(*one, limits)
        for one in zip(chart.beyond[0], np.abs(chart.ewma[0]), np.isfinite(chart.low[0]), strict=True)
    ]
    table = rows.assign(
        n_history=chart.n_history[0].astype(int),
        center=restore(chart.center[0], unit),
        low=restore(chart.low[0], unit),
        high=restore(chart.high[0], unit),
        deviate=chart.deviate[0],
        ewma=chart.ewma[0],
        ewma_limit=limits[0],
        warning_limit=limits[1],
        finding=findings,
        rule_version=RULE_VERSION,
    )
    return table.assign(reason=[_explain(row, options) for row in table.itertuples()])


def describe_sight(stratum: str, attribute: str, chart: pd.DataFrame, options: TrackOptions) -> dict[str, object]:
    """Say what a chart could have shown with the history of its last lot."""
    n = int(chart["n_history"].iloc[-1])
    known = bool(chart["center"].notna().any())
    row = {"stratum": stratum, "attribute": attribute, "n_lots": len(chart), "n_history": n}
    if not known:
        return row | {"sentence": f"{n} lots of history: nothing is judged yet."}
    shift = charts.seen_shift(n, false_alarms=options.false_alarms)
    drift, warned = (
        charts.seen_drift(n, rate=rate, false_alarms=options.false_alarms)
        for rate in (options.false_alarms, options.drift_warnings)
    )
    sentence = (
        f"With {n} lots of history, in 4 of 5 cases: one lot is found beyond its limits if it is {shift:.1f} SD of the "
        f"lots away; a mean that moves within 10 lots is found by the 15th if it moves {drift:.1f} SD, and warned of "
        f"at {warned:.1f} SD."
    )
    return row | {"shift": shift, "drift": drift, "warned": warned, "sentence": sentence}


def _judge(beyond: bool, ewma: float, known: bool, limits: Sequence[float]) -> str:  # noqa: FBT001  zipped arrays
    if not known:
        return NOT_ASSESSABLE
    if beyond:
        return BEYOND
    return DRIFT if ewma > limits[0] else WARNING if ewma > limits[1] else WITHIN


def _explain(row: Any, options: TrackOptions) -> str:
    """Say in one sentence why a lot has its finding."""
    show = percent if row.unit.startswith("fraction") else lambda value: f"{value:.4g}"
    n = row.n_history
    if row.finding == NOT_ASSESSABLE:
        if row.value is None or not np.isfinite(row.value):
            return "The lot has no value."
        if n < max(options.min_history, charts.FIRST):
            return f"{n} lots before this one; {max(options.min_history, charts.FIRST)} are needed."
        return f"The {n} lots before this one do not vary: there is no limit to draw."
    where = f"{show(row.value)}; the {n} lots before it predict {show(row.low)} to {show(row.high)}"
    if row.finding in (DRIFT, WARNING):
        side = "up" if row.ewma > 0 else "down"
        limit = row.ewma_limit if row.finding == DRIFT else row.warning_limit
        return f"{where}, but the lots drift {side}: moving average {abs(row.ewma):.2f} of its SD, limit {limit:.2f}."
    return f"{where}."
