import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData

from mscape.genes.registry import load_markers
from mscape.scoring import cluster_profiles

MARKERS = load_markers()
GENES = sorted({gene for entry in MARKERS.signatures.values() for gene in entry["genes"]})


def genes_of(*names):
    return [gene for name in names for gene in MARKERS.signatures[name]["genes"]]


@pytest.fixture(scope="module")
def bulk():
    """Three lots of two clusters: cluster 1 is osteogenic, lot C primed as a whole; a third cluster has few cells."""
    rng = np.random.default_rng(0)
    names = [*GENES, *(f"X{i}" for i in range(3000))]
    rates = pd.Series(rng.lognormal(0, 1, len(names)), index=names)
    keys = [(lot, cluster) for lot in "ABC" for cluster in "012"]
    sums = []
    for lot, cluster in keys:
        own = rates * rng.lognormal(0, 0.05, len(names))
        if cluster == "1":
            own[genes_of("MSC_OSTEOGENIC_EARLY", "MSC_OSTEOGENIC_LATE")] *= 4
        if lot == "C":
            own[genes_of("MSC_IMMUNOREG_LICENSED")] *= 20
        sums.append(rng.poisson(own / own.sum() * (2e6 if cluster != "2" else 2e4)))
    obs = pd.DataFrame(keys, columns=["lot_id", "cluster"], index=["|".join(key) for key in keys])
    obs["n_cells"] = [100, 80, 3] * 3
    var = pd.DataFrame({"gene_id": "", "measured": True}, index=names)
    return AnnData(sp.csr_matrix(np.array(sums)), obs=obs, var=var)


def test_the_osteogenic_cluster_leans_osteogenic_with_its_interval_over_lots(bulk):
    scores, programmes = cluster_profiles.score_clusters(bulk, MARKERS, "0")
    assert dict(zip(programmes["cluster"], programmes["lineage_bias"], strict=True)) == {"1": "osteogenic"}
    row = scores.set_index(["cluster", "signature"]).loc[("1", "MSC_OSTEOGENIC_LATE")]
    assert row["z"] > 6
    assert 0 < row["low"] < row["z"] < row["high"]
    assert (row["n_lots"], row["n_cells"]) == (3, 240)
    assert row["pvalue"] < 0.01


def test_a_primed_lot_does_not_make_its_clusters_licensed(bulk):
    scores, programmes = cluster_profiles.score_clusters(bulk, MARKERS, "0")
    licensed = scores[scores["signature"] == "MSC_IMMUNOREG_LICENSED"]["z"]
    assert licensed.abs().max() < 3
    assert set(programmes["immune_profile"]) == {"resting"}


def test_one_lot_has_no_interval_and_one_cluster_no_score(bulk):
    scores, _ = cluster_profiles.score_clusters(bulk[:3].copy(), MARKERS, "0")
    assert scores["z"].notna().all()
    assert scores[["low", "high"]].isna().all(axis=None)
    alone, programmes = cluster_profiles.score_clusters(bulk[[0, 3, 6]].copy(), MARKERS, "0")
    assert alone.empty
    assert list(programmes.columns) == cluster_profiles.PROGRAMMES


def test_a_gene_that_a_sample_lacks_is_not_zero(bulk):
    lacking = bulk.copy()
    lost = genes_of("MSC_OSTEOGENIC_LATE")[:6]
    lacking.var["measured"] = ~lacking.var_names.isin(lost)
    scores, _ = cluster_profiles.score_clusters(lacking, MARKERS, "0")
    assert "MSC_OSTEOGENIC_LATE" not in set(scores["signature"])  # 4 of 10 genes are fewer than ten
