"""Generated inputs: harmless variation is read exactly, and no harmful one ends in a clean check with other counts."""

from __future__ import annotations

import shutil
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from generated_inputs import HARMFUL, make_harmful, make_harmless
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from reading import examine

from mscape.errors import UserError

if TYPE_CHECKING:
    from generated_inputs import Case

SMALL = {"cells", "genes", "panel", "mitochondria"}  # findings of any lot of so few cells and genes
SEEDS = st.integers(0, 2**31 - 1)


def differences(got, case: Case) -> str:
    """Say what differs from the truth, "" if nothing does."""
    lot = case.lot
    keep = lot.counts.sum(axis=0) > 0 if case.family == "long table" else np.ones(len(lot.symbols), dtype=bool)
    symbols = np.array(lot.symbols)[keep]
    if sorted(got.genes) != sorted(symbols):
        return f"genes: {sorted(set(got.genes) ^ set(symbols))[:6]}"
    cells = [name for name in got.barcodes if name in set(lot.barcodes)]
    if sorted(got.barcodes) != sorted(lot.barcodes) or len(cells) != len(got.barcodes):
        return f"cells: {sorted(set(got.barcodes) ^ set(lot.barcodes))[:6]}"
    rows = [got.barcodes.index(name) for name in lot.barcodes]
    place = {name: i for i, name in enumerate(got.genes)}
    same = np.array_equal(got.counts[np.ix_(rows, [place[name] for name in symbols])], lot.counts[:, keep])
    return "" if same else "counts"


def run_cases(check, how_many: int) -> None:
    """Call a check with seeds that hypothesis draws, the same in each run."""
    options = settings(
        max_examples=how_many, derandomize=True, deadline=None, database=None, phases=[Phase.explicit, Phase.generate]
    )
    options(given(SEEDS)(check))()


def test_harmless_variation_is_read_exactly(tmp_path, how_many_inputs, record_property):
    families = Counter()

    def check(seed: int) -> None:
        folder = tmp_path / "case"
        folder.mkdir()
        case = make_harmless(folder, seed)
        families[case.family] += 1
        try:
            got = examine(case.path, case.row, scratch=tmp_path)
        except UserError as error:
            pytest.fail(f"seed {seed}, {case.family}, {case.varied}: refused: {error}")
        found = differences(got, case)
        assert not found, f"seed {seed}, {case.family}, {case.varied}: {found}"
        wrong = [one for one in got.findings if one.level != "note" and one.check not in SMALL]
        assert not wrong, f"seed {seed}, {case.family}, {case.varied}: {wrong}"
        clear(tmp_path)

    run_cases(check, how_many_inputs)
    record_property("generated inputs, harmless", sum(families.values()))
    assert len(families) == 9


def test_no_harmful_change_ends_in_a_clean_check_with_other_counts(tmp_path, how_many_inputs, record_property):
    changes, ends = Counter(), Counter()

    def check(seed: int) -> None:
        folder = tmp_path / "case"
        folder.mkdir()
        case = make_harmful(folder, seed)
        changes[case.harmful] += 1
        try:
            got = examine(case.path, case.row, scratch=tmp_path)
        except UserError:
            ends["refused"] += 1
            clear(tmp_path)
            return
        said = [one for one in got.findings if one.level != "note" and one.check not in SMALL]
        found = differences(got, case)
        ends["named" if said else "read exactly" if not found else "clean and wrong"] += 1
        assert said or not found, (
            f"seed {seed}, {case.harmful}, {case.family}, {case.varied}: {found}, and nothing is said"
        )
        clear(tmp_path)

    run_cases(check, how_many_inputs)
    record_property("generated inputs, harmful", sum(changes.values()))
    assert set(changes) == set(HARMFUL)
    assert ends["clean and wrong"] == 0


def clear(folder) -> None:
    """Remove the files of a case."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
