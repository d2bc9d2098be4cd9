import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import scipy.sparse as sp
from anndata import AnnData
from cluster_cases import draw_counts, run_markers, write_study

from mscape.clustering import marker_values, rank_genes
from mscape.clustering.marker_sums import Sums
from mscape.data import counts


def whole_sums(values, clusters):
    sums = Sums(clusters, pd.Series("d", index=clusters.index), values.shape[1])
    sums.add(0, values)
    return sums


def rank_all(values, clusters, genes):
    return rank_genes.rank_genes(
        rank_genes.run_wilcoxon(values.tocsc(), clusters, genes), genes, whole_sums(values, clusters)
    )


def log_values(x):
    return sp.csr_matrix(np.log1p(x / x.sum(1, keepdims=True) * 1e4).astype(np.float32))


@pytest.fixture
def clustered(tmp_path):
    """Cluster 1 is 25 % of cells and has surface genes of its own; two donors."""
    rng = np.random.default_rng(0)
    genes = ["CD36", "MCAM", "LEPR", *(f"G{i}" for i in range(57))]
    inside, batch = np.arange(200) < 50, np.arange(200) % 2
    rate = np.tile(rng.lognormal(1, 0.5, 60), (200, 1))
    rate[inside, 0] *= 6
    rate[inside, 1] /= 6
    rate[inside, 3:8] *= 5
    rate[np.ix_(inside & (batch == 1), [8])] *= 8  # up in one donor only
    study = write_study(tmp_path, rng.poisson(rate), batch=batch, genes=genes)
    index = counts.read_obs(study.counts).index
    leiden = pd.Categorical(np.where(inside, "1", "0"))
    counts.write(AnnData(obs=pd.DataFrame({"leiden": leiden}, index=index)), study.clusters)
    return study


@pytest.mark.filterwarnings("ignore:The 'mode.chained_assignment'")  # anndata and scanpy lag behind pandas 3.1
@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_the_test_equals_scanpys_with_tie_correction():
    x, group, _ = draw_counts(n=120, genes=80, shares=(0.5, 0.3, 0.2), depth=500)
    x[:, 0] = 1
    values, clusters = log_values(x), pd.Series(group.astype(str), index=[f"c{i}" for i in range(120)])
    genes = pd.Index([f"G{i}" for i in range(80)])
    table = rank_all(values, clusters, genes)
    adata = AnnData(
        values, obs=pd.DataFrame({"g": pd.Categorical(clusters)}, index=clusters.index), var=pd.DataFrame(index=genes)
    )
    sc.tl.rank_genes_groups(adata, "g", method="wilcoxon", tie_correct=True)
    theirs = sc.get.rank_genes_groups_df(adata, None).set_index(["group", "names"])
    ours = table.set_index(["cluster", "gene"])["statistic"]
    theirs = theirs["scores"].reindex(ours.index)
    np.testing.assert_allclose(ours, theirs, atol=0.02)  # illico corrects for continuity


def test_small_changes_of_genes_in_every_cell_are_ranked_behind_what_sets_a_cluster_apart():
    rng = np.random.default_rng(0)
    inside = np.arange(400) < 200
    rate = np.full((400, 40), 5.0)
    rate[:, 0] = 4000 * np.where(inside, 1.25, 1)  # as a ribosomal gene: exact, and a quarter more
    rate[inside, 1] *= 1.7
    rate[inside, 2] /= 4
    rate[:, 3:] *= 50
    clusters = pd.Series(np.where(inside, "0", "1"), index=[f"c{i}" for i in range(400)])
    genes = pd.Index(["RPL10", "OWN", "LESS", *(f"G{i}" for i in range(37))])
    values = log_values(rng.poisson(rate))
    table = rank_all(values, clusters, genes)
    own = table[table["cluster"] == "0"].set_index("gene")
    assert own["statistic"].idxmax() == "RPL10"
    assert abs(own.loc["RPL10", "log2_fold_change"]) < rank_genes.MIN_FOLD
    assert own["rank"].tolist() == list(range(1, 41))
    assert own.index[:2].tolist() == ["OWN", "RPL10"]
    assert own.index[-1] == "LESS"
    marks = (own["log2_fold_change"] >= rank_genes.MIN_FOLD) & (own["pvalue_adj"] < rank_genes.MAX_PVALUE)
    assert own.loc[marks, "rank"].max() == marks.sum() == 1
    assert own.loc[~marks, "statistic"].is_monotonic_decreasing


def test_markers_surface_and_donors(clustered):
    table, surface = run_markers(clustered)
    own = table[table["cluster"] == "1"].set_index("gene")
    assert table.groupby("cluster")["rank"].apply(lambda r: r.tolist() == list(range(1, 61))).all()
    assert set(own.index[:6]) >= {"CD36", "G0", "G1"}
    assert own.loc["CD36", "surface"]
    assert own.loc["CD36", "protein"] == "CD36"
    assert not own.loc["G0", "surface"]
    assert own.loc["CD36", "log2_fold_change"] == pytest.approx(
        np.log2(5), abs=0.5
    )  # six-fold, less what it takes from the total
    assert own.loc["CD36", "n_donors"] == 2
    assert own.loc["CD36", "n_donors_up"] == 2
    assert own.loc["G5", "n_donors_up"] < 2
    listed = surface[surface["cluster"] == "1"].set_index("gene")
    assert listed.loc["CD36", "sign"] == "positive"
    assert listed.loc["MCAM", "sign"] == "negative"
    assert listed.loc["MCAM", "protein"] == "CD146"
    assert "LEPR" not in listed.index


def test_threads_do_not_change_the_table(clustered):
    one, _ = run_markers(clustered, threads=1)
    two, _ = run_markers(clustered, threads=2)
    pd.testing.assert_frame_equal(one, two)


def test_the_part_of_the_genes_that_is_held_does_not_change_the_table(clustered, monkeypatch):
    kept = np.r_[0:40, 50:100, 150:200]  # some blocks have no cell of a cluster
    counts.write(AnnData(obs=counts.read_obs(clustered.clusters).iloc[kept]), clustered.clusters)
    monkeypatch.setattr(rank_genes, "HELD_PER_CELL", 1)
    whole, _ = run_markers(clustered)
    monkeypatch.setattr(marker_values, "BLOCK", 100)
    read, parts = marker_values.read_values, []
    monkeypatch.setattr(rank_genes, "HELD", 1000)
    monkeypatch.setattr(marker_values, "read_values", lambda *at, **how: parts.append(read(*at, **how)) or parts[-1])
    in_parts, _ = run_markers(clustered)
    pd.testing.assert_frame_equal(whole, in_parts)
    assert len(parts) > 5
    assert max(part.nnz for part in parts) <= 1000


def test_one_cluster_gives_empty_tables_and_a_sentence(clustered, caplog):
    index = counts.read_obs(clustered.counts).index
    counts.write(AnnData(obs=pd.DataFrame({"leiden": pd.Categorical(["0"] * 200)}, index=index)), clustered.clusters)
    with caplog.at_level("INFO"):
        table, surface = run_markers(clustered)
    assert len(table) == len(surface) == 0
    assert table.columns.tolist()[:6] == ["cluster", "gene", "rank", "statistic", "log2_fold_change", "pvalue"]
    assert "nothing to set apart" in caplog.text


def test_surface_proteins_come_before_those_of_the_membrane():
    columns = {"cluster": "0", "surface": True, "protein": "p", "pvalue_adj": 0.0, "fraction_in": 1, "fraction_out": 0}
    table = pd.DataFrame({"gene": ["CAV1", "VCAM1", "THY1"], "statistic": [9.0, 5.0, -7.0]}).assign(**columns)
    table["evidence"] = ["membrane", "surface", "CD"]
    table["log2_fold_change"] = [3.0, 2.0, -2.0]
    short = rank_genes.shortlist_surface(table)
    assert short["gene"].tolist() == ["VCAM1", "CAV1", "THY1"]
    assert short["sign"].tolist() == ["positive", "positive", "negative"]


def test_mouse_genes_are_looked_up_by_their_orthologs():
    found = rank_genes.find_surface(pd.DataFrame(index=["Mcam", "Actb", "Thy1"]), organism="mouse")
    assert found["protein"].to_dict() == {"Mcam": "CD146", "Thy1": "CD90"}


def test_the_surface_table_names_its_source_and_no_gene_twice(root):
    path = root / "resources/surface_proteins.tsv"
    header = "".join(line for line in path.read_text().splitlines(keepends=True) if line.startswith("#"))
    for said in (
        "org.Hs.eg.db 3.16.0",
        "CC BY 4.0",
        "2022-07-01",
        "2022-Sep12",
        "benchmarks/clustering/surface_proteins",
    ):
        assert said in header
    table = pd.read_csv(path, sep="\t", comment="#", keep_default_na=False)
    genes = pd.read_csv(root / "resources/genes.tsv", sep="\t", comment="#")
    assert table["gene"].is_unique
    assert len(table) > 1500
    assert (table != "").all().all()
    assert set(table["gene"]) <= set(genes["symbol"])
    assert set(table["evidence"]) == {"CD", "surface", "membrane"}
    protein = table.set_index("gene")["protein"]
    assert protein[["NT5E", "THY1", "ENG", "MCAM", "CD34"]].tolist() == ["CD73", "CD90", "CD105", "CD146", "CD34"]
    inside = {"COL1A1", "SPARC", "CXCL12", "ACTB", "HSPA5", "GNAI2"}  # secreted, cytosolic, at the inner face
    assert not inside & set(table["gene"])
