import numpy as np
import pandas as pd
import pytest

from mscape.comparison import design as designs
from mscape.comparison import pseudobulk
from mscape.comparison.contrasts import Contrast
from mscape.data import counts
from mscape.stats import adjust_pvalues


def make_design(n_per_arm):
    rows = [(f"D{i}", "control" if i < n_per_arm else "primed") for i in range(2 * n_per_arm)]
    lots = pd.DataFrame(rows, columns=["donor_id", "condition"], index=[f"L{i}" for i in range(len(rows))])
    return designs.build_design(lots.assign(n_cells=100), Contrast("condition", "control", "primed"))


def simulate(n_per_arm, n_genes=300, n_up=20, dispersion=0.05, seed=0):
    rng = np.random.default_rng(seed)
    mean = np.tile(rng.gamma(2, 200, n_genes) + 50, (2 * n_per_arm, 1))
    mean[n_per_arm:, :n_up] *= 4
    return rng.negative_binomial(1 / dispersion, 1 / (1 + dispersion * mean))


def test_groups_are_summed_in_any_block_size(tmp_path, toy_counts, monkeypatch):
    adata = toy_counts(30, 8)
    counts.write(adata, tmp_path / "counts.h5ad")
    groups = np.arange(30) % 4 - 1
    expected = np.array([adata.X[groups == g].toarray().sum(axis=0) for g in range(3)])
    assert (pseudobulk.sum_groups(tmp_path / "counts.h5ad", groups, 3).toarray() == expected).all()
    monkeypatch.setattr(counts.blocks, "__kwdefaults__", counts.blocks.__kwdefaults__ | {"block_values": 20})
    assert (pseudobulk.sum_groups(tmp_path / "counts.h5ad", groups, 3).toarray() == expected).all()


def test_raised_genes_are_found_and_others_are_not():
    units, design = simulate(4), make_design(4)
    names = np.array([f"g{i}" for i in range(300)])
    table = pseudobulk.compare_genes(units, design, genes=names, totals=units.sum(axis=1))
    padj = adjust_pvalues(table["pvalue"].to_numpy())
    assert list(table["feature"]) == list(names)
    assert table["estimate"][:20].to_numpy() == pytest.approx(2, abs=0.9)
    assert (padj[:20] < 0.05).mean() >= 0.95
    assert (padj[20:] < 0.05).mean() <= 0.02
    assert ((table["low"] < table["estimate"]) & (table["estimate"] < table["high"])).all()


def test_a_second_fit_gives_the_same_numbers():
    units, design = simulate(3, n_genes=100), make_design(3)
    names = np.array([f"g{i}" for i in range(100)])
    one, two = (pseudobulk.compare_genes(units, design, genes=names, totals=units.sum(axis=1)) for _ in range(2))
    pd.testing.assert_frame_equal(one, two)


def test_two_donors_give_the_log_ratio_and_no_p():
    units = np.array([[10, 90], [30, 70], [20, 80], [40, 60]])
    design = make_design(2)
    table = pseudobulk.compare_genes(units, design, genes=np.array(["a", "b"]), totals=units.sum(axis=1))
    logs = np.log2(units / 100 * 1e6 + 0.5)
    assert table["estimate"].to_numpy() == pytest.approx(logs[2:].mean(axis=0) - logs[:2].mean(axis=0))
    assert table["pvalue"].isna().all()
    assert table["low"].notna().all()


def test_rare_genes_are_left_out():
    design = make_design(3)
    units = np.full((6, 3), 1_000_000)
    units[:, 1] = 0
    units[:2, 2] = 0
    units[2:, 2] = 40
    assert list(pseudobulk.select_genes(units, design, min_cpm=5)) == [True, False, True]


def test_size_factors_are_those_of_genes_that_do_not_change_and_one_loud_gene_moves_none():
    units = np.array([[10, 20, 30, 40, 50], [20, 40, 60, 80, 100_000], [10, 20, 30, 40, 0]])
    factors = pseudobulk.size_factors(units)
    assert factors / factors[0] == pytest.approx([1, 2, 1])
    logs = pseudobulk.log_expression(units, units.sum(axis=1))
    assert logs[1, :4] == pytest.approx(logs[0, :4], abs=1e-12)


def stages_of_individuals(folder):
    """Counts of iPSC and iPSC-derived MSC of four individuals (GSE181744), one of them in two replicates."""
    table = pd.read_csv(folder / "columns.tsv", sep="\t", index_col=0).query(
        "scheme == 'adhoc' and label != 'Osteogenic'"
    )
    counted = pd.read_csv(folder / "counts.tsv.gz", sep="\t", index_col=0, usecols=["gene", *table.index])[
        table.index
    ].T
    counted = counted.loc[:, counted.mean() > 100]
    known = ["POU5F1", "LIN28A", "SOX2", "COL1A1", "COL1A2", "COL6A3"]
    rest = counted.columns.difference(known)[::30]
    lots = pd.DataFrame(
        {"donor_id": table["individual"], "condition": table["label"], "n_cells": 100}, index=table.index
    )
    return lots, counted[[*known, *rest]]


@pytest.mark.real
def test_real_individuals_are_compared_with_themselves_and_swapped_labels_find_nothing(shared_data):
    lots, counted = stages_of_individuals(shared_data / "housman_ipsc_msc_osteo_pseudobulk")
    swapped = lots.copy()
    other = {"MSC": "iPSC", "iPSC": "MSC"}
    half = lots["donor_id"].isin(["H1", "H2"])
    swapped.loc[half, "condition"] = lots.loc[half, "condition"].map(other)
    found = {}
    for name, table in (("given", lots), ("swapped", swapped)):
        design = designs.build_design(table, Contrast("condition", "iPSC", "MSC"))
        assert design.paired
        assert design.n_other == 4  # the replicate is no fifth donor
        units = ((design.mix > 0).astype(int).to_numpy() @ counted.to_numpy()).astype(np.int64)
        genes = counted.columns.to_numpy()
        result = pseudobulk.compare_genes(units, design, genes=genes, totals=units.sum(axis=1)).set_index("feature")
        found[name] = result.assign(padj=adjust_pvalues(result["pvalue"].to_numpy()))
    given = found["given"]
    assert (given.loc[["POU5F1", "LIN28A", "SOX2"], "estimate"] < -2).all()
    assert (given.loc[["COL1A1", "COL1A2", "COL6A3"], "estimate"] > 2).all()
    assert (given["padj"].iloc[:6] < 0.05).all()
    assert (given["padj"] < 0.05).mean() > 0.2
    assert (found["swapped"]["padj"] < 0.05).mean() < 0.01
