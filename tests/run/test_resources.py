import re
import subprocess
import sys

import pytest

from mscape.run import resources
from mscape.run.resources import RuleResources


def asked(**changes):
    given = {"per": "dataset", "jobs": 1, "read_share": 1, "written_share": 0.5}
    measured = {"size_mb": (0, 100, 1000), "peak_mb": (500, 900, 1800), "elapsed": (10, 60, 510)}
    return RuleResources(**given | measured | changes)


def test_memory_and_time_are_lines_between_measured_sizes_and_grow_with_each_attempt():
    one = asked()
    assert [one.peak(size) for size in (0, 50, 100, 550, 1000, 2000)] == [500, 700, 900, 1350, 1800, 2800]
    assert asked(size_mb=(40, 100, 1000)).peak(7) == 500
    assert asked(size_mb=(40,), peak_mb=(300,), elapsed=(1,)).peak(7000) == 300
    assert [one.memory_mb(550), one.memory_mb(550, attempt=2)] == [1755, 3510]  # 1.3 times 1350
    assert [one.minutes(250), one.minutes(250, attempt=3)] == [14, 42]  # 5 and four times 135 s


def test_a_forecast_adds_up_what_the_rules_ask_for():
    demands = {
        "qc_cells": asked(per="sample", peak_mb=(300, 500, 2300)),
        "embed_cells": asked(jobs=2, read_share=1.5),
        "render_index": asked(per="study", read_share=0, written_share=0),
    }
    per_mb = 1 / resources.MB_PER_VALUE
    rows = resources.estimate(demands, {"D": {"a": 100 * per_mb, "b": 300 * per_mb}, "E": {"c": 200 * per_mb}}, cores=4)
    rows = {row["rule"]: row for row in rows}
    assert {key: row["jobs"] for key, row in rows.items()} == {
        "qc_cells": 3, "embed_cells": 4, "render_index": 1, "all": 8,
    }  # fmt: skip
    assert rows["qc_cells"]["memory_gb"] == pytest.approx(0.9)  # 500 MB + two for each of 200 more
    assert rows["embed_cells"]["memory_gb"] == pytest.approx(1.4)  # 900 MB + one for each of 500 more
    assert rows["all"]["memory_gb"] == pytest.approx(1.4)
    assert rows["qc_cells"]["minutes"] == pytest.approx((30 + 300) / 60)
    assert rows["embed_cells"]["minutes"] == pytest.approx(2 * (20 + 0.5 * 1.5 * 600) / 60)
    assert rows["embed_cells"]["disk_gb"] == pytest.approx(0.6)
    spread = (330 / 3 + 940 / 2 + 10 / 2) / 60  # three samples on three of four cores, datasets on two
    assert rows["all"]["minutes"] == pytest.approx(spread)


def test_a_folder_weighs_what_it_holds_and_a_file_to_come_nothing(tmp_path):
    (tmp_path / "one" / "deep").mkdir(parents=True)
    (tmp_path / "one" / "matrix.mtx").write_bytes(bytes(2_000_000))
    (tmp_path / "one" / "deep" / "genes.tsv").write_bytes(bytes(500_000))
    (tmp_path / "file").write_bytes(bytes(1_000_000))
    assert resources.size_mb([tmp_path / "one", tmp_path / "file", tmp_path / "missing"]) == pytest.approx(3.5)


def test_every_rule_asks_for_memory_and_time_by_its_own_line(root):
    rules = {
        name: body
        for file in (root / "workflow/rules").glob("*.smk")
        for name, body in re.findall(r"^rule (\w+):\n(.*?)(?=^rule |\Z)", file.read_text(), re.M | re.S)
    }
    small = {"fetch_sample", "check_inputs", "check_backend", "render_index", "describe_study", "package_study"}
    small |= {"diff", "track_lots", "judge_equivalence", "pool_datasets"}  # they read tables of lots
    table = resources.read(root / "resources/rule_resources.tsv")
    assert set(table) <= set(rules)
    for name in set(rules) - small:
        assert f'mem_mb=STUDY.memory("{name}"' in rules[name], name
        assert f'runtime=STUDY.minutes("{name}"' in rules[name], name


def test_what_is_planned_before_the_first_step_imports_no_statistics():
    """Each start of Snakemake, also of a job on a cluster, imports the study."""
    slow = {"scipy.stats", "anndata", "h5py", "sklearn"}
    code = f"import mscape.run.study, sys; print(*sorted({slow} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
