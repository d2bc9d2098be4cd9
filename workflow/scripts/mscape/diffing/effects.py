"""What changed in the results of a dataset between two runs: verdicts, attributes, calls, clusters, scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mscape.diffing import runs
from mscape.numbers import percent

if TYPE_CHECKING:
    from pathlib import Path

ABSENT = "absent"
NOT_COMPARED = "Not compared"  # how the note of such a kind of result begins
SMALLEST_SHIFT = 1e-6  # of the score's own SD: what storing numbers with fewer digits makes is no change
PARTS = {  # kind of result: file, of which both runs must have one, and its reader
    "call": ("gate.h5ad", runs.read_calls),
    "cluster": ("clusters.h5ad", runs.read_clusters),
    "score": ("scores.h5ad", runs.read_scores),
}


def find_effects(before: Path, after: Path) -> pd.DataFrame:
    """List what changed in a dataset.

    Parameters
    ----------
    before, after
        Its folders of results.

    Returns
    -------
    One row a change: ``kind lot_id item before after size unit note``; a kind of result that one of the runs has no
    file of has one row with the note that it was not compared.
    """
    rows = compare_passports(runs.read_lot_records(before), runs.read_lot_records(after))
    lots = [runs.read_lots(folder) for folder in (after, before)]
    known = [one for one in lots if one is not None]
    lot = pd.concat(known) if known else pd.Series(dtype=str)
    lot = lot[~lot.index.duplicated()]
    for kind, (file, read) in PARTS.items():
        old, new = read(before), read(after)
        if old is None or new is None:
            where = " and ".join(str(folder) for folder, one in ((before, old), (after, new)) if one is None)
            rows.append({"kind": kind, "note": f"{NOT_COMPARED}: there is no {file} in {where}."})
            continue
        if kind == "call":
            rows += compare_calls(old, new, lot)
        else:
            rows += (compare_clusters if kind == "cluster" else compare_scores)(old, new)
    return pd.DataFrame(rows, columns=["kind", "lot_id", "item", "before", "after", "size", "unit", "note"])


def were_compared(effects: pd.DataFrame) -> pd.Series:
    """Say which rows are changes, and not the note that a kind of result was not compared."""
    return ~effects["note"].astype(str).str.startswith(NOT_COMPARED)


def compare_passports(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Compare verdicts of lots and attributes, and attributes whose intervals do not overlap any more."""
    rows = []
    for lot in sorted(before.keys() | after.keys()):
        old, new = (_verdicts(run.get(lot)) for run in (before, after))
        rows += [
            {"kind": "verdict", "lot_id": lot, "item": item, "before": was, "after": now}
            for item in [*old, *(name for name in new if name not in old)]
            if (was := old.get(item, ABSENT)) != (now := new.get(item, ABSENT))
        ]
        if lot in before and lot in after:
            rows += _separated(lot, before[lot], after[lot])
    return rows


def compare_calls(before: pd.Series, after: pd.Series, lot: pd.Series) -> list[dict[str, Any]]:
    """Count the cells of each lot that are called otherwise; a cell that one run lacks is ``absent`` in it."""
    both = pd.concat({"before": before, "after": after}, axis=1).fillna(ABSENT)
    moved = both[both["before"] != both["after"]]
    named = moved.assign(lot_id=lot.reindex(moved.index).fillna(""))
    size = named.groupby(["lot_id", "before", "after"], sort=True).size()
    return [
        {"kind": "call", "lot_id": name, "item": "isct_call", "before": was, "after": now, "size": n, "unit": "cells"}
        for (name, was, now), n in size.items()
    ]


def compare_clusters(before: pd.Series, after: pd.Series) -> list[dict[str, Any]]:
    """Match the clusters of two runs one to one so that their overlap is largest.

    The sum of Jaccard indices of the matched pairs is the largest there is (Kuhn 1955, doi:10.1002/nav.3800020109).
    Cells that one run did not cluster count in the union. A cluster that merely has another number has not changed.
    """
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics import adjusted_rand_score

    both = pd.concat({"before": before, "after": after}, axis=1)
    table = pd.crosstab(both["before"], both["after"])
    here, there = before.value_counts(), after.value_counts()
    old, new = sorted(here.index, key=_order), sorted(there.index, key=_order)
    overlap = table.reindex(index=old, columns=new, fill_value=0).to_numpy()
    jaccard = overlap / (here[old].to_numpy()[:, None] + there[new].to_numpy() - overlap)
    pairs = dict(zip(*(side.tolist() for side in linear_sum_assignment(-jaccard)), strict=True))
    rows = [
        {"item": "matched Jaccard", "before": name, "after": new[pairs[i]] if i in pairs else ABSENT, "size": best}
        for i, name in enumerate(old)
        if (best := jaccard[i, pairs[i]] if i in pairs else 0.0) < 1
    ]
    rows += [
        {"item": "matched Jaccard", "before": ABSENT, "after": name, "size": 0.0}
        for j, name in enumerate(new)
        if j not in pairs.values()
    ]
    if rows:
        common = both.dropna()
        ari = adjusted_rand_score(common["before"], common["after"]) if len(common) else np.nan
        note = f"Over the {len(common)} cells that both runs clustered."
        counted = {"before": f"{len(old)} clusters", "after": f"{len(new)} clusters"}
        rows = [{"item": "adjusted Rand index", "size": ari, "note": note} | counted, *rows]
    return [{"kind": "cluster", "unit": "1 if the same"} | row for row in rows]


def compare_scores(before: pd.DataFrame, after: pd.DataFrame) -> list[dict[str, Any]]:
    """Give the largest shift of a cell in each signature, in standard deviations of its scores in the earlier run."""
    common = before.index.intersection(after.index)
    rows = []
    for name in sorted(before.columns.union(after.columns)):
        row = {"kind": "score", "item": name, "unit": "SD of the cells before"}
        if name not in before or name not in after:
            said = ["scored" if name in one else ABSENT for one in (before, after)]
            rows.append(row | {"before": said[0], "after": said[1]})
            continue
        old, new = (one.loc[common, name].to_numpy(dtype=float) for one in (before, after))
        sd = np.nanstd(old) if len(common) else 0.0
        known = np.isfinite(old) & np.isfinite(new)
        shift = np.abs(new - old)[known].max(initial=0.0) / sd if sd > 0 else np.nan
        if shift > SMALLEST_SHIFT:
            means = [f"mean {one[known].mean():.4g}" for one in (old, new)]
            rows.append(row | {"before": means[0], "after": means[1], "size": shift})
    return rows


def _verdicts(lot: dict[str, Any] | None) -> dict[str, str]:
    """Verdict of a lot, under the name ``verdict``, and of its attributes."""
    if lot is None:
        return {}
    return {"verdict": lot["verdict"]} | {one["name"]: one["verdict"] for one in lot["attributes"]}


def _separated(lot: str, before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """Find attributes whose intervals do not overlap."""
    old = {one["name"]: one for one in before["attributes"]}
    rows = []
    for new in after["attributes"]:
        was = old.get(new["name"], {"low": None, "high": None})
        known = None not in (was["low"], was["high"], new["low"], new["high"])
        if known and (new["low"] > was["high"] or new["high"] < was["low"]):
            rows.append(
                {
                    "kind": "attribute",
                    "lot_id": lot,
                    "item": new["name"],
                    "before": _with_interval(was),
                    "after": _with_interval(new),
                    "size": new["value"] - was["value"],
                    "unit": new["unit"],
                    "note": "The intervals do not overlap.",
                }
            )
    return rows


def _with_interval(one: dict[str, Any]) -> str:
    show = percent if str(one["unit"]).startswith(("fraction", "share")) else lambda value: f"{value:.4g}"
    return f"{show(one['value'])} ({show(one['low'])} to {show(one['high'])})"


def _order(name: str) -> tuple[int, str]:
    """Sort numbers as numbers."""
    return (int(name), "") if name.isdigit() else (10**9, name)
