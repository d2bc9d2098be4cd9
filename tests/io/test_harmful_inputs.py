"""Generated inputs: no harmful change ends in a clean check with other counts."""

from __future__ import annotations

from collections import Counter

from generated_checks import ALL_KINDS, SMALL, a_folder, differences, run_cases
from generated_inputs import HARMFUL, make_harmful
from reading import examine

from mscape.errors import UserError


def test_no_harmful_change_ends_in_a_clean_check_with_other_counts(tmp_path, how_many_inputs, record_property):
    changes: Counter[str] = Counter()

    def check(seed: int) -> None:
        with a_folder(tmp_path) as folder:
            case = make_harmful(folder, seed)
            changes[case.harmful] += 1
            try:
                got = examine(case.path, case.row, scratch=tmp_path)
            except UserError:
                return
            said = [one for one in got.findings if one.level != "note" and one.check not in SMALL]
            found = differences(got, case)
            assert said or not found, (
                f"seed {seed}, {case.harmful}, {case.family}, {case.varied}: {found}, nothing said"
            )

    run_cases(check, how_many_inputs)
    record_property("generated inputs, harmful", sum(changes.values()))
    assert set(changes) == set(HARMFUL) or how_many_inputs < ALL_KINDS
