"""A state file holds the old text or the new one, never a part."""

import pytest

from mscape.data import state_file


def test_a_failed_write_leaves_the_old_text(tmp_path, monkeypatch):
    path = tmp_path / "state.json"
    state_file.write_whole(path, "old")

    def power_cut(number):
        raise OSError(5, "cut")

    monkeypatch.setattr(state_file.os, "fsync", power_cut)
    with pytest.raises(OSError, match="cut"):
        state_file.write_whole(path, "new")
    assert path.read_text() == "old"
    monkeypatch.undo()
    state_file.write_whole(path, "new")
    assert path.read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]
