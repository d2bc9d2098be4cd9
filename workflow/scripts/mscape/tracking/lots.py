"""The lots of one or more finished runs in order of time, with the numbers that are followed."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mscape.data.json_file import read_json
from mscape.data.table_io import read_table
from mscape.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mscape.tracking.options import TrackOptions

RELATIVE = "of the study"  # in the unit of a number that is relative to the other lots of its run
NUMBERS = ["lot_id", "dataset", "date", "stratum", "attribute", "value", "unit", "n"]


def gather_lots(
    folders: Sequence[Path], options: TrackOptions, *, dates: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Collect the numbers of all lots.

    Parameters
    ----------
    folders
        Datasets of finished runs, each with ``passports.json``, ``run.json`` and ``signature_scores.tsv``.
    options
        Which attributes and signatures, and what makes lots comparable.
    dates
        Date of each lot (ISO 8601); of the sample sheet's column ``date``, if not given.

    Returns
    -------
    One row a lot and number, by date and lot: ``lot_id dataset date stratum attribute value unit n``. Attributes that
    are relative to the lots of their run are left out, unless they are named, since they cannot be compared between
    runs; signatures are means over cells and not relative.

    Raises
    ------
    mscape.errors.UserError
        If a date is missing or none, a lot is there twice, or a named attribute is in no run: all of them.
    """
    rows: list[dict[str, Any]] = []
    faults: list[str] = []
    seen: dict[str, str] = {}
    for folder in folders:
        document, record = read_json(folder / "passports.json"), read_json(folder / "run.json")
        given = dates if dates is not None else _dates_of_sheet(record)
        scores = read_table(folder / "signature_scores.tsv")
        for lot in document["lots"]:
            name = str(lot["lot_id"])
            date, fault = _read_date(given.get(name, ""), name, folder)
            faults += [fault] if fault else []
            if name in seen:
                faults.append(f"lot {name} is in {seen[name]} and in {folder}; name only one of these runs")
            seen[name] = str(folder)
            stratum = ", ".join(str(lot.get(key) or "unknown") for key in options.by) or "all lots"
            base = {"lot_id": name, "dataset": document["dataset"], "date": date, "stratum": stratum}
            rows += [base | number for number in _numbers_of(lot, scores[scores["lot_id"] == name], options)]
    there = {str(row["attribute"]) for row in rows}
    faults += [
        f"track.attributes: no lot has {name!r}; there are {', '.join(sorted(there))}"
        for name in options.attributes
        if name not in there
    ]
    if faults:
        msg = "\n".join(["the lots cannot be put in order:", *(f"  - {fault}" for fault in dict.fromkeys(faults))])
        raise UserError(msg)
    table = pd.DataFrame(rows, columns=NUMBERS)
    return table.sort_values(["date", "lot_id"], kind="stable", ignore_index=True)


def transform(value: np.ndarray, unit: str, n: np.ndarray) -> np.ndarray:
    """Put a number on a scale on which lots are nearer to normal.

    Fractions of cells are empirical logits, ``log((x + .5) / (n - x + .5))`` of x of n cells; counts are logarithms;
    other numbers stay as they are.
    """
    if unit.startswith("fraction"):
        cells = np.where(np.isfinite(n) & (n > 0), n, 1000.0)
        return np.log((value * cells + 0.5) / ((1 - value) * cells + 0.5))
    return np.log(np.maximum(value, 1e-12)) if _counts(unit) else value


def restore(value: np.ndarray, unit: str) -> np.ndarray:
    """Go back from the scale of :func:`transform` to the number itself, as far as limits are drawn."""
    if unit.startswith("fraction"):
        return 1 / (1 + np.exp(-value))
    return np.exp(value) if _counts(unit) else value


def _counts(unit: str) -> bool:
    return unit.startswith(("counts", "cells"))


def _numbers_of(lot: dict[str, Any], scores: pd.DataFrame, options: TrackOptions) -> list[dict[str, Any]]:
    found = [
        {"attribute": one["name"], "value": one["value"], "unit": one["unit"], "n": one.get("n")}
        for one in lot["attributes"]
        if one["name"] in options.attributes or (not options.attributes and RELATIVE not in one["unit"])
    ]
    wanted = scores[scores["signature"].isin(list(options.signatures))]
    return found + [
        {"attribute": one.signature, "value": one.mean, "unit": "mean score", "n": one.n_cells}
        for one in wanted[["signature", "mean", "n_cells"]].itertuples(index=False)
    ]


def _dates_of_sheet(record: dict[str, Any]) -> dict[str, str]:
    """Date of each lot; of a lot of several samples the latest."""
    dates: dict[str, str] = {}
    for row in record["samples"]:
        lot = str(row.get("lot_id") or row["sample_id"])
        dates[lot] = max(dates.get(lot, ""), str(row.get("date") or ""))
    return dates


def _read_date(text: str, lot: str, folder: Path) -> tuple[str, str]:
    """Give a date as text that sorts, and what is wrong with it."""
    if not text or text == "unknown":
        return "", f"lot {lot} of {folder} has no date. Give the sample sheet a column `date`, such as 2026-03-31"
    try:
        return datetime.date.fromisoformat(text).isoformat(), ""
    except ValueError:
        return "", f"lot {lot} of {folder}: date {text!r} is none. Write it as 2026-03-31"
