"""Attack readers, sheets, configs and stage files, take guards away, and write what held to docs/reliability.md.

``python benchmarks/reliability/run.py`` tries what each test run tries; ``--inputs 20000`` more generated files,
``--stages`` all damages of stage files, for which a small study runs (3 minutes).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "workflow/scripts"), str(ROOT / "tests/support")]

import guards  # noqa: E402  beside this file
import measured  # noqa: E402

ALL_STAGES = 2002  # generated inputs from which a test tries all damages of stage files, too


class Attack(NamedTuple):
    """What is tried, by which tests; ``counted`` is the property in which a test states how many it tried."""

    what: str
    tests: tuple[str, ...]
    counted: str = ""


ATTACKS = (
    Attack("harmless variation: read exactly", ("tests/io/test_generated_inputs.py",), "generated inputs, harmless"),
    Attack("one harmful change: refused or named", ("tests/io/test_harmful_inputs.py",), "generated inputs, harmful"),
    Attack(
        "hostile, damaged and sparse files",
        ("tests/io/test_hostile_files.py", "tests/io/test_sparse_files.py", "tests/io/formats/test_hdf5_guard.py"),
    ),
    Attack("inputs as people have them", ("tests/io/test_odd_inputs.py", "tests/io/test_makers.py")),
    Attack(
        "sheets, configs, YAML", ("tests/run/test_sheet.py", "tests/run/test_config.py", "tests/data/test_yaml_file.py")
    ),
)
STAGES = Attack("damaged stage files: stop with the cure", ("tests/runs/test_workflow.py", "-k", "damage"), "damages")


class Outcome(NamedTuple):
    """How many were tried, and the names of the tests that failed."""

    tried: int
    failed: list[str]


def attack(one: Attack, inputs: int) -> Outcome:
    """Run the tests of an attack.

    Raises
    ------
    RuntimeError
        If there were none.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n0",
            "--inputs",
            str(inputs),
            f"--junitxml={report}",
            "-ojunit_family=xunit1",
            *one.tests,
        ]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if not report.exists():
            msg = f"{one.what}: no test ran\n{run.stdout[-2000:]}"
            raise RuntimeError(msg)
        cases = [case for case in ET.parse(report).iter("testcase") if case.find("skipped") is None]
    failed = [
        case.get("name", "") for case in cases if case.find("failure") is not None or case.find("error") is not None
    ]
    stated = [
        int(found.get("value", 0))
        for case in cases
        for found in case.iter("property")
        if found.get("name") == one.counted
    ]
    return Outcome(tried=sum(stated) if one.counted else len(cases), failed=failed)


def rows(inputs: int, *, stages: bool) -> list[tuple[str, int, list[str]]]:
    """Make all attacks, then take the guards away: what was tried, how often, and what did not hold."""
    found = []
    for one in ATTACKS:
        found.append((one.what, *attack(one, inputs)))
        print(*found[-1], flush=True)
    if stages:
        found.append((STAGES.what, *attack(STAGES, ALL_STAGES)))
    unnoticed = [guard.name for guard in guards.GUARDS if not guards.is_noticed(guard)]
    return [*found, ("guards taken away one at a time: a test fails", len(guards.GUARDS), unnoticed)]


def main() -> int:
    """Attack, write, and end with 1 if anything did not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=2000, help="generated files, half of them with a harmful change")
    parser.add_argument("--stages", action="store_true", help="also all damages of the stage files of a small study")
    given = parser.parse_args()
    found = rows(given.inputs, stages=given.stages)
    measured.write(found, " ".join(["python benchmarks/reliability/run.py", *sys.argv[1:]]), block="reliability")
    return int(any(failed for _, _, failed in found))


if __name__ == "__main__":
    sys.exit(main())
