import logging
import os
import subprocess
import sys
import warnings
from types import SimpleNamespace

import pytest

from mscape.errors import UserError, explain_files
from mscape.run import step


class Job(SimpleNamespace):
    """Stand-in for the object that Snakemake gives to a script."""


@pytest.fixture
def job(tmp_path, monkeypatch):
    handlers = list(logging.root.handlers)
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):  # of the step; numba takes no other once it runs
        monkeypatch.setenv(name, "2")
    yield Job(
        rule="gate_msc",
        log=[tmp_path / "logs/gate.log"],
        params={"seed": 1},
        threads=2,
        input=[],
        output=[tmp_path / "out.tsv"],
    )
    logging.captureWarnings(capture=False)
    for handler in set(logging.root.handlers) - set(handlers):
        logging.root.removeHandler(handler)
        handler.close()


def test_main_gets_params_and_threads(job):
    seen = []
    step.run(lambda input, output, params: seen.append((params.seed, params.threads)), job)
    assert seen == [(1, 2)]


def test_what_a_step_wrote_is_recorded_and_compared_before_the_next_reads_it(job, tmp_path, capsys):
    step.run(lambda input, output, params: output[0].write_text("a\tb\n1\t2\n"), job)
    job.input, job.output = job.output, []
    step.run(lambda input, output, params: None, job)
    (tmp_path / "out.tsv").write_text("a\tb\n1\t3\n")
    with pytest.raises(SystemExit):
        step.run(lambda input, output, params: None, job)
    assert "out.tsv is damaged, cut short, edited or another study's" in capsys.readouterr().err


def test_a_fault_is_one_line_and_leaves_nothing_half_written(job, capsys):
    def main(input, output, params):
        output[0].write_text("half")
        raise UserError("x.h5ad has no cells; expected at least one. Check the path.")

    with pytest.raises(SystemExit):
        step.run(main, job)
    message = capsys.readouterr().err
    assert "mscape gate_msc: x.h5ad has no cells" in message
    assert "Traceback" not in message
    assert "Traceback" in job.log[0].read_text()
    assert not job.output[0].exists()


SCRIPT = """
import atexit, sys
from types import SimpleNamespace
from mscape.run import step

class Library:
    def __del__(self):
        print("taken apart")

held = Library()
atexit.register(print, "exit handlers have run")

def main(input, output, params):
    sys.stdout.write("buffered\\n")
    if params.fault:
        raise ValueError("a fault")

step.run(main, SimpleNamespace(rule="x", log=[{log!r}], params={{"fault": {fault}}}, threads=1, input=[], output=[]))
print("after the step")
"""


@pytest.mark.parametrize(("fault", "status", "printed"), [(False, 0, []), (True, 1, ["taken apart"])])
def test_a_script_ends_with_its_step_and_leaves_the_libraries_to_the_system(fault, status, printed, tmp_path):
    code = SCRIPT.format(log=str(tmp_path / "log"), fault=fault)
    command = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == status, done.stderr
    assert done.stdout.splitlines() == ["buffered", "exit handlers have run", *printed]
    assert ("step done" in (tmp_path / "log").read_text()) == (not fault)


def test_a_package_of_another_version_is_refused(job, tmp_path, capsys):
    (tmp_path / "scripts" / "mscape").mkdir(parents=True)
    job.scriptdir = str(tmp_path / "scripts")
    with pytest.raises(SystemExit):
        step.run(lambda input, output, params: None, job)
    assert "not from this workflow" in capsys.readouterr().err


def test_an_unforeseen_error_is_named_and_logged(job, capsys):
    with pytest.raises(SystemExit):
        step.run(lambda input, output, params: 1 / 0, job)
    assert "ZeroDivisionError: division by zero" in capsys.readouterr().err
    assert "ZeroDivisionError" in job.log[0].read_text()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            OSError(28, "No space left on device", "results/a.tsv"),
            "results/a.tsv could not be written: the disk is full",
        ),
        (
            RuntimeError(
                "failed (file write failed: time = now\n, filename = 'r.h5ad', file descriptor = 4, errno = 27"
            ),
            "r.h5ad could not be written: it would exceed the largest size",
        ),
        (PermissionError(13, "Permission denied", "results/x"), "results/x may not be touched: Permission denied"),
        (OSError(30, "Read-only file system", "results/x"), "results/x may not be touched: Read-only file system"),
    ],
)
def test_full_disks_and_closed_folders_are_said_in_one_sentence(error, sentence, job, capsys):
    def main(input, output, params):
        output[0].write_text("half")
        raise ValueError("writing failed") from error

    with pytest.raises(SystemExit):
        step.run(main, job)
    message = capsys.readouterr().err
    assert f"mscape gate_msc: {sentence}" in message
    assert message.count("\n") <= 3
    assert not job.output[0].exists()
    assert "writing failed" in job.log[0].read_text()


def test_other_errors_are_not_taken_for_a_full_disk():
    assert explain_files(ValueError("errno = many")) == ""
    assert explain_files(OSError(2, "No such file or directory", "a")) == ""


def test_warnings_go_to_the_log(job):
    def main(input, output, params):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("look here", UserWarning, stacklevel=1)

    step.run(main, job)
    assert "look here" in job.log[0].read_text()


def test_a_refusal_is_cut_for_the_terminal_and_whole_in_the_log():
    long = "mscape load_counts: " + "word " * 200
    assert len(step.shorten(long)) <= step.LONGEST
    assert step.shorten(long).endswith("word ...")
    several = "\n".join(["mscape review_inputs: 9 errors", *(f"  error: {n} {'x' * 90}" for n in range(9))])
    shown = step.shorten(several)
    assert len(shown) <= step.LONGEST
    assert shown.endswith("and 6 more in the log")
    assert step.shorten(several, whole=False) == several
