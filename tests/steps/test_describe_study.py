"""The study's metadata file, with the workflow that ran beside it; what it says is tested in test_mscape_crate.py."""

import json
from types import SimpleNamespace

import describe_study


def test_the_workflow_that_ran_is_kept_and_described(root, tmp_path):
    (tmp_path / "demo").mkdir()
    run = {"run_id": "abc", "dataset": "demo", "seed": 0, "config": {}, "inputs": {}, "paths": {}, "versions": {}}
    (tmp_path / "demo/run.json").write_text(json.dumps(run))
    given = SimpleNamespace(results=[str(tmp_path / "demo")], runs=[str(tmp_path / "demo/run.json")])
    output = SimpleNamespace(
        json=str(tmp_path / "ro-crate-metadata.json"),
        source=str(tmp_path / "source"),
        software=str(tmp_path / "sbom.cdx.json"),
    )
    params = SimpleNamespace(title="Test", licence="", repository=str(root))
    describe_study.main(given, output, params)
    for name in ("Snakefile", "workflow/rules/report.smk", "resources/markers.yaml", "pyproject.toml", "LICENSE"):
        assert (tmp_path / "source" / name).read_bytes() == (root / name).read_bytes()
    scripts = {path.name for path in (root / "workflow/scripts").glob("*.py")}
    assert {path.name for path in (tmp_path / "source/workflow/scripts").glob("*.py")} == scripts
    entities = json.loads((tmp_path / "ro-crate-metadata.json").read_text())["@graph"]
    parts = {entity["@id"]: entity for entity in entities}
    assert parts["sbom.cdx.json"]["encodingFormat"] == "application/vnd.cyclonedx+json"
    software = json.loads((tmp_path / "sbom.cdx.json").read_text())
    assert "scanpy" in {component["name"] for component in software["components"]}
    assert {"demo/run.json", "source/workflow/scripts/describe_study.py", "#run-abc"} <= set(parts)
    assert not [name for name in parts if "__pycache__" in name]
