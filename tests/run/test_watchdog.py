"""A step that never ends is stopped with a sentence; one whose run is gone ends, too."""

import subprocess
import sys
import time

import pytest

from mscape.run import watchdog

STEP = """
import os, sys
from pathlib import Path
from mscape.run import watchdog
watchdog.first_ancestor = lambda: {run}
with watchdog.watched("qc_cells", Path({log!r}), {minutes}):
    {work}
"""


def step(root, tmp_path, *, run=0, minutes=None, work="while True: pass"):
    code = STEP.format(run=run, log=str(tmp_path / "a.log"), minutes=minutes, work=work)
    command = [sys.executable, "-c", code]
    path = {"PYTHONPATH": str(root / "workflow/scripts")}
    return subprocess.run(command, capture_output=True, text=True, env=path, timeout=60, check=False)


def test_a_step_that_never_ends_is_stopped_with_a_sentence(root, tmp_path):
    done = step(root, tmp_path, minutes=0.005)
    assert done.returncode == -9
    assert "mscape qc_cells: it did not end within 0.005 minutes, 10 times the estimate, and was stopped" in done.stderr
    assert " ERROR mscape: it did not end" in (tmp_path / "a.log").read_text()


def test_a_step_ends_when_the_run_that_began_it_was_killed(root, tmp_path):
    run = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.5)"])
    began = time.monotonic()
    done = step(root, tmp_path, run=run.pid)  # a zombie of this process when it has ended: that counts as gone
    assert done.returncode == -9
    assert time.monotonic() - began < 30
    assert run.wait() == 0


def test_a_step_that_ends_is_left_alone(root, tmp_path):
    done = step(root, tmp_path, minutes=1, work="print('ready')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ready\n", "")


@pytest.mark.parametrize(("runtime", "limit"), [(1, 30), (5.0, 50), (None, None), ("1h", None)])
def test_the_limit_is_ten_times_the_estimate_and_at_least_half_an_hour(runtime, limit):
    assert watchdog.limit_minutes(runtime) == limit


@pytest.mark.parametrize(
    ("words", "exe", "found"),
    [
        (["python3", "-m", "snakemake", "--cores", "1"], "python3.12", True),
        (["/venv/bin/python", "/venv/bin/snakemake", "all"], "python3.12", True),
        (["python", "/site-packages/snakemake/__main__.py", "all"], "python3.12", True),
        (["bash", "-c", "snakemake --cores 8 &"], "bash", False),
        (["bash", "snakemake"], "bash", False),
        (["uv", "run", "snakemake"], "uv", False),
        (["python", "my_snakemake_starter.py"], "python3.12", False),
    ],
)
def test_the_run_is_snakemake_itself_and_no_shell_that_may_end_before_it(tmp_path, words, exe, found):
    (tmp_path / "cmdline").write_text("\0".join([*words, ""]))
    (tmp_path / exe).write_text("")
    (tmp_path / "exe").symlink_to(tmp_path / exe)
    assert watchdog._is_snakemake(tmp_path) is found
