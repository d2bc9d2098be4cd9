import numpy as np
import pandas as pd
import pytest

from mscape.scoring import gsva

GENES = [f"G{i:04d}" for i in range(600)]
SETS = {"FIRST": GENES[:20], "SPREAD": GENES[::30], "SMALL": GENES[:3]}


@pytest.fixture
def sums():
    """Four flat rows; FIRST is five-fold up in the second."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.poisson(100, (4, 600)), index=["L1", "L2", "L3", "L4"], columns=GENES)
    table.loc["L2", SETS["FIRST"]] *= 5
    return table


def test_the_row_in_which_a_set_is_up_is_found_by_both(sums):
    table = gsva.score_sums(sums, SETS)
    first = table[table["term"] == "FIRST"].set_index("row")
    assert first.at["L2", "ssgsea"] > 3 * first["ssgsea"].drop("L2").abs().max()
    assert first.at["L2", "gsva"] > 0.9
    assert first["gsva"].drop("L2").max() < 0
    assert (first["n_genes"] == 20).all()
    assert "SMALL" not in set(table["term"])


def test_neither_threads_nor_the_order_of_rows_change_a_score(sums):
    table = gsva.score_sums(sums, SETS)
    pd.testing.assert_frame_equal(gsva.score_sums(sums.iloc[::-1], SETS, threads=2), table)


def test_ssgsea_needs_no_other_row_and_gsva_needs_three(sums):
    both = gsva.score_sums(sums.iloc[:2], SETS)
    assert both["gsva"].isna().all()
    assert both["ssgsea"].notna().all()
    assert gsva.score_sums(sums.iloc[:0], SETS).empty
