import numpy as np
import pandas as pd
import pytest

from mscape import enrichment

GENES = [f"G{i:04d}" for i in range(600)]
SETS = {"FIRST": GENES[:20], "LAST": GENES[-20:], "SPREAD": GENES[::30], "SMALL": GENES[:3]}


def test_ties_are_split_by_name_and_keep_the_order():
    ranked = enrichment.rank_genes(pd.Series({"b": 1.0, "a": 1.0, "c": 2.0, "d": np.nan, "e": np.inf}))
    assert list(ranked.index) == ["c", "a", "b"]
    assert ranked.is_monotonic_decreasing
    assert ranked.is_unique
    assert ranked.to_numpy() == pytest.approx([2, 1, 1])


def test_a_gene_that_stands_twice_keeps_its_stronger_value():
    ranked = enrichment.rank_genes(pd.Series([1.0, -3.0, 2.0], index=["a", "a", "b"]))
    assert ranked.to_dict() == {"b": 2.0, "a": -3.0}


def test_lots_are_scored_by_ssgsea():
    rng = np.random.default_rng(0)
    sums = pd.DataFrame(rng.poisson(100, (3, 600)), index=["L1", "L2", "L3"], columns=GENES)
    sums.loc["L2", SETS["FIRST"]] *= 5
    table = enrichment.score_lots(sums, SETS).set_index(["lot_id", "term"])
    assert table.at[("L2", "FIRST"), "es"] > 3 * abs(table.at[("L1", "FIRST"), "es"])
    assert table.at[("L2", "FIRST"), "n_genes"] == 20
    assert ("L1", "SMALL") not in table.index
    again = enrichment.score_lots(sums.iloc[::-1], SETS, threads=2).set_index(["lot_id", "term"])
    assert again["es"].to_numpy() == pytest.approx(table["es"].to_numpy())
    assert enrichment.score_lots(sums.iloc[:0], SETS).empty


def test_signatures_are_found_under_their_older_symbols():
    found = enrichment.find_sets({"OWN": {"genes": ["CXCL8", "TP53", "NOSUCH"]}}, pd.Index(["IL8", "TP53"]))
    assert found == {"OWN": ["IL8", "TP53"]}
