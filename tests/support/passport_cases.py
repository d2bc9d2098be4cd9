"""Draw what the steps could have found of lots: tables that hang together, on both sides of every limit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import stage_tables
from passport_sentences import SIGNATURES, Tables, wilson
from toy_study import default_settings

from mscape.gating.certificate import try_sizes
from mscape.gating.intervals import verdict_of
from mscape.gating.lots import CriterionFacts, _verdict
from mscape.gating.options import GateOptions
from mscape.gating.panels import Panel
from mscape.passports.rules import PANEL_LIMITS

CRITERIA = {"CD73": "positive", "CD105": "positive", "CD45": "negative", "CD14|CD11b": "negative", "HLA-DR": "negative"}
GENES = {"CD73": ["NT5E"], "CD105": ["ENG"], "CD45": ["PTPRC"], "CD14|CD11b": ["CD14", "ITGAM"], "HLA-DR": ["HLA-DRA"]}
REASONS = {
    "pass": [""],
    "fail": ["NEG_CD45", "MISSING_CD73", "LINEAGE_T cell"],
    "indeterminate": ["LOW_EXPOSURE", "POOL_MIXED", "AMBIGUOUS"],
}
GOOD = 0.3  # of the lots of other studies
NEAR = (*[0.0] * 6, 0.0199, 0.02, 0.0203, 0.02034, 0.05, 0.3)  # rounding could hide the side of the limit


def draw_study(seed: int, lots: int = 3) -> Tables:
    """Draw the tables and cells of a small study; in every third one nothing is near a limit."""
    rng, quiet = np.random.default_rng(seed), seed % 3 == 0
    names = [f"L{i}" for i in range(lots)]
    sizes = [400] if quiet else [0, 12, 60, 60, 150, 150, 400]
    cells = pd.concat([draw_cells(rng, name, int(rng.choice(sizes)), quiet=quiet) for name in names])
    parts = {"gate": [], "contaminants": [], "composition": [], "hidden_mixture": [], "accounting": []}
    for name in names:
        own = cells[cells["lot_id"] == name]
        parts["accounting"].append(
            {
                "sample_id": f"{name}_s",
                "lot_id": name,
                "loaded": len(own) + int(rng.integers(0, 50 if quiet else 2 * len(own) + 2)),
            }
        )
        if len(own):
            parts["gate"] += draw_gate(rng, name, own)
            parts["contaminants"] += draw_contaminants(rng, name, own)
        kept = int(rng.integers(0, len(own) + 1))
        split = rng.multinomial(kept, [0.7, 0.2, 0.1])
        parts["composition"] += [{"lot_id": name, "cluster": str(i), "n_cells": int(n)} for i, n in enumerate(split)]
        parts["hidden_mixture"] += [
            {
                "lot_id": name,
                "cluster": "0",
                "gene": gene,
                "hidden_fraction": rng.uniform(),
                "finding": "none" if quiet else rng.choice(["none", "none", "hidden_mixture", "not_assessable"]),
            }
            for gene in ("THY1", "ENG")[: rng.integers(0, 3)]
        ]
    columns = {
        "gate": ["lot_id", "criterion", "kind"],
        "contaminants": ["lot_id", "identity", "n_cells", "call", "fraction", "low", "high"],
    }
    columns |= {"composition": ["lot_id", "cluster", "n_cells"], "accounting": ["lot_id", "sample_id", "loaded"]}
    columns["hidden_mixture"] = ["lot_id", "cluster", "gene", "hidden_fraction", "finding"]
    tables = {name: pd.DataFrame(rows, columns=None if rows else columns[name]) for name, rows in parts.items()}
    tables["stability"] = pd.DataFrame(
        {"cluster": ["0", "1", "2"], "stable": rng.uniform(size=3) < (1 if quiet else 0.7)}
    ).head(int(rng.choice([1, 3])))
    tables |= draw_scores(rng, names)
    tables["flow_agreement"] = draw_flow(rng, tables["gate"])
    tables["certificate"] = draw_certificate(np.random.default_rng([seed, 1]), tables["gate"])
    tables["priming"] = draw_priming(np.random.default_rng(seed), list(dict.fromkeys(tables["accounting"]["lot_id"])))
    if seed % 3 == 0:  # as a sheet with a column priming
        cells["priming"] = "IFNG"
    if seed % 2:  # a sheet without flow cytometry has none of its columns
        cells["flow_CD73"] = "98"
    samples = list(tables["accounting"]["sample_id"])
    size = cells.groupby("lot_id").size()
    scored = {s: int(size.get(s[:-2], 0)) if quiet or rng.uniform() < 0.7 else 0 for s in samples}
    return Tables(
        tables=tables,
        cells=cells,
        scored=scored,
        doublets={
            s: int(rng.binomial(n, 0.02 if quiet else rng.choice([0, 0.05, 0.1, 0.3]))) for s, n in scored.items()
        },
        ambient={s: float(rng.choice([np.nan, 0.03, 0.1, 0.10004, 0.4][: 3 if quiet else 5])) for s in samples},
        settings=default_settings("passport"),
        limits=PANEL_LIMITS,
        culture=str(rng.choice(["expanded", "fresh", "unknown"])),
        detectable={sample: [0.0004, 0.21, 0.85][(seed + i) % 3] for i, sample in enumerate(samples) if i != seed % 4},
        sexes={sample: draw_sex(rng, quiet=quiet) for sample in samples if quiet or rng.uniform() < 0.9},
    )


def draw_certificate(rng: np.random.Generator, gate: pd.DataFrame) -> pd.DataFrame:
    """Draw how many smaller copies of the settled lots have their verdict."""
    rows = []
    for row in gate[(gate["kind"] == "overall") & gate["verdict"].isin(["meets", "fails"])].itertuples():
        if rng.uniform() < 0.1:
            continue

        def judge(sizes: list, step: int, verdict: str = row.verdict) -> list[str]:
            others = ["inconclusive", "not_assessable", verdict, verdict, verdict]
            return [verdict if rng.uniform() < 0.7 else str(rng.choice(others)) for _ in sizes]

        found = try_sizes(judge, row.verdict, int(rng.choice([30, 400, 1000])), 8123.5, drawn=bool(rng.uniform() < 0.3))
        rows += [{"lot_id": row.lot_id, "verdict": row.verdict} | one for one in found]
    return stage_tables.fill("certificate", rows)


def draw_priming(rng: np.random.Generator, names: list[str]) -> pd.DataFrame:
    """Draw what the sums of lots say of a stated priming; some lots have no row."""
    rows = []
    for lot in names:
        answer = str(rng.choice(["yes", "partly", "no", "undecided", "control", ""]))
        row = {"lot_id": lot, "stated": "none" if answer == "control" else "IFNG", "answer": answer, "controls": 2}
        row |= {"relative_to": str(rng.choice(["donor", "study"])), "expected": 14, "measurable": 12, "moved": 5}
        effect = float(rng.normal(1, 2))
        row |= {"genes": "", "effect": effect, "low": effect - 1, "high": effect + 1, "pvalue": 0.1, "reason": "Why."}
        rows += [row] if answer else []
    return stage_tables.fill("priming", rows)


def draw_sex(rng: np.random.Generator, *, quiet: bool) -> dict:
    """Draw what a sample says of a second donor; in quiet studies all cells are female."""
    sex = "female" if quiet else str(rng.choice(["female", "male"]))
    if quiet or rng.uniform() < 0.6:
        return {"finding": "not_found", "sex": sex, "bound": float(rng.choice([0.004, 0.03])), "reason": ""}
    if rng.uniform() < 0.5:
        return {"finding": "cannot_say", "sex": "unclear", "bound": 0.3, "reason": "the feature table lacks XIST"}
    return {"finding": "found", "sex": sex, "share": 0.2, "low": 0.17, "high": 0.234, "reason": ""}


def draw_cells(rng: np.random.Generator, lot: str, n: int, *, quiet: bool) -> pd.DataFrame:
    """Draw cells with depth, calls and phases."""
    good = quiet or rng.uniform() < GOOD
    share = [0.99, 0.001, 0.009] if good else rng.dirichlet([8, 1, 1]) if rng.uniform() < 0.8 else [0, 0.9, 0.1]
    call = rng.choice(["pass", "fail", "indeterminate"], size=n, p=share)
    phases = ["G1", "S", "G2M"] if rng.uniform() < 0.9 else [None]
    return pd.DataFrame(
        {
            "lot_id": lot,
            "sample_id": f"{lot}_s",
            "isct_call": call,
            "isct_reason": np.select(
                [call == c for c in REASONS], [rng.choice(codes, n) for codes in REASONS.values()], default=""
            ),
            "total_counts": np.round(rng.lognormal(np.log(9000 if quiet else rng.choice([700, 4999.7, 9000])), 0.3, n)),
            "pct_counts_mt": np.full(n, np.nan)
            if rng.uniform() < 0.1
            else rng.normal(6 if quiet else rng.choice([6, 19.98, 20.02]), 0.3, n),
            "phase": rng.choice(phases, size=n),
            "condition": rng.choice(["control", "IFN-gamma"]),
            "donor_id": rng.choice(["D1", "unknown"]),
            "sex": rng.choice(["unknown", "unknown", "female"]),
            "tissue": rng.choice(["umbilical cord", "Bone marrow", "heart", "unknown"]),
        },
        index=[f"{lot}_{i}" for i in range(n)],
    )


def draw_gate(rng: np.random.Generator, lot: str, cells: pd.DataFrame) -> list[dict]:
    """Draw criteria and judge them as the gate does; the phenotype follows from them."""
    n, options = len(cells), GateOptions()
    good = (cells["isct_call"] == "pass").mean() > 0.97
    panel = Panel.__new__(Panel)
    object.__setattr__(panel, "verdict", True)
    object.__setattr__(panel, "allowed", ())
    common = {
        "lot_id": lot,
        "n_cells": n,
        "median_counts": 8000.0,
        "n_cells_needed": np.nan,
        "median_counts_needed": np.nan,
    }
    rows = []
    for name, kind in CRITERIA.items():
        edge = PANEL_LIMITS["min_positive" if kind == "positive" else "max_negative"]
        off = 0.0 if good else float(rng.choice(NEAR))
        ends = sorted([off, min(1.0, off + float(rng.choice([0.0, 0.0005, 0.01, 0.2][: 3 if good else 4])))])
        low, high = ends if kind == "negative" else (1 - ends[1], 1 - ends[0])
        hidden = float(rng.choice([0, 0.01, 0.1, 0.4], p=[0.4, 0.2, 0.4, 0] if good else [0.4, 0.2, 0.3, 0.1]))
        facts = CriterionFacts(
            limit=edge,
            low=low,
            high=high,
            wrong=float(rng.uniform(0, 0.3)),
            deep_fraction=1.0 if good else float(rng.choice([1, 0.1], p=[0.85, 0.15])),
            found=not good and rng.uniform() < 0.05,
            max_hidden=options.max_hidden,
            hidden_upper=hidden,
            hidden_lower=0.0,
        )
        row = common | {
            "criterion": name,
            "kind": kind,
            "decided_by": "",
            "estimate": (low + high) / 2,
            "max_hidden_fraction": hidden,
            "genes": ";".join(GENES[name]),
            "gene_rate_cpm": ";".join(f"{rng.choice([0, 0.04, 0.3, 12, 40, 617]):.4g}" for _ in GENES[name]),
        }
        row |= {"n_judged": n if rng.uniform() < 0.8 else max(1, n // 2), "resolved_fraction": 1.0}
        row |= (
            {"low": low * (1 - hidden), "high": high}
            if kind == "positive"
            else {"low": low, "high": high + (1 - high) * hidden}
        )
        row |= _verdict(row, panel, facts, options)
        if name == "HLA-DR" and row["verdict"] == "fails":
            row |= {"verdict": "inconclusive", "reason": "HLADR_INDUCED"}
        rows.append(row)
    return [*rows, _phenotype(rng, common, cells, rows)]


def draw_flow(rng: np.random.Generator, gate: pd.DataFrame) -> pd.DataFrame:
    """Draw flow cytometry of some lots, and what became of the thresholds."""
    rows = []
    for row in gate.to_dict("records"):
        if row["criterion"] not in {"CD73", "CD105", "CD45"} or row["lot_id"] == "L2" or np.isnan(row["estimate"]):
            continue
        basis, reason = ("panel", "5 lots") if row["criterion"] == "CD45" else ("flow cytometry of 7 lots", "")
        given = {"flow": float(rng.choice([0, 0.004, 0.97, 1])), "basis": basis, "reason": reason}
        used = not reason and row["lot_id"] == "L0"
        rows.append({k: row[k] for k in ("lot_id", "criterion", "estimate", "low", "high")} | given | {"used": used})
    return stage_tables.fill("flow_agreement", rows)


def _phenotype(rng, common: dict, cells: pd.DataFrame, rows: list[dict]) -> dict:
    call = cells["isct_call"]
    n, judged = len(cells), int((call != "indeterminate").sum())
    hidden = float(max(r["max_hidden_fraction"] for r in rows))
    row = common | {
        "criterion": "phenotype",
        "kind": "overall",
        "decided_by": "phenotype",
        "max_hidden_fraction": hidden,
    }
    row |= {"n_judged": judged, "resolved_fraction": judged / n, "estimate": np.nan, "low": 0.0, "high": 1.0}
    low, high = 0.0, 1.0
    if judged:
        passed, open_ = int((call == "pass").sum()), n - judged
        low, high = wilson(passed, n)[0], wilson(passed + open_, n)[1]
        row |= {
            "estimate": passed / judged,
            "low": min(low * (1 - hidden), passed / judged),
            "high": max(high, passed / judged),
        }
    for verdict in ("fails", "not_assessable", "inconclusive"):
        same = [r for r in rows if r["verdict"] == verdict]
        if same:
            return row | {"verdict": verdict, "reason": same[0]["reason"], "decided_by": same[0]["criterion"]}
    verdict = verdict_of("positive", low, high, PANEL_LIMITS["min_positive"])
    return row | {"verdict": verdict, "reason": {"meets": "", "fails": "NEG_CD45"}.get(verdict, "AMBIGUOUS")}


def draw_contaminants(rng: np.random.Generator, lot: str, cells: pd.DataFrame) -> list[dict]:
    """Draw the other cells: never more than those that fail."""
    left, rows = int((cells["isct_call"] == "fail").sum()), []
    for identity, call in (
        ("T cell", "fail"),
        ("endothelial", "fail"),
        ("unexplained", "unexplained"),
        ("stromal", "fail"),
    ):
        k = int(rng.integers(0, left + 1)) if rng.uniform() < 0.6 else 0
        left -= k
        if k:
            rows.append({"lot_id": lot, "identity": identity, "n_cells": k, "fraction": k / len(cells), "call": call})
    return rows


def draw_scores(rng: np.random.Generator, lots: list[str]) -> dict[str, pd.DataFrame]:
    """Draw z on both sides of the thresholds, 2.96 and 3.0004 among them."""
    rows = []
    for lot in lots:
        for name in SIGNATURES.values():
            z = float(rng.choice([rng.normal(0, 4), 2.96, 3.0004, -2.98, -3.01, 3.97, 4.02]))
            rows.append(
                {
                    "lot_id": lot,
                    "signature": name,
                    "n_cells": 90,
                    "z": z,
                    "z_low": z - 1,
                    "z_high": z + 1,
                    "cells": str(rng.choice(["MSC", "MSC", "not failing"])),
                }
            )
    scores = pd.DataFrame(rows)
    scores["cells"] = scores.groupby("lot_id")["cells"].transform("first")
    ids = list(SIGNATURES.values())
    return {
        "signature_scores": scores,
        "signatures": pd.DataFrame({"id": ids, "axis": "x", "direction": "up", "reason": ""}),
    }
