from pathlib import Path

import pytest

from mscape.data.schema import load_schema
from mscape.data.yaml_file import repeated_keys
from mscape.errors import UserError
from mscape.run import config

FOLDER = Path("/study")
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["datasets"],
    "properties": {
        "datasets": {"type": "object", "additionalProperties": {"$ref": "#/$defs/dataset"}},
        "backend": {"enum": ["cpu"], "default": "cpu"},
        **{name: {"$ref": f"#/$defs/{name}", "default": {}} for name in config.SECTIONS},
    },
    "$defs": {
        "dataset": {
            "type": "object",
            "additionalProperties": False,
            "oneOf": [{"required": ["samples"]}, {"required": ["simulate"]}],
            "properties": {
                "samples": {"type": "string"},
                "simulate": {"type": "object", "properties": {"seed": {"default": 1}}},
                **{name: {"$ref": f"#/$defs/{name}"} for name in config.SECTIONS},
            },
        },
        **{name: {"type": "object", "additionalProperties": False, "properties": {}} for name in config.SECTIONS},
        "reference": {"type": "object", "properties": {"path": {"type": "string", "default": ""}}},
        "gate": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "min_probability": {"type": "number", "maximum": 1, "default": 0.9},
                "panel_files": {"type": "array", "items": {"type": "string"}, "default": []},
                "panel": {"enum": ["isct2006", "isct_core"], "default": "isct2006"},
            },
        },
    },
}


def test_defaults_are_filled_and_a_dataset_overlays_the_study():
    given = {
        "gate": {"min_probability": 0.8},
        "datasets": {"a": {"simulate": {}}, "b": {"samples": "b.tsv", "gate": {"panel": "isct_core"}}},
    }
    resolved = config.resolve(given, SCHEMA, folder=FOLDER)
    gates = {name: one["gate"] for name, one in resolved["datasets"].items()}
    assert gates["a"] == {"min_probability": 0.8, "panel": "isct2006", "panel_files": []}
    assert gates["b"] == {"min_probability": 0.8, "panel": "isct_core", "panel_files": []}
    assert resolved["datasets"]["a"]["simulate"] == {"seed": 1}
    assert given["datasets"]["a"] == {"simulate": {}}


def test_files_are_relative_to_the_config_file():
    given = {"datasets": {"a": {"simulate": {}, "gate": {"panel_files": ["mine.yaml", "/else/where.yaml"]}}}}
    given["reference"] = {"path": "marrow_lots"}
    found = config.resolve(given, SCHEMA, folder=FOLDER)["datasets"]["a"]
    assert found["gate"]["panel_files"] == ["/study/mine.yaml", "/else/where.yaml"]
    assert found["reference"]["path"] == "/study/marrow_lots"


def labelled(tmp_path, root, **dataset):
    given = {"datasets": {"a": {"samples": "a.tsv", **dataset}}}
    return config.resolve(given, load_schema(root / "workflow/schemas/config.schema.yaml"), folder=tmp_path)


def test_a_table_of_own_labels_is_a_file_and_the_labels_that_cluster_are_in_one(tmp_path, root):
    with pytest.raises(
        UserError, match=r"datasets\.a: cluster\.labels is 'kind', a column of annotations, and no annot"
    ):
        labelled(tmp_path, root, cluster={"labels": "kind"})
    with pytest.raises(UserError, match=r"datasets\.a\.annotations: no file at .*cells\.tsv"):
        labelled(tmp_path, root, annotations="cells.tsv")
    (tmp_path / "cells.tsv").touch()
    found = labelled(tmp_path, root, annotations="cells.tsv", cluster={"labels": "kind"})["datasets"]["a"]
    assert found["annotations"] == str(tmp_path / "cells.tsv")
    assert found["cluster"]["labels"] == "kind"


def test_braces_in_files_of_settings_are_refused():
    given = {"datasets": {"a": {"simulate": {}, "gate": {"panel_files": ["{x}.yaml"]}}}}
    with pytest.raises(UserError, match=r"datasets\.a\.gate\.panel_files: '/study/\{x\}\.yaml' holds braces"):
        config.resolve(given, SCHEMA, folder=FOLDER)


def test_all_faults_are_listed_with_what_was_meant():
    given = {
        "gate": {"min_probabilty": 0.8, "panel": "isct206"},
        "datasets": {"a": {"simulate": {}, "samples": "x.tsv"}},
        "gates": {},
    }
    with pytest.raises(UserError) as error:
        config.resolve(given, SCHEMA, folder=FOLDER)
    text = str(error.value)
    assert "has 4 faults" in text
    assert "gate: unknown key 'min_probabilty'; did you mean 'min_probability'?" in text
    assert "gate.panel: 'isct206'; expected one of isct2006, isct_core; did you mean 'isct2006'?" in text
    assert "top level: unknown key 'gates'; did you mean 'gate'?" in text
    assert "datasets.a: expected exactly one of 'samples' or 'simulate'" in text


@pytest.fixture
def sheet_schema(root):
    return load_schema(root / "workflow/schemas/samples.schema.yaml")


def test_a_sheet_is_completed(tmp_path, sheet_schema):
    path = tmp_path / "samples.tsv"
    path.write_text(
        "sample_id\tpath\tdonor_id\tmedium\na\tsub/a.h5ad\tD1\tDMEM\nb\tgeo:GSM1:b.h5\t\t\n", encoding="utf-8"
    )
    sheet = config.read_sheet(path, schema=sheet_schema)
    assert sheet.loc["a", "path"] == str(tmp_path / "sub/a.h5ad")
    assert sheet.loc["b", "path"] == "geo:GSM1:b.h5"
    assert sheet.loc["a", "lot_id"] == "a"
    assert sheet.loc["b", ["donor_id", "tissue", "format"]].tolist() == ["unknown", "unknown", "auto"]
    assert sheet.loc["a", "medium"] == "DMEM"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("sample_id\tfile\na\tx\n", "column 'path' is missing"),
        ("sample_id\tpath\tdonor\na\tx\tD\n", None),
        ("sample_id\tpath\ttisue\na\tx\tD\n", "unknown column 'tisue': did you mean 'tissue'?"),
        ("sample_id\tpath\na\tx\na\ty\n", "'a' is in more than one row"),
        ("sample_id\tpath\n../a\tx\n", "line 2: sample_id"),
        ("sample_id\tpath\na\t\n", "line 2: top level: 'path' is missing"),
        ("sample_id\tpath\n", "no samples"),
        ("", "not a tab-separated text table"),
    ],
)
def test_faults_of_a_sheet(tmp_path, sheet_schema, text, fault):
    path = tmp_path / "samples.tsv"
    path.write_text(text, encoding="utf-8")
    if fault is None:
        assert "donor" in config.read_sheet(path, schema=sheet_schema)
    else:
        with pytest.raises(UserError, match=fault.replace("?", r"\?")):
            config.read_sheet(path, schema=sheet_schema)


def test_a_missing_sheet_is_named(tmp_path, sheet_schema):
    with pytest.raises(UserError, match=r"no sample sheet at .*none\.tsv"):
        config.read_sheet(tmp_path / "none.tsv", schema=sheet_schema)


def test_the_lots_of_a_simulation_become_a_sheet():
    sheet = config.simulated_sheet(
        [{"sample_id": "a", "donor_id": "D1", "senescent": 0.1}, {"sample_id": "b"}], dataset="demo"
    )
    assert sheet.loc["a", "path"] == "data/demo/a/simulated.h5ad"
    assert sheet["donor_id"].tolist() == ["D1", "unknown"]
    assert "senescent" not in sheet


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_no_setting_takes_a_number_that_is_none(root, value):
    """Every number of every section, also where the schema sets no limit: NaN is within any."""
    schema = load_schema(root / "workflow/schemas/config.schema.yaml")
    tried = 0
    for section in config.SECTIONS:
        for key, one in schema["$defs"][section]["properties"].items():
            types = one.get("type", [])
            if {"number", "integer"} & set([types] if isinstance(types, str) else types):
                given = {"datasets": {"a": {"samples": "s.tsv", section: {key: value}}}}
                with pytest.raises(UserError, match=rf"datasets\.a\.{section}\.{key}: -?(nan|inf); expected a finite"):
                    config.resolve(given, schema, folder=FOLDER)
                tried += 1
    assert tried > 50


def test_a_number_in_a_list_is_looked_at_too(root):
    schema = load_schema(root / "workflow/schemas/config.schema.yaml")
    given = {"datasets": {"a": {"samples": "s.tsv", "cluster": {"resolutions": [0.2, float("nan")]}}}}
    with pytest.raises(UserError, match=r"resolutions\[1\]: nan; expected a finite number"):
        config.resolve(given, schema, folder=FOLDER)


def test_a_key_given_twice_is_named_with_its_line(tmp_path):
    (tmp_path / "study.yaml").write_text(
        "datasets:\n  a:\n    samples: s.tsv\n    samples: t.tsv\ngate: {}\ngate: {}\n"
    )
    found = repeated_keys(tmp_path / "study.yaml")
    assert found == [
        "line 4: the key 'samples' is given a second time; keep one.",
        "line 6: the key 'gate' is given a second time; keep one.",
    ]


def test_the_keys_of_before_are_refused_with_the_name_of_now(root):
    schema = load_schema(root / "workflow/schemas/config.schema.yaml")
    given = {"datasets": {"a": {"samples": "s.tsv", "gate": {"max_neighbours": 100}}}}
    with pytest.raises(UserError, match="unknown key 'max_neighbours'; did you mean 'max_neighbors'"):
        config.resolve(given, schema, folder=FOLDER)


@pytest.mark.parametrize("name", ["A\n", "\nA", "A\n\n", "../A", ""])
def test_names_of_datasets_are_whole_words(root, name):
    schema = load_schema(root / "workflow/schemas/config.schema.yaml")
    with pytest.raises(UserError, match="does not match"):
        config.resolve({"datasets": {name: {"samples": "s.tsv"}}}, schema, folder=FOLDER)


def test_numbers_that_nothing_can_hold_are_refused(root):
    schema = load_schema(root / "workflow/schemas/config.schema.yaml")
    with pytest.raises(UserError, match="seed: 9223372036854775808; expected a smaller number"):
        config.resolve({"seed": 2**63, "datasets": {"a": {"samples": "s.tsv"}}}, schema, folder=FOLDER)
