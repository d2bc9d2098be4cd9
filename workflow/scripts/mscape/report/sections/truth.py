"""Simulated data only: show what evaluate_simulation found of what the simulator put in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mscape.data.json_file import read_json
from mscape.report.numbers import number
from mscape.report.section import Section
from mscape.report.tables import Cell, Table

if TYPE_CHECKING:
    from mscape.report.dataset import Dataset
    from mscape.report.options import ReportOptions

ACRONYMS = {"auroc": "AUROC", "auprc": "AUPRC", "mcc": "MCC", "ari": "ARI", "fdr": "FDR", "msc": "MSC", "qc": "QC"}
COLUMNS = [
    ("Measure", "text", ""),
    ("Of", "text", ""),
    ("Value", "number", "truth_value"),
    ("Cells", "number", "truth_cells"),
]


def truth(dataset: Dataset, options: ReportOptions | None = None) -> dict | None:
    """Tables of the comparison: measures with a target first, the others apart; None for real data.

    Its definitions come along as ``terms`` for the question marks.
    """
    paths = dataset.files.get("truth")
    if not paths:
        return None
    record = read_json(paths[0])
    definitions = record.get("definitions", {})
    targeted = [row for row in record["rows"] if row.get("target") is not None]
    others = [row for row in record["rows"] if row.get("target") is None]
    heads = [*COLUMNS, ("Target", "number", "truth_target"), ("Outcome", "verdict", "")]
    return {
        "table": Table("truth", "Measures with a target", heads, [[*_line(row), *_outcome(row)] for row in targeted]),
        "more": Table("truth-all", "All other measures", COLUMNS, [_line(row) for row in others]),
        "met": sum(bool(row.get("met")) for row in targeted),
        "targets": len(targeted),
        "terms": {_term(key): {"title": _words(key), "text": text} for key, text in definitions.items()},
    }


def _line(row: dict) -> list[Cell]:
    value = row.get("value")
    name = Cell(_words(row["metric"]), term=_term(row["metric"]))
    return [name, Cell(str(row["group"])), Cell(number(value), value), Cell(number(row["n"]), row["n"])]


def _outcome(row: dict) -> list[Cell]:
    met = bool(row.get("met"))
    verdict = Cell("met" if met else "missed", verdict="PASS" if met else "FAIL")
    return [Cell(f"at least {row['target']:g}", row["target"]), verdict]


def _term(metric: str) -> str:
    return f"truth-{metric}"


def _words(metric: str) -> str:
    words = [ACRONYMS.get(word, word) for word in metric.split("_")]
    return " ".join([words[0] if words[0].isupper() else words[0].capitalize(), *words[1:]])


SECTION = Section(id="truth", title="Found against put in", order=130, term="truth", build=truth)
