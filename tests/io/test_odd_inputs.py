"""Inputs as people have them are read exactly, or refused with their cause; nothing wrong is ever taken for counts."""

from __future__ import annotations

import numpy as np
import pytest
from input_files import KNOWN
from lots import make_lot
from odd_inputs import EXACT, REFUSED
from reading import examine

from mscape.errors import UserError

LONGEST = 400  # characters of a refusal on the terminal, the name of the step included


@pytest.fixture(scope="module")
def lot():
    return make_lot(0)


def seen_only(lot):
    """The genes that a table without zeros can know."""
    return lot.counts.sum(axis=0) > 0


@pytest.mark.parametrize("name", EXACT)
def test_odd_input_is_read_exactly(name, lot, tmp_path):
    build, warnings, row = EXACT[name]
    if name == "spreadsheet dates":
        lot = septins(lot)
    got = examine(build(tmp_path, lot), row, scratch=tmp_path)

    keep = (
        seen_only(lot)
        if name.startswith("long table") or name.endswith("one count a row")
        else np.ones(len(lot.symbols), dtype=bool)
    )
    assert sorted(got.genes) == sorted(np.array(lot.symbols)[keep])
    order = [list(got.genes).index(symbol) for symbol in np.array(lot.symbols)[keep]]
    np.testing.assert_array_equal(got.counts[:, order], lot.counts[:, keep])
    assert {one.check for one in got.findings if one.level == "warning"} - SMALL == warnings
    assert not [one for one in got.findings if one.level == "error"]


SMALL = {"cells", "genes", "panel", "mitochondria"}  # of a lot of 40 cells and 400 genes


def septins(lot):
    """The lot with two septins in the place of its last genes."""
    from dataclasses import replace

    ids = KNOWN.set_index("symbol")["gene_id"]
    names = ["SEPTIN2", "SEPTIN7"]
    rest = [i for i, one in enumerate(lot.symbols) if one not in names][:-2]
    columns = [*rest, *[i for i in range(len(lot.symbols)) if i not in rest][:2]]
    symbols = [lot.symbols[i] for i in rest] + names
    return replace(lot, counts=lot.counts[:, columns], symbols=symbols, ids=[ids[one] for one in symbols])


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_count_is_refused_with_its_cause(name, lot, tmp_path):
    build, message = REFUSED[name]
    path = build(tmp_path, lot)
    with pytest.raises(UserError, match=message) as caught:
        examine(path, {}, scratch=tmp_path)
    said = str(caught.value).replace(str(tmp_path), "results/demo")
    assert len(f"mscape load_counts: {said}") <= LONGEST
    assert "export it again" not in said.lower()
    assert "download it again" not in said.lower()
