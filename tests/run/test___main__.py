"""A config file that is a program is refused before anything of it is executed."""

import subprocess
import sys
from pathlib import Path

import pytest

from mscape.errors import UserError
from mscape.run import __main__ as command
from mscape.run.study import Study

PROGRAM = """__use_yte__: true
__definitions__:
  - import os
  - os.system("touch PWNED")
datasets:
  d: {simulate: {lots: [{sample_id: A}]}}
"""


def run_command(root, folder, *words):
    """Give ``python -m mscape.run`` in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "mscape.run", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(root / "workflow/scripts")},
        check=False,
    )


def test_a_target_after_the_config_file_ends_in_one_sentence(tmp_path, root):
    (tmp_path / "study.yaml").write_text("datasets: {d: {simulate: {lots: [{sample_id: A}]}}}\n")
    done = run_command(root, tmp_path, "--configfile", "study.yaml", "check", "--cores", "1")
    assert done.returncode == 1
    assert done.stderr == (
        "mscape: there is no config file check. Correct the path; a target stands before the options: "
        "check --configfile study.yaml.\n"
    )


def test_the_command_refuses_a_program_and_runs_none_of_it(tmp_path, root):
    (tmp_path / "study.yaml").write_text(PROGRAM)
    done = run_command(root, tmp_path, "--configfile", "study.yaml", "-n")
    assert done.returncode == 1
    assert done.stderr == (
        "mscape: study.yaml is a program, not a config: __use_yte__, __definitions__ would run code. "
        "Take these keys out of it.\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--configfile", "a.yaml", "b.yaml", "--cores", "1"], ["a.yaml", "b.yaml"]),
        (["--configfile=a.yaml", "all"], ["a.yaml"]),
        (["--configfil", "a.yaml"], ["a.yaml"]),
        (["--cores", "1", "all"], []),
        (["--profile", "p"], ["p"]),
    ],
)
def test_the_files_that_a_command_names(words, named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [str(file) for file in command.given_files(words)[2:]] == named


def test_the_workflow_refuses_it_too(tmp_path):
    (tmp_path / "study.yaml").write_text(PROGRAM)
    with pytest.raises(Exception, match="is a program, not a config: take out __use_yte__, __definitions__"):
        Study.load({"datasets": {}}, file=tmp_path / "study.yaml")


def test_a_plain_file_passes(tmp_path):
    (tmp_path / "study.yaml").write_text("datasets: {}\n")
    command.refuse_programs([tmp_path / "study.yaml", tmp_path / "none.yaml"])
    (tmp_path / "study.yaml").write_text("__use_yte__: false\n")
    with pytest.raises(UserError, match="is a program"):
        command.refuse_programs([tmp_path / "study.yaml"])
    assert not Path("PWNED").exists()
