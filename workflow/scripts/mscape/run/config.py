"""Resolve the study: check config and sample sheets, fill in defaults, list every fault at once."""

from __future__ import annotations

import copy
import difflib
import re
from pathlib import Path
from typing import Any

import pandas as pd

from mscape.data.schema import fill_defaults, list_faults
from mscape.data.yaml_file import not_finite
from mscape.errors import UserError
from mscape.gating.flow_values import PREFIX, flow_faults, flow_markers
from mscape.io.download.urls import is_remote
from mscape.run.sheet import read_rows

SECTIONS = ("qc", "embed", "gate", "cluster", "score", "compare", "passport", "reference", "report", "export")
SHEET_METADATA = (  # metadata of a sample that every cell carries; "unknown" where the sheet does not say
    "sample_id",
    "lot_id",
    "donor_id",
    "tissue",
    "passage",
    "condition",
    "batch",
    "sex",
    "assay",
    "disease",
    "suspension_type",
)
_PATTERN = re.compile(r"\{[^{}]*\}")
BRACES = "holds braces, which Snakemake fills in; rename the file or folder"
PATHS = (("gate", "panel_files"), ("score", "signature_files"))  # settings that name files, relative to the config file


def resolve(config: dict[str, Any], schema: dict[str, Any], *, folder: Path) -> dict[str, Any]:
    """Check a study's config and fill in defaults.

    Parameters
    ----------
    config
        The config as read from YAML.
    schema
        ``workflow/schemas/config.schema.yaml``.
    folder
        Where the config file is; files that it names are relative to it.

    Returns
    -------
    The config with each default filled in; every dataset carries all sections, its own settings laid over the study's.

    Raises
    ------
    mscape.errors.UserError
        With one line for each fault, unknown keys with the name that was probably meant.
    """
    _stop_on("the config", not_finite(config) or list_faults(config, schema) or _ortholog_faults(config))
    resolved: dict[str, Any] = fill_defaults(config, schema, schema)
    for name, dataset in config["datasets"].items():
        target = resolved["datasets"][name]
        for section in SECTIONS:
            target[section] = _overlay(resolved[section], dataset.get(section, {}))
        target["backend"] = resolved["backend"]
        if "orthologs" in target:
            target["orthologs"] = str((folder / target["orthologs"]).absolute())
        if "annotations" in target:
            target["annotations"] = str((folder / target["annotations"]).absolute())
        if place := target["reference"].get("path"):
            target["reference"]["path"] = str((folder / place).absolute())
        for section, key in PATHS:
            target[section][key] = [str((folder / file).absolute()) for file in target[section].get(key, [])]
    track = resolved.get("track", {})
    track["history"] = [str((folder / one).absolute()) for one in track.get("history", [])]
    datasets = resolved["datasets"].items()
    _stop_on("the config", [fault for name, one in datasets for fault in _braces(name, one) + _label_faults(name, one)])
    return resolved


def read_sheet(path: Path, *, schema: dict[str, Any]) -> pd.DataFrame:
    """Read a sample sheet.

    Parameters
    ----------
    path
        Text with one row a sample (see :func:`mscape.run.sheet.read_rows`).
    schema
        ``workflow/schemas/samples.schema.yaml``.

    Returns
    -------
    Sheet with all text columns, index = ``sample_id``; ``lot_id`` defaults to ``sample_id``, other missing metadata to
    "unknown"; relative paths are made relative to the sheet.

    Raises
    ------
    mscape.errors.UserError
        With one line for each fault.
    """
    if not path.is_file():
        msg = f"no sample sheet at {path}. Paths of sheets are relative to the config file that names them."
        raise UserError(msg)
    sheet = read_rows(path)
    _stop_on(str(path), _sheet_faults(sheet, schema))
    sheet["path"] = [_place(text, path.parent) for text in sheet["path"]]
    _stop_on(
        str(path),
        [
            f"line {number}: path {place!r} {BRACES}"
            for number, place in zip(sheet.index, sheet["path"], strict=True)
            if not is_remote(place) and _PATTERN.search(place)
        ],
    )
    sheet = complete_sheet(sheet)
    _stop_on(str(path), flow_faults(sheet))
    return sheet


def simulated_sheet(lots: list[dict[str, Any]], *, dataset: str) -> pd.DataFrame:
    """Make the sample sheet of a simulated dataset, a row a lot; settings of the simulation stay out of it."""
    columns = ["sample_id", *SHEET_METADATA]
    sheet = pd.DataFrame([{key: str(lot[key]) for key in columns if lot.get(key)} for lot in lots]).fillna("")
    sheet["path"] = [f"data/{dataset}/{sample}/simulated.h5ad" for sample in sheet["sample_id"]]
    sheet["format"] = "h5ad"
    return complete_sheet(sheet)


def complete_sheet(sheet: pd.DataFrame) -> pd.DataFrame:
    """Give a sheet every metadata column, ``unknown`` where nothing was given, index = ``sample_id``."""
    sheet = sheet.copy()
    if "lot_id" not in sheet:
        sheet["lot_id"] = ""
    sheet["lot_id"] = sheet["lot_id"].where(sheet["lot_id"] != "", sheet["sample_id"])
    for column in SHEET_METADATA:
        if column not in sheet:
            sheet[column] = "unknown"
        sheet[column] = sheet[column].where(sheet[column] != "", "unknown")
    sheet["format"] = sheet["format"].where(sheet["format"] != "", "auto") if "format" in sheet else "auto"
    return sheet.set_index("sample_id", drop=False)


def list_missing(sheets: dict[str, pd.DataFrame]) -> list[str]:
    """Name the samples whose path is neither an address nor a file or folder of this machine.

    Parameters
    ----------
    sheets
        Sample sheet by dataset.
    """
    return [
        f"{dataset}/{row.sample_id}: no file or folder at {row.path}. Correct the path, which is relative to the sheet."
        for dataset, sheet in sheets.items()
        for row in sheet.itertuples()
        if not is_remote(row.path) and not Path(row.path).exists()
    ]


def _stop_on(where: str, faults: list[str]) -> None:
    if faults:
        lines = "\n".join(f"  - {fault}" for fault in faults)
        msg = f"{where} has {len(faults)} fault{'s' * (len(faults) > 1)}:\n{lines}"
        raise UserError(msg)


def _braces(name: str, dataset: dict[str, Any]) -> list[str]:
    """Name the files of a dataset whose path holds braces."""
    files = [(key, dataset.get(key, "")) for key in ("orthologs", "annotations")]
    files += [("reference.path", dataset["reference"].get("path", ""))]
    files += [(f"{section}.{key}", file) for section, key in PATHS for file in dataset[section].get(key, [])]
    return [f"datasets.{name}.{key}: {file!r} {BRACES}" for key, file in files if _PATTERN.search(file)]


def _label_faults(name: str, dataset: dict[str, Any]) -> list[str]:
    """Say what keeps a user's own labels from being read, as far as it is seen without reading them."""
    file, labels = dataset.get("annotations", ""), dataset["cluster"].get("labels")
    if labels is not None and not file:
        return [f"datasets.{name}: cluster.labels is {labels!r}, a column of annotations, and no annotations are given"]
    if file and not Path(file).is_file():
        return [f"datasets.{name}.annotations: no file at {file}. The path is relative to the config file"]
    return []


def _ortholog_faults(config: dict[str, Any]) -> list[str]:
    return [
        f"datasets.{name}.orthologs: it is for organism: other, but organism is {dataset.get('organism', 'human')}"
        for name, dataset in config["datasets"].items()
        if "orthologs" in dataset and dataset.get("organism") != "other"
    ]


def _sheet_faults(sheet: pd.DataFrame, schema: dict[str, Any]) -> list[str]:
    known = list(schema["properties"])
    faults = []
    for column in schema["required"]:
        if column not in sheet:
            faults.append(f"column {column!r} is missing; there are {', '.join(map(repr, sheet.columns))}")
    for column in sheet.columns.difference([*known, *(PREFIX + marker for marker in flow_markers(sheet))]):
        guess = difflib.get_close_matches(column, known, n=1, cutoff=0.8)
        if guess:
            faults.append(f"unknown column {column!r}: did you mean {guess[0]!r}?")
    if faults:
        return faults
    if sheet.empty:
        return ["it has a header and no samples"]
    for number, row in zip(sheet.index, sheet.to_dict("records"), strict=True):
        row = {key: value for key, value in row.items() if value != ""}
        faults += [f"line {number}: {fault}" for fault in list_faults(row, schema)]
    twice = sheet["sample_id"][sheet["sample_id"].duplicated()].unique()
    return faults + [f"sample_id {name!r} is in more than one row; it must be unique" for name in twice]


def _place(text: str, folder: Path) -> str:
    if is_remote(text):
        return text
    return str((folder / text).absolute())


def _overlay(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _overlay(merged[key], value) if both else copy.deepcopy(value)
    return merged
