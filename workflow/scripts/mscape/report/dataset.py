"""Read the stage files of a dataset for its report; missing results are listed with a reason."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import hdf5plugin  # noqa: F401  registers the zstd filter
import numpy as np
import pandas as pd
from anndata.io import read_elem

from mscape.data import counts, yaml_file
from mscape.data.json_file import read_json
from mscape.data.table_io import read_table
from mscape.data.tables import TABLES
from mscape.errors import UserError
from mscape.genes.species import species

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger("mscape")

LIGHT = {  # input: slots of obsm that the report shows, the first that is there
    "embedding": (),
    "embedding_msc": (),
    "map": ("X_umap",),
    "map_msc": ("X_umap",),
    "gate": (),
    "clusters": (),
    "annotations": (),
    "scores": ("score_z", "score_matched"),
}


class Light(NamedTuple):
    """The parts of a light stage file that the report shows.

    Attributes
    ----------
    rows
        Row in counts.h5ad of each cell.
    obs, obsm, uns
        As in the file; ``obsm`` holds one slot at most.
    """

    rows: np.ndarray
    obs: pd.DataFrame
    obsm: dict
    uns: dict


@dataclass
class Dataset:
    """What the report shows.

    Attributes
    ----------
    name
        The dataset's name.
    obs
        One row a cell that passed quality control: the columns of counts.h5ad, joined with gate, clusters and phase.
    tables
        The stage tables by name (:data:`mscape.data.tables.TABLES`); absent ones are missing from the dict.
    light
        The light stage files by input name.
    missing
        Reason by input name for light files that are absent.
    passports, config, run
        As read from JSON and YAML.
    files
        Paths by input name, of tables by file name, for the digests.
    """

    name: str
    obs: pd.DataFrame
    tables: dict[str, pd.DataFrame]
    light: dict[str, Light]
    missing: dict[str, str]
    passports: dict
    config: dict
    files: dict[str, list[Path]]
    qc: dict[str, Light] = field(default_factory=dict)
    run: dict = field(default_factory=dict)

    @property
    def lots(self) -> list[str]:
        """Lots in the order of the passports."""
        return [lot["lot_id"] for lot in self.passports["lots"]]

    @property
    def simulated(self) -> bool:
        """Whether the cells were made by the simulator."""
        return bool(self.passports.get("simulated", False))

    @property
    def judged(self) -> bool:
        """Whether the ISCT criteria apply: to human cells only. Passports that do not say are taken as human."""
        return species(self.passports.get("organism", "human")).isct

    @staticmethod
    def missing_table(name: str) -> str:
        """Say why a stage table is not shown."""
        return f"The run made no {TABLES[name].file}."

    def stage(self, name: str, step: str) -> dict:
        """Return ``uns["mscape"][step]`` of a light file, or {} where there is none."""
        light = self.light.get(name)
        return {} if light is None else dict(light.uns.get("mscape", {}).get(step, {}))


def read_dataset(input: object, *, name: str) -> Dataset:
    """Read all inputs of the report.

    Parameters
    ----------
    input
        Has the inputs as attributes, the paths of all stage tables as ``tables``; optional ones may be absent, empty or
        None.
    name
        The dataset's name.

    Raises
    ------
    mscape.errors.UserError
        If counts, passports or a needed column is absent, or a stage file holds other cells than counts.h5ad.
    """
    files = {key: paths for key in _names(input) if (paths := _paths(input, key))}
    for key in ("counts", "passports"):
        if key not in files:
            msg = f"render_report: input '{key}' was not given; the report needs counts.h5ad and passports.json."
            raise UserError(msg)
    obs = counts.read_obs(files["counts"][0])
    missing: dict[str, str] = {}
    given = {Path(path).name: Path(path) for path in getattr(input, "tables", ())}
    tables = {name: read_table(given[table.file], name) for name, table in TABLES.items() if table.file in given}
    files |= {name: [path] for name, path in given.items()}
    light = {}
    for key, slots in LIGHT.items():
        if key in files:
            light[key] = read_parts(files[key][0], obs.index, slots=slots)
        else:
            missing[key] = f"The run made no file for '{key}'."
    dataset = Dataset(
        name=name,
        obs=_join(obs, light),
        tables=tables,
        light=light,
        missing=missing,
        passports=read_json(files["passports"][0]),
        config=yaml_file.read(files["config"][0]) if "config" in files else {},
        files=files,
    )
    if "run" in files:
        dataset.run = read_json(files["run"][0])
    for path in files.get("qc", []):
        dataset.qc[path.parent.name] = read_parts(path, None)
    return dataset


def _names(input: object) -> list[str]:
    wanted = ("counts", "passports", "config", "run", "qc", "truth", "parity", *LIGHT)
    return [key for key in wanted if getattr(input, key, None)]


def _paths(input: object, key: str) -> list[Path]:
    value = getattr(input, key)
    return [Path(value)] if isinstance(value, str | Path) else [Path(v) for v in value]


def read_parts(path: Path, cells: pd.Index | None, *, slots: tuple[str, ...] = ()) -> Light:
    """Read ``obs``, ``uns`` and one slot of ``obsm``; graphs and the other slots stay in the file.

    Parameters
    ----------
    path
        A light stage file.
    cells
        Cells of counts.h5ad, to find the rows; None for files of cells before quality control.
    slots
        Keys of ``obsm``; the first one that is there is read.

    Raises
    ------
    mscape.errors.UserError
        If the file holds a cell that is not among ``cells``.
    """
    with counts.open_file(path) as file:
        obs = read_elem(file["obs"])
        uns = read_elem(file["uns"]) if "uns" in file else {}
        slot = next((slot for slot in slots if slot in file.get("obsm", {})), None)
        obsm = {} if slot is None else {slot: read_elem(file["obsm"][slot])}
    if cells is None:
        return Light(np.arange(0), obs, obsm, uns)
    rows = np.arange(len(cells)) if obs.index.equals(cells) else cells.get_indexer(obs.index)
    if (rows < 0).any():
        msg = (
            f"{path} holds {int((rows < 0).sum())} cells that counts.h5ad does not hold (first: "
            f"{obs.index[rows < 0][0]!r}); both must come from the same run. Rerun the dataset."
        )
        raise UserError(msg)
    return Light(rows, obs, obsm, uns)


def _join(obs: pd.DataFrame, light: dict[str, Light]) -> pd.DataFrame:
    """Add gate, cluster and phase columns to the cells; text is "" where a cell has none."""
    obs = obs.copy()
    for key in ("gate", "clusters", "annotations", "scores"):
        for column, values in light[key].obs.items() if key in light else ():
            text = not pd.api.types.is_numeric_dtype(values) or column in ("leiden",)
            full = np.full(len(obs), "", dtype=object) if text else np.full(len(obs), np.nan)
            words = values.astype(object).where(values.notna(), "").astype(str) if text else values.astype(float)
            full[light[key].rows] = words.to_numpy()
            obs[column] = pd.Series(full, index=obs.index, dtype=object if text else float)
    return obs


def natural(values: Iterable[object]) -> list[str]:
    """Sort names so that cluster 10 comes after cluster 9."""
    return sorted(map(str, values), key=lambda v: (not v.isdigit(), int(v) if v.isdigit() else 0, v))
