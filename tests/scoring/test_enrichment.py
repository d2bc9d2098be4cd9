import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mscape.scoring import enrichment

GENES = [f"G{i:04d}" for i in range(600)]
SETS = {"FIRST": GENES[:20], "LAST": GENES[-20:], "SPREAD": GENES[::30], "SMALL": GENES[:3]}


def test_ties_are_split_by_name_and_keep_the_order():
    ranked = enrichment.rank_genes(pd.Series({"b": 1.0, "a": 1.0, "c": 2.0, "d": np.nan, "e": np.inf}))
    assert list(ranked.index) == ["c", "a", "b"]
    assert ranked.is_monotonic_decreasing
    assert ranked.is_unique
    assert ranked.to_numpy() == pytest.approx([1, 0, 0], abs=1e-6)  # around their median


def test_a_gene_that_stands_twice_keeps_its_stronger_value():
    ranked = enrichment.rank_genes(pd.Series([1.0, -3.0, 2.0], index=["a", "a", "b"]))
    assert ranked.to_dict() == {"b": 2.5, "a": -2.5}


def test_an_enrichment_score_is_the_running_sum_by_hand():
    ranked = pd.Series(np.arange(20.0, -20.0, -1), index=[f"g{i:02}" for i in range(40)])
    members = ["g01", "g02", "g05", "g30", "g38"]
    table, hits = enrichment.run_prerank(ranked, {"SET": members}, permutation_num=100)
    weight = ranked[members].abs()
    top = weight.iloc[:3].sum() / weight.sum() - 3 / 35  # three of the 35 others stand before g05
    assert table["es"].iloc[0] == pytest.approx(top)
    assert table["genes"].iloc[0] == "g01;g02;g05"
    assert hits["rank"].tolist() == [2, 3, 6, 31, 39]
    assert hits["running"].iloc[2] == pytest.approx(top)
    assert hits["leading"].tolist() == [True] * 3 + [False] * 2


def test_p_values_of_random_sets_are_uniform():
    rng = np.random.default_rng(3)
    ranked = enrichment.rank_genes(pd.Series(rng.normal(size=600), index=GENES))
    sets = {f"S{i:03}": list(rng.choice(GENES, 25, replace=False)) for i in range(200)}
    table, _ = enrichment.run_prerank(ranked, sets, permutation_num=1000)
    assert stats.kstest(table["pvalue"], "uniform").pvalue > 0.05


def test_names_in_small_letters_stay_as_they_are():
    genes = [f"Gene{i}" for i in range(100)]
    ranked = pd.Series(np.linspace(3, -3, 100), index=genes)
    table, _ = enrichment.run_prerank(ranked, {"SET": genes[:6]}, permutation_num=100)
    assert table["genes"].iloc[0].split(";") == genes[:6]
    found = enrichment.count_overlap(genes[:10], {"SET": genes[:6]}, pd.Index(genes))
    assert found["genes"].iloc[0].split(";") == sorted(genes[:6])


def test_a_set_on_a_side_where_no_random_set_lies_has_no_p():
    """All the weight lies on the first two genes: a set with one of them rises, as nearly all large sets do."""
    ranked = pd.Series(np.r_[50.0, 40.0, np.full(58, 1e-3) - np.arange(58) * 1e-6], [f"g{i:02}" for i in range(60)])
    table, _ = enrichment.run_prerank(ranked, {"SET": list(ranked.index[5:])}, permutation_num=100)
    assert table["es"].iloc[0] < 0
    assert table[["nes", "pvalue", "fdr"]].isna().all(axis=None)


def test_signatures_are_found_under_their_older_symbols():
    found = enrichment.find_sets({"OWN": {"genes": ["CXCL8", "TP53", "NOSUCH"]}}, pd.Index(["IL8", "TP53"]))
    assert found == {"OWN": ["IL8", "TP53"]}
