"""Finished runs of lots with dates: what the control charts read, and nothing else."""

import json
from pathlib import Path

import stage_tables

SIGNATURE = "MSC_OSTEOGENIC_EARLY"


def write_run(folder: Path, lots: list[dict], *, dataset: str = "release", dated: bool = True) -> Path:
    """Write a run; a lot is ``lot_id date purity depth score`` and, if wished, ``tissue``. Returns its folder."""
    place = folder / "results" / dataset
    place.mkdir(parents=True)
    records = [
        {
            "lot_id": lot["lot_id"],
            "tissue": lot.get("tissue", "bone marrow"),
            "condition": "control",
            "attributes": [
                {"name": "purity", "value": lot["purity"], "unit": "fraction of cells", "n": 1000},
                {"name": "depth", "value": lot["depth"], "unit": "counts per cell", "n": 1000},
                {"name": "stress", "value": 1.0, "unit": "z from the average of the lots of the study", "n": 1000},
            ],
        }
        for lot in lots
    ]
    (place / "passports.json").write_text(json.dumps({"dataset": dataset, "lots": records}))
    samples = [
        {"sample_id": f"{lot['lot_id']}_s", "lot_id": lot["lot_id"]} | ({"date": lot["date"]} if dated else {})
        for lot in lots
    ]
    (place / "run.json").write_text(json.dumps({"dataset": dataset, "samples": samples}))
    rows = [{"lot_id": x["lot_id"], "signature": SIGNATURE, "mean": x["score"], "n_cells": 1000} for x in lots]
    stage_tables.write("signature_scores", place / "signature_scores.tsv", rows)
    return folder


def make_lots(purities, *, year: int = 2026, prefix: str = "L") -> list[dict]:
    """Lots one a day; depth and score vary a little."""
    return [
        {
            "lot_id": f"{prefix}{i:02d}",
            "date": f"{year}-01-{i + 1:02d}",
            "purity": purity,
            "depth": 10_000 + 500 * (i % 3),
            "score": 0.1 * (i % 4),
        }
        for i, purity in enumerate(purities)
    ]
