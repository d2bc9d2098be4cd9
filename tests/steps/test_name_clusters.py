from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData
from toy_study import default_settings

import name_clusters
from mscape.data import counts
from mscape.genes.registry import REGISTRY, load_markers
from mscape.scoring import cluster_names


def scores(cluster="0", *, n_lots=3, width=1.0, **z):
    """Scores of one cluster by signature; p falls with z."""
    table = pd.DataFrame({"signature": list(z), "z": list(z.values())}).assign(cluster=cluster, n_lots=n_lots)
    half = width if n_lots > 1 else np.nan
    return table.assign(low=table["z"] - half, high=table["z"] + half, pvalue=np.where(table["z"] > 2.6, 0.001, 0.4))


def name(table, *, stable=True):
    return cluster_names.name_cluster(table.set_index("signature"), stable=stable)


def test_every_signature_of_the_rule_is_in_the_registry():
    known = set(load_markers().scored())
    for _, names in cluster_names.PROGRAMMES.values():
        assert {one.removesuffix("__DEPLETED") for one in names} <= known


def test_the_highest_programme_gives_the_name_with_its_confidence():
    found = name(scores(TIROSH_S=4.0, TIROSH_G2M=9.0, MSC_OSTEOGENIC_EARLY=5.0, HALLMARK_HYPOXIA=-1.0))
    assert (found["name"], found["confidence"], found["signature"]) == ("cycling", "high", "TIROSH_G2M")
    assert (found["runner_up"], found["margin"]) == ("osteogenic-leaning", 4.0)
    assert found["low"] == 8.0


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (scores(TIROSH_G2M=2.5), "no programme stands out: cycling is the highest, z 2.5"),
        (scores(MSC_ADIPOGENIC_CORE=3.5), "4 is asked for"),  # a lineage needs more
        (scores(HALLMARK_HYPOXIA=5.0).assign(pvalue=0.03), "3.0% of random gene sets depart as far"),
        (scores(HALLMARK_HYPOXIA=5.0, width=6.0), "lots disagree: the 95 % interval is -1.0 to 11.0"),
        (scores(HALLMARK_HYPOXIA=5.0, MSC_OSTEOGENIC_LATE=4.4), "osteogenic-leaning stands nearly as high"),
        (scores(MSC_SENESCENCE_ARREST=9.0), "no programme could be scored"),  # arrest without a second scorer
    ],
)
def test_without_a_clear_programme_a_cluster_stays_unnamed_and_says_why(table, said):
    found = name(table)
    assert (found["name"], found["confidence"]) == ("unnamed", "")
    assert said in found["reason"]


def test_senescence_needs_arrest_and_a_second_scorer():
    both = {"MSC_SENESCENCE_ARREST": 7.0, "SENMAYO__DEPLETED": 4.0}
    assert name(scores(**both))["name"] == "senescent-like"
    assert name(scores(**both))["z"] == 4.0
    assert name(scores(**both | {"SENMAYO__DEPLETED": 1.0}))["name"] == "unnamed"
    assert name(scores(SENMAYO__DEPLETED=7.0, FRIDMAN_SENESCENCE_UP__DEPLETED=7.0))["name"] == "unnamed"
    assert name(scores(**both, MSC_SASP_INFLAMMATORY=3.9))["name"] == "senescent-like"  # it goes with it


def test_licensing_is_not_hidden_by_the_inflammation_that_goes_with_it():
    found = name(scores(MSC_IMMUNOREG_LICENSED=8.0, MSC_SASP_INFLAMMATORY=7.5))
    assert found["name"] == "interferon-licensed"
    assert found["runner_up"] == ""


def test_confidence_falls_with_lots_and_stability():
    table = {"MSC_OSTEOGENIC_EARLY": 6.0, "HALLMARK_HYPOXIA": 1.0}
    assert name(scores(**table))["confidence"] == "high"
    assert name(scores(**table, n_lots=2))["confidence"] == "moderate"
    assert name(scores(**table, width=5.0))["confidence"] == "moderate"
    assert name(scores(**table, n_lots=1))["confidence"] == "low"
    unstable = name(scores(**table), stable=False)
    assert unstable["confidence"] == "low"
    assert "unstable" in unstable["reason"]


def test_every_cluster_has_a_row():
    found = pd.concat([scores("0", TIROSH_S=-6.0), scores("10", TIROSH_S=6.0)])
    stability = pd.DataFrame({"cluster": ["0", "10", "2"], "stable": [True, True, False]})
    table = cluster_names.name_clusters(found, stability)
    assert table["cluster"].tolist() == ["0", "10", "2"]
    assert table["name"].tolist() == ["unnamed", "cycling", "unnamed"]
    assert "too few cells in every lot" in table["reason"][2]


def run(folder, bulk, clusters):
    """The step's three tables, from the sums of clusters."""
    input = SimpleNamespace(
        pseudobulk=folder / "sums.h5ad", stability=folder / "stability.tsv", markers=REGISTRY, signature_files=[]
    )
    counts.write(bulk, input.pseudobulk)
    pd.DataFrame({"cluster": clusters, "stable": True}).to_csv(input.stability, sep="\t", index=False)
    output = SimpleNamespace(**{key: folder / f"{key}.tsv" for key in ("table", "scores", "programmes")})
    params = SimpleNamespace(
        settings=default_settings("compare"), score=default_settings("score"), organism="human", seed=0
    )
    name_clusters.main(input, output, params)
    return [pd.read_csv(path, sep="\t", dtype={"cluster": str}) for path in vars(output).values()]


def test_the_step_scores_the_sums_and_names_the_cluster_that_stands_out(tmp_path):
    rng = np.random.default_rng(0)
    own = load_markers(REGISTRY).signatures["HALLMARK_HYPOXIA"]["genes"]
    genes = [*own, *(f"X{i}" for i in range(2000))]
    rates = np.tile(rng.lognormal(0, 1, len(genes)), (6, 1))
    rates[1::2, : len(own)] *= 4  # cluster 1 of each lot
    keys = [(lot, cluster) for lot in "ABC" for cluster in "01"]
    obs = pd.DataFrame(keys, columns=["lot_id", "cluster"], index=["|".join(key) for key in keys]).assign(n_cells=100)
    x = sp.csr_matrix(rng.poisson(rates / rates.sum(1, keepdims=True) * 1e6))
    bulk = AnnData(x, obs=obs, var=pd.DataFrame({"gene_id": "", "measured": True}, index=genes))
    names, found, programmes = run(tmp_path, bulk, ["0", "1"])
    assert names["name"].tolist() == ["unnamed", "hypoxic"]
    assert found.set_index(["cluster", "signature"]).loc[("1", "HALLMARK_HYPOXIA"), "z"] > 3
    assert programmes["cluster"].tolist() == ["0", "1"]


def test_a_study_without_clustered_cells_gives_headers(tmp_path):
    obs = pd.DataFrame({"lot_id": [], "cluster": [], "n_cells": []}, index=[]).astype({"lot_id": str, "cluster": str})
    var = pd.DataFrame({"gene_id": "", "measured": True}, index=["ACTB", "GAPDH"])
    names, found, programmes = run(tmp_path, AnnData(sp.csr_matrix((0, 2), dtype=int), obs=obs, var=var), ["0"])
    assert found.empty
    assert programmes.empty
    assert names["name"].tolist() == ["unnamed"]


def test_a_single_cluster_has_no_name():
    table = cluster_names.name_clusters(scores().iloc[:0], pd.DataFrame({"cluster": ["0"], "stable": [True]}))
    assert table["name"].tolist() == ["unnamed"]
    assert "the only cluster" in table["reason"][0]
