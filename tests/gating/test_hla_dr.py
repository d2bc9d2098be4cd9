"""HLA-DR without a lineage that carries it fails neither cell nor lot."""

import numpy as np

from mscape.gating import hla_dr


def test_it_is_induced_in_cells_that_respond_to_interferon_and_have_no_lineage_for_it():
    unsupported = np.array([[True, False], [True, True], [False, True], [False, True]])  # CD45, HLA-DR
    responds = np.array([True, True, True, False])
    found = hla_dr.find_induced(unsupported, ["CD45", "HLA-DR"], responds)
    assert found.tolist() == [False, True, True, False]
    assert not hla_dr.find_induced(unsupported[:, :1], ["CD45"], responds).any()


def test_of_a_lot_it_is_informative_where_another_marker_fails():
    assert hla_dr.verdict_without_lineage("HLA-DR") == "inconclusive"
    assert hla_dr.verdict_without_lineage("CD45") == "fails"
