"""One word a room: the config section names its sub-package, rule file, page, report section and folder of tests."""

import ast
from pathlib import Path

import pytest

from mscape import paths
from mscape.data.schema import load_schema

ROOMS = {  # config section -> room
    "qc": "quality",
    "embed": "embedding",
    "gate": "gating",
    "cluster": "clustering",
    "score": "scoring",
    "compare": "comparison",
    "passport": "passports",
    "report": "report",
    "export": "export",
}
NO_PAGE = {  # room -> where it is described, and why it has no page of its own
    "quality": "input.md",  # what happens to a sample before the gate is one story
    "embedding": "clustering.md",  # the embedding serves the clusters
}
DIALECT = (
    "foretell",
    "foretold",
    "kin_id",
    "loneliness",
    "steered",
    "ALIKE_ASSUMED",
    "max_neighbours",
    "likeness",
    "vouch for",
    "to hand on",
)


def test_each_section_of_the_config_has_a_room():
    sections = load_schema(paths.schema("config.schema.yaml"))["$defs"]
    stated = {name for name in sections if not name.startswith("simulate")} - {"dataset"}
    assert stated == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS.values())
def test_a_room_is_a_package_a_rule_file_a_page_and_a_folder_of_tests(root, room):
    assert (root / f"workflow/scripts/mscape/{room}/__init__.py").is_file()
    assert (root / f"workflow/rules/{room}.smk").is_file()
    assert (root / f"tests/{room}").is_dir()
    assert (root / "docs" / NO_PAGE.get(room, f"{room}.md")).is_file()


def test_the_docstring_of_a_package_is_all_that_it_holds(root):
    """Else every edit of it would rerun every step that imports anything of the room."""
    for file in (root / "workflow/scripts/mscape").rglob("__init__.py"):
        if file.parent.name in {"mscape", "formats"}:
            continue
        body = ast.parse(file.read_text()).body
        assert len(body) == 1, file
        assert isinstance(body[0], ast.Expr), file


def test_no_rule_file_is_longer_than_150_lines(root):
    for file in (root / "workflow/rules").glob("*.smk"):
        assert len(file.read_text().splitlines()) <= 150, file.name


def test_scripts_import_no_scripts(root):
    scripts = {file.stem for file in (root / "workflow/scripts").glob("*.py")}
    for file in (root / "workflow/scripts").glob("*.py"):
        imported = {
            alias.name
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        assert not imported & scripts, file.name


def test_words_of_the_old_dialect_are_gone(root):
    files = [*(root / "workflow").rglob("*.py"), *(root / "workflow").rglob("*.smk"), *(root / "docs").glob("*.md")]
    found = [
        f"{file.relative_to(root)}: {word}" for file in files for word in DIALECT if word in Path(file).read_text()
    ]
    assert not found
