"""Figures of a notebook."""

import anndata
import numpy as np
import pandas as pd
import pytest

import mscape as ms
from mscape.errors import UserError


@pytest.fixture
def scored():
    """Two lots and two signatures, as `ms.score` leaves them."""
    adata = anndata.AnnData(np.zeros((2, 1), np.float32))
    rows = [("A", "X", 1.0), ("A", "Y", -3.0), ("B", "X", -1.0), ("B", "Y", 3.0)]
    adata.uns["mscape"] = {"score": {"summary": pd.DataFrame(rows, columns=["lot_id", "signature", "z"])}}
    return adata


def test_scores_are_a_map_of_lots_and_signatures(scored):
    axes = ms.pl.scores(scored).axes[0]
    assert axes.images[0].get_array().tolist() == [[1.0, -3.0], [-1.0, 3.0]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["A", "B"]


def test_one_lot_has_no_other_to_be_compared_with(scored):
    summary = scored.uns["mscape"]["score"]["summary"]
    summary["z"] = np.nan
    with pytest.raises(ValueError, match="no other lots"):
        ms.pl.scores(scored)


def test_what_was_not_computed_is_named(scored):
    with pytest.raises(UserError, match=r"run mscape.gate\(adata\) first"):
        ms.pl.gate(scored)
