"""Files of settings, panels and signatures that a user gives: nothing in them is lost or means nothing, silently."""

import pytest
import yaml

from mscape.data import yaml_file
from mscape.errors import UserError
from mscape.gating.panels import read_markers
from mscape.genes.registry import REGISTRY, load_markers

PANEL = "panels:\n  mine:\n    positive:\n      THY1: {protein: CD90, cpm: %s}\n"
ODD = {
    "nan": (PANEL % ".nan", "panels.mine.positive.THY1.cpm: nan; expected a finite number"),
    "inf": (PANEL % "-.inf", "panels.mine.positive.THY1.cpm: -inf; expected a finite number"),
    "twice": (PANEL % "4" + "panels: {}\n", "line 5: the key 'panels' is given a second time; keep one"),
    "deep": ("a: " + "[" * 5000, "brackets stand in brackets without end|not readable as YAML"),
    "no yaml": ("panels: [", "not readable as YAML"),
    "no text": (b"panels: \xff\xfe", "not readable as YAML"),
    "nothing": (None, "there is no such file"),
    "python": ("panels: !!python/object/apply:os.system ['true']", "not readable as YAML"),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("reader", [read_markers, load_markers])
def test_odd_files_are_refused_with_what_is_wrong(name, reader, tmp_path):
    text, said = ODD[name]
    path = tmp_path / "mine.yaml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=said):
        reader(REGISTRY, [path])


def test_sound_files_have_no_fault(tmp_path):
    (tmp_path / "mine.yaml").write_text(PANEL % "4")
    content, faults = yaml_file.read_given(tmp_path / "mine.yaml")
    assert content["panels"]["mine"]["positive"]["THY1"]["cpm"] == 4
    assert faults == []


def test_gene_sets_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "mine.gmt").write_bytes(b"SET\tx\tTHY1\t\xff\xfe\n")
    with pytest.raises(UserError, match=r"mine\.gmt: it is no text in UTF-8"):
        load_markers(REGISTRY, [tmp_path / "mine.gmt"])


def test_values_have_the_types_of_yaml(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: [1, 2.5, yes, text]\nb:\n  c: null\n", encoding="utf-8")
    assert yaml_file.read(path) == {"a": [1, 2.5, True, "text"], "b": {"c": None}}


def test_tags_that_would_run_code_are_refused(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("!!python/object/apply:os.getcwd []\n", encoding="utf-8")
    with pytest.raises(yaml.YAMLError):
        yaml_file.read(path)
