"""Derived documents: what each is made from. `pytest tests/house/test_documents.py --fix` writes them anew."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import yaml

from mscape.data import contract
from mscape.data.schema import load_schema
from mscape.data.tables import TABLES
from mscape.gating import reasons
from mscape.run import config

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- generated: {} -->", "<!-- end of {} -->"


def pins() -> list[str]:
    """Exact versions of the whole tree, from pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["constraint-dependencies"]


def pin_table(project: str, exported: str) -> str:
    """Put the output of ``uv export --no-hashes --no-header --no-annotate --no-emit-project`` into pyproject.toml."""
    lines = [line.strip().replace('"', "'") for line in exported.splitlines() if line.strip()]
    table = "".join(f'    "{line}",\n' for line in lines)
    return re.sub(r"(constraint-dependencies = \[\n).*?(^\]$)", rf"\g<1>{table}\g<2>", project, flags=re.M | re.S)


def conda_env() -> str:
    """envs/cpu.yaml: the pins of what runs the workflow, for conda users."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    stated = [*project["dependencies"], *project["optional-dependencies"]["workflow"]]
    own = sorted(re.match(r"[a-z0-9-]+", requirement).group() for requirement in stated)
    exact = {pin.split("==")[0]: pin.split(" ;")[0] for pin in pins()}
    packages = "\n".join(f"      - {exact[name]}" for name in own)
    return (
        "# Generated from pyproject.toml by: pytest tests/house/test_documents.py --fix\n"
        "channels: [conda-forge, nodefaults]\n"
        f"dependencies:\n  - python=3.12\n  - pip\n  - pip:\n{packages}\n"
    )


def gpu_pins(cuda: int) -> list[str]:
    """Exact versions of the GPU's whole tree for one version of CUDA; the file's first line says how they are found."""
    lines = (ROOT / f"envs/gpu.cuda{cuda}.txt").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def gpu_env() -> str:
    """envs/gpu.yaml: the pins for CUDA 13, for conda users."""
    packages = "\n".join(f"      - {pin}" for pin in gpu_pins(13))
    return (
        "# Generated from envs/gpu.cuda13.txt by: pytest tests/house/test_documents.py --fix\n"
        "channels: [conda-forge, nodefaults]\n"
        f"dependencies:\n  - python=3.12\n  - pip\n  - pip:\n{packages}\n"
    )


def config_docs() -> str:
    """config/README.md: every key, its default and meaning."""
    schema = load_schema(ROOT / "workflow/schemas/config.schema.yaml")
    samples = load_schema(ROOT / "workflow/schemas/samples.schema.yaml")
    parts = [
        "# Configuration",
        "<!-- Generated from workflow/schemas by: pytest tests/house/test_documents.py --fix -->",
        "A study is one YAML file, given with `--configfile`; without one, the simulated demonstration of "
        "`config/config.yaml` runs. Unknown keys are refused. A section set at the top holds for all datasets; the "
        "same section inside a dataset changes single keys there.",
        "## Study",
        _table(schema["properties"], schema),
        "## `datasets.<name>`",
        _table(schema["$defs"]["dataset"]["properties"], schema),
    ]
    for name in ("gpu", "track"):  # of the whole study
        section = schema["properties"][name]
        parts += [f"## `{name}`", section["description"], _table(section["properties"], schema)]
    for section in config.SECTIONS:
        definition = schema["$defs"][section]
        parts += [f"## `{section}`", definition.get("description", ""), _table(definition["properties"], schema)]
    parts += ["## `simulate`", schema["$defs"]["simulate"].get("description", "")]
    parts += [_table(schema["$defs"]["simulate"]["properties"], schema)]
    lot = schema["$defs"]["simulate"]["properties"]["lots"].get("items", {})
    if "properties" in lot:
        parts += ["### `simulate.lots[]`", _table(lot["properties"], schema)]
    parts += [
        "## Sample sheet",
        samples["description"] + " Tab-separated, UTF-8.",
        _table(samples["properties"], samples),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def outputs_docs() -> str:
    """docs/reference/outputs.md: every table, its step and its columns."""
    parts = [
        "# Tables of results",
        "<!-- Generated from mscape/data/tables.py by: pytest tests/house/test_documents.py --fix -->",
        "Each is tab-separated text with a header, under `results/<dataset>/`. Numbers have six digits, whole numbers "
        "all of theirs; a missing number is empty, and so is a text where there is nothing to say. Flags are `True` or "
        "`False`. The package of the study holds each as CSV and Parquet too. AnnData files are listed in the README.",
    ]
    only = {"simulated": "of simulated datasets", "gpu": "of runs on a GPU", "check": "of `snakemake check`"}
    only["annotated"] = "of datasets with `annotations`"
    only |= {name: f"of `snakemake {name}`" for name in ("diff", "track", "equivalence", "meta")}
    only["certified"] = "of datasets with `passport.certificate`"
    only |= {"reference": "of lots that are judged against a reference (`reference.path`)"}
    for table in TABLES.values():
        where = f"Written by `{table.step}` to `{table.path}`" + (f", {only[table.only]}." if table.only else ".")
        rows = ["| column | type | meaning |", "|---|---|---|"]
        columns = [*table.columns[:-1], table.further, table.columns[-1]] if table.further else table.columns
        rows += [f"| `{column.name}` | {column.dtype} | {column.what} |" for column in columns]
        parts += [f"## {table.name}", f"{table.what} {where}", "\n".join(rows)]
    return "\n\n".join(parts) + "\n"


def reasons_docs() -> str:
    """docs/reference/reasons.md: every reason code of the gate."""
    parts = [
        "# Reasons of the gate",
        "<!-- Generated from mscape/gating/reasons.py by: pytest tests/house/test_documents.py --fix -->",
        "Why a cell is not called, or a criterion of a lot is not met: codes of `isct_reason` in `obs` and of the "
        "column `reason` of [gate.tsv](outputs.md#gate). Report and passports show the sentences.",
        reasons.table(),
    ]
    return "\n\n".join(parts) + "\n"


def readme(text: str) -> str:
    """README.md with the generated parts put in."""
    start, end = BEGIN.format("files"), END.format("files")
    return re.sub(f"{start}.*?{end}", f"{start}\n{contract.table()}\n{end}", text, flags=re.DOTALL)


def _table(properties: dict, root: dict) -> str:
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for key, value in properties.items():
        value = _follow(value, root)
        if value.get("type") == "object" and "default" in value and not value["default"]:
            default = "see below"
        else:
            default = (
                f"`{yaml.safe_dump(value['default'], default_flow_style=True, width=10**6).splitlines()[0]}`"
                if ("default" in value)
                else ""
            )
        options = f" One of {', '.join(f'`{option}`' for option in value['enum'])}." if "enum" in value else ""
        rows.append(f"| `{key}` | {default} | {value.get('description', '').strip()}{options} |".replace("\n", " "))
    return "\n".join(rows)


def _follow(value: dict, root: dict) -> dict:
    name = value.get("$ref", "").rpartition("/")[2]
    return {**root["$defs"][name], **value} if name else value


def project(text: str) -> str:
    """pyproject.toml with the versions of the lock file, which is not committed because it names addresses."""
    command = "uv export --no-hashes --no-header --no-annotate --no-emit-project --quiet --frozen"
    exported = subprocess.run(command.split(), cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return pin_table(text, exported)


HASHED_HEAD = """\
# Generated from pyproject.toml by: pytest tests/house/test_documents.py --fix
# What runs the workflow, each package with the digests of its files; any index serves it, and no other file is taken:
#   pip install --require-hashes -r envs/cpu.hashed.txt
"""


def hashed_requirements() -> str:
    """envs/cpu.hashed.txt: the pins of what runs the workflow with digests, without addresses."""
    command = (
        "uv export --format requirements-txt --extra workflow --no-dev --no-header --no-annotate --no-emit-project"
    )
    words = [*command.split(), "--quiet", "--frozen"]
    return HASHED_HEAD + subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout


LICENSES_HEAD = """# Licenses of the packages that mscape uses

Written from the metadata of the installed packages by `pytest tests/house/test_documents.py --fix`.

mscape is under the BSD 3-Clause License. Users install the packages below themselves; the repository contains none of
them. Three of those that a run imports are under the GNU General Public License: {gpl}. For a
source that users install this means nothing further. A **container, bundle or other copy that holds these packages
together with mscape** is a work that the GPL covers as a whole: pass it on under the terms of the GPL 3, with the
source or an offer of it, and not as BSD. igraph and leidenalg cluster, harmonypy integrates batches.

LGPL and MPL apply to their own files: pass on changes of these under the same license.

| package | version | license, as its metadata state it |
|---|---|---|
"""
GPL = ("harmonypy", "igraph", "leidenalg")


def license_of(package: str) -> tuple[str, str]:
    """Version and license of an installed package: the expression, else the classifiers, else its text."""
    from importlib import metadata

    found = metadata.distribution(package)
    classes = [one for one in found.metadata.get_all("Classifier", []) if one.startswith("License")]
    classes = [one.rpartition(" :: ")[2] for one in classes]
    stated = found.metadata.get("License-Expression") or ", ".join(dict.fromkeys(classes))
    stated = stated or (found.metadata.get("License") or "").strip().split("\n")[0][:60]
    files = [file for file in found.files or [] if re.search(r"licen[cs]e", str(file), re.IGNORECASE)]
    for file in files if not stated else []:
        text = file.read_text(encoding="utf-8")
        name = re.search(r"(MIT|BSD|Apache|ISC) [Ll]icense", text)
        stated = name[0] if name else "MIT License" if "Permission is hereby granted, free of charge" in text else ""
        if stated:
            break
    return found.version, stated or "not stated"


def licenses_docs() -> str:
    """docs/licenses.md: every pinned package that this platform installs."""
    from packaging.requirements import Requirement

    rows = []
    for pin in map(Requirement, pins()):
        if pin.marker is None or pin.marker.evaluate({"sys_platform": "linux"}):
            version, stated = license_of(pin.name)
            rows.append(f"| {pin.name} | {version} | {stated} |\n")
    return LICENSES_HEAD.format(gpl=", ".join(GPL)) + "".join(rows)
