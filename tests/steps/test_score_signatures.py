from types import SimpleNamespace

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import yaml

import score_signatures
from mscape.data import counts
from mscape.genes import names as gene_names
from mscape.scoring import reference_cells

SETTINGS = {
    "signature_files": [],
    "controls": 50,
    "max_rank": 300,
    "random_sets": 500,
    "min_genes": 10,
    "min_coverage": 0.6,
    "max_depth_rho": 0.1,
    "alpha": 0.05,
    "min_cells": 20,
}
PLAIN = tuple(f"GENE{i}" for i in range(1500))
SIZES = {"RAISED": 20, "FLAT": 20, "DOWN": 12, "TIROSH_S": 15, "TIROSH_G2M": 15, "SHORT": 8, "HALF": 20, "READ": 5}


def make_registry(path, names=PLAIN):
    start, signatures = 0, {}
    for key, size in SIZES.items():
        genes = list(names[start : start + size])
        if key == "HALF":
            genes = genes[:10] + [f"ABSENT{i}" for i in range(10)]
        signatures[key] = {
            "name": key.title(),
            "axis": "proliferation" if key.startswith("TIROSH") else "toy",
            "direction": "up",
            "use": "annotate" if key == "READ" else "score",
            "evidence": "C",
            "source": "a test",
            "licence": "facts",
            "organism": "human",
            "genes": genes,
        }
        start += size
    signatures["RAISED"] |= {"pair": "DOWN", "without": ["panels"]}
    panel = {"title": "t", "organism": "human", "verdict": False, "basis": "b"}
    panel |= {"positive": {names[0]: {"protein": "P", "cpm": 5}}, "negative": {}}
    path.write_text(yaml.safe_dump({"panels": {"p": panel}, "lineages": {}, "signatures": signatures}))
    return path


def make_counts(path, order=None, names=PLAIN):
    """Two lots of 150 cells; RAISED is up threefold in the second, TIROSH_G2M in every fifth cell."""
    rng = np.random.default_rng(0)
    rates = rng.lognormal(0, 1.2, 1500)
    totals = 5000 * rng.lognormal(0, 0.4, 300)
    mu = np.outer(totals, rates / rates.sum())
    mu[150:, :20] *= 3
    mu[::5, 67:82] *= 6
    x = sp.csr_matrix(rng.poisson(mu).astype(np.int32))
    obs = pd.DataFrame({"lot_id": np.repeat(["A", "B"], 150)}, index=[f"c{i}" for i in range(300)])
    obs["sample_id"] = obs["lot_id"]
    for column in ("dataset_id", "donor_id", "tissue", "condition", "batch", "sex", "culture", "passage"):
        obs[column] = "unknown"
    obs["total_counts"], obs["n_genes_by_counts"] = x.sum(axis=1).A1, x.getnnz(axis=1)
    obs["pct_counts_mt"], obs["doublet_score"], obs["predicted_doublet"] = np.nan, 0.0, False
    call = np.where(np.arange(300) % 10 == 9, "fail", "pass")
    adata = ad.AnnData(x, obs=obs, var=pd.DataFrame({"gene_id": ""}, index=list(names)))
    adata.obs["call"] = call
    adata.varm["measured"] = pd.DataFrame(True, index=adata.var_names, columns=["A", "B"])
    adata.varm["measured"].loc[names[1], "B"] = False
    of_sample = {sample: adata[(adata.obs["sample_id"] == sample).to_numpy()].X.sum(axis=0) for sample in ("A", "B")}
    adata.varm["counts"] = pd.DataFrame({k: np.asarray(v).ravel() for k, v in of_sample.items()}, adata.var_names)
    if order is not None:
        adata = adata[order].copy()
    gate = ad.AnnData(obs=adata.obs[["call"]].rename(columns={"call": "isct_call"}))
    del adata.obs["call"]
    counts.write(adata, path / "counts.h5ad")
    counts.write(gate, path / "gate.h5ad")


def run(path, *, order=None, organism="human", names=PLAIN, asked=PLAIN, **settings):
    path.mkdir()
    make_counts(path, order, names)
    input = SimpleNamespace(
        h5ad=path / "counts.h5ad", gate=path / "gate.h5ad", markers=make_registry(path / "markers.yaml", asked)
    )
    names = {"h5ad": "scores.h5ad"} | {
        k: f"{k}.tsv" for k in ("table", "summary", "confounders", "lots", "genes", "priming")
    }
    output = SimpleNamespace(**{key: str(path / name) for key, name in names.items()})
    params = SimpleNamespace(settings=SETTINGS | settings, organism=organism, seed=0)
    score_signatures.main(input, output, params)
    tables = {key: pd.read_csv(path / name, sep="\t") for key, name in names.items() if key != "h5ad"}
    return ad.read_h5ad(output.h5ad), tables


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return run(tmp_path_factory.mktemp("scores") / "straight")


def test_each_method_has_a_column_for_every_scored_signature_and_its_variants(result):
    adata, _ = result
    expected = {*SIZES, "RAISED__SIGNED", "RAISED__DEPLETED"} - {"READ"}
    for key in ("matched", "rank", "scanpy", "z", "p"):
        assert set(adata.obsm[f"score_{key}"].columns) == expected


def test_the_raised_set_tells_the_lots_apart_by_every_method_and_the_flat_one_does_not(result):
    from sklearn.metrics import roc_auc_score

    adata, _ = result
    lot = adata.obs_names.isin([f"c{i}" for i in range(150, 300)])
    for key in ("matched", "rank", "scanpy", "z"):
        scores = adata.obsm[f"score_{key}"]
        assert roc_auc_score(lot, scores["RAISED"]) > 0.95, key
        assert roc_auc_score(lot, scores["RAISED__SIGNED"]) > 0.9, key
        assert 0.4 < roc_auc_score(lot, scores["FLAT"]) < 0.6, key


def test_what_cannot_be_scored_is_nan_and_says_why(result):
    adata, tables = result
    reasons = {
        "SHORT": "the set has 8 genes, fewer than 10",
        "HALF": "10 of 20 genes found (50%), less than 60%",
    }
    assert dict(adata.uns["mscape"]["score_signatures"]["missing"]) == reasons
    table = tables["table"].set_index("id")
    for key, reason in reasons.items():
        assert adata.obsm["score_matched"][key].isna().all()
        assert table.loc[key, "reason"] == reason
    assert table.loc["READ", "reason"] == "reported gene by gene, never averaged"
    assert table.loc["RAISED", "n_found"] == 19
    assert table.loc["RAISED", "lost"] == "GENE1: not in every sample's feature table"
    assert "GENE0" not in table.loc["RAISED__DEPLETED", "genes"].split(";")


def test_lots_are_summarised_by_their_msc_with_calibrated_z(result):
    adata, tables = result
    summary = tables["summary"].set_index(["lot_id", "signature"])
    assert (summary["n_cells"] == 135).all()
    assert (summary["cells"] == "MSC").all()
    assert summary.loc[("B", "RAISED"), "z"] > 5
    assert abs(summary.loc[("B", "FLAT"), "z"]) < 3
    row = summary.loc[("B", "RAISED")]
    scores = adata.obsm["score_matched"]["RAISED"].to_numpy()[150:]
    assert row["mean"] == pytest.approx(scores[np.arange(150) % 10 != 9].mean(), rel=1e-4)
    assert row["low"] < row["mean"] < row["high"]
    assert row["z_low"] < row["z"] < row["z_high"]
    ratio = (row["z_high"] - row["z_low"]) / (row["high"] - row["low"])
    other = summary.loc[("B", "FLAT")]
    assert ratio * (row["mean"] - summary.loc[("A", "RAISED"), "mean"]) == pytest.approx(
        row["z"] - summary.loc[("A", "RAISED"), "z"], rel=0.2
    )
    assert other["z_cells_low"] < other["z_cells"] < other["z_cells_high"]
    assert np.isnan(summary.loc[("A", "SHORT"), "z"])


def test_cycling_cells_are_found(result):
    adata, tables = result
    cycling = adata.obs_names.isin([f"c{i}" for i in range(0, 300, 5)])
    assert (adata.obs["phase"][cycling] == "G2M").mean() > 0.9
    assert (adata.obs["phase"][~cycling] == "G1").mean() > 0.85
    assert 0.1 < tables["lots"]["fraction_cycling"].max() < 0.4  # a fifth of the cells, corrected for the call's errors
    assert tables["lots"].set_index("lot_id").loc["A", "senescence"] == "not assessable"


def test_scores_do_not_follow_depth(result):
    _, tables = result
    table = tables["table"].set_index("id")
    assert (table.loc[["RAISED", "FLAT", "DOWN"], "depth_rho_after"].abs() < 0.1).all()


def test_the_methods_agree_and_the_map_of_scorers_is_kept(result):
    adata, tables = result
    table = tables["table"].set_index("id")
    assert table.loc["RAISED", "agreement_scanpy"] > 0.8
    assert table.loc["RAISED", "agreement_rank"] > 0.2  # noise only: no cell of a lot differs from another
    agreement = adata.uns["mscape"]["score_signatures"]["senescence_agreement"]
    assert list(agreement.index) == ["TIROSH_S", "TIROSH_G2M"]
    assert agreement.loc["TIROSH_S", "TIROSH_S"] == pytest.approx(1)


def test_confounders_are_tabulated_and_none_is_its_own(result):
    _, tables = result
    related = tables["confounders"].set_index(["signature", "confounder"])
    assert ("FLAT", "log depth") in related.index
    known = related.dropna(subset="rho")
    assert ((known["rho_low"] < known["rho"]) & (known["rho"] < known["rho_high"])).all()
    assert ("TIROSH_S", "S phase") not in related.index
    assert "mitochondrial fraction" not in related.index.get_level_values("confounder")


def test_genes_that_are_not_averaged_have_rates_with_bounds(result):
    _, tables = result
    genes = tables["genes"]
    assert set(genes["signature"]) == {"READ"}
    assert ((genes["low"] <= genes["cpm"]) & (genes["cpm"] < genes["high"])).all()


def test_a_second_run_and_another_order_of_cells_give_the_same_numbers_exactly(result, tmp_path):
    adata, tables = result
    again, tables_again = run(tmp_path / "again")
    order = np.random.default_rng(3).permutation(300)
    shuffled, tables_shuffled = run(tmp_path / "shuffled", order=order)
    for key in adata.obsm:
        pd.testing.assert_frame_equal(adata.obsm[key], again.obsm[key], check_exact=True)
        pd.testing.assert_frame_equal(adata.obsm[key], shuffled.obsm[key].loc[adata.obs_names], check_exact=True)
    assert list(adata.obs["phase"]) == list(shuffled.obs["phase"].loc[adata.obs_names])
    for key in tables:
        pd.testing.assert_frame_equal(tables[key], tables_again[key], check_exact=True)
        pd.testing.assert_frame_equal(tables[key], tables_shuffled[key], rtol=1e-4)


def test_ensembl_ids_and_older_symbols_give_the_same_scores(tmp_path):
    table = gene_names.read_gene_ids()
    older = {symbol: alias for alias, symbol in gene_names.read_aliases().items() if alias not in table}
    renamed = [symbol for symbol in older if symbol in table]
    symbols = [*renamed, *(symbol for symbol in table if symbol not in set(renamed))][:1500]
    ids = [f"{table[symbol]}.7" for symbol in symbols]
    aliases = [older.get(symbol, symbol) for symbol in symbols]
    expected, _ = run(tmp_path / "symbols", names=symbols, asked=symbols)
    for name, names in (("ids", ids), ("aliases", aliases)):
        found, tables = run(tmp_path / name, names=names, asked=symbols)
        assert tables["table"].set_index("id").loc["RAISED", "n_found"] == 19
        for key in ("matched", "rank", "z"):  # scanpy's control genes follow the order of the names
            pd.testing.assert_frame_equal(found.obsm[f"score_{key}"], expected.obsm[f"score_{key}"], rtol=1e-5)


def test_a_mouse_dataset_is_scored_by_orthologs_and_names_what_it_lost(tmp_path):
    table = gene_names.read_orthologs()
    single = table[table["class"] == "1:1"]
    mouse, human = list(single["mouse"])[:1500], list(single.index)[:1500]
    human[3] = table.index[table["class"] == "none"][0]
    adata, tables = run(tmp_path / "mouse", organism="mouse", names=mouse, asked=human)
    assert adata.obsm["score_z"]["RAISED"].iloc[150:].mean() > 3
    row = tables["table"].set_index("id").loc["RAISED"]
    assert row["n_found"] == 18
    assert f"{human[3]}: no mouse ortholog" in row["lost"].split("; ")


def test_another_species_has_no_scores_but_a_reason(tmp_path):
    adata, tables = run(tmp_path / "horse", organism="other")
    assert adata.obsm["score_matched"].isna().all(axis=None)
    assert (adata.obs["phase"] == "unknown").all()
    reasons = tables["table"].set_index("id")["reason"]
    assert reasons["RAISED"] == "no signatures for organism 'other'"


def test_reference_cells_fall_back_from_msc_to_all():
    call = pd.Series(["pass"] * 3 + ["fail"] + ["indeterminate"] * 2 + ["pass", "fail"] + ["indeterminate", "fail"])
    lots = pd.Series(["A"] * 4 + ["B"] * 4 + ["C"] * 2)  # a single cell of C that does not fail represents nothing
    cells = reference_cells.choose_reference(call, lots, min_cells=3)
    assert list(cells["cells"].groupby(lots).first()) == ["MSC", "not failing", "all"]
    assert list(cells["reference"]) == [True] * 3 + [False] + [True] * 3 + [False] + [True] * 2
