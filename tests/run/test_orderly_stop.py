"""SIGTERM stops a run also where it comes while Snakemake's own thread holds the lock of the scheduler."""

import subprocess
import sys

STOPPED = """
import os, signal, threading
from snakemake.scheduling.job_scheduler import JobScheduler
from mscape.run import orderly_stop

orderly_stop.install()
scheduler = object.__new__(JobScheduler)
scheduler._lock, scheduler._open_jobs, scheduler._user_kill = threading.Lock(), threading.Semaphore(0), None
signal.signal(signal.SIGTERM, scheduler.exit_gracefully)
with scheduler._lock:  # as while jobs are selected
    os.kill(os.getpid(), signal.SIGTERM)
woken = scheduler._open_jobs.acquire(timeout=30)
print(woken, scheduler._user_kill)
"""


def test_a_run_stops_on_sigterm_while_jobs_are_selected(root):
    done = subprocess.run(
        [sys.executable, "-c", STOPPED],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(root / "workflow/scripts")},
        timeout=60,  # without the other thread it would wait for ever
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True graceful\n", "")
