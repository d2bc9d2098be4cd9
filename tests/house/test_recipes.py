"""The recipes of CONTRIBUTING.md, followed in a copy of the sources with the code that stands there."""

import json
import re
import shutil
import subprocess
import sys

import pytest
import report_fixture

SECTION = """
import json, sys
from types import SimpleNamespace
import render_report
given = SimpleNamespace(**json.loads(sys.argv[1]))
output = SimpleNamespace(html=sys.argv[2], figures=sys.argv[2] + ".figures")
render_report.main(given, output, SimpleNamespace(settings={"figures": False}, dataset="demo", title="t"))
"""
ATTRIBUTE = """
import json
from types import SimpleNamespace
import pandas as pd
from mscape.passports import quality_rules, rules
(own,) = (one for one in quality_rules.QUALITY_ATTRIBUTES if one.name == "samples")
evidence = SimpleNamespace(cells=pd.DataFrame({"sample_id": ["a"] * 20 + ["b"] * 10}))
print(json.dumps(rules.write_attribute(own, evidence, {})))
"""


@pytest.fixture
def copy(root, tmp_path):
    for name in ("workflow", "resources"):
        shutil.copytree(root / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.fixture
def blocks(root):
    """Code of the recipes by the words of its first line."""
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.findall(r"^```\w+\n(?:# |<!-- )(.*?)(?: -->)?\n(.*?)^```", text, flags=re.M | re.S)
    return dict(found)


def run(copy, code, *arguments):
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=copy / "workflow/scripts", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_a_section_is_two_files(copy, blocks, tmp_path_factory):
    given = report_fixture.make(tmp_path_factory.mktemp("study"), lots=2, cells=200)
    new = [name for name in blocks if "/sections/doublets." in name]
    assert len(new) == 2
    for name in new:
        assert not (copy / name).exists()
        (copy / name).write_text(blocks[name], encoding="utf-8")
    run(copy, SECTION, json.dumps(vars(given)), str(copy / "report.html"))
    page = (copy / "report.html").read_text(encoding="utf-8")
    assert '<li><a href="#doublets">Doublets left</a></li>' in page
    section = page[page.index('<section id="doublets">') :]
    assert re.search(r"<li>BM-D1-P3: \d+ predicted doublets are left</li>", section)
    assert page.index('id="quality"') < page.index('id="doublets"') < page.index('id="passports"')


def test_an_attribute_is_a_function_and_an_entry(copy, blocks):
    path = copy / "workflow/scripts/mscape/passports/quality_rules.py"
    function, entry = (blocks[name] for name in blocks if name.endswith("passports/quality_rules.py"))
    before, registry, after = path.read_text(encoding="utf-8").partition("QUALITY_ATTRIBUTES = (\n")
    path.write_text(f"{before}{function}\n\n{registry}{entry}{after}", encoding="utf-8")
    attribute = json.loads(run(copy, ATTRIBUTE))
    assert attribute["reason"] == "The lot was sequenced in 2 libraries."
    assert (attribute["title"], attribute["value"], attribute["weight"]) == ("Libraries", 2.0, "describes")
