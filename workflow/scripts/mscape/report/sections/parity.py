"""Runs on a GPU only: show how it was held against the CPU reference on a sample of the dataset's own cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mscape.data.json_file import read_json
from mscape.report.numbers import number
from mscape.report.section import Section
from mscape.report.tables import Cell, Table

if TYPE_CHECKING:
    from mscape.report.dataset import Dataset
    from mscape.report.options import ReportOptions

COLUMNS = [
    ("Function", "text", ""),
    ("Measure", "text", ""),
    ("Value", "number", ""),
    ("Limit", "text", ""),
    ("Outcome", "verdict", ""),
    ("Meaning", "text", ""),
]
WHERE = {  # what follows from a function that differs
    "warn": "The run went on with the GPU's results, as configured (gpu.on_mismatch: warn).",
    "cpu": "These functions were computed on the CPU, as configured (gpu.on_mismatch: cpu).",
}


def parity(dataset: Dataset, options: ReportOptions | None = None) -> dict | None:
    """Table of all measures, those that fail first, and what follows; None for a run on the CPU."""
    paths = dataset.files.get("parity")
    if not paths:
        return None
    record = read_json(paths[0])
    rows = sorted(record["rows"], key=lambda row: row["passed"])
    failed = sorted({row["function"] for row in rows if not row["passed"]})
    return {
        "table": Table("parity", "GPU against CPU", COLUMNS, [_line(row) for row in rows]),
        "cells": record["cells"],
        "of": record["of"],
        "failed": failed,
        "follows": WHERE.get(record["on_mismatch"], "") if failed else "",
    }


def _line(row: dict) -> list[Cell]:
    verdict = Cell("equal", verdict="PASS") if row["passed"] else Cell("differs", verdict="FAIL")
    value = Cell("no answer") if row["value"] is None else Cell(number(row["value"]), row["value"])
    limit = Cell(f"{row['rule']} {row['limit']:g}", row["limit"])
    return [Cell(row["function"]), Cell(row["measure"]), value, limit, verdict, Cell(row["meaning"])]


SECTION = Section(id="parity", title="GPU against CPU", order=120, build=parity)
