from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import stage_tables
from anndata import AnnData
from scipy import stats
from toy_study import default_settings

import enrich_clusters
from mscape.data import counts
from mscape.data.table_io import write_table
from mscape.genes.registry import REGISTRY, load_markers
from mscape.scoring import enrichment_tables

GENES = [f"G{i:04d}" for i in range(600)]
SETS = {"FIRST": GENES[:20], "LAST": GENES[-20:], "SPREAD": GENES[::30], "SMALL": GENES[:3]}


def markers(clusters=("0", "1")):
    """Genes in falling order in cluster 0 and in rising order in the others."""
    falling = np.linspace(5, -5, len(GENES))
    parts = [
        pd.DataFrame({"cluster": cluster, "gene": GENES, "statistic": falling if cluster == "0" else -falling})
        for cluster in clusters
    ]
    table = pd.concat(parts, ignore_index=True)
    return table.assign(
        log2_fold_change=table["statistic"], pvalue_adj=np.where(table["statistic"].abs() > 4, 0.001, 0.9)
    )


def test_sets_at_the_ends_are_found_with_their_leading_edge():
    table, _ = enrichment_tables.enrich_clusters(markers(), SETS, permutation_num=200, seed=1)
    found = table[table["method"] == "prerank"].set_index(["cluster", "term"])
    assert found.at[("0", "FIRST"), "nes"] > 2
    assert found.at[("0", "LAST"), "nes"] < -2
    assert found.at[("1", "FIRST"), "nes"] < -2
    assert abs(found.at[("0", "SPREAD"), "nes"]) < 1.6
    assert set(found.at[("0", "FIRST"), "genes"].split(";")) == set(GENES[:20])
    assert "SMALL" not in table["term"].to_numpy()


def test_no_p_value_is_below_the_least_and_fdr_is_benjamini_and_hochberg():
    table, _ = enrichment_tables.enrich_clusters(markers(), SETS, permutation_num=200, seed=1)
    prerank = table[(table["method"] == "prerank") & (table["cluster"] == "0")].set_index("term")
    assert prerank.at["FIRST", "pvalue"] == pytest.approx(1e-4)
    assert prerank.at["SPREAD", "pvalue"] > 0.05
    assert prerank["fdr"].to_numpy() == pytest.approx(stats.false_discovery_control(prerank["pvalue"]))


def test_the_genes_of_the_first_sets_are_listed_with_their_running_sum():
    table, hits = enrichment_tables.enrich_clusters(markers(), SETS, permutation_num=200, seed=1)
    own = hits[(hits["cluster"] == "0") & (hits["term"] == "FIRST")]
    assert own["gene"].tolist() == GENES[:20]
    assert own["rank"].tolist() == list(range(1, 21))
    assert own["leading"].all()
    assert own["running"].iloc[-1] == pytest.approx(1)  # all twenty stand first, so the sum ends at its top
    row = table[(table["cluster"] == "0") & (table["term"] == "LAST")].iloc[0]
    assert (row["n_genes"], row["n_leading"], row["n_list"]) == (20, 20, 600)
    assert row["es"] == pytest.approx(-1)


def test_over_representation_is_the_hypergeometric_tail():
    table, _ = enrichment_tables.enrich_clusters(markers(), SETS, ora_genes=30, permutation_num=100, seed=1)
    row = table[(table["method"] == "ora") & (table["cluster"] == "0") & (table["term"] == "FIRST")].iloc[0]
    assert row["overlap"] == "20/20"
    assert row["pvalue"] == pytest.approx(stats.hypergeom.sf(19, 600, 20, 30), rel=1e-6)
    assert row["genes"].split(";") == GENES[:20]
    assert row["n_list"] == 30
    # twenty of thirty hits in the set, none of the set's genes elsewhere, 570 genes in neither
    assert row["odds_ratio"] == pytest.approx(20.5 * 570.5 / (0.5 * 10.5))
    spread = 1.959964 * np.sqrt(1 / 20.5 + 1 / 0.5 + 1 / 10.5 + 1 / 570.5)
    assert row["odds_low"] == pytest.approx(row["odds_ratio"] / np.exp(spread))
    assert row["odds_high"] == pytest.approx(row["odds_ratio"] * np.exp(spread))


def test_neither_threads_nor_row_order_change_anything():
    plain = enrichment_tables.enrich_clusters(markers(), SETS, permutation_num=200, seed=1)
    shuffled = markers().sample(frac=1, random_state=0).sort_values("cluster", kind="stable")
    other = enrichment_tables.enrich_clusters(shuffled, SETS, permutation_num=200, seed=1, threads=2)
    for one, two in zip(plain, other, strict=True):
        pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_one_cluster_and_no_cluster_give_no_rows():
    for clusters in (("0",), ()):
        table = markers(clusters) if clusters else markers().iloc[:0]
        found, hits = enrichment_tables.enrich_clusters(table, SETS, permutation_num=100)
        assert found.empty
        assert hits.empty
        assert list(found.columns) == enrichment_tables.COLUMNS


def test_a_short_list_gets_over_representation_only():
    table, hits = enrichment_tables.enrich_clusters(markers(), SETS, min_ranked=1000, permutation_num=100)
    assert set(table["method"]) == {"ora"}
    assert hits.empty


def test_a_shift_of_all_genes_changes_nothing():
    """In a cluster of deeper cells nearly every gene has a positive statistic: a set must move more than the others."""
    plain, _ = enrichment_tables.enrich_clusters(markers(), SETS, permutation_num=200, seed=1)
    table = markers()
    shifted = table.assign(statistic=table["statistic"] + 4)
    moved, _ = enrichment_tables.enrich_clusters(shifted, SETS, permutation_num=200, seed=1)
    columns = ["cluster", "term", "es", "nes", "pvalue", "genes"]
    prerank = [found[found["method"] == "prerank"][columns] for found in (plain, moved)]
    pd.testing.assert_frame_equal(*prerank)


def test_contrasts_are_ranked_by_effect_where_there_is_no_test():
    table = pd.DataFrame(
        {
            "contrast": "condition: primed vs control",
            "kind": "gene",
            "feature": GENES,
            "estimate": np.linspace(5, -5, 600),
            "statistic": np.linspace(-5, 5, 600),
            "pvalue": np.nan,
        }
    )
    found = enrichment_tables.enrich_contrasts(table, SETS, permutation_num=100)[0].set_index("term")
    assert found.at["FIRST", "nes"] > 2
    assert (found["scope"] == "contrast").all()
    tested = enrichment_tables.enrich_contrasts(table.assign(pvalue=0.5), SETS, permutation_num=100)[0]
    tested = tested.set_index("term")
    assert tested.at["FIRST", "nes"] < -2


def files_of(folder, genes, own=()):
    """Inputs and outputs of the step; the sums of two lots are flat."""
    obs = pd.DataFrame({"lot_id": ["A", "B"], "cluster": ["0", "0"], "n_cells": 50}, index=["A|0", "B|0"])
    counts.write(
        AnnData(
            sp.csr_matrix(np.ones((2, len(genes)), int)),
            obs=obs,
            var=pd.DataFrame({"gene_id": "", "measured": True}, index=genes),
        ),
        folder / "b",
    )
    input = SimpleNamespace(
        markers=folder / "markers.tsv",
        contrasts=folder / "contrasts.tsv",
        pseudobulk=folder / "b",
        markers_yaml=REGISTRY,
        signature_files=list(own),
    )
    names = {"table": "out.tsv", "genes": "genes.tsv", "lots": "lots.tsv"}
    return input, SimpleNamespace(**{key: folder / name for key, name in names.items()})


def test_the_step_reads_the_registry_and_older_symbols(tmp_path):
    registry = load_markers(REGISTRY).signatures
    wanted = registry["SENMAYO"]["genes"]
    genes = [*wanted, *(f"X{i}" for i in range(600))]
    falling = np.linspace(5, -5, len(genes))
    table = pd.concat(
        pd.DataFrame(
            {"cluster": c, "gene": genes, "statistic": s * falling, "log2_fold_change": s * falling, "pvalue_adj": 0.01}
        )
        for c, s in (("0", 1), ("1", -1))
    )
    stage_tables.write("markers", tmp_path / "markers.tsv", table)
    write_table("contrasts", pd.DataFrame(), tmp_path / "contrasts.tsv")
    (tmp_path / "own.gmt").write_text("OWN\tmine\t" + "\t".join(genes[-30:]) + "\n")
    settings = default_settings("compare")
    settings["enrichment"] |= {"permutation_num": 100}
    params = SimpleNamespace(settings=settings, organism="human", seed=0, threads=1)
    enrich_clusters.main(*files_of(tmp_path, genes, own=[str(tmp_path / "own.gmt")]), params)
    found = pd.read_csv(tmp_path / "out.tsv", sep="\t", dtype={"cluster": str}).query("method == 'prerank'")
    found = found.set_index(["cluster", "term"])
    assert found.at[("0", "SENMAYO"), "nes"] > 2
    assert found.at[("0", "SENMAYO"), "n_genes"] == len(set(wanted))
    assert found.at[("1", "OWN"), "nes"] > 2


def test_lots_and_their_clusters_are_scored_and_small_sums_are_left_out():
    rng = np.random.default_rng(0)
    keys = [(lot, cluster) for lot in "ABCD" for cluster in "01"]
    obs = pd.DataFrame(keys, columns=["lot_id", "cluster"], index=["|".join(key) for key in keys])
    obs["n_cells"] = [50] * 7 + [5]
    x = rng.poisson(100, (8, 600))
    x[np.ix_([2, 3], range(20))] *= 4  # FIRST is up in lot B
    bulk = AnnData(sp.csr_matrix(x), obs=obs, var=pd.DataFrame(index=GENES))
    table = enrichment_tables.score_lots(bulk, SETS, min_cells=20)
    lots = table[(table["cluster"] == "") & (table["term"] == "FIRST")].set_index("lot_id")
    assert lots["n_cells"].to_dict() == {"A": 100, "B": 100, "C": 100, "D": 55}
    assert lots["gsva"].idxmax() == lots["ssgsea"].idxmax() == "B"
    assert lots.at["B", "gsva"] > 0.9
    parts = table[(table["cluster"] != "") & (table["term"] == "FIRST")]
    assert set(zip(parts["lot_id"], parts["cluster"], strict=True)) == set(keys[:7])
    assert (parts["n_rows"] == 7).all()


def test_empty_tables_give_a_header(tmp_path):
    for name in ("markers", "contrasts"):
        write_table(name, pd.DataFrame(), tmp_path / f"{name}.tsv")
    params = SimpleNamespace(settings=default_settings("compare"), organism="mouse", seed=0, threads=1)
    enrich_clusters.main(*files_of(tmp_path, ["Actb", "Gapdh"]), params)
    assert (tmp_path / "out.tsv").read_text() == "\t".join(enrichment_tables.COLUMNS) + "\n"


def test_a_study_without_clustered_cells_gives_headers(tmp_path):
    for name in ("markers", "contrasts"):
        write_table(name, pd.DataFrame(), tmp_path / f"{name}.tsv")
    input, output = files_of(tmp_path, ["ACTB", "GAPDH"])
    obs = pd.DataFrame({"lot_id": [], "cluster": [], "n_cells": []}, index=[]).astype({"lot_id": str, "cluster": str})
    var = pd.DataFrame({"gene_id": "", "measured": True}, index=["ACTB", "GAPDH"])
    counts.write(AnnData(sp.csr_matrix((0, 2), dtype=int), obs=obs, var=var), input.pseudobulk)
    params = SimpleNamespace(settings=default_settings("compare"), organism="human", seed=0, threads=1)
    enrich_clusters.main(input, output, params)
    assert output.lots.read_text() == "\t".join(enrichment_tables.SUMS) + "\n"
