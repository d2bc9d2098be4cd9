"""The folder of a reference: tables of lots that can be shared where cells cannot, with digests that are checked."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mscape.errors import UserError
from mscape.reference.files import RECORD, TABLES
from mscape.reference.lots import ATTRIBUTES, METADATA, Lots, depth_points

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = "1.0"
STATEMENT = (
    "Numbers of lots: sums of counts over the cells of a lot, quantiles and passport values. It holds no count of a "
    "single cell. For research."
)
NUMBERS = {"n_cells": "int64", "total_counts": "int64"}


@dataclass(frozen=True)
class Reference:
    """A reference of lots.

    Attributes
    ----------
    lots
        Its lots.
    record
        ``reference.json``: ``format name version statement simulated organism n_lots sources files``.
    """

    lots: Lots
    record: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Name, version and size, as sentences say it."""
        simulated = "simulated " if self.record["simulated"] else ""
        return f"{simulated}reference {self.record['name']}, version {self.record['version']}"


def write_folder(
    lots: Lots,
    folder: str | Path,
    *,
    name: str,
    organism: str,
    simulated: bool,
    sources: Mapping[str, str] | None = None,
) -> Reference:
    """Write a reference: the same lots give the same bytes and the same version.

    Parameters
    ----------
    lots
        Its lots.
    folder
        Where to write; made if it is not there.
    name
        Of the reference, as sentences say it.
    organism
        Of the cells.
    simulated
        Whether the cells were simulated.
    sources
        What the numbers come from: run id, version of the program.

    Returns
    -------
    What was written.

    Raises
    ------
    mscape.errors.UserError
        If there are no lots.
    """
    if not lots.names:
        msg = "no lot is left to build a reference of. Choose lots with cells that pass quality control."
        raise UserError(msg)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "lots.tsv": _text(lots.about),
        "sums.tsv.gz": gzip.compress(_text(_whole(lots.sums).T.rename_axis("gene")), mtime=0),
        "depth.tsv": _text(lots.depth),
        "attributes.tsv": _text(lots.attributes.set_index("lot_id")),
    }
    digests = {file: hashlib.sha256(data).hexdigest() for file, data in content.items()}
    record = {
        "format": FORMAT,
        "name": name,
        "version": hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()[:12],
        "statement": STATEMENT,
        "simulated": simulated,
        "organism": organism,
        "n_lots": len(lots.names),
        "sources": dict(sources or {}),
        "files": digests,
    }
    for file, data in content.items():
        (folder / file).write_bytes(data)
    (folder / RECORD).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return Reference(lots, record)


def read_folder(folder: str | Path) -> Reference:
    """Read a reference and check that it is as it was written.

    Raises
    ------
    mscape.errors.UserError
        If a file is missing, or is not the one that was written: each one.
    """
    folder = Path(folder)
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = (
            f"{folder} is no reference of lots: {RECORD} cannot be read ({error}). Give the folder that "
            "`snakemake build_reference` wrote."
        )
        raise UserError(msg) from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        msg = f"{folder / RECORD} does not state format {FORMAT}. Build the reference again with this version."
        raise UserError(msg)
    digests = record.get("files", {})
    faults = []
    for file in TABLES:
        if not (folder / file).is_file():
            faults.append(f"{file} is missing")
        elif hashlib.sha256((folder / file).read_bytes()).hexdigest() != digests.get(file):
            faults.append(f"{file} is not as it was written")
    if faults:
        msg = f"the reference in {folder} has {len(faults)} fault(s): {'; '.join(faults)}. Copy or build it again."
        raise UserError(msg)
    about = _table(folder / "lots.tsv", "lot_id", text=[*METADATA, "cells"]).astype(NUMBERS)
    sums = _table(folder / "sums.tsv.gz", "gene").T.rename_axis("lot_id")
    depth = _table(folder / "depth.tsv", "lot_id")
    attributes = _table(folder / "attributes.tsv", "lot_id", text=["attribute", "title", "unit"]).reset_index()
    return Reference(
        Lots(about, sums.reindex(about.index), depth[depth_points()], attributes[ATTRIBUTES]),
        record,
    )


def _whole(sums: pd.DataFrame) -> pd.DataFrame:
    """Write sums as whole numbers, empty where a gene was not measured."""
    known = sums.notna().to_numpy()
    text = np.where(known, sums.fillna(0).to_numpy().astype(np.int64).astype(str), "")
    return pd.DataFrame(text, sums.index, sums.columns)


def _text(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(sep="\t", float_format="%.6g", lineterminator="\n").encode()


def _table(path: Path, index: str, *, text: list[str] | None = None) -> pd.DataFrame:
    """Read a table of the folder, whose digest was checked; ids are text, also where they look like numbers."""
    data = path.read_bytes()
    raw = gzip.decompress(data) if path.suffix == ".gz" else data
    frame = pd.read_csv(io.BytesIO(raw), sep="\t", dtype=str, keep_default_na=False).set_index(index)  # noqa: TID251
    frame.index = frame.index.astype(object)
    kept = text or []
    return pd.DataFrame(
        {
            name: frame[name].astype(object) if name in kept else pd.to_numeric(frame[name].replace("", None))
            for name in frame
        },
        index=frame.index,
    )
