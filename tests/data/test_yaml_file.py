"""YAML is read by a safe loader."""

import pytest
import yaml

from mscape.data import yaml_file


def test_values_have_the_types_of_yaml(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: [1, 2.5, yes, text]\nb:\n  c: null\n", encoding="utf-8")
    assert yaml_file.read(path) == {"a": [1, 2.5, True, "text"], "b": {"c": None}}


def test_tags_that_would_run_code_are_refused(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("!!python/object/apply:os.getcwd []\n", encoding="utf-8")
    with pytest.raises(yaml.YAMLError):
        yaml_file.read(path)
