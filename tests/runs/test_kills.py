"""A run that is killed, in any way and at any moment, goes on by the same command, and leaves no process."""

import sys

import pytest

pytestmark = pytest.mark.workflow


def test_killed_runs_go_on_to_the_files_of_a_run_that_was_left_alone(root, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(root / "benchmarks/reliability"), *sys.path])
    import kills

    found = kills.measure(tmp_path, kills=6, seed=1, per_folder=6)
    assert (found.stuck, found.again, found.orphans, found.differing) == ([], [], [], [])
    assert sum(found.kills.values()) >= 6
    assert (
        sum(times > 0 for times in found.kills.values()) >= 4
    )  # kinds; one whose moment comes after the end is left out
    assert found.files > 400
