import json
from types import SimpleNamespace

import pytest
import yaml

from mscape.data import counts
from record_run import identify_run, main


def test_the_run_id_follows_every_part():
    parts = {"config": {"gate": {"min_probability": 0.9}}, "seed": 0}
    assert identify_run(parts) == identify_run(dict(reversed(parts.items())))
    assert identify_run(parts) != identify_run({**parts, "seed": 1})
    assert len(identify_run(parts)) == 12


@pytest.fixture
def recorded(tmp_path, toy_counts):
    adata = toy_counts(5, 4)
    adata.uns["mscape"] = {"load_counts": {"digest": "ab" * 32}}
    counts.write(adata, tmp_path / "raw.h5ad")

    def record(path="/somewhere/a.h5ad", panels=(), annotations="", **config):
        params = SimpleNamespace(
            dataset="d", title="T", seed=3, resolved={"organism": "human", **config}, steps={"gate_msc": "abc"},
            rows=[{"sample_id": "a", "path": path}], annotations=annotations,
        )  # fmt: skip
        output = SimpleNamespace(json=tmp_path / "run.json", config=tmp_path / "config.yaml")
        given = SimpleNamespace(raw=[tmp_path / "raw.h5ad"], orthologs=[], panel_files=panels, signature_files=[])
        main(given, output, params)
        return json.loads(output.json.read_text()), yaml.safe_load(output.config.read_text())

    return record


def test_the_place_of_the_files_is_noted_and_does_not_name_the_run(recorded):
    here, _ = recorded()
    there, _ = recorded(path="/elsewhere/a.h5ad")
    assert here["run_id"] == there["run_id"]
    assert there["paths"] == {"a": "/elsewhere/a.h5ad"}
    assert here["inputs"] == {"a": "ab" * 32}


def test_another_setting_is_another_run(recorded):
    assert recorded()[0]["run_id"] != recorded(culture="fresh")[0]["run_id"]


def test_other_labels_of_cells_are_another_run(recorded):
    labels, others = (recorded(annotations=identity)[0] for identity in ("12ab", "34cd"))
    assert labels["annotations"] == "12ab"
    assert len({recorded()[0]["run_id"], labels["run_id"], others["run_id"]}) == 3


def test_the_resolved_config_is_saved(recorded):
    assert recorded(culture="fresh")[1] == {"seed": 3, "organism": "human", "culture": "fresh"}


def test_secrets_of_addresses_are_not_recorded(recorded, tmp_path):
    run, _ = recorded(path="https://me:S3CRET@h/a.h5?X-Amz-Signature=S3CRET; geo:GSM1:b.h5")
    assert run["paths"] == {"a": "https://h/a.h5?...; geo:GSM1:b.h5"}
    assert "S3CRET" not in (tmp_path / "run.json").read_text() + (tmp_path / "config.yaml").read_text()


def test_the_content_of_the_files_that_settings_name_is_recorded(recorded, tmp_path):
    (tmp_path / "own.yaml").write_text("panels: {}\n")
    first, _ = recorded(panels=[str(tmp_path / "own.yaml")])
    (tmp_path / "own.yaml").write_text("panels: {a: 1}\n")
    second, _ = recorded(panels=[str(tmp_path / "own.yaml")])
    assert list(first["files"]) == list(second["files"]) == ["gate.panel_files: own.yaml"]
    assert first["files"] != second["files"]
    assert first["run_id"] != second["run_id"]
