import re

import pytest

from mscape import demand
from mscape.demand import Demand


def test_memory_and_time_are_lines_in_the_input_and_grow_with_each_attempt():
    asked = Demand(base_mb=1000, mb_per_mb=8, base_minutes=5, minutes_per_gb=30)
    assert [asked.memory_mb(250), asked.memory_mb(250, attempt=2)] == [3000, 6000]
    assert [asked.minutes(250), asked.minutes(250, attempt=3)] == [13, 38]  # 12.5 and 37.5 minutes, rounded up
    assert asked.memory_mb(0) == 1000


def test_a_folder_weighs_what_it_holds_and_a_file_to_come_nothing(tmp_path):
    (tmp_path / "one" / "deep").mkdir(parents=True)
    (tmp_path / "one" / "matrix.mtx").write_bytes(bytes(2_000_000))
    (tmp_path / "one" / "deep" / "genes.tsv").write_bytes(bytes(500_000))
    (tmp_path / "file").write_bytes(bytes(1_000_000))
    assert demand.size_mb([tmp_path / "one", tmp_path / "file", tmp_path / "missing"]) == pytest.approx(3.5)


def test_every_rule_asks_for_memory_and_time_by_its_own_line(root):
    rules = {
        name: body
        for file in (root / "workflow/rules").glob("*.smk")
        for name, body in re.findall(r"^rule (\w+):\n(.*?)(?=^rule |\Z)", file.read_text(), re.M | re.S)
    }
    small = {"fetch_sample", "check_inputs", "render_index"}  # no data in memory, or not sent to a cluster
    table = demand.read(root / "resources/demand.tsv")
    assert set(table) <= set(rules)
    for name in set(rules) - small:
        assert f'mem_mb=memory("{name}"' in rules[name], name
        assert f'runtime=minutes("{name}"' in rules[name], name
