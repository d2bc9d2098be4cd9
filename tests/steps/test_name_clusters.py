from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import stage_tables
from anndata import AnnData
from toy_study import default_settings

import name_clusters
from mscape.data import counts
from mscape.genes.registry import REGISTRY, load_markers
from mscape.scoring import cluster_names


def scores(cluster="1", *, n_lots=3, spread=1.0, share=0.9, **z):
    """Scores of one cluster by signature; p falls with z."""
    table = pd.DataFrame({"signature": list(z), "z": list(z.values())}).assign(cluster=cluster, n_lots=n_lots)
    half = spread if n_lots > 1 else np.nan
    table = table.assign(low=table["z"] - half, high=table["z"] + half, share=share)
    table["lowest"], table["highest"] = table["z"] - spread, table["z"] + spread
    return table.assign(pvalue=np.where(table["z"] > 2.6, 0.001, 0.4))


def name(table, *, stable=True):
    return cluster_names.name_by_state(table.set_index("signature"), stable=stable)


def cells(**clusters):
    """Description of clusters by their cells: ``_0=dict(cycling=0.6)``."""
    usual = {"n_cells": 100, "cycling": 0.1, "lineage": "", "lineage_share": 0.0, "failing": 0.0, "passing": 0.5}
    return pd.DataFrame({key.strip("_"): usual | own for key, own in clusters.items()}).T


def test_every_signature_of_the_rule_is_in_the_registry():
    known = set(load_markers().scored())
    for _, names in cluster_names.PROGRAMMES.values():
        assert {one.removesuffix("__SIGNED") for one in names} <= known


def test_the_highest_state_gives_the_name_with_its_confidence():
    found = name(
        scores(MSC_WOUND_REPAIR=4.0, MSC_IMMUNOREG_LICENSED=9.0, MSC_OSTEOGENIC_EARLY=5.0, HALLMARK_HYPOXIA=-1)
    )
    assert (found["name"], found["confidence"], found["signature"]) == (
        "interferon-licensed",
        "high",
        "MSC_IMMUNOREG_LICENSED",
    )
    assert (found["runner_up"], found["margin"]) == ("osteogenic-leaning", 4.0)
    assert found["low"] == 8.0


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (scores(HALLMARK_HYPOXIA=2.5), "no state stands out: hypoxic is the highest, z 2.5"),
        (scores(MSC_ADIPOGENIC_CORE=3.5), "4 is asked for"),  # a lineage needs more
        (scores(HALLMARK_HYPOXIA=5.0).assign(pvalue=0.03), "3.0% of random gene sets depart as far"),
        (scores(HALLMARK_HYPOXIA=5.0, spread=6.0), "its lots depart to either side: z -1.0 to 11.0"),
        (scores(HALLMARK_HYPOXIA=5.0, MSC_OSTEOGENIC_LATE=4.4), "osteogenic-leaning stands nearly as high"),
        (scores(HALLMARK_HYPOXIA=9.0, share=0.4), "no state holds half of the cells"),
        (scores(MSC_SENESCENCE_ARREST=9.0), "no state could be scored"),  # gained genes without the lost ones
        (
            scores(MSC_ADIPOGENIC_CORE=9.0, MSC_GLUCOCORTICOID=5.0),
            "no state could be scored",
        ),  # dexamethasone does that
    ],
)
def test_without_a_clear_state_a_cluster_stays_unnamed_and_says_why(table, said):
    found = name(table)
    assert (found["name"], found["confidence"]) == ("unnamed", "")
    assert said in found["reason"]


def test_two_lots_that_agree_are_not_said_to_disagree_though_student_s_interval_is_wide():
    table = scores(n_lots=2, HALLMARK_HYPOXIA=27.0).assign(low=-39.5, high=92.9)
    found = name(table)
    assert (found["name"], found["confidence"]) == ("hypoxic", "moderate")
    assert "either side" not in found["reason"]


def test_senescence_needs_genes_gained_and_genes_lost_and_no_differentiation():
    pair = {"MSC_SENESCENCE_ARREST": 7.0, "MSC_SENESCENCE_DOWN": -4.0, "MSC_SENESCENCE_ARREST__SIGNED": 8.0}
    found = name(scores(**pair))
    assert (found["name"], found["signature"], found["z"]) == ("senescent-like", "MSC_SENESCENCE_ARREST__SIGNED", 8.0)
    assert name(scores(**pair | {"MSC_SENESCENCE_DOWN": -1.0}))["name"] == "unnamed"
    assert name(scores(**pair, MSC_OSTEOGENIC_EARLY=3.5))["name"] == "unnamed"
    assert name(scores(SENMAYO__DEPLETED=7.0, FRIDMAN_SENESCENCE_UP__DEPLETED=7.0))["name"] == "unnamed"


def test_licensing_is_not_hidden_by_the_inflammation_that_goes_with_it():
    found = name(scores(MSC_IMMUNOREG_LICENSED=8.0, MSC_SASP_INFLAMMATORY=7.5))
    assert found["name"] == "interferon-licensed"
    assert found["runner_up"] == ""


def test_confidence_falls_with_lots_and_stability():
    table = {"MSC_OSTEOGENIC_EARLY": 6.0, "HALLMARK_HYPOXIA": 1.0}
    assert name(scores(**table))["confidence"] == "high"
    assert name(scores(**table, n_lots=2))["confidence"] == "moderate"
    assert name(scores(**table, spread=5.0))["confidence"] == "moderate"
    assert name(scores(**table, n_lots=1))["confidence"] == "low"
    unstable = name(scores(**table), stable=False)
    assert unstable["confidence"] == "low"
    assert "unstable" in unstable["reason"]


def table_of(found, described, reference="0"):
    clusters = list(described.index)
    stability = pd.DataFrame({"cluster": clusters, "stable": True})
    shares = found.pivot(index="cluster", columns="signature", values="share")
    names = cluster_names.name_clusters(found, stability, described, shares, reference)
    return dict(zip(names["cluster"], names["name"], strict=True)), names


def test_lineage_comes_first_then_the_cycle_then_a_state():
    high = [scores(one, HALLMARK_HYPOXIA=9.0) for one in "1234"]
    described = cells(
        _0={},
        _1={"lineage": "T cell", "lineage_share": 0.7, "failing": 1.0},
        _2={"cycling": 0.9},
        _3={},
        _4={"failing": 0.6},
        _5={"passing": 0.0, "cycling": 0.9},
    )
    named, table = table_of(pd.concat(high), described)
    assert named == {
        "0": "main population",
        "1": "T cell",
        "2": "cycling",
        "3": "hypoxic",
        "4": "unnamed",
        "5": "unnamed",
    }
    assert table["reason"][4] == "60% of its cells fail the gate and 50% pass: states of MSC are not read in them"


def test_without_any_name_the_resting_population_has_none_either():
    named, table = table_of(scores("1", HALLMARK_HYPOXIA=1.0), cells(_0={}, _1={}))
    assert named == {"0": "unnamed", "1": "unnamed"}
    assert "states are read against" in table["reason"][0]


def run(folder, bulk, cells_of, *, record=None):
    """The step's three tables, from the sums of clusters; ``cells_of`` gives each cluster's phase and licensed z."""
    input = SimpleNamespace(stability=folder / "stability.tsv", markers=REGISTRY, signature_files=[])
    for key in ("pseudobulk", "h5ad", "gate", "clusters", "cell_scores"):
        setattr(input, key, folder / f"{key}.h5ad")
    counts.write(bulk, input.pseudobulk)
    rows = [
        (lot, cluster, *cells_of[cluster]) for lot, cluster in zip(bulk.obs["lot_id"], bulk.obs["cluster"], strict=True)
    ] * 30
    columns = ["lot_id", "leiden", "phase", "z", "isct_identity", "isct_call"]
    obs = pd.DataFrame(rows, columns=columns, index=[f"c{i}" for i in range(len(rows))])
    z = pd.DataFrame({"HALLMARK_HYPOXIA": obs.pop("z") + np.linspace(0, 0.1, len(obs))})
    light = AnnData(obs=obs, obsm={"score_z": z}, uns={"mscape": {"cluster_cells": record or {"resolution": 0.2}}})
    for path in (input.h5ad, input.gate, input.clusters, input.cell_scores):
        counts.write(light.copy(), path)
    names = list(cells_of)
    stage_tables.write("stability", input.stability, pd.DataFrame({"cluster": names, "stable": True}))
    output = SimpleNamespace(**{key: folder / f"{key}.tsv" for key in ("table", "scores", "programmes")})
    params = SimpleNamespace(
        settings=default_settings("compare"), score=default_settings("score"), organism="human", seed=0
    )
    name_clusters.main(input, output, params)
    return [pd.read_csv(path, sep="\t", dtype={"cluster": str}) for path in vars(output).values()]


MSC = ("MSC-like", "pass")


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
    names, found, programmes = run(tmp_path, bulk, {"0": ("G1", 0.0, *MSC), "1": ("G1", 5.0, *MSC)})
    assert names["name"].tolist() == ["main population", "hypoxic"]
    assert names["share"][1] == 1.0
    assert found.set_index(["cluster", "signature"]).loc[("1", "HALLMARK_HYPOXIA"), "z"] > 3
    assert programmes["cluster"].tolist() == ["1"]


def test_a_label_that_the_user_gave_is_the_name_whatever_stands_out(tmp_path):
    rates = np.ones((2, 60))
    obs = pd.DataFrame({"lot_id": "A", "cluster": ["0", "1"], "n_cells": 100}, index=["A|0", "A|1"])
    var = pd.DataFrame({"gene_id": "", "measured": True}, index=[f"X{i}" for i in range(60)])
    bulk = AnnData(sp.csr_matrix(rates * 50), obs=obs, var=var)
    cycling = {"0": ("G1", 0.0, *MSC), "1": ("G2M", 5.0, *MSC)}
    assert run(tmp_path, bulk, cycling)[0]["name"].tolist() == ["main population", "cycling"]
    names, _, _ = run(tmp_path, bulk, cycling, record={"labels": "kind"})
    assert names["name"].astype(str).tolist() == names["cluster"].tolist()
    assert set(names["reason"]) == {"the user's own label"}
    assert names["confidence"].isna().all()


def test_a_study_without_clustered_cells_gives_headers(tmp_path):
    obs = pd.DataFrame({"lot_id": [], "cluster": [], "n_cells": []}, index=[]).astype({"lot_id": str, "cluster": str})
    var = pd.DataFrame({"gene_id": "", "measured": True}, index=["ACTB", "GAPDH"])
    names, found, programmes = run(
        tmp_path, AnnData(sp.csr_matrix((0, 2), dtype=int), obs=obs, var=var), {"0": ("G1", 0.0, *MSC)}
    )
    assert found.empty
    assert programmes.empty
    assert names["name"].tolist() == ["unnamed"]


def test_a_single_cluster_has_no_name():
    named, table = table_of(scores("9").iloc[:0], cells(_0={}))
    assert named == {"0": "unnamed"}
    assert "states are read against" in table["reason"][0]
