import ast

import pytest

from mscape.run import source_digest
from mscape.run.source_digest import digest_sources


@pytest.fixture
def steps(tmp_path):
    """Two steps: one imports `shared`, inside a function, which imports `deep`; the other imports neither."""
    (tmp_path / "kit").mkdir()
    files = {
        "kit/__init__.py": "",
        "kit/shared.py": "from kit import deep\n",
        "kit/deep.py": "x = 1\n",
        "kit/other.py": "y = 1\n",
        "one.py": "import numpy\ndef f():\n    from kit.shared import deep\n",
        "two.py": "import kit\n",
        "kit/near.py": "from . import deep\n",
        "three.py": "import kit.near\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def digests(folder):
    return digest_sources(folder / "one.py"), digest_sources(folder / "two.py")


def test_a_shared_module_counts_for_the_steps_that_import_it(steps):
    before = digests(steps)
    (steps / "kit/deep.py").write_text("x = 2\n")
    after = digests(steps)
    assert after[0] != before[0]
    assert after[1] == before[1]
    (steps / "kit/deep.py").write_text("x = 1\n")
    assert digests(steps) == before


def test_a_relative_import_counts(steps):
    before = digest_sources(steps / "three.py")
    (steps / "kit/deep.py").write_text("x = 2\n")
    assert digest_sources(steps / "three.py") != before


def test_a_module_that_nobody_imports_does_not_count(steps):
    before = digests(steps)
    (steps / "kit/other.py").write_text("y = 2\n")
    assert digests(steps) == before


def test_a_package_whose_members_are_taken_counts_with_all_of_its_modules(steps):
    (steps / "four.py").write_text('from tools import members\nfound = members("kit", "SECTION")\n')
    before = digest_sources(steps / "four.py")
    (steps / "kit/other.py").write_text("y = 2\n")
    changed = digest_sources(steps / "four.py")
    assert changed != before
    source_digest._imported.cache_clear()  # within one run no file comes or goes
    (steps / "kit/new.py").write_text("z = 1\n")
    assert digest_sources(steps / "four.py") != changed


@pytest.mark.parametrize(
    "text",
    [
        "import kit.deep",
        "import os, kit.deep as d  # for x",
        "from kit import (\n    other,  # the first\n    deep as d,\n)",
        "from kit.deep import x",
        "if True:\n    from kit import deep",
        "def f():\n\timport kit.deep",
        "from kit import other as o, deep",
    ],
)
def test_every_way_to_write_an_import_counts(steps, text):
    (steps / "four.py").write_text(f"{text}\n")
    before = digest_sources(steps / "four.py")
    (steps / "kit/deep.py").write_text("x = 2\n")
    assert digest_sources(steps / "four.py") != before


def test_lines_say_what_the_syntax_of_all_modules_says(root):
    scripts = root / "workflow/scripts"
    modules = {".".join(file.relative_to(scripts).with_suffix("").parts): file for file in scripts.rglob("*.py")}
    for file in modules.values():
        tree, taken = ast.walk(ast.parse(file.read_text("utf-8"))), set()
        for node in tree:
            if isinstance(node, ast.Import):
                taken |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, "the house imports by full names"
                taken |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
        expected = {modules[name] for name in taken if name in modules}
        assert expected <= source_digest._imported(file, scripts), file


def test_the_place_does_not_count(steps, tmp_path_factory):
    import shutil

    copy = tmp_path_factory.mktemp("copy") / "scripts"
    shutil.copytree(steps, copy)
    assert digests(copy) == digests(steps)


def test_a_resource_that_code_names_counts_for_the_steps_that_run_this_code(steps, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    (home / "resources").mkdir()
    (home / "resources" / "genes.tsv").write_text("a")
    (steps / "kit/deep.py").write_text("from mscape import paths\nGENES = paths.resource('genes.tsv')\n")

    def both():
        return [digest_sources(steps / f"{name}.py", home=home) for name in ("one", "two")]

    before = both()
    (home / "resources" / "genes.tsv").write_text("b")
    assert both()[0] != before[0]
    assert both()[1] == before[1]


@pytest.mark.parametrize(
    ("resource", "uses", "does_not"),
    [
        ("gene_aliases.tsv", {"rank_markers", "score_signatures", "embed_cells"}, {"record_run", "render_index"}),
        ("orthologs_mouse.tsv", {"rank_markers", "score_signatures"}, {"record_run", "render_index"}),
        ("surface_proteins.tsv", {"rank_markers"}, {"gate_msc", "score_signatures", "qc_cells"}),
        ("markers.yaml", {"gate_msc", "write_passports", "score_signatures"}, {"rank_markers", "record_run"}),
    ],
)
def test_editing_a_table_reruns_the_steps_that_read_it_by_themselves(root, tmp_path, resource, uses, does_not):
    import shutil

    for folder in ("resources", "workflow/schemas"):
        shutil.copytree(root / folder, tmp_path / folder)
    scripts = root / "workflow/scripts"

    def digests():
        return {step: digest_sources(scripts / f"{step}.py", home=tmp_path) for step in uses | does_not}

    before = digests()
    with (tmp_path / "resources" / resource).open("a") as file:
        file.write("# edited\n")
    after = digests()
    assert {step for step in after if after[step] != before[step]} == uses
