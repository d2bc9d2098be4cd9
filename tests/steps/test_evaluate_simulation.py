"""Hand-made truth and findings with known agreement."""

import json
from types import SimpleNamespace

import anndata
import numpy as np
import pandas as pd
import pytest
import stage_tables

import evaluate_simulation
from mscape.data import counts
from mscape.genes.registry import load_markers
from mscape.simulation import evaluate
from mscape.simulation import truth as ground_truth

POSITIVE, NEGATIVE = ground_truth.POSITIVE, ground_truth.NEGATIVE


def truth_of(cell_types, **columns):
    n = len(cell_types)
    truth = pd.DataFrame(
        {
            "barcode": [f"b{i}" for i in range(n)],
            "sample_id": "A",
            "cell_type": cell_types,
            "state": "resting",
            "phase": "G1",
            "licensed": False,
            "is_doublet": False,
            "is_damaged": False,
            "doublet_partner": "",
        }
    )
    is_msc = truth["cell_type"] == "MSC"
    truth["is_contaminant"] = ~is_msc
    for gene in POSITIVE:
        truth[f"true_pos_{gene}"] = is_msc
    for gene in NEGATIVE:
        truth[f"true_pos_{gene}"] = ~is_msc & (gene == "PTPRC")
    for name, values in columns.items():
        truth[name] = values
    return truth.set_index(truth["sample_id"] + "_" + truth["barcode"])


def value(rows, metric, group="all"):
    (row,) = [row for row in rows if row["metric"] == metric and row["group"] == group]
    return row["value"]


def test_phenotype_needs_msc_alone_and_every_marker():
    truth = truth_of(["MSC"] * 5 + ["T cell"])
    truth.loc["A_b1", "true_pos_NT5E"] = False
    truth.loc["A_b2", "true_pos_CD34"] = True
    truth.loc["A_b3", "doublet_partner"] = "T cell"
    truth.loc["A_b4", "doublet_partner"] = "MSC"
    assert list(ground_truth.true_phenotype(truth)) == [True, False, False, False, True, False]


def test_gate_measures_of_a_known_table():
    truth = truth_of(["MSC"] * 6 + ["T cell"] * 4)
    call = pd.Series(["pass"] * 4 + ["fail", "indeterminate"] + ["fail"] * 3 + ["pass"], truth.index)
    rows = evaluate.compare_gate(truth, call)
    # determinate: 4 true positives, 1 false negative, 3 true negatives, 1 false positive
    assert value(rows, "gate_mcc_determinate") == pytest.approx((4 * 3 - 1 * 1) / np.sqrt(5 * 5 * 4 * 4))
    assert value(rows, "gate_mcc_all") == pytest.approx((4 * 3 - 1 * 2) / np.sqrt(5 * 6 * 4 * 5))
    assert value(rows, "gate_sensitivity") == pytest.approx(4 / 6)
    assert value(rows, "gate_specificity") == pytest.approx(3 / 4)
    assert value(rows, "gate_indeterminate") == pytest.approx(0.1)
    (row,) = [r for r in rows if r["metric"] == "gate_mcc_determinate" and r["group"] == "all"]
    assert row["target"] == 0.95
    assert row["met"] is False


def test_gate_leaves_doublets_and_lost_cells_out():
    truth = truth_of(["MSC", "MSC", "T cell", "MSC"], is_doublet=[False, True, False, False])
    call = pd.Series(["pass", "fail", "fail"], truth.index[:3])
    rows = evaluate.compare_gate(truth, call)
    assert value(rows, "gate_mcc_determinate") == 1
    assert next(row["n"] for row in rows if row["group"] == "all") == 2


def test_a_lot_of_one_class_has_no_correlation_and_misses_the_target():
    truth = truth_of(["MSC", "MSC"])
    rows = evaluate.compare_gate(truth, pd.Series(["pass", "fail"], truth.index))
    (row,) = [r for r in rows if r["metric"] == "gate_mcc_determinate" and r["group"] == "all"]
    assert row["value"] is None
    assert row["met"] is False


def test_contaminants_by_kind_and_name():
    truth = truth_of(["MSC", "T cell", "T cell", "monocyte", "monocyte"])
    call = pd.Series(["fail", "fail", "indeterminate", "fail", "fail"], truth.index)
    identity = pd.Series(["T cell", "T cell", "unresolved", "myeloid cell", "T cell"], truth.index)
    rows = evaluate.compare_contaminants(truth, call, identity, {"monocyte": {"monocyte", "myeloid cell"}})
    assert value(rows, "contaminant_fail_recall") == 0.75
    assert value(rows, "contaminant_fail_recall", "T cell") == 0.5
    assert value(rows, "contaminant_fail_recall", "monocyte") == 1
    assert value(rows, "contaminant_named") == 0.5
    assert value(rows, "contaminant_named", "monocyte") == 0.5


def test_names_come_from_the_panels_of_the_registry():
    names = evaluate.contaminant_names(load_markers().lineages)
    assert names["monocyte"] == {"monocyte", "myeloid cell"}
    assert names["T cell"] == {"T cell"}
    assert set(names) == {"T cell", "B cell", "monocyte", "endothelial"}


def test_doublets_by_kind():
    truth = truth_of(
        ["MSC"] * 6,
        is_doublet=[True, True, False, False, False, False],
        doublet_partner=["T cell", "MSC", "", "", "", ""],
    )
    score = pd.Series([0.9, 0.2, 0.8, 0.1, 0.1, np.nan], truth.index)
    rows = evaluate.compare_doublets(truth, score)
    assert value(rows, "doublet_auprc") == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert value(rows, "doublet_auprc_heterotypic") == 1
    pure = truth_of(["MSC"] * 3, is_doublet=[True, False, False], doublet_partner=["MSC", "", ""])
    rows = evaluate.compare_doublets(pure, pd.Series([0.9, 0.2, 0.8], pure.index))
    assert {row["metric"] for row in rows} == {"doublet_auprc"}


def test_states_by_their_score_among_msc_singlets():
    truth = truth_of(["MSC"] * 4 + ["T cell"], state=["senescent", "senescent", "resting", "resting", ""])
    scores = pd.DataFrame({"SENMAYO": [0.9, 0.4, 0.5, 0.1, 5.0]}, index=truth.index)
    rows = evaluate.compare_states(truth, scores)
    assert value(rows, "state_auroc", "senescent: SENMAYO") == 0.75
    assert value(rows, "state_auroc", "senescent: MSC_SENESCENCE_ARREST__SIGNED") is None
    assert value(rows, "state_auroc", "G2M: TIROSH_G2M") is None
    met = {row["group"]: row["met"] for row in rows}
    assert met["senescent: SENMAYO"] is False
    assert met["G2M: TIROSH_G2M"] is None  # nothing was put in: nothing to find


def test_clusters_that_are_the_states_have_index_one():
    truth = truth_of(["MSC"] * 6 + ["T cell"], state=["resting"] * 3 + ["osteogenic"] * 3 + [""])
    leiden = pd.Series(["0", "0", "0", "1", "1", "1", ""], truth.index)
    assert value(evaluate.compare_clusters(truth, leiden), "cluster_ari", "state") == 1
    assert value(evaluate.compare_clusters(truth, pd.Series("", truth.index)), "cluster_ari", "state") is None


def test_purity_and_its_interval():
    truth = truth_of(["MSC"] * 9 + ["T cell"] + ["MSC"] * 10, sample_id=["A"] * 10 + ["B"] * 10)
    table = pd.DataFrame(
        {
            "lot_id": ["A", "A", "B"],
            "kind": ["overall", "positive", "overall"],
            "estimate": [0.88, 0.5, 0.9],
            "low": [0.8, 0.4, 0.85],
            "high": [0.95, 0.6, 0.95],
        }
    )
    rows = evaluate.compare_purity(truth, truth.index, table)
    assert value(rows, "purity_error", "A") == pytest.approx(-0.02)
    assert value(rows, "purity_covered", "A") == 1
    assert value(rows, "purity_covered", "B") == 0
    assert value(rows, "purity_covered") == 0.5
    assert value(rows, "purity_error", "largest") == pytest.approx(0.1)


def test_quality_control_shares():
    truth = truth_of(["MSC"] * 5, is_damaged=[False, False, False, True, True])
    qc = pd.DataFrame({"qc": ["pass", "pass", "low_counts", "high_mt", "pass"]}, index=truth.index)
    rows = evaluate.compare_qc(truth, qc)
    assert value(rows, "qc_kept_intact") == pytest.approx(2 / 3)
    assert value(rows, "qc_removed_damaged") == 0.5


def test_main_reads_the_stages_and_writes_table_and_json(tmp_path):
    truth = truth_of(
        ["MSC"] * 8 + ["T cell"] * 2,
        state=["senescent"] * 2 + ["resting"] * 6 + [""] * 2,
        is_doublet=[False] * 7 + [True] + [False] * 2,
        doublet_partner=[""] * 7 + ["T cell"] + [""] * 2,
    )
    truth.to_parquet(tmp_path / "truth.parquet", index=False)
    obs = pd.DataFrame(
        {
            "qc": "pass",
            "doublet_score": [0.1] * 7 + [0.9] + [0.1] * 2,
            "predicted_doublet": False,
            "total_counts": 1.0,
            "n_genes_by_counts": 1,
            "pct_counts_mt": 1.0,
            "isct_call": ["pass"] * 7 + ["fail"] * 3,
            "isct_reason": "",
            "isct_identity": ["MSC-like"] * 7 + ["T cell"] * 3,
            "leiden": ["1"] * 2 + ["0"] * 6 + [""] * 2,
            "phase": "G1",
        },
        index=truth.index,
    )
    names = ("SENMAYO", "MSC_SENESCENCE_ARREST__SIGNED")
    frame = pd.DataFrame({name: [2.0] * 2 + [0.0] * 8 for name in names}, index=obs.index)
    obsm = {f"score_{kind}": frame for kind in ("matched", "rank", "scanpy", "z", "p")}
    obsm |= {key: pd.DataFrame({"NT5E": 9}, index=obs.index) for key in ("isct_pool_size", "isct_exposure")}
    counts.write(anndata.AnnData(obs=obs, obsm=obsm), tmp_path / "all.h5ad")
    gate = {"lot_id": ["A"], "kind": ["overall"], "estimate": [0.7], "low": [0.6], "high": [0.8]}
    stage_tables.write("gate", tmp_path / "gate.tsv", gate)
    stage = tmp_path / "all.h5ad"
    evaluate_simulation.main(
        SimpleNamespace(
            truth=[tmp_path / "truth.parquet"],
            qc=[stage],
            gate=stage,
            gate_table=tmp_path / "gate.tsv",
            clusters=stage,
            scores=stage,
        ),
        SimpleNamespace(json=tmp_path / "truth.json", table=tmp_path / "truth.tsv"),
        SimpleNamespace(),
    )
    record = json.loads((tmp_path / "truth.json").read_text())
    assert record["simulated"] is True
    assert record["all_met"] is True
    assert {row["metric"] for row in record["rows"]} == set(ground_truth.DEFINITIONS)
    table = pd.read_csv(tmp_path / "truth.tsv", sep="\t")
    assert list(table.columns) == ["metric", "group", "value", "n", "target", "met"]
    assert table.loc[table["target"].notna(), "met"].all()
    assert value(record["rows"], "purity_covered", "A") == 1
    assert value(record["rows"], "cluster_ari", "state") == 1
