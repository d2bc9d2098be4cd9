"""Sums drawn without cells are those of cells, as far as states go."""

import numpy as np
import pytest
from reference_cases import study_rates

from mscape.simulation.cells import draw_cells
from mscape.simulation.counts import draw_counts
from mscape.simulation.options import SimulateOptions
from mscape.simulation.sums import draw_sum

LOT = {"sample_id": "A", "donor_id": "D1", "tissue": "bone marrow"}
CLEAN = {"ambient_fraction": 0.0, "doublet_fraction": 0.0, "damaged_fraction": 0.0}


@pytest.mark.parametrize(
    "state", [{}, {"licensed_fraction": 0.9}, {"senescent_fraction": 0.4, "cycling_fraction": 0.1}]
)
def test_a_sum_is_that_of_a_lot_of_cells(state):
    rates = study_rates()
    options = SimulateOptions(cells=800, umi_median=4000, **CLEAN, **state)
    truth = draw_cells(LOT, seed=1, options=options)
    cells = sum(
        np.asarray(block.sum(axis=0)).ravel() for block, _ in draw_counts(truth, rates, LOT, options=options, seed=1)
    )
    found = draw_sum(rates, LOT, seed=1, options=options)
    nuclear = ~rates.genes["mito"].to_numpy()
    assert found.sum() == pytest.approx(cells.sum(), rel=0.1)
    cells, found = cells[nuclear], found[nuclear]
    often = cells >= 200
    off = np.log2(found[often] / found.sum()) - np.log2(cells[often] / cells.sum())
    assert np.median(off) == pytest.approx(0, abs=0.05)
    assert np.median(np.abs(off)) < 0.1


def test_a_lot_is_the_same_each_time_and_a_donor_shows():
    rates = study_rates()
    one, again = draw_sum(rates, LOT), draw_sum(rates, LOT)
    assert (one == again).all()
    assert not (one == draw_sum(rates, LOT | {"donor_id": "D2"})).all()
