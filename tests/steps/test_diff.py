"""Page, tables and exit of the comparison with an earlier run."""

import re
from types import SimpleNamespace

import finished_run
import numpy as np
import pytest

import diff as step
from mscape.data.table_io import read_table
from mscape.errors import UserError


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    folder = tmp_path_factory.mktemp("before")
    return folder, finished_run.write_run(folder)


def compare(folder, against):
    results = folder / "results"
    params = SimpleNamespace(
        against=str(against), results=str(results), page=results / "diff.html", effects=results / "diff.tsv",
        causes=results / "diff_causes.tsv", title="Study <1>", simulated=["toy"],
    )  # fmt: skip
    error = ""
    try:
        step.main(SimpleNamespace(), SimpleNamespace(), params)
    except UserError as caught:
        error = str(caught)
    return error, (results / "diff.html").read_text()


def test_no_changed_verdict_is_a_success_with_all_that_moved(before, tmp_path):
    after = finished_run.copy_run(before[0], tmp_path / "a", keys=("config", "cluster", "resolution"), value=2.5)
    finished_run.move_clusters(after.place, np.random.default_rng(0))
    error, page = compare(after.folder, before[0])
    assert error == ""
    assert "No verdict changed. Changed: config cluster.resolution." in page
    table = read_table(after.folder / "results/diff.tsv")
    assert set(table["kind"]) == {"cluster"}
    assert set(table["causes"]) == {"config: cluster.resolution"}
    assert list(read_table(after.folder / "results/diff_causes.tsv")["after"]) == ["2.5"]
    assert "Study &lt;1&gt;" in page
    assert "Simulated data</strong> in toy" in page
    assert "Nothing of this kind changed." in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_a_changed_verdict_stops_and_page_and_tables_are_kept(before, tmp_path):
    key = ("config", "passport", "min_cells")
    after = finished_run.copy_run(before[0], tmp_path / "a", keys=key, value=20)
    finished_run.judge(before[1], after.place, after.record)
    said, page = compare(after.folder, before[0])
    assert re.match(r"\d+ verdicts of 6 lots changed\. Changed: config passport\.min_cells\. All of it is in ", said)
    assert "config: passport.min_cells" in page
    verdicts = read_table(after.folder / "results/diff.tsv")
    assert {("cells", "WARN", "PASS")} <= set(zip(verdicts["item"], verdicts["before"], verdicts["after"], strict=True))


def test_without_an_earlier_run_the_command_is_given(tmp_path):
    params = SimpleNamespace(against="")
    with pytest.raises(UserError, match="snakemake diff --config against=DIR"):
        step.main(SimpleNamespace(), SimpleNamespace(), params)
