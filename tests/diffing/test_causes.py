"""Differences of two records, and which results they can reach."""

import re
import subprocess
import sys

import pytest

from mscape.diffing import causes

RECORD = {
    "run_id": "a",
    "paths": {"s": "/here/s.h5"},
    "config": {"gate": {"max_hidden": 0.2, "panel_files": ["/here/own.yaml"]}, "report": {"contact": ""}},
    "seed": 0,
    "samples": [{"sample_id": "s", "passage": "P3"}],
    "inputs": {"s": "00"},
    "files": {"gate.panel_files: own.yaml": "aa"},
    "code": {"gate_msc": "1", "write_passports": "1"},
    "versions": {"numpy": "2.5.5"},
}
JUDGED = "verdict;attribute"
ALL = "call;cluster;score;verdict;attribute"


def changed(**parts):
    table = causes.find_causes(RECORD, RECORD | parts, dataset="d")
    return table[["kind", "item", "before", "after", "reaches"]].to_numpy().tolist()


def test_the_same_record_has_no_difference():
    assert changed() == []
    assert changed(run_id="b", paths={"s": "/there/s.h5"}) == []  # what names a run and makes no number of it


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"seed": 1}, ["seed", "seed", "0", "1", ALL]),
        ({"inputs": {"s": "11"}}, ["input", "s", "00", "11", ALL]),
        ({"inputs": {"s": "00", "t": "22"}}, ["input", "t", "absent", "22", ALL]),
        ({"versions": {"numpy": "2.6.0"}}, ["version", "numpy", "2.5.5", "2.6.0", ALL]),
        ({"samples": [{"sample_id": "s", "passage": "P4"}]}, ["sheet", "s.passage", "P3", "P4", ALL]),
        ({"files": {"gate.panel_files: own.yaml": "bb"}}, ["file", "gate.panel_files: own.yaml", "aa", "bb", ALL]),
        (
            {"code": {"gate_msc": "1", "write_passports": "2"}},
            ["code", "write_passports", "1", "2", "verdict;attribute"],
        ),
        ({"reference": "v2"}, ["reference", "reference", "absent", "v2", ALL]),
        ({"annotations": "own.tsv 12"}, ["annotations", "annotations", "absent", "own.tsv 12", f"cluster;{JUDGED}"]),
    ],
)
def test_one_difference_is_named_with_what_it_reaches(parts, expected):
    assert changed(**parts) == [expected]


def test_a_key_of_the_config_reaches_what_is_computed_from_it():
    config = {"gate": {"max_hidden": 0.5, "panel_files": ["/there/own.yaml"]}, "report": {"contact": "QC"}}
    assert changed(config=config) == [  # the panel file is the same: only its place differs
        ["config", "gate.max_hidden", "0.2", "0.5", ALL],
        ["config", "report.contact", "", "QC", ""],
    ]
    assert causes.reach("config", "cluster.resolution") == ["cluster", "verdict", "attribute"]
    assert causes.reach("config", "passport.min_cells") == ["verdict", "attribute"]
    assert causes.reach("config", "score.methods") == ["score", "verdict", "attribute"]
    assert causes.reach("config", "a key that nobody knows") == ALL.split(";")


def test_sections_enter_at_the_step_whose_rule_reads_them(root):
    rules = {}
    for file in (root / "workflow/rules").glob("*.smk"):
        for name, body in re.findall(r"^rule (\w+):\n(.*?)(?=^rule |\Z)", file.read_text(), re.M | re.S):
            rules[name] = set(re.findall(r'settings=STUDY\.section\("(\w+)"\)', body))
    first = {section: {rule for rule, read in rules.items() if section in read} for section in causes.ENTERS}
    for section, step in causes.ENTERS.items():
        if section not in {"culture", "export"}:  # not a section; not read by a step but by the list of results
            assert step in first[section], section


@pytest.mark.workflow
def test_what_steps_read_is_what_the_rules_say(root, tmp_path):
    command = [sys.executable, "-m", "snakemake", "-s", str(root / "Snakefile"), "--directory", str(tmp_path)]
    graph = subprocess.run([*command, "--rulegraph"], capture_output=True, text=True, check=True).stdout
    names = dict(re.findall(r'(\d+)\[label = "(\w+)"', graph))
    edges = {(names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", graph)}
    assert len(edges) > 20
    steps = causes.upstream("write_passports")
    assert {(a, b) for a, b in edges if b in steps} == {
        (a, b)
        for b in steps
        for a in causes.READS.get(b, ())
        if a != "fetch_sample"  # the demonstration is simulated
    }
