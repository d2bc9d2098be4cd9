"""The results of a run on disk: where its datasets are, and the parts that two runs are compared by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from mscape.data import counts
from mscape.data.json_file import read_json
from mscape.errors import UserError

NEEDED = ("run.json", "passports.json")  # without them a folder is no dataset of a finished run


def find_datasets(folder: str | Path) -> dict[str, Path]:
    """Find the datasets of a finished run.

    Parameters
    ----------
    folder
        Where a run was made, its ``results``, or one dataset of them.

    Returns
    -------
    Folder of each dataset by its name, sorted.

    Raises
    ------
    mscape.errors.UserError
        If there is none.
    """
    folder = Path(folder)
    if _is_dataset(folder):
        return {str(read_json(folder / "run.json")["dataset"]): folder}
    for place in (folder / "results", folder):
        found = [one.parent for one in sorted(place.glob("[!.]*/passports.json"))]  # hidden ones hold checksums
        if datasets := {one.name: one for one in found if _is_dataset(one)}:
            return datasets
    msg = (
        f"there is no finished run in {folder}: no {' and '.join(NEEDED)} in it, in its folders or in its results. "
        "Name the folder in which the run was made, or its results."
    )
    raise UserError(msg)


def read_calls(folder: Path) -> pd.Series | None:
    """Read the gate's call of each cell, index = barcode; None where the run's file is not there."""
    return _column(folder / "gate.h5ad", "isct_call")


def read_clusters(folder: Path) -> pd.Series | None:
    """Read the cluster of each clustered cell, index = barcode; None where the run's file is not there."""
    return _column(folder / "clusters.h5ad", "leiden")


def read_lots(folder: Path) -> pd.Series | None:
    """Read the lot of each cell, index = barcode; None where the run's file is not there."""
    return _column(folder / "counts.h5ad", "lot_id")


def read_scores(folder: Path) -> pd.DataFrame | None:
    """Read the calibrated score z of each cell, one column a signature; None where the run's file is not there."""
    file = folder / "scores.h5ad"
    return counts.read_light(file, obs=[]).obsm["score_z"] if file.is_file() else None


def read_lot_records(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the passport of each lot by its name."""
    return {str(lot["lot_id"]): lot for lot in read_json(folder / "passports.json")["lots"]}


def _is_dataset(folder: Path) -> bool:
    return all((folder / name).is_file() for name in NEEDED)


def _column(file: Path, name: str) -> pd.Series | None:
    return counts.read_light(file, obs=[name]).obs[name].astype(str) if file.is_file() else None
