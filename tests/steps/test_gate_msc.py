import gate_cases
import numpy as np
import pandas as pd
import pytest
from gate_cases import PANEL, run_gate, toy_cells, write_case

from mscape.errors import UserError
from mscape.gating import panels


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    X, genes, kinds = toy_cells({"MSC": 700, "T": 40, "endothelial": 40, "iPS": 40})
    result = run_gate(*write_case(tmp_path_factory.mktemp("mixed"), X, genes))
    result.obs["kind"] = kinds
    return result


def test_cells_get_the_right_call_name_and_reason(mixed):
    by = mixed.obs.groupby("kind")
    assert (by["isct_call"].apply(lambda s: (s == "pass").mean())["MSC"]) > 0.97
    for kind, name in (("T", "T cell"), ("endothelial", "endothelial"), ("iPS", "pluripotent")):
        cells = mixed.obs[mixed.obs["kind"] == kind]
        assert (cells["isct_call"] == "fail").mean() > 0.95
        assert (cells["isct_identity"] == name).mean() > 0.95
    reasons = by["isct_reason"].agg(lambda s: s.astype(str).mode()[0])
    assert reasons["T"] == "NEG_CD45"
    assert reasons["endothelial"] == "NEG_CD34"
    assert reasons["iPS"] == "LINEAGE_PLURIPOTENT"


def test_stage_file_and_table_hold_the_contract(mixed):
    assert {f"isct_p_{g}" for g in PANEL} <= set(mixed.obs)
    assert mixed.obs["isct_p_NT5E"].dtype == np.float32
    assert list(mixed.obs["isct_call"].cat.categories) == ["pass", "fail", "indeterminate"]
    head = [
        "lot_id",
        "criterion",
        "kind",
        "estimate",
        "low",
        "high",
        "verdict",
        "n_cells",
        "n_judged",
        "decided_by",
        "detected_fraction",
        "reason",
    ]
    assert list(mixed.table)[:12] == head
    assert list(mixed.table)[-3:] == ["max_hidden_fraction", "n_cells_needed", "median_counts_needed"]
    assert list(mixed.contaminants) == ["lot_id", "identity", "n_cells", "fraction", "low", "high", "call"]
    assert mixed.uns["panel"] == "isct2006"
    assert "uncalibrated" in mixed.uns["thresholds_from"]
    assert mixed.uns["rule_version"]
    assert (mixed.uns["min_positive"], mixed.uns["max_negative"]) == (0.95, 0.02)


def test_lot_estimates_cover_the_truth(mixed):
    row = mixed.table.set_index("criterion")
    truth = (mixed.obs["kind"] == "T").mean()
    assert row.loc["CD45", "low"] <= truth <= row.loc["CD45", "high"]
    assert row.loc["CD45", "verdict"] == "fails"
    assert row.loc["CD14|CD11b", "verdict"] == "meets"
    assert row.loc["phenotype", "kind"] == "overall"
    assert row.loc["phenotype", "verdict"] == "fails"
    found = mixed.contaminants.set_index("identity")["n_cells"]
    assert found["T cell"] == pytest.approx(40, abs=2)


def test_pure_deep_lot_of_one_cluster_meets_and_naive_detection_does_not(tmp_path):
    X, genes, _ = toy_cells({"MSC": 1500}, depth=15_000)
    result = run_gate(*write_case(tmp_path, X, genes), resolution=0.01)
    assert result.obs["isct_pool"].nunique() == 1
    row = result.table.set_index("criterion")
    assert set(row["verdict"]) == {"meets"}, row
    assert row.loc["phenotype", "detected_fraction"] < 0.5
    # the high-rate marker is shown by single cells, the low-rate one is met with a bound
    assert row.loc["CD90", "max_hidden_fraction"] < 0.05
    assert row.loc["CD90", "reason"] == ""
    assert 0.05 < row.loc["CD73", "max_hidden_fraction"] <= 0.2
    assert row.loc["CD73", "reason"] == row.loc["phenotype", "reason"] == "HOMOGENEITY_ASSUMED"
    assert row.loc["CD45", "max_hidden_fraction"] <= 0.02
    # what single cells could hide is part of the interval
    assert row.loc["CD73", "low"] <= 1 - row.loc["CD73", "max_hidden_fraction"]
    assert row.loc["phenotype", "low"] <= row.loc["CD73", "low"]


def test_a_lineage_in_a_pool_of_doublets_does_not_carry_the_markers_of_msc(tmp_path):
    X, genes, kinds = toy_cells({"MSC": 700, "T": 60}, depth=8000, seed=4)
    X = X.copy()
    t_cells = np.flatnonzero(kinds == "T")
    X[t_cells[:6]] += X[:6]
    obs = run_gate(*write_case(tmp_path, X, genes)).obs
    assert obs["isct_p_THY1"].iloc[t_cells[6:]].max() < 0.1
    assert (obs["isct_call"].iloc[t_cells] == "fail").all()


def cells_of_lineage(lineage, n, *, depth, seed):
    """Draw cells with all ISCT markers of an MSC, a state of their own and a lineage's genes at ten times its limit."""
    X, genes, _ = toy_cells({"MSC": n}, depth=depth, seed=seed)
    rng = np.random.default_rng(seed)
    apart = rng.choice([j for j, g in enumerate(genes) if g.startswith("G")], 60, replace=False)
    X[:, apart] = rng.poisson(5 * X[:, apart] + 1)
    mean = X.sum(axis=1, keepdims=True) * 1e-5 * lineage["cpm"] / len(lineage["genes"])
    own = rng.poisson(mean * rng.gamma(4, 0.25, (n, len(lineage["genes"]))))
    table = pd.DataFrame(np.hstack([X, own]), columns=[*genes, *lineage["genes"]])
    return table.T.groupby(level=0).sum().T


@pytest.mark.parametrize(("depth", "number"), [(3000, 40), (10_000, 40), (10_000, 4)])
def test_every_kind_with_a_panel_is_named_and_fails_unless_it_is_kin_of_msc(tmp_path, depth, number):
    lineages = panels.read_markers(gate_cases.MARKERS)[1]
    named = [i for i, x in lineages.items() if x["group"] != "state" and i != "STROMAL"]
    stromal = {
        "PERICYTE",
        "ADIPOCYTE",
        "OSTEOBLAST",
        "CHONDROCYTE",
    }  # these share the markers of MSC: named, not failed
    assert stromal | {"PLASMA_CELL", "MAST_CELL", "PLATELET", "ERYTHROID", "EPITHELIAL"} < set(named)
    assert {i for i in named if not lineages[i]["fails"]} == stromal
    X, genes, kinds = toy_cells({"MSC": 500}, depth=depth)
    tables = [pd.DataFrame(X, columns=genes)]
    tables += [cells_of_lineage(lineages[x], number, depth=depth, seed=50 + i) for i, x in enumerate(named)]
    table = pd.concat(tables).fillna(0).astype(int)
    obs = run_gate(*write_case(tmp_path, table.to_numpy(), list(table.columns))).obs
    kinds = np.array([*kinds, *np.repeat(named, number)])
    call = (
        pd.crosstab(kinds, obs["isct_call"].to_numpy(), normalize="index").reindex(columns=["pass", "fail"]).fillna(0)
    )
    assert call.loc["MSC", "pass"] > 0.95
    assert call.loc["MSC", "fail"] <= 0.004
    failing = [x for x in named if x not in stromal]
    assert (obs["isct_call"][np.isin(kinds, failing)] == "fail").mean() >= 0.95, call
    if number == 40:
        assert (call.loc[failing, "fail"] >= 0.95).all(), call
        assert (call.loc[failing, "pass"] <= 0.02).all(), call
        passed = obs[(kinds == "OSTEOBLAST") & (obs["isct_call"] == "pass")]
        assert set(passed["isct_reason"]) <= {"LINEAGE_OSTEOBLAST"}
        assert len(passed) > 30 or depth == 3000
        called = (obs["isct_call"] != "indeterminate").to_numpy()
        identity = obs["isct_identity"][called].astype(str).groupby(kinds[called]).agg(lambda s: s.mode()[0])
        assert set(obs["isct_identity"][~called]) <= {"unresolved", "unexplained"}
        assert set(failing) | (stromal if depth > 3000 else set()) <= set(identity.index)
        assert {i: lineages[i]["name"] for i in identity.index.intersection(named)} == identity.drop("MSC").to_dict()


def test_one_gene_or_soup_names_no_lineage(tmp_path):
    lineages = panels.read_markers(gate_cases.MARKERS)[1]
    alone = {x["genes"][0]: 3 * x["cpm"] for x in lineages.values() if x["fails"] and not x.get("ambient_prone")}
    soup = {gene: 3000 for x in lineages.values() for gene in x.get("ambient_prone", [])}
    assert len(alone) >= 13
    assert {"HBB", "IGKC"} < set(soup)
    X, genes, _ = toy_cells({"MSC": 400}, depth=8000)
    rates = pd.Series(alone | soup) * 1e-6
    own = np.random.default_rng(5).poisson(X.sum(axis=1, keepdims=True) * rates.to_numpy())
    table = pd.DataFrame(np.hstack([X, own]), columns=[*genes, *rates.index]).T.groupby(level=0).sum().T
    obs = run_gate(*write_case(tmp_path, table.to_numpy(), list(table.columns))).obs
    assert not (obs["isct_call"] == "fail").any()
    assert set(obs["isct_identity"]) <= {"MSC-like", "unresolved"}


def test_population_without_stroma_and_without_a_panel_is_unexplained(tmp_path):
    X, genes, kinds = toy_cells({"MSC": 570, "neural": 30})
    result = run_gate(*write_case(tmp_path, X, genes))
    by = result.obs["isct_identity"].astype(str).groupby(kinds)
    assert (by.get_group("neural") == "unexplained").mean() >= 0.95
    assert not (by.get_group("MSC") == "unexplained").any()
    assert not (result.obs["isct_call"][kinds == "neural"] == "pass").any()
    row = result.contaminants.set_index("identity").loc["unexplained"]
    assert row["low"] <= 0.05 <= row["high"]


def test_stroma_with_little_collagen_is_not_unexplained_and_foreign_cells_in_it_are(tmp_path):
    X, genes, kinds = toy_cells({"MSC": 470, "neural": 30}, depth=10_000, seed=2)
    matrix = [i for i, g in enumerate(genes) if g in ("COL1A1", "COL1A2", "LUM")]
    X[:, matrix] = np.random.default_rng(2).binomial(X[:, matrix], 0.06)  # 11,500 to 690 CPM; the threshold is 500
    identity = run_gate(*write_case(tmp_path, X, genes)).obs["isct_identity"]
    assert (identity[kinds == "MSC"] == "unexplained").mean() <= 0.005
    assert (identity[kinds == "neural"] == "unexplained").mean() >= 0.9


def test_small_clusters_without_a_count_do_not_leave_a_pure_lot_open(tmp_path):
    X, genes, _ = toy_cells({"MSC": 800}, depth=4500, seed=5)
    apart = np.random.default_rng(5)
    columns = apart.choice([i for i, g in enumerate(genes) if g.startswith("G")], 60, replace=False)
    X[np.ix_(range(20), columns)] = apart.poisson(4 * X[np.ix_(range(20), columns)] + 2)
    result = run_gate(*write_case(tmp_path, X, genes))
    assert result.obs["isct_pool"].iloc[:20].nunique() == 1
    row = result.table.set_index("criterion").loc["CD79a|CD19"]
    assert row["min_detectable_fraction"] > 0.02  # such a cluster by itself could not decide
    assert row["verdict"] == "meets"


def test_isolated_contaminants_do_not_pass(tmp_path):
    X, genes, kinds = toy_cells({"MSC": 1200, "T": 3, "endothelial": 3, "iPS": 4}, depth=8000, seed=3)
    obs = run_gate(*write_case(tmp_path, X, genes)).obs
    foreign = kinds != "MSC"
    assert (obs["isct_call"][foreign] == "fail").mean() >= 0.9
    assert (obs["isct_call"][~foreign] == "fail").mean() <= 0.003


def test_results_do_not_depend_on_threads_or_reruns(tmp_path):
    from threadpoolctl import threadpool_limits

    X, genes, _ = toy_cells({"MSC": 300, "T": 20})
    results = []
    for limit in (1, 2):
        folder = tmp_path / str(limit)
        folder.mkdir()
        with threadpool_limits(limit):
            results.append(run_gate(*write_case(folder, X, genes), threads=limit))
    pd.testing.assert_frame_equal(results[0].obs, results[1].obs)
    pd.testing.assert_frame_equal(results[0].table, results[1].table)


def test_absent_gene_is_not_assessable_never_negative(tmp_path):
    X, genes, _ = toy_cells({"MSC": 400})
    keep = [g not in ("THY1", "CD34") for g in genes]
    result = run_gate(*write_case(tmp_path, X[:, keep], [g for g in genes if g not in ("THY1", "CD34")]))
    row = result.table.set_index("criterion")
    for name in ("CD90", "CD34"):
        assert row.loc[name, "verdict"] == "not_assessable"
        assert row.loc[name, "reason"] == "GENE_NOT_IN_REFERENCE"
    assert row.loc["phenotype", "verdict"] == "not_assessable"
    assert np.isnan(result.obs["isct_p_THY1"]).all()
    assert not (result.obs["isct_call"] == "pass").any()
    assert (result.obs["isct_reason"] == "GENE_NOT_IN_REFERENCE").mean() > 0.9


def test_gene_absent_in_one_sample_is_open_there_only(tmp_path):
    X, genes, _ = toy_cells({"MSC": 500})
    samples = np.repeat(["a", "b"], 250)
    measured = pd.DataFrame(True, index=genes, columns=["a", "b"])
    measured.loc["ENG", "b"] = False
    X = X.copy()
    X[samples == "b", genes.index("ENG")] = 0
    result = run_gate(*write_case(tmp_path, X, genes, samples=samples, measured=measured))
    verdicts = result.table.set_index(["lot_id", "criterion"])["verdict"]
    assert verdicts["b", "CD105"] == "not_assessable"
    assert verdicts["a", "CD105"] != "not_assessable"
    assert not (result.obs["isct_call"][samples == "b"] == "pass").any()


def test_five_hundred_counts_are_not_assessable(tmp_path):
    X, genes, _ = toy_cells({"MSC": 600}, depth=500)
    result = run_gate(*write_case(tmp_path, X, genes))
    row = result.table.set_index("criterion")
    assert row.loc["phenotype", "verdict"] == "not_assessable"
    assert row.loc["phenotype", "reason"] == "LOW_EXPOSURE"
    assert not (result.obs["isct_call"] == "fail").any()
    assert set(result.obs["isct_reason"]) == {"LOW_EXPOSURE"}


def test_a_lot_without_msc_fails_and_names_what_it_is(tmp_path):
    X, genes, _ = toy_cells({"T": 300})
    result = run_gate(*write_case(tmp_path, X, genes))
    assert (result.obs["isct_call"] == "fail").mean() > 0.99
    assert result.table.set_index("criterion").loc["phenotype", "verdict"] == "fails"
    assert result.contaminants["identity"].tolist()[0] == "T cell"


def test_three_hundred_cells_and_two_unlike_depths_end_in_a_verdict(tmp_path):
    deep, genes, _ = toy_cells({"MSC": 150}, depth=12_000)
    shallow, _, _ = toy_cells({"MSC": 150}, depth=1200, seed=1)
    result = run_gate(*write_case(tmp_path, np.vstack([deep, shallow]), genes))
    allowed = {"meets", "fails", "inconclusive", "not_assessable"}
    assert set(result.table["verdict"]) <= allowed
    assert result.table.loc[result.table["verdict"].isin(["inconclusive", "not_assessable"]), "reason"].ne("").all()
    assert not (result.obs["isct_call"] == "fail").any()


@pytest.mark.parametrize("n_cells", [1, 2, 5, 30])
def test_tiny_lots_never_raise(tmp_path, n_cells):
    X, genes, _ = toy_cells({"MSC": 100 + n_cells})
    samples = np.array(["big"] * 100 + ["tiny"] * n_cells)
    result = run_gate(*write_case(tmp_path, X, genes, samples=samples))
    tiny = result.table[result.table["lot_id"] == "tiny"].set_index("criterion")
    assert len(tiny) == 10
    assert tiny.loc["phenotype", "verdict"] != "meets"
    assert tiny.loc["CD73", "reason"]
    if n_cells < 20:
        assert set(tiny["verdict"]) == {"not_assessable"}
        assert set(tiny["reason"]) == {"TOO_FEW_CELLS"}
    assert "TOO_FEW_CELLS" not in set(result.table.query("lot_id == 'big'")["reason"])


def test_soup_of_another_lot_of_the_lane_opens_no_criterion_that_counts_can_settle(tmp_path):
    msc, genes, _ = toy_cells({"MSC": 900}, depth=10_000)
    blood, _, _ = toy_cells({"T": 200}, depth=10_000, seed=3)
    rng = np.random.default_rng(2)
    msc = rng.binomial(msc.astype(int), rng.uniform(0.3, 1, (900, 1)))  # small and large cells
    own = [f"T{i}" for i in range(60)]  # genes that only the blood has
    blood = np.hstack([blood, rng.poisson(5, (200, 60))])
    msc = np.hstack([msc, np.zeros((900, 60), int)])
    soup = rng.poisson(300 * blood.sum(axis=0) / blood.sum(), msc.shape)  # the same 300 counts in every droplet
    case = write_case(
        tmp_path,
        np.vstack([msc + soup, blood]),
        [*genes, *own],
        samples=["msc"] * 900 + ["blood"] * 200,
        obs={"batch": "lane1"},
    )
    row = run_gate(*case).table.query("lot_id == 'msc'").set_index("criterion")
    assert float(row.loc["CD45", "gene_rate_cpm"]) > 8  # of a threshold of 20, and twice that in small cells
    assert row.loc["CD45", "verdict"] == "meets"
    assert row.loc["CD45", "low"] == 0
    assert 0 < row.loc["CD45", "max_hidden_fraction"] <= 0.2
    assert row.loc["CD45", "high"] >= row.loc["CD45", "max_hidden_fraction"]


def test_mouse_gets_identity_and_no_verdict(tmp_path):
    X, genes, kinds = toy_cells({"MSC": 300, "T": 40})
    names = {"PTPRC": "Ptprc", "CD3D": "Cd3d", "CD3E": "Cd3e", "TRAC": "Trac", "COL1A1": "Col1a1", "COL1A2": "Col1a2"}
    genes = [names.get(g, g.capitalize() if g in PANEL else g) for g in genes]
    result = run_gate(*write_case(tmp_path, X, genes), organism="mouse")
    assert result.uns["panel"] == "mouse_stroma"
    assert set(result.table["verdict"]) == {"not_assessable"}
    assert set(result.table["reason"]) <= {"SPECIES_NOT_COVERED", "GENE_NOT_IN_REFERENCE"}
    assert (result.obs["isct_identity"][kinds == "T"] == "T cell").mean() > 0.9
    assert not (result.obs["isct_call"] == "pass").any()


def test_other_organism_is_not_judged(tmp_path):
    X, genes, _ = toy_cells({"MSC": 200})
    result = run_gate(*write_case(tmp_path, X, genes), organism="other")
    assert set(result.table["verdict"]) == {"not_assessable"}
    assert set(result.table["reason"]) == {"SPECIES_NOT_COVERED"}
    assert set(result.obs["isct_call"]) == {"indeterminate"}


def test_hidden_negative_subset_of_a_high_rate_marker_is_never_a_confident_meets(tmp_path):
    X, genes, _ = toy_cells({"MSC": 800}, depth=15_000)
    X = X.copy()
    X[:160, genes.index("THY1")] = 0
    result = run_gate(*write_case(tmp_path, X[np.random.default_rng(0).permutation(800)], genes))
    assert (result.hidden.query("gene == 'THY1'")["finding"] == "hidden_mixture").any()
    assert result.table.set_index("criterion").loc["CD90", "verdict"] != "meets"


@pytest.mark.parametrize("depth", [6000, 20_000])
def test_hidden_negative_subset_of_a_low_rate_marker_is_not_met_either(tmp_path, depth):
    X, genes, _ = toy_cells({"MSC": 1500}, depth=depth)
    X = X.copy()
    X[:300, genes.index("NT5E")] = 0
    case = write_case(tmp_path, X[np.random.default_rng(0).permutation(1500)], genes)
    row = run_gate(*case).table.set_index("criterion").loc["CD73"]
    assert row["max_hidden_fraction"] >= 0.2
    assert row["verdict"] != "meets"
    assert row["reason"] in {"HOMOGENEITY_ASSUMED", "AMBIGUOUS", "HIDDEN_MIXTURE", "MISSING_CD73"}


def test_homogeneous_neighbours_can_be_assumed(tmp_path):
    X, genes, _ = toy_cells({"MSC": 500}, depth=6000)
    case = write_case(tmp_path, X, genes)
    row = run_gate(*case).table.set_index("criterion").loc["CD73"]
    assert row["max_hidden_fraction"] > 0.2
    assert row[["verdict", "reason"]].tolist() == ["inconclusive", "HOMOGENEITY_ASSUMED"]
    row = run_gate(*case, max_hidden=1).table.set_index("criterion").loc["CD73"]
    assert row[["verdict", "reason"]].tolist() == ["meets", "HOMOGENEITY_ASSUMED"]


def test_doublets_of_the_caller_are_remarked(tmp_path):
    X, genes, _ = toy_cells({"MSC": 300})
    flag = np.arange(300) < 20
    result = run_gate(*write_case(tmp_path, X, genes, obs={"predicted_doublet": flag}))
    assert (result.obs["isct_reason"][flag] == "DOUBLET_SUSPECT").mean() > 0.9
    assert not (result.obs["isct_reason"][~flag] == "DOUBLET_SUSPECT").any()


def test_user_panel_and_calibration_change_the_thresholds(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "panels:\n  mine:\n    {title: Mine, organism: human, verdict: true, "
        "positive: {THY1: {protein: CD90, cpm: 30}}, negative: {CD45: {PTPRC: 25}}}\n"
    )
    X, genes, kinds = toy_cells({"MSC": 300, "T": 300})
    samples = np.where(kinds == "T", "blood", "msc")
    case = write_case(tmp_path, X, genes, samples=samples)
    result = run_gate(*case, panel="mine", panel_files=[str(path)])
    assert result.uns["thresholds_cpm"] == {"THY1": 30, "PTPRC": 25}
    assert len(result.table) == 8
    result = run_gate(*case, calibrate_from={"positive": ["msc"], "negative": ["blood"]})
    assert result.uns["thresholds_from"] == "control samples"
    assert 1 < result.uns["thresholds_cpm"]["PTPRC"] < 100
    with pytest.raises(UserError, match="known panels are"):
        run_gate(*case, panel="nothing")


def test_other_cells_in_the_embedding_are_refused(tmp_path):
    from mscape.data import counts

    X, genes, _ = toy_cells({"MSC": 60})
    given, made = write_case(tmp_path, X, genes)
    light = counts.read_light(given.embedding)
    counts.write(light[:50].copy(), given.embedding)
    with pytest.raises(UserError, match="holds other cells"):
        run_gate(given, made)
