"""Protocols without a basis for the thresholds: a missing marker is open there, all else is judged."""

import pandas as pd
import pytest

from mscape.gating import chemistry_basis
from mscape.gating.chemistry_basis import REASON


@pytest.mark.parametrize(
    "assay",
    [
        "10x 5' v2",
        "10x 5 prime",
        "10x 5p v1",
        "Single Cell 5' PE",
        "10x Flex",
        "10x Fixed RNA",
        "targeted panel",
        "10x 3' v3, nuclei",
        "snRNA-seq",
    ],
)
def test_protocols_that_catch_single_genes_less_have_no_basis(assay):
    assert chemistry_basis.lacks_basis(pd.DataFrame({"assay": [assay, "10x 3' v3"]})).tolist() == [True, False]


@pytest.mark.parametrize("assay", ["10x 3' v2", "unknown", "Smart-seq2", "Drop-seq", "10x 3' v3.5", "CEL-seq2"])
def test_others_have(assay):
    assert not chemistry_basis.lacks_basis(pd.DataFrame({"assay": [assay]}))[0]


def test_nuclei_have_none_whatever_the_kit():
    obs = pd.DataFrame({"assay": ["10x 3' v3"] * 3, "suspension_type": ["nucleus", "cell", "unknown"]})
    assert chemistry_basis.lacks_basis(obs).tolist() == [True, False, False]
    assert not chemistry_basis.lacks_basis(pd.DataFrame(index=["a"]))[0]


def test_cells_without_a_marker_are_open_and_cells_of_a_lineage_fail():
    calls = pd.DataFrame({"call": ["fail", "fail", "pass"], "reason": ["MISSING_CD73", "LINEAGE_T_CELL", ""]})
    found = chemistry_basis.open_cells(calls, pd.Series([True, True, True]).to_numpy())
    assert found["call"].tolist() == ["indeterminate", "fail", "pass"]
    assert found["reason"].tolist() == [REASON, "LINEAGE_T_CELL", ""]
    assert calls["call"].tolist() == ["fail", "fail", "pass"]


def rows(phenotype, **criteria):
    out = [
        {"criterion": name, "kind": kind, "verdict": verdict, "reason": "x", "low": 0.0, "high": 0.1}
        for name, (kind, verdict) in criteria.items()
    ]
    last = {
        "criterion": "phenotype",
        "kind": "overall",
        "verdict": "fails",
        "reason": phenotype,
        "low": 0.0,
        "high": 0.1,
    }
    return [*out, last]


def test_a_lot_that_fails_for_a_missing_marker_is_open():
    cd73, cd90, phenotype = chemistry_basis.open_criteria(
        rows("MISSING_CD73", CD73=("positive", "fails"), CD90=("positive", "meets"))
    )
    assert (cd73["verdict"], cd73["reason"], cd73["high"]) == ("inconclusive", REASON, 1.0)
    assert cd90["verdict"] == "meets"
    assert (phenotype["verdict"], phenotype["reason"]) == ("inconclusive", REASON)


def test_a_lot_that_breaks_a_negative_criterion_or_holds_a_lineage_still_fails():
    found = chemistry_basis.open_criteria(rows("NEG_CD45", CD73=("positive", "fails"), CD45=("negative", "fails")))
    assert [row["verdict"] for row in found] == ["inconclusive", "fails", "fails"]
    assert chemistry_basis.open_criteria(rows("LINEAGE_T_CELL", CD73=("positive", "fails")))[-1]["verdict"] == "fails"
