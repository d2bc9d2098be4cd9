"""The study to copy is read as it stands, and the README shows what is in it."""

import re
import textwrap

import yaml

from mscape.run.sheet import read_rows
from mscape.run.study import Study


def test_the_template_is_a_study(root):
    place = root / "config/template"
    rows = read_rows(place / "samples.tsv")
    assert list(rows["sample_id"]) == ["D1_P4", "D2_P4"]
    study = Study.load(yaml.safe_load((place / "study.yaml").read_text()), file=place / "study.yaml")
    assert list(study.datasets) == ["release"]


def test_the_readme_shows_the_template_to_the_letter(root):
    blocks = re.findall(r"```(\w*)\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)
    shown = [(kind or "sheet", text) for kind, text in blocks if "D1_P4" in text or "samples.tsv" in text]
    texts = {kind: textwrap.dedent(text) for kind, text in shown}
    assert texts["sheet"] == (root / "config/template/samples.tsv").read_text()
    given = yaml.safe_load((root / "config/template/study.yaml").read_text())
    config = yaml.safe_load(texts["yaml"])
    assert {key: given[key] for key in config} == config


def test_the_catalog_and_the_workflow_on_github_run_what_the_readme_says(root):
    usage = yaml.safe_load((root / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert {"mandatory-flags", "software-stack-deployment", "report"} <= set(usage)
    steps = yaml.safe_load((root / ".github/workflows/check.yml").read_text())["jobs"]["check"]["steps"]
    commands = " ".join(step.get("run", "") for step in steps)
    readme = (root / "README.md").read_text()
    assert "python3 -m pip install uv && uv run snakemake --cores" in commands
    assert "python3 -m pip install uv && uv run snakemake --cores" in readme
    assert "uv run pytest" in commands
