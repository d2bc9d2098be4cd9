"""The lock of a run that is over is removed; that of a living run, or of another machine's, is explained and kept."""

import json
import os
import socket

import pytest

from mscape.run import folder_lock

HERE = socket.gethostname()


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(folder_lock, "PAUSE", 0)
    monkeypatch.setattr(folder_lock.atexit, "register", lambda *args, **options: None)
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.input.lock").write_text("a")
    (tmp_path / ".snakemake/mscape_runs").mkdir()
    return tmp_path / ".snakemake"


def note(state, pid, host=HERE, start=None):
    record = {"pid": pid, "host": host, "begun": "2026-11-26 10:00", "start": start or folder_lock.start_of(pid)}
    (state / f"mscape_runs/{host}.{pid}.json").write_text(json.dumps(record))


def locked(state):
    return (state / "locks/0.input.lock").exists()


def test_the_lock_of_a_run_that_was_killed_is_removed(state):
    note(state, 2**22 + 5)  # no process has so high a number
    note(state, os.getppid(), start="1")  # a number that another process got since
    folder_lock.enter()
    assert not locked(state)
    assert [one["pid"] for one in folder_lock.read_runs(state)] == [os.getpid()]


@pytest.mark.parametrize("others", [[], [HERE], ["elsewhere"], [HERE, "over"]])
def test_any_other_lock_is_kept_and_explained(state, others):
    for host in others:
        note(state, 2**22 + 5 if host == "over" else os.getppid(), HERE if host == "over" else host)
    folder_lock.enter()
    assert locked(state)
    said = str(folder_lock.FolderInUse())
    assert len(said.replace(str(state.parent), "")) < 250
    if HERE in others:
        assert (
            f"another run, process {os.getppid()} on this machine, begun 2026-11-26 10:00. Wait until it ends" in said
        )
        assert "unlock" not in said
    elif others:
        assert f"a run on elsewhere, process {os.getppid()}" in said
        assert "--unlock once" in said
    else:
        assert "left no trace of itself" in said


@pytest.mark.parametrize("text", [b"", b"\0\0", b"{", b"\xff", b'{"pid": "x"}'])
def test_a_damaged_note_is_forgotten(state, text):
    (state / "mscape_runs/x.1.json").write_bytes(text)
    folder_lock.enter()
    assert locked(state)
    assert [one["pid"] for one in folder_lock.read_runs(state)] == [os.getpid()]
