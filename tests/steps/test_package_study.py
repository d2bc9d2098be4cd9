"""The zip that is sent: what is in it, that it opens alone, that equal studies give equal zips."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from types import SimpleNamespace

import pytest
import report_fixture

import describe_study
import package_study
import render_index
import render_report


@pytest.fixture(scope="module")
def study(root, tmp_path_factory):
    """A study of one dataset as far as the package needs it: report, index, passports, run record."""
    folder = tmp_path_factory.mktemp("study")
    results = folder / "results"
    given = report_fixture.make(folder / "stages", cells=300)
    own = results / "demo"
    own.mkdir(parents=True)
    run = json.loads((folder / "stages/run.json").read_text()) | {"dataset": "demo", "config": {"simulate": {}}}
    (own / "run.json").write_text(json.dumps(run))
    for name in ("config.yaml", "passports.json"):
        (own / name).write_bytes((folder / "stages" / name).read_bytes())
    report = SimpleNamespace(html=str(own / "report.html"), figures=str(own / "figures"))
    render_report.main(given, report, SimpleNamespace(settings={}, dataset="demo", title="Test"))
    index = SimpleNamespace(html=str(results / "index.html"))
    pages = SimpleNamespace(passports=[str(own / "passports.json")], reports=[report.html])
    render_index.main(pages, index, SimpleNamespace(title="Test"))
    about = {"title": "Test", "licence": ""}
    inputs = {"results": [str(results / "index.html"), str(own)], "runs": [str(own / "run.json")]}
    described = SimpleNamespace(
        json=str(results / "ro-crate-metadata.json"),
        source=str(results / "source"),
        software=str(results / "sbom.cdx.json"),
    )
    describe_study.main(
        SimpleNamespace(**inputs), described, SimpleNamespace(**about, repository=str(root), steps={}, code="")
    )
    inputs |= {"source": described.source, "software": described.software}
    for name in ("study.zip", "again.zip"):
        package_study.main(
            SimpleNamespace(**inputs),
            SimpleNamespace(zip=str(results / name)),
            SimpleNamespace(**about, simulated=["demo"]),
        )
    return results


def test_equal_studies_give_equal_zips(study):
    assert (study / "study.zip").read_bytes() == (study / "again.zip").read_bytes()


def test_the_metadata_describe_every_file_with_its_digest(study):
    with zipfile.ZipFile(study / "study.zip") as archive:
        names = set(archive.namelist())
        entities = {e["@id"]: e for e in json.loads(archive.read("ro-crate-metadata.json"))["@graph"]}
        files = {part["@id"] for part in entities["./"]["hasPart"]}
        assert names == files | {"ro-crate-metadata.json", "README.txt"}
        for name in files:
            assert hashlib.sha256(archive.read(name)).hexdigest() == entities[name]["sha256"]
    assert {"index.html", "demo/report.html", "demo/passports.json", "demo/run.json", "source/Snakefile"} <= names
    assert {"demo/figures/umap_gate.svg", "sbom.cdx.json"} <= names
    assert not [name for name in names if "__pycache__" in name or "/." in name]


def test_the_readme_says_what_is_simulated(study):
    with zipfile.ZipFile(study / "study.zip") as archive:
        text = archive.read("README.txt").decode()
    assert text.startswith("Test\n")
    assert "SIMULATED DATA: demo." in text


def test_links_of_the_index_lead_to_files_of_the_zip(study, tmp_path):
    with zipfile.ZipFile(study / "study.zip") as archive:
        archive.extractall(tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    links = {link.split("#")[0] for link in re.findall(r'href="([^"#][^"]*)"', page)}
    assert links == {"demo/report.html"}
    assert (tmp_path / "demo/report.html").is_file()
