"""Make small stage files of a simulated study, in the contract's form, for tests of the report.

The numbers are drawn from simple distributions; they only need to look like a study of cultured MSC.
"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import report_fixture_cells as cells_of
import stage_tables
import yaml
from report_fixture_cells import IDENTITIES, NEGATIVE, POSITIVE, SIGNATURES

if TYPE_CHECKING:
    from pathlib import Path

LIGHT = ("counts", "embedding", "embedding_msc", "map", "map_msc", "gate", "clusters", "scores")
TABLES = {
    "gate": "lot_id criterion kind estimate low high verdict n_cells detected_fraction reason",
    "hidden_mixture": "lot_id cluster gene n_cells mean_count hidden_fraction lr pvalue finding reason",
    "flow_agreement": "lot_id donor_id criterion flow estimate low high difference threshold_cpm basis used reason",
    "certificate": "lot_id verdict n_cells median_counts repeats kept held inconclusive",
    "contaminants": "lot_id identity n_cells fraction low high call",
    "stability": "cluster n_cells jaccard stable n_lots largest_lot_fraction reason",
    "resolutions": "resolution n_clusters ari_mean ari_low ari_high chosen",
    "signatures": "id axis name n_genes n_found coverage used reason direction source evidence licence",
    "signature_scores": "lot_id signature n_cells mean median z z_low z_high low high pvalue z_cells z_cells_low "
    "z_cells_high z_cells_adjusted cells",
    "confounders": "signature confounder rho rho_low rho_high rho_partial slope n_cells r2",
    "markers": "cluster gene rank statistic log2_fold_change pvalue pvalue_adj fraction_in fraction_out surface",
    "enrichment": "scope cluster method term nes pvalue fdr genes n_leading n_genes n_list",
    "enrichment_genes": "scope cluster term gene rank statistic running leading",
    "cluster_scores": "cluster signature n_lots n_cells z low high pvalue",
    "cluster_states": "cluster n_lots n_cells senescence senescence_scorers immune_profile lineage_bias",
    "lot_enrichment": "lot_id cluster n_cells term ssgsea gsva n_genes n_rows",
    "contrasts": "contrast kind feature estimate low high n_reference n_other pvalue pvalue_adj note statistic unit",
    "composition": "lot_id cluster n_cells fraction low high",
    "accounting": "sample_id lot_id loaded low_counts low_genes high_mt pass",
}
NAMES = ["BM-D1-P3", "BM-D2-P3", "BM-D3-P9 late", "AT-D4-P3", "AT-D5-P3 IFNγ+TNFα", "AT-D6-P3 impure"]


def make(
    folder: Path,
    *,
    lots: int = 6,
    cells: int = 1800,
    clusters: int = 5,
    msc: bool = True,
    names: list[str] | None = None,
    dataset: str = "demo",
    simulated: bool = True,
    seed: int = 0,
) -> SimpleNamespace:
    """Write the stage files under ``folder``; return the ``input`` that ``render_report.main`` takes.

    Paths of single tables are ``folder / "<table>.tsv"``. ``names`` are lot names, used in turn;
    ``msc=False`` makes every cell fail.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    sheet = make_sheet(lots, names or NAMES)
    obs = cells_of.draw_cells(rng, sheet, cells, clusters, msc=msc)
    paths = {name: folder / f"{name}.h5ad" for name in LIGHT}
    files = {name: folder / stage_tables.TABLES[name].file for name in TABLES}
    cells_of.write_cells(rng, paths, obs, clusters)
    tables = lot_tables(rng, obs, sheet, clusters) | dataset_tables(rng, obs, clusters)
    for name, rows in tables.items():
        stage_tables.write(name, files[name], rows, TABLES[name])
    qc = cells_of.write_qc(rng, folder, obs, tables["accounting"])
    documents = {
        "passports.json": passports(sheet, obs, dataset, simulated=simulated),
        "run.json": {
            "run_id": "3f9c2a71b0de",
            "seed": 0,
            "versions": {"python": "3.12.1", "scanpy": "1.12.4"},
            "inputs": dict.fromkeys(sheet["sample_id"], "0123456789abcdef" * 4),
            "paths": {sample: f"data/{sample}" for sample in sheet["sample_id"]},
        },
        "truth.json": truth(),
    }
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    config = {"seed": 0, "organism": "human", "culture": "expanded", "gate": {"min_probability": 0.9}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    given = {key: str(path) for key, path in paths.items()}
    given |= {key: str(folder / f"{key}.json") for key in ("passports", "run")}
    given["tables"] = [str(path) for path in files.values()]
    result = SimpleNamespace(**given, config=str(folder / "config.yaml"), qc=qc, truth=[])
    if simulated:
        result.truth = [str(folder / "truth.json")]
    return result


def make_sheet(lots: int, names: list[str]) -> pd.DataFrame:
    """Lots by turns of passage, condition and tissue."""
    turn = np.arange(lots)
    return pd.DataFrame(
        {
            "sample_id": [f"S{i:02d}" for i in turn],
            "lot_id": [names[i % len(names)] + (f"-{i}" if i >= len(names) else "") for i in turn],
            "donor_id": [f"D{i + 1}" for i in turn],
            "tissue": np.where(turn % 2 == 0, "bone marrow", "adipose tissue"),
            "passage": np.array(["3", "3", "9", "3", "3", "5"])[turn % 6],
            "condition": np.where(turn % 6 == 4, "licensed", "resting"),
            "sex": np.where(turn % 2 == 0, "female", "male"),
            "batch": [f"run{i % 3}" for i in turn],
        }
    )


def interval(rate: float, n: int) -> tuple[float, float]:
    """Give a plausible interval."""
    half = 1.96 * np.sqrt(max(rate * (1 - rate), 1e-4) / max(n, 1)) + 0.004
    return max(rate - half, 0), min(rate + half, 1)


def lot_tables(rng, obs: pd.DataFrame, sheet: pd.DataFrame, clusters: int) -> dict[str, list]:
    """Tables with rows per lot."""
    names = ("gate", "contaminants", "composition", "signature_scores", "accounting", "hidden_mixture")
    names += ("flow_agreement", "certificate")
    tables: dict[str, list] = {name: [] for name in names}
    for i, lot in enumerate(sheet["lot_id"]):
        part = obs[obs["lot_id"] == lot]
        n, msc = len(part), purity(obs, lot)
        criteria = [(name, "positive") for name in POSITIVE.values()] + [(name, "negative") for name in NEGATIVE]
        for name, kind in criteria:
            rate = msc * rng.uniform(0.97, 1) if kind == "positive" else (1 - msc) * rng.uniform(0.1, 0.6)
            low, high = interval(rate, n)
            good, bad = (low >= 0.95, high < 0.95) if kind == "positive" else (high <= 0.02, low > 0.02)
            verdict = "meets" if good else "fails" if bad else "inconclusive"
            naive = rate * {"CD73": 0.3, "CD105": 0.6}.get(name, 0.95)
            row = [lot, name, kind, rate, low, high, verdict, n, naive, ""]
            if name == "CD79a|CD19" and i % 4 == 3:
                row[3:7], row[8:] = [np.nan, np.nan, np.nan, "not_assessable"], [np.nan, "GENE_NOT_IN_REFERENCE"]
            tables["gate"].append(row)
        rate = float((part["isct_call"] == "pass").mean()) if n else np.nan
        verdict = "meets" if rate > 0.9 else "inconclusive"
        tables["gate"].append([lot, "all", "overall", rate, *interval(rate, n), verdict, n, rate * 0.2, ""])
        for key, column, values in (
            ("contaminants", "isct_identity", IDENTITIES),
            ("composition", "leiden", map(str, range(clusters))),
        ):
            for value in values:
                k = int((part[column] == value).sum())
                row = [lot, value, k, k / max(n, 1), *interval(k / max(n, 1), n)]
                tables[key].append([*row, "fail"] if key == "contaminants" else row)
        for name in SIGNATURES:
            z = rng.normal(0, 0.6) + 4 * (name == cells_of.LICENSED and i % 6 == 4)
            z = np.nan if name == cells_of.UNSCORED else z
            low, high = z / 10 - 0.02, z / 10 + 0.02
            row = [lot, name, n, z / 10, z / 10, z, z - 0.2, z + 0.2, low, high, 0.03, z / 2, z / 2 - 0.1, z / 2 + 0.1]
            tables["signature_scores"].append([*row, z / 2 - 0.05, "MSC"])
        drop = rng.integers(5, 60, 3)
        tables["accounting"].append([sheet["sample_id"][i], lot, n + drop.sum(), *drop, n])
        measured = [lot, f"D{i}", "CD73", 0.97, 0.95, 0.9, 0.99, -0.02, "4", "panel", False, "RNA does not follow it"]
        tables["flow_agreement"].append(measured)
        tables["certificate"] += [[lot, "meets", n, 9000, 1, 1, True, 0], [lot, "meets", n // 2, 4500, 4, 3, False, 1]]
        finding = ["hidden_mixture", "none", "not_assessable"][min(i, 2)]
        tables["hidden_mixture"].append([lot, "0", "THY1", n, 4.2, 0.18, 21.0, 0.002, finding, ""])
    return tables


def dataset_tables(rng, obs: pd.DataFrame, clusters: int) -> dict[str, list]:
    """Tables with rows per cluster, resolution, signature or contrast."""
    names = ("stability", "resolutions", "markers", "enrichment", "enrichment_genes", "lot_enrichment")
    names += ("cluster_scores", "cluster_states", "signatures", "confounders", "contrasts")
    tables: dict[str, list] = {name: [] for name in names}
    contrast = "condition: licensed vs resting"
    note = "One arm has 1 donor: effect and interval only."
    tables["contrasts"].append([contrast, "design", "condition", *[np.nan] * 3, 5, 1, np.nan, np.nan, note, np.nan, ""])
    for c in range(clusters):
        weak, size = c == clusters - 1 and clusters > 1, int((obs["leiden"] == str(c)).sum())
        reason = "mean Jaccard below 0.75" if weak else ""
        tables["stability"].append(
            [str(c), size, 0.57 if weak else 0.97, not weak, obs["lot_id"].nunique(), 0.3, reason]
        )
        tables["cluster_states"].append([str(c), 6, size, "none", "", "resting", "none" if c else "osteogenic"])
        for name in SIGNATURES:
            z = rng.normal(0, 2)
            tables["cluster_scores"].append([str(c), name, 6, size, z, z - 0.5, z + 0.5, 0.2])
        for r in range(12):
            row = [str(c), f"GENE{(c * 3 + r) % 25}", r + 1, 30 - r, 3 - r * 0.1, 1e-30, 1e-28, 0.9, 0.2, r % 3 == 0]
            tables["markers"].append(row)
        for r in range(4):
            row = ["cluster", str(c), "prerank", f"HALLMARK_TERM_{r}", 2 - r / 5, 1e-3, 0.01, "COL1A1;IL6;CXCL10", 3, 5]
            tables["enrichment"].append([*row, 900])
            for gene, rank, running in (("COL1A1", 3, 0.4), ("IL6", 9, 0.7), ("CXCL10", 12, 0.9), ("TNC", 500, 0.5)):
                tables["enrichment_genes"].append([*row[:2], row[3], gene, rank, 4.0, running, rank < 20])
            tables["enrichment_genes"].append([*row[:2], row[3], "SPP1", 800, -1.0, 0.2, False])
        row = [contrast, "composition", str(c), 0.1, -0.4, 0.6, 5, 1, np.nan, np.nan, "", 1.0, "log ratio"]
        tables["contrasts"].append(row)
    for r in np.linspace(0.1, 1.2, 12):
        m = 0.98 - 0.25 * max(r - 0.4, 0)
        tables["resolutions"].append([r, 1 + int(r * 12), m, m - 0.03, min(m + 0.02, 1), np.isclose(r, 0.4)])
    for name, axis in SIGNATURES.items():
        bad, down = name == cells_of.UNSCORED, "down" if name.endswith("_DN") else "up"
        found = [60, 8, 0.13, False, "8 of 60 genes found, 10 needed"] if bad else [60, 55, 0.92, True, ""]
        tables["signatures"].append([name, axis, name.replace("_", " "), *found, down, "doi:10.1000/example"])
        tables["signatures"][-1] += ["C" if "LICENSED" in name else "A", "CC BY 4.0"]
        effect = rng.normal(0, 0.5)
        row = [contrast, "score", name, effect, effect - 0.8, effect + 0.8, 5, 1, np.nan, np.nan, "", 1.0, "z"]
        tables["contrasts"].append(row)
        for lot, n in obs["lot_id"].value_counts().items():
            tables["lot_enrichment"].append([lot, "", n, name, rng.normal(), np.tanh(rng.normal()), 55, 6])
        for confounder in () if bad else ("log depth", "G2/M phase", "hypoxia"):
            rho = rng.normal(0, 0.15)
            row = [name, confounder, rho, rho - 0.05, rho + 0.05, rho / 2, rho, len(obs), rho**2]
            tables["confounders"].append(row)
    return tables


def purity(obs: pd.DataFrame, lot: str) -> float:
    """Share of a lot's cells that are MSC."""
    part = obs[obs["lot_id"] == lot]
    return float((part["isct_identity"] == "MSC-like").mean()) if len(part) else 0.0


def passports(sheet: pd.DataFrame, obs: pd.DataFrame, dataset: str, *, simulated: bool) -> dict:
    """Passports with each verdict among the lots."""
    records = []
    for i, row in sheet.iterrows():
        msc = purity(obs, row["lot_id"])
        good, share = "PASS" if msc > 0.97 else "FAIL", "fraction of cells"
        n = int((obs["lot_id"] == row["lot_id"]).sum())
        late = i % 6 == 2
        spec = [
            ("phenotype", "ISCT phenotype, transcript level", good, msc, share, "at least 95%", "decides"),
            ("purity", "Purity", good, 1 - msc, share, "at most 2%", "decides"),
            ("cells", "Cells", "PASS", float(n), "cells", "at least 100", "warns"),
            ("depth", "Sequencing depth", "WARN" if i % 6 == 3 else "PASS", 9871.0, "counts per cell", "5000", "warns"),
            ("ambient", "Ambient RNA", "NOT ASSESSABLE", None, "fraction of counts", "at most 20%", "warns"),
            (
                "senescence",
                "Senescence",
                "WARN" if late else "PASS",
                1.9 if late else 0.1,
                "z",
                "at most 1.5",
                "describes",
            ),
        ]
        words = {
            "PASS": "Within the limit.",
            "WARN": "The limit lies inside the interval.",
            "FAIL": "Outside the limit.",
        }
        attributes = [
            {
                "name": name,
                "title": title,
                "group": "identity" if weight == "decides" else "quality",
                "verdict": verdict,
                "value": value,
                "low": None if value is None or unit == "cells" else value * 0.97,
                "high": None if value is None or unit == "cells" else value * 1.03,
                "unit": unit,
                "n": n,
                "threshold": threshold,
                "reason": words.get(verdict, "It could not be estimated."),
                "next_action": "" if verdict == "PASS" else "Check the culture record of this lot.",
                "definition": f"{title} of the lot.",
                "weight": weight,
            }
            for name, title, verdict, value, unit, threshold, weight in spec
        ]
        verdict = good if good == "FAIL" else "WARN" if i % 6 == 3 else "PASS"
        found = [{"identity": "T cell", "n_cells": 3, "fraction": (1 - msc) / 2, "low": 0.0, "high": 1 - msc}]
        counts = {"n_loaded": n + 60, "n_cells": n, "n_msc": int(msc * n)}
        records.append(
            {**row.to_dict(), **counts, "verdict": verdict, "verdict_reason": "Phenotype and purity say so."}
            | {"attributes": attributes, "contaminants": found}
        )
    rule = "FAIL if the phenotype or the purity fails; else WARN if the data's quality warns; else PASS."
    head = {"schema_version": "1.0", "run_id": "3f9c2a71b0de", "dataset": dataset, "simulated": simulated}
    return head | {"verdict_rule": rule, "lots": records}


def truth() -> dict:
    """Comparison with the truth, as evaluate_simulation writes it."""
    rows = [
        {"metric": "gate_mcc_determinate", "group": "all", "value": 0.981, "n": 1500, "target": 0.95, "met": True},
        {"metric": "state_auroc", "group": "senescent: SENMAYO", "value": 0.71, "n": 90, "target": 0.9, "met": False},
        {"metric": "purity_error", "group": "S00", "value": None, "n": 300, "target": None, "met": None},
    ]
    definitions = {"gate_mcc_determinate": "Matthews correlation.", "state_auroc": "Area under the ROC curve."}
    return {"simulated": True, "all_met": False, "definitions": definitions, "rows": rows}
