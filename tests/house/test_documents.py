"""Derived documents agree with what they are made from; `--fix` writes them anew."""

import re
from pathlib import Path

import documents
import pytest

DERIVED = {
    "pyproject.toml": documents.project,  # first: others are made from it
    "config/README.md": lambda text: documents.config_docs(),
    "envs/cpu.yaml": lambda text: documents.conda_env(),
    "envs/gpu.yaml": lambda text: documents.gpu_env(),
    "README.md": documents.readme,
    "docs/reference/outputs.md": lambda text: documents.outputs_docs(),
    "docs/licenses.md": lambda text: documents.licenses_docs(),
    "docs/reference/reasons.md": lambda text: documents.reasons_docs(),
}


@pytest.mark.parametrize("name", DERIVED)
def test_derived_document_is_in_sync(root, request, name):
    path: Path = root / name
    if name == "pyproject.toml" and not (root / "uv.lock").is_file():
        pytest.skip("the versions are compared with uv.lock, which `uv run` makes")
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    expected = DERIVED[name](text)
    if request.config.getoption("--fix"):
        path.write_text(expected, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == expected, f"{name} is stale: pytest tests/house/test_documents.py --fix"


@pytest.mark.parametrize("page", ["docs/reliability.md", "SECURITY.md"])
def test_each_promise_names_tests_that_are_there(root, page):
    named = set(re.findall(r"`(tests/[\w/.]+)`", (root / page).read_text()))
    assert len(named) >= 5
    assert not [path for path in named if not (root / path).exists()]


def test_the_hashed_requirements_are_those_of_the_pins(root, request):
    path = root / "envs/cpu.hashed.txt"
    if request.config.getoption("--fix"):
        path.write_text(documents.hashed_requirements(), encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    assert "://" not in text
    entries = re.split(r"\n(?=\w)", "\n".join(line for line in text.splitlines() if not line.startswith("#")).strip())
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", entry) for entry in entries)
    exact = {pin.split(" ;")[0] for pin in documents.pins()}
    assert {re.split(r" [;\\]", entry)[0] for entry in entries} <= exact
    assert len(entries) > 60


def test_every_package_states_a_license_and_no_other_is_under_the_gpl():
    text = documents.licenses_docs()
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]
    assert not [row for row in rows if "not stated" in row[2]]
    strict = {row[0].removeprefix("| ") for row in rows if re.search(r"\bGPL|General Public", row[2])}
    free_of_it = {"docutils", "enum-tools"}  # one tool under the GPL, which is not installed; LGPL
    assert strict - free_of_it == set(documents.GPL)


def test_pins_satisfy_what_the_project_asks_for(root):
    import tomllib

    from packaging.requirements import Requirement

    project = tomllib.loads((root / "pyproject.toml").read_text())
    exact = {Requirement(pin).name: Requirement(pin).specifier for pin in documents.pins()}
    groups = project["dependency-groups"].values()
    wanted = [*project["project"]["dependencies"], *(one for group in groups for one in group if isinstance(one, str))]
    for requirement in map(Requirement, wanted):
        if requirement.name == "mscape":
            continue  # the project itself, with its extra
        if str(requirement.specifier).startswith("=="):
            continue  # of a group that not everyone installs: it is its own pin
        version = str(exact[requirement.name]).removeprefix("==")
        assert requirement.specifier.contains(version), f"{requirement} is pinned to {version}"


@pytest.mark.parametrize("cuda", [12, 13])
def test_the_gpu_environment_has_what_the_workflow_asks_for(root, cuda):
    import tomllib

    from packaging.requirements import Requirement

    exact = {Requirement(pin).name: Requirement(pin).specifier for pin in documents.gpu_pins(cuda)}
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    advice = f"resolve it anew: the first lines of envs/gpu.cuda{cuda}.txt"
    for requirement in map(Requirement, project["dependencies"]):
        version = str(exact.get(requirement.name, "")).removeprefix("==")
        assert requirement.specifier.contains(version or "0"), f"{requirement} is {version or 'missing'}; {advice}"
    assert {f"{name}-cu{cuda}" for name in ("rapids-singlecell", "cuml", "cudf", "cugraph")} <= set(exact)


def test_the_environment_is_the_pinned_one():
    from importlib import metadata

    from packaging.requirements import Requirement

    wanted = [pin for pin in map(Requirement, documents.pins()) if pin.marker is None or pin.marker.evaluate()]
    other = {pin.name: found for pin in wanted if (found := metadata.version(pin.name)) not in pin.specifier}
    assert other == {}


def test_every_rule_has_a_script_a_log_and_a_test(root):

    for file in (root / "workflow/rules").glob("*.smk"):
        for name, body in re.findall(
            r"^(?:    )?rule (\w+):\n(.*?)(?=^rule |^(?:    )rule |\Z)", file.read_text(), re.M | re.S
        ):
            assert f'"../scripts/{name}.py"' in body, name
            assert f"logs/{name}" in body, name
            assert "benchmark:" in body or "output:" not in body, name  # it would count as the output
            assert f'code("{name}")' in body, name
            assert (root / f"workflow/scripts/{name}.py").is_file(), name
            assert (root / f"tests/steps/test_{name}.py").is_file(), name


def test_no_lock_file_with_addresses_is_committed(root):
    import subprocess

    files = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True).stdout.split()
    assert not {"uv.lock", "poetry.lock", "package-lock.json"} & {Path(file).name for file in files}
