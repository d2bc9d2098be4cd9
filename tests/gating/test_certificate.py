"""Smaller copies of a lot: what is drawn, which sizes are tried, and what copies of known lots are judged to be."""

import gate_cases
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData

import mscape as ms
from mscape.errors import UserError
from mscape.gating.certificate import MAX_CELLS, REPEATS, Gated, certify_dataset, try_sizes
from mscape.gating.lot_copies import principal_scores, thin
from mscape.gating.options import GateOptions


def test_each_count_is_kept_with_the_same_probability_and_the_rest_of_the_genes_too():
    rng = np.random.default_rng(0)
    whole = sp.csr_matrix(rng.poisson(20, (400, 50)))
    totals = np.asarray(whole.sum(axis=1)).ravel() + 3000  # 3,000 counts of other genes
    left, of_all = thin(whole, totals, 0.25, rng)
    assert left.sum() / whole.sum() == pytest.approx(0.25, abs=0.005)
    assert of_all.mean() == pytest.approx(totals.mean() / 4, rel=0.01)
    rest = of_all - np.asarray(left.sum(axis=1)).ravel()
    assert rest.var() == pytest.approx(3000 * 0.25 * 0.75, rel=0.25)  # binomial
    assert (left > whole).nnz == 0
    same, all_counts = thin(whole, totals, 1.0, rng)
    assert (same != whole).nnz == 0
    assert (all_counts == totals).all()


def test_components_from_products_of_cells_are_those_of_genes():
    values = np.random.default_rng(1).normal(size=(60, 300)) * np.linspace(3, 0.1, 300)
    centered = values - values.mean(axis=0)
    axes = np.linalg.svd(centered, full_matrices=False)[2]
    expected = centered @ axes[:10].T
    found = principal_scores(values, 10)
    assert np.abs(found) == pytest.approx(np.abs(expected), abs=1e-3)
    assert (principal_scores(values[:5], 10)[:, 4:] == 0).all()  # five cells have four components


def judge_by(enough):
    """A judge that keeps PASS in the share ``enough(size)`` of the copies."""

    def judge(sizes, step):
        kept = round(enough(sizes[0]) * len(sizes))
        return ["meets"] * kept + ["inconclusive"] * (len(sizes) - kept)

    return judge


def sizes_of(rows):
    return [(row["n_cells"], row["median_counts"], row["kept"], row["held"]) for row in rows]


def test_both_are_halved_and_then_each_alone_until_the_verdict_is_lost():
    enough = judge_by(lambda size: size.n_cells >= 200 and size.kept >= 0.5)
    assert sizes_of(try_sizes(enough, "meets", 800, 8000.0)) == [
        (800, 8000.0, 1, True),
        (400, 4000.0, REPEATS, True),
        (200, 2000.0, 0, False),
        (200, 4000.0, REPEATS, True),
        (100, 4000.0, 0, False),
        (400, 2000.0, 0, False),
    ]


def test_a_size_holds_only_if_all_larger_ones_do():
    """Three of four at half of the cells: a quarter at which all copies keep it does not hold either."""
    share = {(800, 1.0): 1, (400, 0.5): 0.75, (400, 1.0): 1, (200, 1.0): 1, (100, 1.0): 0.5, (800, 0.5): 0.75}
    rows = try_sizes(judge_by(lambda size: share[tuple(size)]), "meets", 800, 8000.0)
    held = {(row["n_cells"], row["median_counts"]): row["held"] for row in rows}
    assert held == {
        (800, 8000.0): True,
        (400, 4000.0): False,
        (400, 8000.0): True,
        (200, 8000.0): True,
        (100, 8000.0): False,
        (800, 4000.0): False,
    }
    falling = pd.DataFrame(rows).set_index(["n_cells", "median_counts"])["inconclusive"]
    assert falling[100, 8000.0] == REPEATS // 2


def test_where_the_lot_by_itself_is_judged_otherwise_nothing_smaller_is_tried():
    rows = try_sizes(judge_by(lambda size: 0), "meets", 800, 8000.0)
    assert sizes_of(rows) == [(800, 8000.0, 0, False)]


def test_no_copy_has_fewer_cells_than_a_statement_needs():
    rows = try_sizes(judge_by(lambda size: 1), "meets", 50, 8000.0)
    assert min(row["n_cells"] for row in rows) == 25
    rows = try_sizes(judge_by(lambda size: 1), "meets", MAX_CELLS, 8000.0, drawn=True)
    assert rows[0]["repeats"] == REPEATS  # a thousand cells of a larger lot are a draw too


@pytest.fixture(scope="module")
def gated():
    """Two lots of one lane, 300 cells at 8,000 counts: MSC, and MSC of which a fifth are T cells."""
    parts = [gate_cases.toy_cells({"MSC": 300}, depth=8000, seed=1)]
    parts.append(gate_cases.toy_cells({"MSC": 240, "T": 60}, depth=8000, seed=2))
    adata = AnnData(sp.csr_matrix(np.vstack([x for x, _, _ in parts])).astype(np.int32))
    adata.var_names, adata.obs_names = parts[0][1], [f"c{i}" for i in range(600)]
    adata.obs["lot_id"] = adata.obs["sample_id"] = np.repeat(["pure", "mixed"], 300)
    adata.obs["batch"], adata.obs["total_counts"] = "lane", np.asarray(adata.X.sum(axis=1)).ravel()
    adata.obs["pct_counts_mt"] = 5.0
    ms.gate(adata, culture="expanded")
    return adata


def test_a_lot_with_a_fifth_of_t_cells_fails_at_a_quarter_of_its_size(gated):
    table = ms.certify(gated)
    own = table[table["lot_id"] == "mixed"].set_index("n_cells")
    assert (own["verdict"] == "fails").all()
    assert own.loc[300, "kept"].max() == 1
    assert own.loc[75, "held"].any()
    open_ = gated.uns["mscape"]["gate"]["table"].query("kind == 'overall'").set_index("lot_id")["verdict"]
    settled = set(open_.index[open_.isin(["meets", "fails"])])
    assert set(table["lot_id"]) == settled
    said = ms.passport(gated).set_index(["lot_id", "attribute"])["reason"]
    assert said["mixed", "certificate"].startswith("FAIL held in 4 of 4 copies of ")


def test_the_same_seed_gives_the_same_copies(gated):
    pd.testing.assert_frame_equal(ms.certify(gated, seed=0), gated.uns["mscape"]["certify"])


def test_an_embedding_of_ones_own_is_refused(gated):
    adata = gated.copy()
    adata.obsm["X_mine"] = adata.obsm["X_pca"]
    ms.gate(adata, culture="expanded", use_rep="X_mine")
    with pytest.raises(UserError, match=r"pooled on obsm\['X_mine'\]"):
        ms.certify(adata)


def test_without_a_settled_lot_there_is_no_row(gated):
    open_ = dict.fromkeys(["pure", "mixed"], "inconclusive")
    assert certify_dataset(gated, gated, Gated(open_, {}, GateOptions(), {}, list(gated.var_names[:20]))).empty
