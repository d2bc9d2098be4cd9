"""Damage the stage files of a finished run one at a time, and call the step that reads them."""

from __future__ import annotations

import random
import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING

import assemble_dataset
import merge_samples
import qc_cells
import write_passports
from mscape import paths
from mscape.data import checksum
from mscape.data.schema import load_schema
from mscape.errors import UserError
from mscape.run import config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TABLES = {
    "accounting": "accounting.tsv",
    "gate_table": "gate.tsv",
    "contaminants": "contaminants.tsv",
    "hidden": "hidden_mixture.tsv",
    "flow_agreement": "flow_agreement.tsv",
    "stability": "stability.tsv",
    "composition": "composition.tsv",
    "signature_scores": "signature_scores.tsv",
    "signatures": "signatures.tsv",
    "priming": "priming.tsv",
    "run": "run.json",
}
DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "half of it": lambda data, rng: data[: len(data) // 2],
    "empty": lambda data, rng: b"",
    "a bit in the middle": lambda data, rng: _flip(data, len(data) // 2, 0),
    "a bit": lambda data, rng: _flip(data, rng.randrange(len(data)), rng.randrange(8)),
    "another bit": lambda data, rng: _flip(data, rng.randrange(len(data)), rng.randrange(8)),
    "4 kB of zeros": lambda data, rng: _zeros(data, len(data) // 2),
    "half of the lines": lambda data, rng: b"".join(data.splitlines(True)[: len(data.splitlines()) // 2 or 1]),
}


def _flip(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def _zeros(data: bytes, at: int) -> bytes:
    part = data[at : at + 4096]
    return data[:at] + bytes(len(part)) + data[at + len(part) :]


def steps(study: dict, results: Path, out: Path) -> dict[str, tuple]:
    """Make the calls of four steps that read stage files: main, input, output, params and the files to damage."""
    resolved = config.resolve(study, load_schema(paths.schema("config.schema.yaml")), folder=results)
    (dataset,) = resolved["datasets"].values()
    rows = config.simulated_sheet(dataset["simulate"]["lots"], dataset="tiny").to_dict("records")
    raw, qc = ([results / f"samples/{row['sample_id']}/{name}.h5ad" for row in rows] for name in ("raw", "qc"))
    one = SimpleNamespace(h5ad=raw[0], markers=paths.resource("markers.yaml"))
    settings = SimpleNamespace(settings=dataset["qc"], row=rows[0], organism="human", seed=0, threads=1)
    calls = {"qc_cells": (qc_cells, one, SimpleNamespace(h5ad=out / "qc.h5ad"), settings, [raw[0]])}
    calls["merge_samples"] = (
        merge_samples,
        SimpleNamespace(raw=raw, qc=qc),
        SimpleNamespace(h5ad=out / "counts.h5ad", table=out / "accounting.tsv"),
        SimpleNamespace(rows=rows, dataset="tiny", culture="expanded", simulated=True, threads=1),
        [raw[0], qc[0]],
    )
    whole = {name: results / f"{name}.h5ad" for name in ("counts", "gate", "clusters", "scores")}
    judged = whole | {key: results / name for key, name in TABLES.items()}
    calls["write_passports"] = (
        write_passports,
        SimpleNamespace(**judged, qc=qc, certificate=[], placed=[]),
        SimpleNamespace(json=out / "passports.json"),
        SimpleNamespace(settings=dataset["passport"], organism="human", culture="expanded", threads=1),
        [*(path for key, path in judged.items() if key != "clusters"), qc[0]],  # which it does not read
    )
    joined = whole | {"embedding": results / "embedding.all.h5ad", "embedding_msc": results / "embedding.msc.h5ad"}
    joined |= {"map": results / "umap.all.h5ad", "map_msc": results / "umap.msc.h5ad"}
    joined |= {"names": results / "cluster_names.tsv", "run": results / "run.json"}
    calls["assemble_dataset"] = (
        assemble_dataset,
        SimpleNamespace(**joined),
        SimpleNamespace(h5ad=out / "tiny.h5ad"),
        SimpleNamespace(threads=1),
        list(joined.values()),
    )
    return calls


def damaged_runs(study: dict, finished: Path, scratch: Path, *, share: int = 1) -> Iterator[tuple[str, str]]:
    """Yield each damage with what the step that reads the file said: "" where it went on.

    Parameters
    ----------
    study
        The config of a finished run of one simulated dataset.
    finished
        Its results; they are copied.
    scratch
        Where to.
    share
        One of so many damages is tried on each file, another one on the next.
    """
    results, out = scratch / "tiny", scratch / "out"
    shutil.copytree(finished, results, ignore=shutil.ignore_patterns("figures", "*.html"))
    out.mkdir()
    number = 0
    for step, (script, given, output, params, files) in steps(study, results, out).items():
        for path in files:
            data, rng = path.read_bytes(), random.Random(f"{step} {path.name}")
            cases = {how: change(data, rng) for how, change in DAMAGES.items()}
            if "samples" in path.parts:
                cases["another sample's"] = (path.parents[1] / "B" / path.name).read_bytes()
            for how, text in cases.items():
                number += 1
                if number % share or text == data:  # zeros in the place of zeros are no damage
                    continue
                path.write_bytes(text)
                checksum._verify.cache_clear()
                try:
                    script.main(given, output, params)
                    said = ""
                except UserError as error:
                    said = str(error)
                yield f"{step}, {path.name}: {how}", said
            path.write_bytes(data)
