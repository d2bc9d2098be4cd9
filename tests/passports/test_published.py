"""A lot beside published MSC: its marker rates, and its shares among clinical lots by flow cytometry."""

import numpy as np
import pandas as pd
import pytest
import stage_tables

from mscape.passports import published
from mscape.passports.rules import DESCRIBED, DESCRIBES, NOT_ASSESSABLE, LotEvidence


def lot(rows, *, tissue="umbilical cord", organism="human", n=200):
    """A lot with rows of gate.tsv: criterion, kind, genes, rate, estimate, cells with the marker measured."""
    columns = ["criterion", "kind", "genes", "gene_rate_cpm", "estimate", "n_judged"]
    gate = stage_tables.fill("gate", pd.DataFrame(rows, columns=columns)).assign(n_cells=n, verdict="meets")
    gate.loc[gate["estimate"].isna(), "verdict"] = "not_assessable"
    cells = pd.DataFrame({"tissue": [tissue] * n, "isct_call": "pass", "isct_reason": ""})
    names = ("contaminants", "hidden", "composition", "stability", "scores", "signatures")
    empty = {name: pd.DataFrame() for name in names}
    return LotEvidence(
        lot_id="L", gate=gate, cells=cells, loaded=n, scored=n, doublets=0, ambient=[], organism=organism, **empty
    )


NT5E = ("CD73", "positive", "NT5E", "15.83", 0.993, 200)


def test_a_rate_is_compared_with_the_studies_of_its_tissue():
    found = published.judge_rates(lot([NT5E]), {})
    assert found.verdict == DESCRIBED
    assert found.reason == (
        "NT5E 15.8 CPM: 16.2 (GSE182158), 166 (GSE199071), 65 to 279 (FANTOM5, 2 populations) in published MSC of "
        "umbilical cord."
    )


@pytest.mark.parametrize(("tissue", "which"), [("dental pulp", "other"), ("unknown", "all"), ("no such word", "all")])
def test_without_a_study_of_the_tissue_the_range_is_given(tissue, which):
    found = published.judge_rates(lot([NT5E], tissue=tissue), {})
    assert found.reason == f"NT5E 15.8 CPM: 16.2 to 488 in 10 published populations of MSC of {which} tissues."


def test_a_range_of_two_rates_that_read_the_same_is_one():
    cd34 = ("CD34", "negative", "CD34", "0", 0.0, 200)
    found = published.judge_rates(lot([cd34]), {}).reason
    assert found == (
        "CD34 < 0.1 CPM: < 0.1 (GSE182158), < 0.1 (GSE199071), < 0.1 (FANTOM5, 2 populations) in published MSC of "
        "umbilical cord."
    )


def test_words_for_a_tissue_are_those_of_the_sheet():
    assert "of umbilical cord" in published.judge_rates(lot([NT5E], tissue="Wharton's Jelly"), {}).reason
    assert "of bone marrow" in published.judge_rates(lot([NT5E], tissue="BM"), {}).reason


def test_what_was_not_measured_has_no_rate():
    absent = ("CD73", "positive", "NT5E", "0", np.nan, 0)
    partly = ("CD105", "positive", "ENG", "3", 0.9, 120)  # measured in 120 of 200 cells
    one_of_two = ("CD14|CD11b", "negative", "CD14;ITGAM", "5;0", 0.0, 200)  # ITGAM may not be in the feature table
    found = published.judge_rates(lot([absent, partly, one_of_two]), {})
    assert found.reason.startswith("CD14 5 CPM: 9.9 (GSE182158)")
    assert not any(gene in found.reason for gene in ("NT5E", "ENG", "ITGAM"))
    assert published.judge_rates(lot([absent]), {}).verdict == NOT_ASSESSABLE


def test_a_share_is_placed_among_clinical_lots():
    rows = [NT5E, ("CD45", "negative", "PTPRC", "0", 0.03, 200)]
    found = published.judge_clinical(lot(rows), {})
    assert found.reason == (
        "CD73 99.3% of cells by RNA: percentile 50 to 55 of 64 clinical lots by flow cytometry (median 99.23%, 5th to "
        "95th percentile 66.29% to 100%). CD45 3% of cells by RNA: percentile 90 to 95 of 81 clinical lots by flow "
        "cytometry (median 0.1%, 5th to 95th percentile 0% to 4.8%)."
    )
    assert published.judge_clinical(lot([]), {}).verdict == NOT_ASSESSABLE


def test_the_percentiles_of_a_value_that_many_lots_have_are_a_range():
    quantiles = np.array([*np.linspace(50, 95, 11), *[100.0] * 10])
    assert published.rank_among(100.0, quantiles) == (50, 100)
    assert published.rank_among(40.0, quantiles) == (0, 0)
    assert published.rank_among(50.0, quantiles) == (0, 5)


def test_both_are_of_human_cells_and_only_describe():
    for rule in published.PUBLISHED_ATTRIBUTES:
        assert rule.judge(lot([NT5E], organism="mouse"), {}).verdict == NOT_ASSESSABLE
        assert rule.weight == DESCRIBES


def test_the_published_facts_are_those_of_their_source():
    """Rates that the re-analyses of the studies print, and the order of percentiles."""
    rates = published.published_rates().groupby(["study", "gene"])["cpm"].max()
    assert rates["GSE182158", "NT5E"] == pytest.approx(16, abs=0.5)
    assert rates["GSE199071", "NT5E"] == pytest.approx(166, abs=0.5)
    assert rates["GSE182158", "THY1"] == pytest.approx(617, abs=0.5)
    assert rates["FANTOM5", "HLA-DRA"] == pytest.approx(104, abs=0.5)
    lots = published.clinical_lots()
    assert set(lots.index) == {"CD73", "CD90", "CD105", "CD45", "CD34"}
    assert (lots[[f"p{p}" for p in published.PERCENTILES]].diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    assert lots["lots"].min() >= 50
