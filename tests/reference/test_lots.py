"""Sums are those of the cells that represent a lot, of genes that its samples measured, and of no single cell."""

import numpy as np
import pandas as pd
import pytest
from reference_cases import MARKERS, counted_cells, study_rates

from mscape.errors import UserError
from mscape.reference import lots as reference_lots
from mscape.reference.lots import list_attributes, list_good, sum_lots


@pytest.fixture(scope="module")
def counted():
    return counted_cells(study_rates(), ["A", "B"], cells=60)


def test_sums_are_of_the_cells_that_pass(counted):
    adata, calls = counted
    calls = calls.copy()
    calls.iloc[:8] = "fail"  # of lot A: 52 are left
    found = sum_lots(adata, calls, markers=MARKERS)
    kept = adata[8:60]
    assert found.names == ["A", "B"]
    assert found.about.at["A", "n_cells"] == 52
    assert found.about.at["A", "cells"] == "MSC"
    assert found.about.at["A", "total_counts"] == kept.X.sum()
    for gene in ("THY1", "STAT1", "CDKN1A"):
        assert found.sums.at["A", gene] == kept[:, gene].X.sum()
    assert (found.blocks[0].sum(axis=0) == found.sums.loc["A"]).all()
    assert found.block_totals.sum() == found.about["total_counts"].sum()
    assert (found.about["tissue"] == "bone marrow").all()


def test_depth_is_that_of_the_cells(counted):
    adata, calls = counted
    found = sum_lots(adata, calls, markers=MARKERS).depth.loc["B"]
    totals = np.asarray(adata[60:].X.sum(axis=1)).ravel()
    assert found["counts_q50"] == np.median(totals)
    assert totals.sum() < 300_000
    assert np.isnan(found["genes_at_300000"])
    pooled = np.asarray(adata[60:].X.sum(axis=0)).ravel()
    drawn = np.random.default_rng(1).multivariate_hypergeometric(pooled, 100_000, method="marginals")
    assert found["genes_at_100000"] == pytest.approx((drawn > 0).sum(), rel=0.02)


def test_a_gene_that_a_sample_does_not_know_is_unknown_in_its_lot_alone(counted):
    adata, calls = counted
    adata = adata.copy()
    adata.varm["measured"].loc["THY1", "A"] = False
    found = sum_lots(adata, calls, markers=MARKERS).sums["THY1"]
    assert np.isnan(found["A"])
    assert found["B"] > 0


def test_the_lots_beside_it_do_not_matter_for_a_lot(counted):
    adata, calls = counted
    both, alone = sum_lots(adata, calls, markers=MARKERS), sum_lots(adata[60:].copy(), calls[60:], markers=MARKERS)
    pd.testing.assert_frame_equal(both.sums.loc[["B"]], alone.sums)
    pd.testing.assert_frame_equal(both.depth.loc[["B"]], alone.depth)
    pd.testing.assert_frame_equal(both.about.loc[["B"]], alone.about)


def test_a_lot_of_too_few_cells_is_left_out(counted):
    adata, calls = counted
    few = adata[41:].copy()  # 19 cells of A
    assert sum_lots(few, calls[41:], markers=MARKERS).names == ["B"]
    with pytest.raises(UserError, match=r"reference.lots names A, .* there are: B"):
        sum_lots(few, calls[41:], markers=MARKERS).choose(["A"])


def test_numbers_of_passports_leave_out_what_depends_on_other_lots():
    one = {"title": "Depth", "unit": "counts", "group": "quality"}
    attributes = [
        {"name": "depth", "value": 8000, **one},
        {"name": "stress", "value": 2.0, **one, "group": "programmes"},
        {"name": "cycling", "value": 0.2, **one, "group": "programmes"},
        {"name": "stability", "value": 1.0, **one, "group": "structure"},
        {"name": "ambient", "value": None, **one},
    ]
    passports = [{"lot_id": "A", "verdict": "PASS", "attributes": attributes}]
    assert list(list_attributes(passports)["attribute"]) == ["depth", "cycling"]


def test_good_lots_are_those_that_no_passport_fails(counted):
    lots = sum_lots(*counted, markers=MARKERS)
    assert list_good(lots, [{"lot_id": "A", "verdict": "FAIL"}, {"lot_id": "B", "verdict": "WARN"}]) == ["B"]
    assert list_good(lots, []) == ["A", "B"]


def test_registry_genes_are_those_of_signatures_and_panels():
    genes = reference_lots.registry_genes(MARKERS)
    assert {"THY1", "PTPRC", "CDKN1A", "STAT1"} <= set(genes)
    assert genes == sorted(set(genes))
