"""What the server imports can be forked: it starts no thread, and is there."""

import subprocess
import sys

from mscape.run import fork_server

CODE = """
import importlib, os
for name in {names!r}:
    importlib.import_module(name)
    assert os.listdir("/proc/self/task") == [str(os.getpid())], name
"""


def test_no_import_of_the_server_starts_a_thread():
    names = fork_server.FIRST + fork_server.LATER
    environment = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
    command = [sys.executable, "-c", CODE.format(names=names)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
