"""Simulated data only: compare what was found with what the simulator put in."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.report.charts import percent
from mscape.report.collect import read_table
from mscape.report.tables import Cell, Table, from_frame, guess_columns, number

if TYPE_CHECKING:
    from mscape.report.collect import Dataset


def truth(dataset: Dataset) -> dict | None:
    """Return tables of found against put in; None when there is no truth (real data)."""
    paths = dataset.files.get("truth", [])
    if not paths:
        return None
    if paths[0].suffix == ".json":
        return _record(json.loads(paths[0].read_text(encoding="utf-8")))
    if paths[0].suffix == ".tsv":
        tables = [
            from_frame(
                t := read_table(p),
                id=f"truth-{p.stem}",
                caption=p.stem.replace("_", " ").capitalize(),
                columns=guess_columns(t),
            )
            for p in paths
        ]
        return {"tables": tables}
    known = pd.concat([_read(path) for path in paths])
    both = known.index.intersection(dataset.obs.index)
    known, obs = known.loc[both], dataset.obs.loc[both]
    tables = [_measures(known, obs, dataset)]
    if "isct_identity" in obs and "cell_type" in known:
        tables.append(_confusion(known["cell_type"].astype(str), obs["isct_identity"].astype(str)))
    return {"tables": tables}


def _record(record: dict) -> dict:
    """Tables of compare_truth's rows: those with a target first, the rest by measure; its definitions as terms."""
    definitions = record.get("definitions", {})
    terms = {f"truth-{key}": {"title": key.replace("_", " "), "text": text} for key, text in definitions.items()}
    rows = record["rows"]
    with_target = [row for row in rows if row.get("target") is not None]
    others = [row for row in rows if row.get("target") is None]
    columns = [("Measure", "text", ""), ("Of", "text", ""), ("Value", "number", ""), ("Cells", "number", "")]

    def line(row: dict) -> list[Cell]:
        value = row.get("value")
        name = Cell(row["metric"].replace("_", " "), term=f"truth-{row['metric']}")
        return [name, Cell(str(row["group"])), Cell(number(value), value), Cell(number(row["n"]), row["n"])]

    targeted = []
    for row in with_target:
        met = bool(row.get("met"))
        verdict = Cell("met" if met else "missed", verdict="PASS" if met else "FAIL")
        targeted.append([*line(row), Cell(f"at least {row['target']:g}", row["target"]), verdict])
    heads = [*columns, ("Target", "number", ""), ("Outcome", "verdict", "")]
    return {
        "tables": [Table("truth", "Found against put in: measures with a target", heads, targeted)],
        "more": Table("truth-all", "All other measures", columns, [line(row) for row in others]),
        "met": sum(bool(row.get("met")) for row in with_target),
        "targets": len(with_target),
        "terms": terms,
    }


def _read(path) -> pd.DataFrame:
    frame = pd.read_parquet(path)
    if "barcode" in frame:
        frame = frame.set_index("barcode")
    return frame.set_axis(path.parent.name + "_" + frame.index.astype(str))


def _measures(known: pd.DataFrame, obs: pd.DataFrame, dataset: Dataset) -> Table:
    rows = []

    def add(name: str, value: float | None, of: str, term: str, *, share: bool = False) -> None:
        shown = "n/a" if value is None or not math.isfinite(value) else percent(value) if share else number(value)
        rows.append([Cell(name), Cell(shown, value), Cell(of)])

    if "isct_call" in obs and "is_contaminant" in known:
        foreign = known["is_contaminant"].to_numpy(bool)
        doublet = known["is_doublet"].to_numpy(bool) if "is_doublet" in known else np.zeros(len(known), bool)
        call = obs["isct_call"].to_numpy()
        clear = ((call == "pass") | (call == "fail")) & ~doublet
        add(
            "Gate: MCC of pass against fail",
            mcc(call[clear] == "pass", ~foreign[clear]),
            f"{clear.sum()} singlets with a determinate call",
            "mcc",
        )
        cells = foreign & ~doublet
        add(
            "Contaminants called fail",
            float((call[cells] == "fail").mean()) if cells.any() else None,
            f"{cells.sum()} contaminating singlets",
            "",
            share=True,
        )
        cells = ~foreign & ~doublet
        add(
            "MSC called pass",
            float((call[cells] == "pass").mean()) if cells.any() else None,
            f"{cells.sum()} MSC singlets",
            "",
            share=True,
        )
        add(
            "MSC called fail",
            float((call[cells] == "fail").mean()) if cells.any() else None,
            f"{cells.sum()} MSC singlets",
            "",
            share=True,
        )
    if "is_doublet" in known and "doublet_score" in obs:
        doublet = known["is_doublet"].to_numpy(bool)
        precision = average_precision(obs["doublet_score"].to_numpy(float), doublet)
        add(
            "Doublet score: average precision",
            precision,
            f"{doublet.sum()} doublets; by chance {percent(float(doublet.mean()))}",
            "",
        )
    scores = dataset.light.get("scores")
    if scores is not None and "score_z" in scores.obsm and "state" in known:
        for state, words in (
            ("senescent", ("SENMAYO", "SENESC")),
            ("osteogenic", ("OSTEO",)),
            ("licensed", ("LICENS", "INTERFERON_GAMMA")),
        ):
            is_state = (known["state"].astype(str) == state).to_numpy()
            if not is_state.any() or is_state.all():
                continue
            frame = scores.obsm["score_z"].reindex(known.index)
            for id in [c for c in frame if any(w in str(c) for w in words)][:4]:
                add(
                    f"{id}: AUROC of {state} cells",
                    auroc(frame[id].to_numpy(float), is_state),
                    f"{is_state.sum()} {state} cells",
                    "",
                )
    return Table(
        "truth", "Found against put in", [("Measure", "text", ""), ("Value", "number", "mcc"), ("Of", "text", "")], rows
    )


def _confusion(put_in: pd.Series, found: pd.Series) -> Table:
    table = pd.crosstab(put_in, found)
    rows = [
        [Cell(str(name))] + [Cell(number(v), float(v)) for v in values]
        for name, values in zip(table.index, table.to_numpy(), strict=True)
    ]
    columns = [("Put in", "text", "")] + [(f"found: {c or 'none'}", "number", "") for c in table.columns]
    return Table("confusion", "Cell types: put in (rows) and found (columns)", columns, rows)


def mcc(found: np.ndarray, true: np.ndarray) -> float | None:
    """Matthews correlation of two boolean arrays; None where one of them is constant."""
    tp, tn = float((found & true).sum()), float((~found & ~true).sum())
    fp, fn = float((found & ~true).sum()), float((~found & true).sum())
    below = math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return (tp * tn - fp * fn) / below if below else None


def average_precision(score: np.ndarray, true: np.ndarray) -> float | None:
    """Area under the precision-recall steps; None without positives."""
    good = np.isfinite(score)
    score, true = score[good], true[good]
    if not true.any():
        return None
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(true[order])
    last = np.append(np.diff(score[order]) != 0, True)
    precision, recall = (hits / np.arange(1, len(hits) + 1))[last], (hits / true.sum())[last]
    return float(np.sum(np.diff(np.append(0.0, recall)) * precision))


def auroc(score: np.ndarray, true: np.ndarray) -> float | None:
    """Probability that a positive scores above a negative, ties count half."""
    good = np.isfinite(score)
    ranks = pd.Series(score[good]).rank().to_numpy()
    true = true[good]
    positives, negatives = int(true.sum()), int((~true).sum())
    if not positives or not negatives:
        return None
    return float((ranks[true].sum() - positives * (positives + 1) / 2) / (positives * negatives))
