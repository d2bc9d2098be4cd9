"""Every reason of the gate, from counts to the reason of a cell or of a lot."""

import numpy as np
import pandas as pd
import pytest
from gate_cases import run_gate, toy_cells, write_case

from mscape.gating.reasons import Reason

INTERFERON = {"CXCL9": 500, "CXCL10": 800, "IDO1": 600, "GBP5": 300}


def with_rates(X, genes, rates, *, seed=0):
    """Give cells more genes, or more of their own, at CPM beside what they have."""
    own = np.random.default_rng(seed).poisson(X.sum(axis=1, keepdims=True) * np.array(list(rates.values())) * 1e-6)
    return pd.DataFrame(np.hstack([X, own]), columns=[*genes, *rates]).T.groupby(level=0).sum().T


def without(table, gene, rows):
    table.loc[table.index[rows], gene] = 0
    return table


@pytest.fixture(scope="module")
def lots(tmp_path_factory):
    """One study of lots, each made for some reasons."""
    tables, names, kinds = [], [], []

    def add(name, table, kind="MSC"):
        tables.append(table.reset_index(drop=True))
        names.extend([name] * len(table))
        kinds.extend([kind] * len(table) if isinstance(kind, str) else kind)

    def msc(n=300, *, depth=8000, seed=0):
        X, genes, _ = toy_cells({"MSC": n}, depth=depth, seed=seed)
        return X, genes

    X, genes, kind = toy_cells({"MSC": 400, "T": 40, "iPS": 40, "neural": 40}, seed=1)
    add("mixed", pd.DataFrame(X, columns=genes), list(kind))
    add("licensed", with_rates(*msc(seed=2), {"HLA-DRA": 400} | INTERFERON))
    add("marrow", with_rates(*msc(seed=3), {"HLA-DRA": 400}))
    add("marrow at the threshold", with_rates(*msc(seed=4), {"HLA-DRA": 104}))
    add("shallow", pd.DataFrame(*msc(depth=500, seed=5)[:1], columns=genes))
    X, _ = msc(seed=6)
    X[:, genes.index("THY1")] = np.random.default_rng(6).poisson(X.sum(axis=1) * 21e-6)
    add("near", pd.DataFrame(X, columns=genes))
    add("deep", pd.DataFrame(msc(800, depth=20_000, seed=7)[0], columns=genes))
    X, _ = msc(600, depth=15_000, seed=8)
    add("subset", without(pd.DataFrame(X, columns=genes), "THY1", slice(120)))
    X, _ = msc(seed=9)
    X[:, genes.index("NT5E")] = 0
    add("no CD73", pd.DataFrame(X, columns=genes))
    add("no CD73, 5' kit", pd.DataFrame(X, columns=genes))
    bare = msc(40, seed=10)[0]  # the ISCT markers without a stroma's matrix, in a state of their own
    bare[:, [i for i, g in enumerate(genes) if g in ("COL1A1", "COL1A2", "SPARC", "LUM")]] = 0
    bare[:, -80:] *= 6
    add("bare", pd.DataFrame(np.vstack([bare, msc(300, seed=11)[0]]), columns=genes))
    X, _, _ = toy_cells({"T": 60, "endothelial": 60}, seed=12)
    add("two lineages", pd.DataFrame(np.vstack([X[:40] + X[60:100], msc(300, seed=13)[0]]), columns=genes))
    X, _, kind = toy_cells({"MSC": 300, "T": 100}, depth=8000, seed=14)
    X[kind == "MSC", genes.index("PTPRC")] = np.random.default_rng(14).poisson(X[kind == "MSC"].sum(axis=1) * 26e-6)
    add("soup", pd.DataFrame(X, columns=genes))
    add("few", pd.DataFrame(msc(10, seed=15)[0], columns=genes))
    table = pd.concat(tables, ignore_index=True).fillna(0).astype(int)
    result = run_gate(
        *write_case(
            tmp_path_factory.mktemp("lots"),
            table.to_numpy(),
            list(table.columns),
            samples=names,
            ambient={"soup": 0.3},
            obs={
                "predicted_doublet": np.array(names) == "deep",
                "assay": np.where(np.array(names) == "no CD73, 5' kit", "10x 5' v2", "10x 3' v3"),
            },
        )
    )
    result.obs["kind"] = kinds
    return result


def test_induced_hla_dr_is_informative_and_never_fails_a_lot(lots):
    row = lots.table.set_index(["lot_id", "criterion"])
    for lot, reason in (("licensed", "HLADR_INDUCED"), ("marrow", "LINEAGE_UNSUPPORTED")):
        cells = lots.obs[lots.obs.index.str.startswith(f"{lot}_c")]
        assert (cells["isct_reason"] == reason).mean() > 0.9
        assert not (cells["isct_call"] == "fail").any()
        assert row.loc[(lot, "HLA-DR"), "low"] > 0.9
        assert row.loc[(lot, "HLA-DR"), ["verdict", "reason"]].tolist() == ["inconclusive", reason]
        assert row.loc[(lot, "phenotype"), "verdict"] == "inconclusive"
    for criterion in ("HLA-DR", "phenotype"):
        assert row.loc[("marrow at the threshold", criterion), "verdict"] != "fails"


def test_a_marker_that_a_protocol_may_catch_less_fails_no_lot(lots):
    row = lots.table.set_index(["lot_id", "criterion"])
    for lot, verdict, reason in (
        ("no CD73", "fails", "MISSING_CD73"),
        ("no CD73, 5' kit", "inconclusive", "CHEMISTRY_UNCALIBRATED"),
    ):
        for criterion in ("CD73", "phenotype"):
            assert row.loc[(lot, criterion), ["verdict", "reason"]].tolist() == [verdict, reason]


def test_cells_that_no_panel_explains_are_a_criterion_of_the_lot(lots):
    row = lots.table.query("criterion == 'unexplained'").set_index("lot_id")
    assert row.loc["bare", ["verdict", "reason"]].tolist() == ["fails", "UNEXPLAINED"]
    assert row.loc["bare", "low"] < 40 / 340 < row.loc["bare", "high"]
    for pure in ("deep", "licensed", "marrow", "subset"):
        assert row.loc[pure, "verdict"] == "meets"
        assert row.loc[pure, "estimate"] == 0
    assert row.loc["few", ["verdict", "reason"]].tolist() == ["not_assessable", "TOO_FEW_CELLS"]


def test_every_reason_is_reached(lots, tmp_path):
    found = {*lots.obs["isct_reason"].astype(str), *lots.table["reason"]}
    X, genes, _ = toy_cells({"MSC": 200})
    allowed = with_rates(X, genes, {"CD34": 300})
    (tmp_path / "svf").mkdir()
    svf = run_gate(*write_case(tmp_path / "svf", allowed.to_numpy(), list(allowed)), panel="adipose_svf")
    found |= {*svf.obs["isct_reason"].astype(str), *svf.table["reason"]}
    (tmp_path / "other").mkdir()
    keep = [i for i, g in enumerate(genes) if g != "ENG"]
    part = write_case(tmp_path / "other", X[:, keep], [genes[i] for i in keep])
    found |= set(run_gate(*part).table["reason"]) | set(run_gate(*part, organism="other").table["reason"])
    reached = {reason for reason in Reason if any(f == reason or f.startswith(f"{reason}_") for f in found)}
    assert reached == set(Reason)
