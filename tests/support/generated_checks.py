"""What the tests of generated inputs share: the comparison with the truth, and seeds drawn by hypothesis."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from generated_inputs import Case

SMALL = {"cells", "genes", "panel", "mitochondria"}  # findings of any lot of so few cells and genes
ALL_KINDS = 300  # cases in which each family and each change occurs
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


@contextmanager
def a_folder(where: Path) -> Iterator[Path]:
    """Make a folder for one case, and remove all that was written."""
    folder = where / "case"
    folder.mkdir()
    try:
        yield folder
    finally:
        for path in where.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
