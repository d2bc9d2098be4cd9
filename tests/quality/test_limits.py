"""Which samples are mostly empty barcodes."""

import numpy as np
import pytest

from mscape.quality.limits import empty_share, say_empty


def test_lot_of_empty_barcodes_with_a_minority_of_cells_is_recognized():
    rng = np.random.default_rng(0)
    totals = np.r_[rng.lognormal(np.log(600), 0.3, 9000), rng.lognormal(np.log(25_000), 0.4, 2000)]
    assert empty_share(totals) == pytest.approx(9 / 11, abs=0.01)
    assert say_empty(9 / 11, 11_000).startswith("82% of 11,000 barcodes hold less than a fifth of the counts")


@pytest.mark.parametrize("median", [700, 2000, 10_000])
def test_cells_of_one_kind_whatever_their_depth_are_not_empty(median):
    totals = np.random.default_rng(1).lognormal(np.log(median), 0.7, 5000)
    assert empty_share(totals) < 0.5


def test_deep_cells_among_deeper_ones_are_not_empty():
    assert empty_share(np.r_[np.full(900, 3000.0), np.full(100, 40_000.0)]) == 0


def test_too_few_barcodes_say_nothing():
    assert empty_share(np.array([100.0] * 15 + [20_000.0] * 4)) == 0
