"""A real Slurm of one node on the loopback of this machine, from Debian's packages, without accounting."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Slurm's commands in a job read no environment of ours: the config has to be where they look by default.
CONFIG = Path("/etc/slurm/slurm.conf")
MARK = "# Written by mscape's test of profiles/slurm; it may be deleted."
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel")
CPUS = 8  # more than there may be (config_overrides): a group of samples must fit, and a small machine runs it slowly
MUNGE_FILES = (
    ("key-file", "key"),
    ("socket", "socket"),
    ("pid-file", "pid"),
    ("log-file", "log"),
    ("seed-file", "seed"),
)
# No cgroups: a node in a container has none to give, so memory is counted when jobs are placed and not enforced.
SETTINGS = """{mark}
ClusterName=mscape
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort=16817
SlurmdPort=16818
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=0,bf_interval=2
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
KillWait=2
MinJobAge=600
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def reason_against() -> str:
    """Say why no node can be started here; "" if one can."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"no {', '.join(missing)}: apt-get install --no-install-recommends slurm-wlm slurmctld slurmd munge"
    if os.geteuid() != 0:
        return "a Slurm node of one's own needs root"
    if CONFIG.exists() and (not CONFIG.read_text().startswith(MARK) or _output("sinfo", "--noheader")):
        return f"{CONFIG} is of a Slurm that is in use here"
    return ""


@contextmanager
def node() -> Iterator[None]:
    """Start munge, the controller and the node daemon; end exactly these afterwards."""
    daemons: list[subprocess.Popen] = []
    # munge refuses a folder that others may write to, such as /tmp
    folder = Path(tempfile.mkdtemp(prefix="mscape-slurm-", dir="/run"))
    folder.chmod(0o755)
    munge = folder / "munge"
    for path in (folder / "state", folder / "spool", munge):
        path.mkdir()
    key = munge / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    shutil.chown(munge, "munge", "munge")
    shutil.chown(key, "munge", "munge")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 * 9 // 10
    host = socket.gethostname().split(".")[0]
    CONFIG.parent.mkdir(exist_ok=True)
    CONFIG.write_text(SETTINGS.format(mark=MARK, host=host, folder=folder, cpus=CPUS, memory=memory))
    own = [f"--{name}={munge}/munge.{end}" for name, end in MUNGE_FILES]
    commands = [
        (["munged", "--foreground", *own], {"user": "munge", "group": "munge", "extra_groups": []}),
        (["slurmctld", "-D", "-c"], {}),
        (["slurmd", "-D", "-c"], {}),
    ]
    try:
        for command, who in commands:
            with (folder / f"{command[0]}.out.log").open("w") as log:
                daemons.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, **who))
            if who:
                _wait(lambda: (munge / "munge.socket").exists(), daemons, folder)
        _wait(lambda: "idle" in _output("sinfo", "-h", "-o", "%T"), daemons, folder)
        yield
    finally:
        subprocess.run(["scancel", "--user=root", "--quiet"], check=False)
        for daemon in reversed(daemons):
            daemon.terminate()
            try:
                daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                daemon.kill()
        CONFIG.unlink()
        shutil.rmtree(folder)


def jobs() -> list[dict[str, str]]:
    """All jobs that the controller remembers, with the fields of ``scontrol show job``."""
    text = _output("scontrol", "--oneliner", "show", "job")
    rows = (dict(part.split("=", 1) for part in line.split() if "=" in part) for line in text.splitlines())
    return [row for row in rows if "JobId" in row]


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _wait(ready, daemons: list[subprocess.Popen], folder: Path, *, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end or any(daemon.poll() is not None for daemon in daemons):
            logs = "\n".join(f"{path.name}: {path.read_text()[-1500:]}" for path in sorted(folder.glob("*.log")))
            msg = f"Slurm did not start:\n{logs}"
            raise RuntimeError(msg)
        time.sleep(0.3)
