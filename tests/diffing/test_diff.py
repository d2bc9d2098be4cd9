"""Two runs that differ in one thing: it is named, and so is all that changed."""

import json

import finished_run
import numpy as np
import pytest

import mscape as ms
from mscape.diffing.diff import UNKNOWN_CAUSE
from mscape.errors import UserError


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("before")
    return folder, finished_run.write_run(folder)


def one_change(number, rng):
    """Change of the record (keys, value), the cause that should be named, and which results it moves."""
    config = finished_run.default_settings
    choices = [
        ("config", "gate.max_hidden", ("config", "gate", "max_hidden"), round(rng.uniform(0.3, 0.9), 3), "call"),
        ("config", "qc.mads", ("config", "qc", "mads"), int(rng.integers(20, 40)), "call"),
        ("config", "cluster.resolution", ("config", "cluster", "resolution"), round(rng.uniform(0.3, 2), 3), "cluster"),
        ("config", "score.seed_sets", ("config", "score", "seed_sets"), int(rng.integers(1, 9)), "score"),
        ("config", "passport.min_cells", ("config", "passport", "min_cells"), int(rng.integers(30, 60)), "verdict"),
        ("config", "passport.max_mt", ("config", "passport", "max_mt"), round(rng.uniform(1, 3.9), 2), "verdict"),
        ("input", "D2_control", ("inputs", "D2_control"), f"{rng.integers(9, 10**6):064x}", "call"),
        ("code", "cluster_cells", ("code", "cluster_cells"), f"b{number}", "cluster"),
        ("version", "numpy", ("versions", "numpy"), f"2.6.{number}", "score"),
        ("seed", "seed", ("seed",), number + 1, "cluster"),
    ]
    assert "max_hidden" in config("gate")
    return choices[number % len(choices)]


@pytest.mark.parametrize("number", range(50))
def test_the_one_change_is_named(run, tmp_path, number):
    before, study = run
    rng = np.random.default_rng(number)
    kind, item, keys, value, moved = one_change(number, rng)
    after = finished_run.copy_run(before, tmp_path / "after", keys=keys, value=value)
    if item.startswith("passport."):
        finished_run.judge(study, after.place, after.record)  # the step itself, with the changed setting
    else:
        moves = {"call": "flip_calls", "cluster": "move_clusters", "score": "shift_scores"}
        getattr(finished_run, moves[moved])(after.place, rng)
    found = ms.diff(tmp_path / "after", before)
    assert found.causes[["kind", "item"]].to_numpy().tolist() == [[kind, item]]
    assert moved in set(found.effects["kind"])
    assert set(found.effects["causes"]) == {f"{kind}: {item}"}
    assert bool(len(found.verdicts)) == (moved == "verdict")


def test_a_run_does_not_differ_from_itself(run):
    found = ms.diff(run[0], run[0] / "results")
    assert found.effects.empty
    assert found.causes.empty


def test_calls_that_moved_are_counted(run, tmp_path):
    after = finished_run.copy_run(run[0], tmp_path / "after", keys=("config", "gate", "max_hidden"), value=0.9)
    finished_run.flip_calls(after.place, np.random.default_rng(0), n=7)
    found = ms.diff(after.place, run[0])
    assert found.effects["size"].sum() == 7
    assert set(found.effects["before"]) == {"pass"}


def test_a_change_without_a_recorded_difference_is_said_to_have_none(run, tmp_path):
    after = finished_run.copy_run(run[0], tmp_path / "after", keys=("config", "report", "contact"), value="QC")
    finished_run.flip_calls(after.place, np.random.default_rng(0))
    found = ms.diff(after.folder, run[0])
    assert list(found.causes["item"]) == ["report.contact"]
    assert set(found.effects["causes"]) == {UNKNOWN_CAUSE}


def test_several_differences_upstream_are_all_named(run, tmp_path):
    after = finished_run.copy_run(run[0], tmp_path / "after", keys=("seed",), value=4)
    after.record["config"]["cluster"]["resolution"] = 2
    (after.place / "run.json").write_text(json.dumps(after.record))
    finished_run.move_clusters(after.place, np.random.default_rng(0))
    finished_run.flip_calls(after.place, np.random.default_rng(0))
    effects = ms.diff(after.folder, run[0]).effects
    assert set(effects.loc[effects["kind"] == "cluster", "causes"]) == {"config: cluster.resolution; seed: seed"}
    assert set(effects.loc[effects["kind"] == "call", "causes"]) == {"seed: seed"}


def test_what_one_run_lacks_is_said_and_no_difference(run, tmp_path):
    after = finished_run.copy_run(run[0], tmp_path / "after")
    (after.place / "gate.h5ad").unlink()
    found = ms.diff(after.folder, run[0])
    (row,) = found.effects.to_dict("records")
    assert row["kind"] == "call"
    assert row["note"].startswith("Not compared: there is no gate.h5ad in ")
    assert row["causes"] == ""


def test_a_dataset_that_one_run_lacks_is_named(run, tmp_path):
    after = finished_run.copy_run(run[0], tmp_path / "after")
    finished_run.copy_run(run[0], tmp_path / "more")
    (tmp_path / "more/results/toy").rename(after.folder / "results/more")
    (row,) = ms.diff(after.folder, run[0] / "results").effects.to_dict("records")
    assert (row["kind"], row["dataset"], row["before"], row["after"]) == ("dataset", "more", "absent", "there")


def test_a_folder_without_a_run_is_refused(run, tmp_path):
    with pytest.raises(UserError, match=r"there is no finished run in .*nothing.*Name the folder"):
        ms.diff(run[0], tmp_path / "nothing")
