"""Describe a study as an RO-Crate: which workflow ran, on which inputs, with which versions, and what came out.

RO-Crate 1.1 (doi:10.3233/DS-210053) with the profile Workflow Run Crate 0.5 (doi:10.1371/journal.pone.0309210).
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from mscape.data.json_file import read_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

METADATA = "ro-crate-metadata.json"
CONTEXT = ["https://w3id.org/ro/crate/1.1/context", {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}]
SPDX_BSD = "https://spdx.org/licenses/BSD-3-Clause"
SNAKEMAKE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
MEDIA_TYPES = {
    ".html": "text/html",
    ".json": "application/json",
    ".cdx.json": "application/vnd.cyclonedx+json",
    ".tsv": "text/tab-separated-values",
    ".csv": "text/csv",
    ".yaml": "application/yaml",
    ".svg": "image/svg+xml",
    ".pdf": "application/pdf",
    ".h5ad": "application/x-hdf5",
    ".parquet": "application/vnd.apache.parquet",
    ".txt": "text/plain",
    ".gz": "application/gzip",
    ".css": "text/css",
    ".js": "text/javascript",
    ".md": "text/markdown",
    ".py": "text/x-python",
}
WORKFLOW = "source/Snakefile"


def describe_study(
    root: Path, results: Iterable[str], runs: Iterable[str], *, title: str, licence: str, version: str
) -> tuple[list[Path], dict]:
    """Find the files of a study and describe them.

    Parameters
    ----------
    root
        Folder of the crate.
    results
        Files and folders in it.
    runs
        ``run.json`` of each dataset.
    title, licence, version
        As for `describe`.

    Returns
    -------
    The files, and the metadata document.
    """
    files = []
    for path in map(Path, results):
        inside = path.rglob("*") if path.is_dir() else [path]
        files += [file for file in inside if file.is_file() and not file.name.startswith(".")]
    records = [read_json(path) for path in runs]
    return files, describe(root, files, records, title=title, licence=licence, version=version)


def describe(
    root: Path, files: Iterable[Path], runs: Sequence[dict], *, title: str, licence: str, version: str
) -> dict:
    """Make the metadata document.

    Parameters
    ----------
    root
        Folder of the crate; all files lie in it, among them ``source/Snakefile``.
    files
        Results, and the workflow's own files under ``source/``.
    runs
        ``run.json`` of each dataset; the results of a dataset are the files in the folder of its name.
    title
        Of the study.
    licence
        Of the results, as a URL or in words; "" where nobody stated one.
    version
        Of the workflow.
    """
    entities = [describe_file(root, path) for path in sorted(files)]
    ended = max((path.stat().st_mtime for path in files), default=0.0)
    when = datetime.fromtimestamp(ended, UTC).isoformat(timespec="seconds")
    main = next(entity for entity in entities if entity["@id"] == WORKFLOW)
    software = describe_software(runs)
    main |= {
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": "mscape",
        "description": "From single-cell RNA-seq of mesenchymal stromal cells to an answer per lot, with all files.",
        "version": version,
        "license": {"@id": SPDX_BSD},
        "programmingLanguage": {"@id": SNAKEMAKE},
        "softwareRequirements": [{"@id": entity["@id"]} for entity in software],
    }
    actions, inputs, agents = [], [], []
    for run in runs:
        given, agent = list(describe_inputs(run)), describe_agent(run)
        inputs += given
        agents += agent
        actions.append(describe_run(run, given, agent, entities, ended=when))
    simulated = [run["dataset"] for run in runs if "simulate" in run["config"]]
    link = licence if licence.startswith("https://") else "#licence"
    terms = licence or "The study states no licence for its results; the key license of its config would."
    dataset = {
        "@id": "./",
        "@type": "Dataset",
        "name": title,
        "description": "Report, lot passports, tables, figures and the record of the run. Intended use: research."
        + (f" SIMULATED DATA: {', '.join(simulated)}." if simulated else ""),
        "datePublished": when,
        "license": {"@id": link},
        "conformsTo": [{"@id": url} for url in PROFILES],
        "mainEntity": {"@id": WORKFLOW},
        "mentions": [{"@id": action["@id"]} for action in actions],
        "hasPart": [{"@id": entity["@id"]} for entity in entities],
    }
    graph = [
        {
            "@id": METADATA,
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": [
                {"@id": "https://w3id.org/ro/crate/1.1"},
                {"@id": "https://w3id.org/workflowhub/workflow-ro-crate/1.0"},
            ],
        },
        dataset,
        *entities,
        *actions,
        *inputs,
        *agents,
        *software,
        *context_entities(link, terms),
    ]
    return {"@context": CONTEXT, "@graph": graph}


def describe_file(root: Path, path: Path) -> dict:
    """Size, digest and format of a file of the crate."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    name = path.relative_to(root).as_posix()
    return {
        "@id": quote(name),
        "@type": "File",
        "name": name,
        "encodingFormat": MEDIA_TYPES.get("".join(path.suffixes[-2:])) or MEDIA_TYPES.get(path.suffix, "text/plain"),
        "contentSize": str(path.stat().st_size),
        "sha256": digest,
    }


def describe_inputs(run: dict) -> Iterable[dict]:
    """Name each sample's counts, where they were read from, and the digest of names and counts."""
    for sample, digest in run["inputs"].items():
        yield {
            "@id": f"#input-{quote(run['dataset'])}-{quote(sample)}",
            "@type": "CreativeWork",
            "name": f"Counts of sample {sample}",
            "description": f"From {run['paths'].get(sample) or 'the simulator'}; the digest is of names and counts.",
            "identifier": f"sha256:{digest}",
        }


def describe_agent(run: dict) -> list[dict]:
    """Name who answers for the run, where the config does."""
    contact = run["config"].get("report", {}).get("contact", "")
    return [{"@id": f"#agent-{quote(run['dataset'])}", "@type": "Person", "name": contact}] if contact else []


def describe_software(runs: Sequence[dict]) -> list[dict]:
    """One entity a package and version, by its package URL."""
    used = dict.fromkeys(pair for run in runs for pair in run["versions"].items())
    kind = {"python": "generic"}
    return [
        {
            "@id": f"pkg:{kind.get(name, 'pypi')}/{name}@{number}",
            "@type": "SoftwareApplication",
            "name": name,
            "softwareVersion": number,
        }
        for name, number in used
    ]


def describe_run(
    run: dict, inputs: Sequence[dict], agents: Sequence[dict], files: Sequence[dict], *, ended: str
) -> dict:
    """Describe the analysis of one dataset as an action: inputs and config in, the files of its folder out."""
    own = f"{quote(run['dataset'])}/"
    config = f"{own}config.yaml"
    results = [entity["@id"] for entity in files if entity["@id"].startswith(own) and entity["@id"] != config]
    kind = "simulated cells" if "simulate" in run["config"] else "cells"
    return {
        "@id": f"#run-{run['run_id']}",
        "@type": "CreateAction",
        "name": f"Analysis of dataset {run['dataset']}, run {run['run_id']}",
        "description": f"mscape on {kind} of {len(run['inputs'])} samples with seed {run['seed']}.",
        "instrument": {"@id": WORKFLOW},
        **({"agent": {"@id": agents[0]["@id"]}} if agents else {}),
        "object": [*({"@id": entity["@id"]} for entity in inputs), {"@id": config}],
        "result": [{"@id": name} for name in results],
        "endTime": ended,
        "actionStatus": "http://schema.org/CompletedActionStatus",
    }


def context_entities(licence: str, terms: str) -> list[dict]:
    """Describe what the others refer to: language, profiles, licences."""
    language = {
        "@id": SNAKEMAKE,
        "@type": "ComputerLanguage",
        "name": "Snakemake",
        "identifier": {"@id": "https://doi.org/10.12688/f1000research.29032.2"},
        "url": {"@id": "https://snakemake.readthedocs.io"},
    }
    profiles = [
        {"@id": url, "@type": "CreativeWork", "name": name, "version": number}
        for url, (name, number) in PROFILES.items()
    ]
    own = {"@id": SPDX_BSD, "@type": "CreativeWork", "name": "BSD 3-Clause License", "description": "Of the workflow."}
    results = {"@id": licence, "@type": "CreativeWork", "name": "Licence of the results", "description": terms}
    return [language, *profiles, own, *([] if licence == SPDX_BSD else [results])]


def dump(document: dict) -> str:
    """Write the document as JSON text."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
