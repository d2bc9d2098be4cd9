"""Differences between the records of two runs, and which results each of them can reach."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd

from mscape.data.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COLUMNS = TABLES["diff_causes"].names
RESULTS = {  # kind of a result: the step that decides it
    "call": "gate_msc",
    "cluster": "cluster_cells",
    "score": "score_signatures",
    "verdict": "write_passports",
    "attribute": "write_passports",
}
READS = {  # step: steps whose files it computes from, as far as results of RESULTS follow; a test holds it to the rules
    "load_counts": ("fetch_sample", "simulate_study"),
    "review_inputs": ("load_counts",),
    "qc_cells": ("load_counts", "review_inputs"),
    "merge_samples": ("load_counts", "qc_cells"),
    "embed_cells": ("merge_samples", "gate_msc"),
    "gate_msc": ("merge_samples", "embed_cells"),
    "cluster_cells": ("merge_samples", "embed_cells"),
    "score_signatures": ("merge_samples", "gate_msc"),
    "compare_groups": ("merge_samples", "gate_msc", "cluster_cells", "score_signatures"),
    "write_passports": (
        "merge_samples",
        "qc_cells",
        "gate_msc",
        "cluster_cells",
        "compare_groups",
        "score_signatures",
        "record_run",
    ),
    "record_run": ("load_counts",),
}
SOURCE = "load_counts"  # what is read of the samples reaches everything
ENTERS = {  # key of a dataset's config: the first step that it reaches; any other key is taken to reach all of them
    "simulate": "simulate_study",
    "qc": "qc_cells",
    "culture": "merge_samples",
    "embed": "embed_cells",
    "gate": "gate_msc",
    "cluster": "cluster_cells",  # embed_cells takes from it which cells are clustered
    "score": "score_signatures",
    "compare": "compare_groups",
    "passport": "write_passports",
    "report": "render_report",
    "export": "assemble_dataset",
}
FILES = {"orthologs", "gate.panel_files", "score.signature_files"}  # keys of the config that name files
PARTS = {"config", "inputs", "files", "code", "versions"}  # of a record, that hold values by name
KINDS = {"inputs": "input", "samples": "sheet", "versions": "version", "files": "file"}  # part: kind of a difference
NAMES = {"run_id", "dataset", "title", "paths"}  # of a record: what names a run and makes no number of it


def find_causes(before: Mapping[str, Any], after: Mapping[str, Any], *, dataset: str) -> pd.DataFrame:
    """List the differences between the records of two runs of a dataset.

    Parameters
    ----------
    before, after
        ``run.json`` of the runs.
    dataset
        Its name.

    Returns
    -------
    One row a difference, columns of the table ``diff_causes``; ``reaches`` are those kinds of results whose step
    computes from what differs, separated by semicolons.
    """
    rows = []
    known_files = "files" in before and "files" in after
    for part in sorted((before.keys() | after.keys()) - NAMES):
        old, new = (_by_name(record.get(part), part) for record in (before, after))
        for item, was, now in list_changes(old, new, prefix="" if isinstance(old, dict) else part):
            if part == "config" and item in FILES and known_files:
                continue  # their content counts, not where they are
            rows.append([dataset, KINDS.get(part, part), item, was, now, ";".join(reach(part, item))])
    return pd.DataFrame(rows, columns=COLUMNS)


def reach(part: str, item: str) -> list[str]:
    """Name the kinds of results that a difference can reach.

    Parameters
    ----------
    part
        Part of the record: ``config``, ``code``, ``inputs`` ...
    item
        What differs in it, such as ``gate.max_hidden``.
    """
    first = "cluster_cells" if part == "annotations" else SOURCE
    if part == "code":
        first = item
    elif part in {"config", "files"}:
        first = ENTERS.get(item.partition(".")[0], SOURCE)
    return [kind for kind, step in RESULTS.items() if first in upstream(step)]


@cache
def upstream(step: str) -> frozenset[str]:
    """Name a step and all that it computes from."""
    found, new = {step}, {step}
    while new:
        new = {one for step in new for one in READS.get(step, ())} - found
        found |= new
    return frozenset(found)


def list_changes(old: Any, new: Any, *, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Walk two nested values; yield the dotted key, the old and the new value of each leaf that differs, as text."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from list_changes(old.get(key), new.get(key), prefix=f"{prefix}.{key}" if prefix else str(key))
    elif old != new:
        yield prefix, _text(old), _text(new)


def _by_name(value: Any, part: str) -> Any:
    """Give a part of a record by names; a record of a version that did not write it has an empty one."""
    if part == "samples":
        return {str(row["sample_id"]): row for row in value or []}
    return {} if value is None and part in PARTS else value


def _text(value: Any) -> str:
    """Write a value of a record; "absent" where a record has none."""
    if value is None:
        return "absent"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
