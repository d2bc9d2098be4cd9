"""Generated inputs: harmless variation of the layout is read exactly."""

from __future__ import annotations

from collections import Counter

import pytest
from generated_checks import ALL_KINDS, SMALL, a_folder, differences, run_cases
from generated_inputs import FAMILIES, make_harmless
from reading import examine

from mscape.errors import UserError


def test_harmless_variation_is_read_exactly(tmp_path, how_many_inputs, record_property):
    families = Counter()

    def check(seed: int) -> None:
        with a_folder(tmp_path) as folder:
            case = make_harmless(folder, seed)
            families[case.family] += 1
            what = f"seed {seed}, {case.family}, {case.varied}"
            try:
                got = examine(case.path, case.row, scratch=tmp_path)
            except UserError as error:
                pytest.fail(f"{what}: refused: {error}")
            found = differences(got, case)
            assert not found, f"{what}: {found}"
            wrong = [one for one in got.findings if one.level != "note" and one.check not in SMALL]
            assert not wrong, f"{what}: {wrong}"

    run_cases(check, how_many_inputs)
    record_property("generated inputs, harmless", sum(families.values()))
    assert set(families) == set(FAMILIES) or how_many_inputs < ALL_KINDS
