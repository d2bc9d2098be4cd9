"""Put the workflow's own files and the list of its software beside the results; describe the study as an RO-Crate."""

import json
import shutil
from importlib import metadata
from pathlib import Path

from mscape.export import ro_crate, sbom
from mscape.report import page
from mscape.run import step

KEPT = ("Snakefile", "LICENSE", "CITATION.cff", "README.md", "pyproject.toml")
FOLDERS = ("workflow", "resources", "profiles", "envs")


def copy_workflow(repository: Path, target: Path) -> None:
    """Copy what runs, so that the results can be made again from their folder."""
    target.mkdir(parents=True, exist_ok=True)
    for name in KEPT:
        shutil.copyfile(repository / name, target / name)
    for name in FOLDERS:
        ignore = shutil.ignore_patterns("__pycache__", ".*")
        shutil.copytree(
            repository / name, target / name, ignore=ignore, copy_function=shutil.copyfile, dirs_exist_ok=True
        )


def main(input, output, params):
    """Copy, digest, write."""
    copy_workflow(Path(params.repository), Path(output.source))
    software = sbom.list_software(metadata.distributions(), version=page.version())
    Path(output.software).write_text(json.dumps(software, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    _, document = ro_crate.describe_study(
        Path(output.json).parent,
        [*input.results, output.source, output.software],
        input.runs,
        title=params.title,
        licence=params.licence,
        version=page.version(),
    )
    Path(output.json).write_text(ro_crate.dump(document), encoding="utf-8")


if "snakemake" in globals():
    step.run(main, snakemake)
