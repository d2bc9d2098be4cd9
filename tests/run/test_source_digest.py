import pytest

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


def test_the_place_does_not_count(steps, tmp_path_factory):
    import shutil

    copy = tmp_path_factory.mktemp("copy") / "scripts"
    shutil.copytree(steps, copy)
    assert digests(copy) == digests(steps)
