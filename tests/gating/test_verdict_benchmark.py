"""The verdict benchmark's generator and truth, on made-up profiles whose answers are known."""

import sys

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp


@pytest.fixture(scope="module")
def bench(root):
    """Modules of the benchmark; its folder is on the path only here, and its plain names are forgotten after."""
    from types import SimpleNamespace

    names = ("sources", "generate", "families", "evaluate", "report")
    before = {name: sys.modules.pop(name, None) for name in names}
    sys.path.insert(0, str(root / "benchmarks" / "verdict"))
    import evaluate
    import families
    import generate
    import report
    import sources

    yield SimpleNamespace(
        evaluate=evaluate, families=families, generate=generate, report=report, Sources=sources.Sources
    )
    sys.path.remove(str(root / "benchmarks" / "verdict"))
    for name in names:
        sys.modules.pop(name, None)
        if before[name] is not None:
            sys.modules[name] = before[name]


@pytest.fixture(scope="module")
def sources(bench):
    """Two profiles on 900 genes; real blood cells of 400 counts each, half of them PTPRC."""
    genes = [*bench.generate.MARKERS, *(f"G{i}" for i in range(890))]
    msc, blood = np.zeros(900), np.zeros(900)
    msc[10:], blood[10:] = 1e6 / 890, 1e6 / 890
    rates = {"NT5E": 100, "THY1": 300, "ENG": 80}
    for gene, rate in rates.items():
        msc[genes.index(gene)] = rate
    kept = np.array([g in bench.generate.MARKERS for g in genes])
    real = np.zeros((20, 900))
    real[:, genes.index("PTPRC")], real[:, 10:60] = 200, 4
    return bench.Sources(genes, {"msc": msc, "blood": blood}, kept, {}, {"real": sp.csr_matrix(real)})


def lane(bench, sources, libraries, seed=1):
    return bench.generate.draw_lane(sources, libraries, seed=seed)


def test_overlaid_rates_are_kept_and_the_sum_stays_a_million(bench, sources):
    profile = sources.lay_over(sources.profiles["msc"], {"NT5E": 2.0, "G0": 5000.0, "not a gene": 3.0})
    assert profile[sources.at("NT5E")] == 2.0
    assert profile[sources.at("G0")] == 5000.0
    assert profile[sources.at("THY1")] == 300.0
    assert profile.sum() == pytest.approx(1e6)


def test_drawn_cells_have_the_rates_of_their_profile(bench, sources):
    g = bench.generate
    library = g.Library("lot", [g.Part("MSC", 400, sources.profiles["msc"])], ambient=0.0, doublets=0.0, depth=10_000)
    made = lane(bench, sources, [library])
    rate = made.X[:, sources.at("THY1")].sum() / made.X.sum() * 1e6
    assert rate == pytest.approx(300, rel=0.5)  # the library's efficiency moves it by 15 %, noise of 400 cells more
    assert np.median(np.asarray(made.X.sum(axis=1))) == pytest.approx(10_000, rel=0.15)
    assert made.truth["rate_phenotype"].all()
    assert made.truth["biology_phenotype"].all()


def test_swapped_soup_brings_the_other_lots_genes(bench, sources):
    g = bench.generate
    other = sources.lay_over(sources.profiles["blood"], {"PTPRC": 5000.0})
    libraries = [
        g.Library("lot", [g.Part("MSC", 200, sources.profiles["msc"])], swap={"blood": 0.2}, ambient=0.0, doublets=0.0),
        g.Library("blood", [g.Part("T", 100, other, msc=False)], doublets=0.0),
    ]
    made = lane(bench, sources, libraries)
    mine = (made.truth["library"] == "lot").to_numpy()
    seen = made.X[mine][:, sources.at("PTPRC")].mean()
    assert seen == pytest.approx(10_000 * 0.2 * 0.005, rel=0.35)  # a fifth of the depth at 0.5 % of the soup
    assert not made.truth.loc[mine, "rate_CD45"].any()


def test_truth_of_a_mixed_lot_is_its_share_and_doublets_leave_a_range(bench, sources):
    g = bench.generate
    parts = [g.Part("MSC", 90, sources.profiles["msc"]), g.Part("real", 10, None, sources.cells["real"], msc=False)]
    truth = lane(bench, sources, [g.Library("lot", parts, doublets=0.0)]).truth
    shares = bench.evaluate.truth_shares(truth, "rate")
    assert shares["CD45"] == (0.1, 0.1)
    assert shares["phenotype"] == (0.9, 0.9)
    truth = lane(bench, sources, [g.Library("lot", parts, doublets=0.2)]).truth
    low, high = bench.evaluate.truth_shares(truth, "rate")["CD45"]
    unlike = (truth["partner"] != "") & ((truth["kind"] == "real") != (truth["partner"] == "real"))
    assert unlike.sum() > 0
    assert high - low == pytest.approx(unlike.sum() / 100)


def test_a_subset_lacks_its_marker_and_nothing_else(bench, sources):
    parts = [bench.generate.Part("MSC c1", 50, sources.profiles["msc"])]
    whole, lacking = bench.families.split(parts, {"*": 0.2}, {"THY1": 0.5}, sources, "lacking")
    assert (whole.n, lacking.n) == (40, 10)
    differs = np.flatnonzero(~np.isclose(whole.profile, lacking.profile, rtol=0.01))
    assert [sources.genes[i] for i in differs] == ["THY1"]
    assert not {"THY1"} & {x for x in sources.genes if lacking.profile[sources.at(x)] >= 20}


def test_empty_droplets_hold_soup_and_are_no_cells(bench, sources):
    g = bench.generate
    library = g.Library("lot", [g.Part("MSC", 50, sources.profiles["msc"])], empty=(100, 0.05), doublets=0.0)
    made = lane(bench, sources, [library])
    empty = made.truth["empty"].to_numpy(bool)
    assert empty.sum() == 100
    assert np.median(np.asarray(made.X[empty].sum(axis=1))) == pytest.approx(500, rel=0.1)
    assert bench.evaluate.truth_shares(made.truth, "rate")["CD73"] == (1.0, 1.0)


@pytest.mark.parametrize(
    ("verdict", "hidden", "bound", "covered", "wrong"),
    [
        ("FAIL", False, 0.1, True, []),
        ("PASS", False, 0.9, True, ["wrong-PASS"]),
        ("PASS", True, 0.1, True, ["wrong-PASS"]),  # 20 % lack a marker, said is 10 %
        ("PASS", True, 0.25, True, []),
        ("PASS", True, 0.25, False, ["wrong-PASS"]),
        ("PASS", True, None, True, ["wrong-PASS"]),
    ],
)
def test_pass_of_a_bad_lot_is_right_only_within_its_stated_resolution(bench, verdict, hidden, bound, covered, wrong):
    family = bench.families.Family("x", bench.families.BAD, "", None, 1, hidden=hidden)
    row = {"criterion": "phenotype", "max_hidden_fraction": bound, "covered": covered}
    record = {"verdict": verdict, "intervals": [row], "reason": ""}
    assert bench.evaluate.judge(family, record, {"phenotype": (0.8, 0.8)})[0] == wrong


def test_the_benchmark_has_enough_lots_of_each_side(bench):
    lots = pd.DataFrame([(f.side, f.lots) for f in bench.families.FAMILIES]).groupby(0)[1].sum()
    assert lots["good"] >= 150
    assert lots["bad"] >= 120
    assert len({f.name for f in bench.families.FAMILIES}) == len(bench.families.FAMILIES)
