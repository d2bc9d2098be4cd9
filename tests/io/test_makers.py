"""What the programs of the field write is read exactly, from the folder as they leave it."""

from __future__ import annotations

import numpy as np
import pytest
from lots import make_lot
from maker_files import ESTIMATES, MAKERS, named
from reading import examine

from mscape.errors import UserError

SMALL = {"cells", "genes", "panel", "mitochondria"}  # of a lot of 40 cells and 400 genes


@pytest.mark.parametrize("name", MAKERS)
def test_a_maker_s_output_is_read_exactly(name, tmp_path):
    build, barcode, warnings = MAKERS[name]
    lot = make_lot(0) if barcode is None else named(make_lot(0), barcode)
    got = examine(build(tmp_path, lot), {}, scratch=tmp_path)

    assert got.barcodes == lot.barcodes
    order = [list(got.genes).index(symbol) for symbol in lot.symbols]
    assert len(got.genes) == len(lot.symbols)
    np.testing.assert_array_equal(got.counts[:, order], lot.counts)
    assert {one.check for one in got.findings if one.level != "note"} - SMALL == warnings


@pytest.mark.parametrize("name", ESTIMATES)
def test_estimates_are_no_counts(name, tmp_path):
    build, message = ESTIMATES[name]
    with pytest.raises(UserError, match=message):
        examine(build(tmp_path, make_lot(0)), {}, scratch=tmp_path)
