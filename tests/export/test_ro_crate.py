"""The study's metadata: what they say, and what the RO-Crate validator says of them."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
from pathlib import Path

import pytest

from mscape.export import ro_crate

RUN = {
    "run_id": "3f9c2a71b0de",
    "dataset": "demo",
    "seed": 3,
    "config": {"simulate": {}, "report": {"contact": "A. Person"}},
    "inputs": {"S 1": "ab" * 32},
    "paths": {"S 1": ""},
    "versions": {"python": "3.12.1", "scanpy": "1.12.4"},
}


@pytest.fixture
def study(tmp_path):
    files = {
        "index.html": "<p>",
        "demo/config.yaml": "seed: 3\n",
        "demo/run.json": json.dumps(RUN),
        "demo/a table.tsv": "x\n1\n",
        "demo/figures/one.svg": "<svg/>",
        "demo/figures/.snakemake_timestamp": "",
        "source/Snakefile": "rule all:\n",
        "source/README.md": "# mscape\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    about = {"title": "Study", "licence": "https://spdx.org/licenses/CC-BY-4.0", "version": "0.1.0"}
    results = [tmp_path / "index.html", tmp_path / "demo", tmp_path / "source"]
    found, document = ro_crate.describe_study(tmp_path, results, [tmp_path / "demo/run.json"], **about)
    (tmp_path / ro_crate.METADATA).write_text(ro_crate.dump(document), encoding="utf-8")
    return tmp_path, found, {entity["@id"]: entity for entity in document["@graph"]}


def test_every_file_has_its_digest_and_size(study):
    root, files, entities = study
    assert sorted(path.name for path in files) == sorted(
        ["index.html", "config.yaml", "run.json", "a table.tsv", "one.svg", "Snakefile", "README.md"]
    )
    table = entities["demo/a%20table.tsv"]
    assert table["sha256"] == hashlib.sha256((root / "demo/a table.tsv").read_bytes()).hexdigest()
    assert table["contentSize"] == "4"
    assert table["encodingFormat"] == "text/tab-separated-values"
    assert {part["@id"] for part in entities["./"]["hasPart"]} == {
        name for name, entity in entities.items() if "File" in entity["@type"]
    }


def test_the_run_says_what_went_in_and_what_came_out(study):
    _, _, entities = study
    run = entities["#run-3f9c2a71b0de"]
    assert [part["@id"] for part in run["object"]] == ["#input-demo-S%201", "demo/config.yaml"]
    assert "demo/figures/one.svg" in [part["@id"] for part in run["result"]]
    assert "demo/config.yaml" not in [part["@id"] for part in run["result"]]
    assert entities["#input-demo-S%201"]["identifier"] == "sha256:" + "ab" * 32
    assert entities[run["agent"]["@id"]]["name"] == "A. Person"
    assert "simulated cells" in run["description"]
    assert "SIMULATED DATA: demo." in entities["./"]["description"]
    assert entities["pkg:pypi/scanpy@1.12.4"]["softwareVersion"] == "1.12.4"
    assert entities["./"]["license"] == {"@id": "https://spdx.org/licenses/CC-BY-4.0"}


def test_no_licence_is_said_not_invented(study):
    root, files, _ = study
    document = ro_crate.describe(root, files, [RUN], title="Study", licence="", version="0.1.0")
    entities = {entity["@id"]: entity for entity in document["@graph"]}
    assert entities["./"]["license"] == {"@id": "#licence"}
    assert "states no licence" in entities["#licence"]["description"]


@pytest.fixture
def context_from_package(monkeypatch):
    """Serve RO-Crate 1.1's JSON-LD context from the package rocrate, and nothing else: tests use no network."""
    requests = pytest.importorskip("requests")
    urllib3 = pytest.importorskip("urllib3")
    package = Path(importlib.util.find_spec("rocrate").origin).parent
    document = json.loads((package / "data/ro-crate.jsonld").read_text(encoding="utf-8"))
    for name in ("ComputationalWorkflow", "FormalParameter"):  # as version 1.1 has them; the package's is newer
        document["@context"][name] = f"https://bioschemas.org/{name}"
    body = json.dumps(document).encode()

    def send(self, request, **options):
        if request.url != "https://w3id.org/ro/crate/1.1/context":
            raise requests.ConnectionError(request.url)
        response = requests.Response()
        response.status_code, response.url, response.request = 200, request.url, request
        response.headers["Content-Type"] = "application/ld+json"
        response.raw = urllib3.HTTPResponse(io.BytesIO(body), status=200, preload_content=False)
        return response

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)


def faults(root, profile):
    services = pytest.importorskip("rocrate_validator.services")
    from rocrate_validator.models import Severity

    settings = services.ValidationSettings(
        rocrate_uri=str(root), profile_identifier=profile, requirement_severity=Severity.REQUIRED, no_cache=True
    )
    return [issue.message for issue in services.validate(settings).get_issues(Severity.REQUIRED)]


@pytest.mark.filterwarnings("ignore")  # the validator's own
@pytest.mark.parametrize("profile", ["ro-crate-1.1", "workflow-run-crate-0.5"])
def test_the_validator_finds_no_fault(study, context_from_package, profile):
    root, _, _ = study
    assert faults(root, profile) == []


@pytest.mark.filterwarnings("ignore")  # the validator's own
def test_the_validator_would_see_a_missing_action(study, context_from_package):
    root, _, _ = study
    document = json.loads((root / ro_crate.METADATA).read_text(encoding="utf-8"))
    for entity in document["@graph"]:
        entity.pop("mentions", None)
        entity.pop("instrument", None)
    (root / ro_crate.METADATA).write_text(json.dumps(document))
    assert any("instrument" in fault for fault in faults(root, "workflow-run-crate-0.5"))
