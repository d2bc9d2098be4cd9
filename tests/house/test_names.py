"""One word a room: the config section names its sub-package, rule file, page, report section and folder of tests."""

import ast
import re

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
    "reference": "reference",
    "report": "report",
    "export": "export",
}
NO_PAGE = {  # room -> where it is described, and why it has no page of its own
    "quality": "input.md",  # what happens to a sample before the gate is one story
    "embedding": "clustering.md",  # the embedding serves the clusters
    "reference": "reference_lots.md",  # beside the folder of generated pages
}


FOUND_AT_FIRST_GUESS = {  # thing -> name that a stranger looks for, the one file or room of it, what is defined there
    "HLA-DR rule": ("hla_dr", "gating/hla_dr.py", "find_induced verdict_without_lineage"),
    "doublet threshold": ("doublets", "quality/doublets.py", "choose_threshold"),
    "RO-Crate": ("ro_crate", "export/ro_crate.py", "describe_study"),
    "report alerts": ("alerts", "report/sections/alerts.py", "find_alerts"),
    "memory model": ("resources", "run/resources.py", "RuleResources"),
    "MAD limits of QC": ("limits", "quality/limits.py", "set_limits find_faults"),
    "UMAP": ("umap", "embedding/umap.py", "compute_umap layout"),
    "minimum donors for a p-value": ("design", "comparison/design.py", "build_design"),
    "signature: add one": ("registry", "genes/registry.py", "load_markers"),
    "file format: add one": ("formats", "io/formats/__init__.py", "FORMATS Format"),
    "passport attribute: add one": ("quality_rules", "passports/quality_rules.py", "QUALITY_ATTRIBUTES"),
    "report section: add one": ("section", "report/section.py", "Section find_sections"),
    "backend: add one": ("backends", "backends/__init__.py", "Backend FUNCTIONS"),
    "species: add one": ("species", "genes/species.py", "KNOWN Species"),
}
HAVE_OLD_WORDS = {
    "test_names.py",  # the sentences below
    "test_config.py",  # old keys of the config are refused with the new one
}


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
        if file.parent.name in {"mscape", "formats", "reference"}:  # these give names at their first use
            continue
        body = ast.parse(file.read_text()).body
        assert len(body) == 1, file
        assert isinstance(body[0], ast.Expr), file


def defined(file):
    """Names that a module defines at its top."""
    names = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}
    return names


def places(root, word):
    """Modules and rooms of a name, in the whole package."""
    home = root / "workflow/scripts/mscape"
    return sorted(
        str(path.relative_to(home)) for path in [*home.rglob(f"{word}.py"), *home.rglob(f"{word}/__init__.py")]
    )


@pytest.mark.parametrize("thing", FOUND_AT_FIRST_GUESS)
def test_a_stranger_finds_it_at_the_first_guess(root, thing):
    """One file or room has the name, and it alone defines what was looked for."""
    word, place, names = FOUND_AT_FIRST_GUESS[thing]
    assert places(root, word) == [place]
    home = root / "workflow/scripts/mscape"
    here = {home / place} if defined(home / place) else set((home / place).parent.glob("*.py"))
    assert set(names.split()) <= set().union(*map(defined, here))
    for file in set(home.rglob("*.py")) - here:
        assert not set(names.split()) & defined(file), file


def test_a_thing_in_another_place_would_be_noticed(root):
    assert places(root, "nowhere") == []
    assert len(places(root, "options")) > 1  # a guess that leads to many files is none
    assert "judge_lot" not in defined(root / "workflow/scripts/mscape/gating/gate.py")


def test_report_sections_and_templates_have_the_same_names(root):
    sections = {file.stem for file in (root / "workflow/scripts/mscape/report/sections").glob("*.py")}
    templates = {file.name.removesuffix(".html.j2") for file in (root / "workflow/report/sections").glob("*.j2")}
    assert templates <= sections


def test_no_rule_file_is_longer_than_150_lines(root):
    for file in (root / "workflow/rules").glob("*.smk"):
        assert len(file.read_text().splitlines()) <= 150, file.name


def private_uses(code):
    """Private names of other modules of the package that some code imports or reaches into, with the line."""
    nodes = list(ast.walk(ast.parse(code)))
    imports = [n for n in nodes if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("mscape")]
    names = [(n.lineno, alias.name) for n in imports for alias in n.names]
    modules = {alias.asname or alias.name for n in imports for alias in n.names}
    names += [
        (n.lineno, n.attr)
        for n in nodes
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id in modules
    ]
    return [(line, name) for line, name in names if name.startswith("_") and not name.startswith("__")]


def test_no_module_uses_private_names_of_another(root):
    files = (root / "workflow/scripts").rglob("*.py")
    assert not [(file.name, *use) for file in files for use in private_uses(file.read_text())]


def test_the_use_of_a_private_name_would_be_found():
    assert private_uses("from mscape.gating.posterior import _lineage") == [(1, "_lineage")]
    assert private_uses("from mscape.gating import posterior\nposterior._lineage()") == [(2, "_lineage")]


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


@pytest.fixture(scope="module")
def words(root):
    """Rows of ``tests/house/words.tsv``: a word, the pattern of its forms, and what to write instead."""
    rows = [line.split("\t") for line in (root / "tests/house/words.tsv").read_text().splitlines()[1:]]
    return [(word, re.compile(pattern), instead) for word, pattern, instead in rows]


def find_words(text, words):
    """Each old word: its line, the word and what to write instead."""
    return [
        f"{text.count(chr(10), 0, match.start()) + 1}: {match[0]!r} (write: {instead})"
        for word, pattern, instead in words
        if word in text  # a search for a word is a hundred times faster than one for a pattern
        for match in pattern.finditer(text)
    ]


def test_texts_and_names_use_the_words_of_the_field(root, words):
    """Docs, config, schemas, messages, report and identifiers; titles of papers and gene sets are in quotes there."""
    files = [
        *(file for suffix in ("py", "smk", "j2", "yaml") for file in (root / "workflow").rglob(f"*.{suffix}")),
        *(file for folder in ("docs", "config") for file in (root / folder).rglob("*.md")),
        *(root / "config").rglob("*.yaml"),
        *(root / "benchmarks").rglob("*.py"),
        *(root / "tests").rglob("*.py"),
        *(root / name for name in ("README.md", "CONTRIBUTING.md", "Snakefile", "resources/markers.yaml")),
    ]
    texts = [(file, file.read_text(encoding="utf-8")) for file in files if file.name not in HAVE_OLD_WORDS]
    found = [f"{file.relative_to(root)}:{line}" for file, text in texts for line in find_words(text, words)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "a disagreement is told, never a reason to cut",
        "`snakemake check` foretells time, memory and disk",
        "Who takes for granted that neighbours are alike sets `gate.max_hidden: 1`",
        "a lean at harvest, not the ability to differentiate",
        "Fibroblasts and MSC share their markers and are not told apart.",
        "Thresholds of the markers stand with the panels in resources/markers.yaml.",
        "Panels that name a cell which is not a stromal cell, or that vouch for one that is.",
        "its likeness in the subsamples",
        "refused, with the way out",
    ],
)
def test_sentences_of_the_old_dialect_would_be_found(words, line):
    assert find_words(line, words)
