"""Steps in forks of one process: as Python would run them, gone with the run, plain where no server can be had."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.benchmark import BenchmarkRecord
from snakemake.script import PythonScript

from mscape.run import forked_steps, watchdog

SAYS = """
import json, os, signal, sys
json.dump({"name": __name__, "file": __file__, "argv": sys.argv, "path": sys.path[0], "folder": os.getcwd(),
           "given": dict(os.environ), "numpy": "numpy" in sys.modules, "mscape": "mscape" in sys.modules,
           "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler}, open("said.json", "w"))
"""


@pytest.fixture(scope="module")
def server():
    one = forked_steps.ForkServer()
    yield one
    one.close()


@pytest.fixture
def script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text, name="a step.py"):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_script_finds_what_python_would_have_given_it_and_the_libraries(server, script, tmp_path):
    import json

    path = script(SAYS)
    assert server.run(path, {"ONLY": "this"}) == 0
    said = json.loads((tmp_path / "said.json").read_text())
    assert said == {
        "name": "__main__",
        "file": path,
        "argv": [path],
        "path": str(tmp_path),
        "folder": str(tmp_path),
        "given": {"ONLY": "this"},
        "numpy": True,
        "mscape": False,  # the code of the steps is read anew
        "interrupt": True,
    }


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("raise SystemExit(3)", 3),
        ("raise SystemExit('no')", 1),
        ("1 / 0", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9),
        ("import sys; sys.exit()", 0),
    ],
)
def test_the_status_is_that_of_the_script(server, script, text, status):
    assert server.run(script(text), dict(os.environ)) == status


def test_a_step_is_measured_as_one_of_snakemake_is(server, script):
    record = BenchmarkRecord()
    work = "import numpy, time\nheld = numpy.ones(30_000_000)\nwhile time.process_time() < 1: pass"
    assert server.run(script(work), dict(os.environ), record) == 0
    assert record.running_time >= 1
    assert record.max_rss > 240  # MB


def test_two_steps_run_at_once_and_one_that_ends_early_says_so(server, script, tmp_path):
    import threading

    slow = script("import time, pathlib\nwhile not pathlib.Path('go').exists(): time.sleep(0.05)", "slow.py")
    statuses = []
    other = threading.Thread(target=lambda: statuses.append(server.run(slow, dict(os.environ))))
    other.start()
    assert server.run(script("pass"), dict(os.environ)) == 0
    assert statuses == []
    (tmp_path / "go").touch()
    other.join(60)
    assert statuses == [0]


RUN = """
import os, signal, sys
from mscape.run import forked_steps
server = forked_steps.ForkServer()
try:
    sys.exit(server.run({script!r}, dict(os.environ)))
except KeyboardInterrupt:
    print("server", server.process.pid, flush=True)
    server.run({script!r}, dict(os.environ))
"""
STEP = """
import os, pathlib, time
pathlib.Path("step.new").write_text(f"{os.getpid()} {os.getppid()}")
os.rename("step.new", "step")
try:
    time.sleep(600)
except KeyboardInterrupt:
    pathlib.Path("interrupted").touch()
"""


def begin_run(path, folder):
    """A run in a session of its own, with a step that sleeps; processes of step and server."""
    command = [sys.executable, "-c", RUN.format(script=path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)
    wait_for((folder / "step").exists)
    return run, [int(pid) for pid in (folder / "step").read_text().split()]


def test_a_run_that_is_killed_takes_server_and_steps_with_it(script, tmp_path):
    run, processes = begin_run(script(STEP), tmp_path)
    run.kill()
    run.wait()
    wait_for(lambda: not any(map(watchdog.is_alive, processes)))


def test_ctrl_c_reaches_the_step_and_leaves_nothing(script, tmp_path):
    run, processes = begin_run(script(STEP), tmp_path)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal sends it, to all of them
    wait_for((tmp_path / "interrupted").exists)
    run.kill()
    run.wait()
    wait_for(lambda: not any(map(watchdog.is_alive, processes)))


def as_snakemake(fname, server=None, **more):
    """Call the method as Snakemake does, on what it reads of itself."""
    given = {"conda_env": None, "container_img": None, "env_modules": None, "bench_record": None}
    given |= {"threads": 2, "resources": {"tmpdir": str(Path(fname).parent)}} | more
    PythonScript.execute_script(SimpleNamespace(**given), fname, edit=False)


@pytest.fixture
def plain(monkeypatch):
    """Scripts that were started as Snakemake starts them; the method is put back after the test."""
    started = []

    def execute_script(self, fname, edit=False):
        started.append(fname)
        subprocess.run([sys.executable, fname], check=True)

    monkeypatch.setattr(PythonScript, "execute_script", execute_script)
    return started


def test_snakemake_still_has_the_method_that_is_replaced(monkeypatch):
    monkeypatch.setattr(PythonScript, "execute_script", PythonScript.execute_script)
    assert forked_steps.install(lambda: True) is not None


def test_another_method_is_left_alone(monkeypatch):
    def execute_script(self, file):
        """Stand for a method of another version."""

    monkeypatch.setattr(PythonScript, "execute_script", execute_script)
    assert forked_steps.install(lambda: True) is None
    assert PythonScript.execute_script is execute_script


@pytest.fixture
def installed(plain):
    one = forked_steps.install(lambda: True)
    yield one
    one.close()


def test_a_step_of_the_run_gets_its_threads_and_temporary_folder(installed, plain, script, tmp_path):
    import json

    as_snakemake(script(SAYS))
    given = json.loads((tmp_path / "said.json").read_text())["given"]
    assert plain == []
    assert {given[f"{name}_NUM_THREADS"] for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")} == {"2"}
    assert {given[name] for name in ("TMPDIR", "TMP")} == {str(tmp_path)}
    with pytest.raises(subprocess.CalledProcessError, match=r"died with <Signals.SIGKILL"):
        as_snakemake(script("import os; os.kill(os.getpid(), 9)"))


def test_a_killed_server_costs_time_and_no_step(installed, plain, script, tmp_path):
    once = "import os, pathlib\nfirst = not os.path.exists('tried')\npathlib.Path('tried').touch()\n"
    path = script(once + "if first: os.kill(os.getppid(), 9)\nif first: __import__('time').sleep(600)\n")
    as_snakemake(path)
    assert plain == [path]  # the first try died with the server
    as_snakemake(path)
    assert plain == [path, path]


@pytest.mark.parametrize("more", [{"conda_env": "an env"}, {"container_img": "an image"}, {"env_modules": "a module"}])
def test_steps_with_an_environment_of_their_own_start_as_snakemake_starts_them(installed, plain, script, more):
    path = script("")
    as_snakemake(path, **more)
    assert plain == [path]
    assert installed.process is None


def test_on_a_cluster_no_server_is_started(plain, script):
    one = forked_steps.install(lambda: False)
    path = script("")
    as_snakemake(path)
    assert plain == [path]
    assert one.process is None
