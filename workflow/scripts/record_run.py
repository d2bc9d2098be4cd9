"""Save the resolved config, and what makes the run: digests of the inputs, versions, seed, run id."""

import hashlib
import importlib.metadata
import json
import platform
from pathlib import Path

import yaml

from mscape.data import counts
from mscape.io.download.urls import shown_paths
from mscape.run import step

PACKAGES = (
    "anndata",
    "faiss-cpu",
    "gseapy",
    "harmonypy",
    "igraph",
    "illico",
    "leidenalg",
    "matplotlib",
    "numpy",
    "pandas",
    "pynndescent",
    "scanpy",
    "scikit-learn",
    "scipy",
    "snakemake",
    "umap-learn",
)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that compute."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}


def identify_run(parts: dict) -> str:
    """Twelve hexadecimal digits that follow from config, inputs, code and versions, and from nothing else."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:12]


def main(input, output, params):
    """Save config and provenance of a dataset's run."""
    samples = [row["sample_id"] for row in params.rows]
    inputs = {
        sample: str(counts.read_light(path, obs=[]).uns["mscape"]["load_counts"]["digest"])
        for sample, path in zip(samples, input.raw, strict=True)
    }
    settings = {key: value for key, value in params.resolved.items() if key not in ("samples", "annotations")}
    parts = {
        "config": settings,
        "seed": params.seed,
        "samples": [{key: value for key, value in row.items() if key != "path"} for row in params.rows],
        "inputs": inputs,
        "files": {
            f"{key}: {Path(file).name}": hashlib.sha256(Path(file).read_bytes()).hexdigest()
            for key, files in (
                ("orthologs", input.orthologs),
                ("gate.panel_files", input.panel_files),
                ("score.signature_files", input.signature_files),
            )
            for file in ([files] if isinstance(files, str) else files)
        },
        "code": params.steps,
        "versions": versions(),
    }
    if params.annotations:
        parts["annotations"] = params.annotations
    run = {"run_id": identify_run(parts), "dataset": params.dataset, "title": params.title, **parts}
    run["paths"] = {row["sample_id"]: shown_paths(str(row["path"])) for row in params.rows}
    Path(output.json).write_text(json.dumps(run, indent=1, default=str), encoding="utf-8")
    Path(output.config).write_text(
        yaml.safe_dump({"seed": params.seed, **params.resolved}, sort_keys=False, allow_unicode=True), encoding="utf-8"
    )


if "snakemake" in globals():
    step.run(main, snakemake)
