"""A finished run of the toy study: a folder of results, and copies of it in which one thing was changed."""

import copy
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from toy_study import default_settings, write_study

import write_passports
from mscape.data import counts

SECTIONS = ("qc", "embed", "gate", "cluster", "score", "compare", "passport", "report")


def write_run(folder: Path) -> SimpleNamespace:
    """Write a finished run of one dataset, ``results/toy``; return what its last step reads."""
    place = folder / "results" / "toy"
    study = write_study(place)
    record = json.loads(Path(study.run).read_text())
    record |= {
        "config": {"organism": "human", "culture": "expanded"} | {one: default_settings(one) for one in SECTIONS},
        "seed": 0,
        "samples": [{"sample_id": name, "condition": name.split("_")[1]} for name in study.samples],
        "inputs": {name: f"{i:064x}" for i, name in enumerate(study.samples)},
        "files": {},
        "code": {"load_counts": "a1", "gate_msc": "a2", "cluster_cells": "a3", "write_passports": "a4"},
        "versions": {"python": "3.12.1", "numpy": "2.5.5", "scanpy": "1.12.4"},
    }
    Path(study.run).write_text(json.dumps(record))
    judge(study, place, record)
    return study


def judge(study: SimpleNamespace, place: Path, record: dict) -> None:
    """Write the passports with the record's settings, by the step of the workflow."""
    params = SimpleNamespace(
        settings=record["config"]["passport"], organism="human", culture=record["config"]["culture"], threads=1
    )
    write_passports.main(study, SimpleNamespace(json=str(place / "passports.json")), params)


def copy_run(source: Path, target: Path, *, keys: tuple[str, ...] = (), value: object = None) -> SimpleNamespace:
    """Copy a run and change one value of its record; return the copy's paths, and its record."""
    shutil.copytree(source, target)
    place = target / "results" / "toy"
    record = json.loads((place / "run.json").read_text())
    inner = record
    for key in keys[:-1]:
        inner = inner[key]
    if keys:
        inner[keys[-1]] = copy.deepcopy(value)
        (place / "run.json").write_text(json.dumps(record))
    return SimpleNamespace(folder=target, place=place, record=record)


def flip_calls(place: Path, rng: np.random.Generator, n: int = 5) -> list[str]:
    """Let cells that pass fail; return their barcodes."""
    file = counts.read_light(place / "gate.h5ad")
    chosen = rng.choice(file.obs_names[file.obs["isct_call"] == "pass"], n, replace=False)
    call = file.obs["isct_call"].astype(str)
    call[chosen] = "fail"
    file.obs["isct_call"] = call.astype("category")
    (place / "gate.h5ad").unlink()
    counts.write(file, place / "gate.h5ad")
    return sorted(chosen)


def move_clusters(place: Path, rng: np.random.Generator, n: int = 20) -> None:
    """Put cells of the largest cluster into one of their own."""
    file = counts.read_light(place / "clusters.h5ad")
    label = file.obs["leiden"].astype(str)
    label[rng.choice(label.index[label == "0"], n, replace=False)] = "2"
    file.obs["leiden"] = label.astype("category")
    (place / "clusters.h5ad").unlink()
    counts.write(file, place / "clusters.h5ad")


def shift_scores(place: Path, rng: np.random.Generator) -> str:
    """Raise one signature in one cell by two standard deviations; return its name."""
    file = counts.read_light(place / "scores.h5ad")
    table = file.obsm["score_z"].copy()
    name = str(rng.choice(table.columns))
    table.loc[rng.choice(table.index), name] += 2 * float(np.std(table[name].to_numpy(float)))
    file.obsm["score_z"] = table
    (place / "scores.h5ad").unlink()
    counts.write(file, place / "scores.h5ad")
    return name
