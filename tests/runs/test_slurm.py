"""The study of four lots on a real Slurm of one node, a job killed on the way, gives what a local run gives."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import slurm_node
import yaml
from digests import digest_results

pytestmark = [pytest.mark.slurm, pytest.mark.workflow]

TISSUES, PASSAGES = ("bone marrow", "umbilical cord"), (3, 8)
LOTS = [
    {
        "sample_id": f"L{number}",
        "donor_id": f"D{number}",
        "tissue": TISSUES[number // 2],
        "passage": PASSAGES[number % 2],
        "sex": ("female", "male")[number % 2],
    }
    for number in range(4)
]
STUDY = {
    "title": "Four lots (simulated)",
    "datasets": {"four": {"culture": "expanded", "simulate": {"seed": 3, "cells": 60, "lots": LOTS}}},
}
# No account, no waiting for the file system of other machines, and early looks at the state of the jobs.
HERE = ["--slurm-no-account", "--latency-wait", "5", "--slurm-init-seconds-before-status-checks", "4"]


def command(root: Path, folder: Path, *arguments: str) -> list[str]:
    """The workflow on the study, in a folder, up to the merged counts: grouped and single jobs are in it.

    The plugin asks Slurm ever more seldom while a job runs: each further step would cost a minute of waiting.
    """
    base = [sys.executable, "-m", "snakemake", "results/four/counts.h5ad", "-s", str(root / "Snakefile")]
    return [*base, "--directory", str(folder), "--configfile", str(folder / "study.yaml"), *arguments]


def study_folder(folder: Path) -> Path:
    folder.mkdir()
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    return folder


@pytest.fixture(scope="module")
def local(root, tmp_path_factory) -> Path:
    """A finished run of the study without a cluster; both runs start from these simulated counts."""
    folder = study_folder(tmp_path_factory.mktemp("slurm") / "local")
    run = subprocess.run(command(root, folder, "--cores", "2"), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-4000:]
    return folder


@pytest.fixture
def slurm():
    reason = slurm_node.reason_against()
    if reason:
        pytest.skip(reason)
    with slurm_node.node():
        yield


def kill_one(started: Path, process: subprocess.Popen) -> dict[str, str]:
    """Cancel the running Slurm job once it has begun to write; what Slurm knew of the job."""
    while process.poll() is None:
        running = [job for job in slurm_node.jobs() if job["JobState"] == "RUNNING"]
        if running and started.exists():
            subprocess.run(["scancel", running[0]["JobId"]], check=True)
            return running[0]
        time.sleep(0.2)
    msg = "the run ended before a job could be killed"
    raise AssertionError(msg)


def test_a_killed_job_is_tried_again_and_the_results_are_those_of_a_local_run(root, slurm, local, tmp_path):
    folder = study_folder(tmp_path / "cluster")
    shutil.copytree(local / "data", folder / "data")
    log = folder / "run.log"
    with log.open("w") as out:
        arguments = ["--profile", str(root / "profiles/slurm"), *HERE]
        process = subprocess.Popen(command(root, folder, *arguments), stdout=out, stderr=subprocess.STDOUT)
        try:
            victim = kill_one(folder / "logs/qc_cells", process)
            status = process.wait(timeout=900)
        finally:
            process.kill()
    assert status == 0, log.read_text()[-4000:]

    jobs = {job["JobId"]: job for job in slurm_node.jobs()}
    assert jobs.pop(victim["JobId"])["JobState"] == "CANCELLED"
    assert {job["JobState"] for job in jobs.values()} == {"COMPLETED"}
    tries = [job for job in (victim, *jobs.values()) if job["Comment"] == victim["Comment"]]
    memory = sorted(int(job["MinMemoryNode"].removesuffix("M")) for job in tries)
    assert len(memory) == 2  # the group of four samples, and its second try
    assert memory[1] == pytest.approx(2 * memory[0], abs=8)
    assert digest_results(folder / "results") == digest_results(local / "results")
