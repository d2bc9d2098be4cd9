"""Make small stage files of a simulated study, in the contract's form, for tests of the report.

The numbers are drawn from simple distributions; they only need to look like a study of cultured MSC.
"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp
import yaml

from mscape import counts

if TYPE_CHECKING:
    from pathlib import Path

POSITIVE = {"NT5E": "CD73", "THY1": "CD90", "ENG": "CD105"}
NEGATIVE = {"CD45": ["PTPRC"], "CD34": ["CD34"], "CD14|CD11b": ["CD14", "ITGAM"], "CD79a|CD19": ["CD79A", "CD19"],
            "HLA-DR": ["HLA-DRA"]}  # fmt: skip
GENES = [*POSITIVE, *sum(NEGATIVE.values(), []), "COL1A1", "IDO1", "CXCL10", "CDKN1A", "IL6", "RUNX2", "PPARG", "SOX9",
         *[f"GENE{i}" for i in range(25)]]  # fmt: skip
SIGNATURES = {  # id: axis
    "MSC_IMMUNOREG_REVIEW": "immunoregulation: constitutive",
    "MSC_LICENSING_UP": "immunoregulation: licensed",
    "HALLMARK_INTERFERON_GAMMA_RESPONSE": "immunoregulation: licensed",
    "HALLMARK_IL6_JAK_STAT3_SIGNALING": "immunoregulation: SASP-inflammatory",
    "SENMAYO": "senescence",
    "FRIDMAN_SENESCENCE_UP": "senescence",
    "MSC_ARREST_CORE": "senescence",
    "MSC_OSTEO_CORE": "trilineage: osteogenic",
    "MSC_ADIPO_CORE": "trilineage: adipogenic",
    "MSC_CHONDRO_CORE": "trilineage: chondrogenic",
    "HALLMARK_HYPOXIA": "confounder",
}
IDENTITIES = ["T cell", "monocyte", "endothelial", "B cell"]
REASONS = {
    "pass": [""],
    "fail": ["NEG_CD45", "NEG_CD14|CD11b", "LINEAGE"],
    "indeterminate": ["LOW_EXPOSURE", "AMBIGUOUS"],
}


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

    ``names`` are lot names (cycled over); ``msc=False`` makes every cell fail.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    names = names or ["BM-D1-P3", "BM-D2-P3", "BM-D3-P9 late", "AT-D4-P3", "AT-D5-P3 IFNγ+TNFα", "AT-D6-P3 impure"]
    names = [names[i % len(names)] if i < len(names) else f"{names[i % len(names)]}-{i}" for i in range(lots)]
    sheet = pd.DataFrame(
        {
            "sample_id": [f"S{i:02d}" for i in range(lots)],
            "lot_id": names,
            "donor_id": [f"D{i // 1 + 1}" for i in range(lots)],
            "tissue": ["bone marrow" if i % 2 == 0 else "adipose tissue" for i in range(lots)],
            "passage": [str([3, 3, 9, 3, 3, 5][i % 6]) for i in range(lots)],
            "condition": ["licensed" if i % 6 == 4 else "resting" for i in range(lots)],
            "sex": [["female", "male"][i % 2] for i in range(lots)],
            "batch": [f"run{i % 3}" for i in range(lots)],
        }
    )
    obs, truth = _cells(rng, sheet, cells, clusters, msc)
    paths = {
        name: folder / f"{name}.{ext}"
        for name, ext in [
            ("counts", "h5ad"), ("embedding", "h5ad"), ("embedding_msc", "h5ad"), ("gate", "h5ad"), ("gate_table", "tsv"),
            ("contaminants", "tsv"), ("clusters", "h5ad"), ("stability", "tsv"), ("resolutions", "tsv"),
            ("scores", "h5ad"), ("signatures", "tsv"), ("score_summary", "tsv"), ("confounders", "tsv"),
            ("markers", "tsv"), ("enrichment", "tsv"), ("contrasts", "tsv"), ("composition", "tsv"),
            ("accounting", "tsv"), ("passports", "json"), ("config", "yaml"),
        ]
    }  # fmt: skip
    _write_cells(rng, paths, obs, clusters)
    fraction = _write_tables(rng, paths, obs, sheet, clusters)
    (paths["passports"]).write_text(
        json.dumps(_passports(rng, sheet, obs, fraction, dataset, simulated), ensure_ascii=False), encoding="utf-8"
    )
    config = {"title": "Report fixture (simulated)", "seed": 0,
              "datasets": {dataset: {"simulate": {"cells": cells}, "organism": "human", "culture": "expanded"}},
              "gate": {"panel": "isct", "min_probability": 0.9}, "cluster": {"engine": "leidenalg"}, "report": {}}  # fmt: skip
    paths["config"].write_text(yaml.safe_dump(config), encoding="utf-8")
    qc = _write_qc(rng, folder, obs, sheet)
    result = SimpleNamespace(**{k: str(v) for k, v in paths.items()}, qc=qc)
    if simulated:
        result.truth = []
        for sample in sheet["sample_id"]:
            path = folder / "truth" / sample / "truth.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            part = truth[obs["sample_id"] == sample]
            part.set_axis(part.index.str.removeprefix(f"{sample}_")).to_parquet(path)
            result.truth.append(str(path))
    return result


def _cells(rng, sheet, cells, clusters, msc):
    lot = np.sort(rng.integers(0, len(sheet), cells))
    obs = sheet.iloc[lot].reset_index(drop=True)
    obs.index = [f"{s}_{i:07d}-1" for i, s in enumerate(obs["sample_id"])]
    dirty = np.where(lot % 6 == 5, 0.12, 0.006)
    contaminant = rng.random(cells) < dirty if msc else np.ones(cells, bool)
    identity = np.where(contaminant, rng.choice(IDENTITIES, cells), "MSC-like")
    unsure = ~contaminant & (rng.random(cells) < 0.08)
    obs["isct_call"] = np.where(contaminant, "fail", np.where(unsure, "indeterminate", "pass"))
    obs["isct_reason"] = [rng.choice(REASONS[c]) for c in obs["isct_call"]]
    obs["isct_identity"] = identity
    cluster = rng.choice(clusters, cells, p=(w := 0.8 ** np.arange(clusters)) / w.sum())
    obs["leiden"] = np.where(obs["isct_call"] == "pass", cluster.astype(str), "")
    obs["total_counts"] = rng.lognormal(9.2, 0.4, cells).astype(int) + 400
    obs["n_genes_by_counts"] = (90 * obs["total_counts"] ** 0.42).astype(int)
    obs["pct_counts_mt"] = rng.gamma(4, 1.6, cells)
    obs["doublet_score"] = rng.beta(2, 18, cells)
    obs["predicted_doublet"] = obs["doublet_score"] > 0.25
    obs["_cluster"] = np.where(contaminant, clusters + pd.factorize(identity)[0], cluster)
    truth = pd.DataFrame(
        {
            "cell_type": identity,
            "state": np.where(cluster == 1, "senescent", np.where(cluster == 2, "osteogenic", "resting")),
            "is_doublet": rng.random(cells) < 0.2 * obs["predicted_doublet"] + 0.02,
            "is_contaminant": contaminant,
            **{f"true_pos_{g}": ~contaminant for g in POSITIVE},
        },
        index=obs.index,
    )
    return obs, truth


def _write_cells(rng, paths, obs, clusters):
    cells = len(obs)
    level = np.full(len(GENES), 0.6)
    matrix = rng.poisson(level, (cells, len(GENES)))
    ismsc = (obs["isct_identity"] == "MSC-like").to_numpy()
    matrix[:, :3] = rng.poisson(np.array([0.35, 4, 0.9]), (cells, 3)) * ismsc[:, None]
    matrix[:, 3:10] = rng.poisson(np.where(ismsc, 0.01, 1.2)[:, None], (cells, 7))
    given = ["sample_id", "lot_id", "donor_id", "tissue", "passage", "condition", "sex", "batch"]
    measured = ["total_counts", "n_genes_by_counts", "pct_counts_mt", "doublet_score", "predicted_doublet"]
    frame = obs[given + measured].copy()
    frame[given] = frame[given].astype("category")
    var = pd.DataFrame({"gene_id": "", "feature_name": GENES}, index=GENES)
    whole = anndata.AnnData(sp.csr_matrix(matrix.astype(np.int32)), obs=frame, var=var)
    whole.uns["mscape"] = {"merge_samples": {"ambient_fraction": dict.fromkeys(obs["sample_id"].unique(), 0.03)}}
    counts.write(whole, paths["counts"])
    centre = rng.normal(0, 6, (obs["_cluster"].max() + 1, 2))
    umap = (centre[obs["_cluster"]] + rng.normal(0, 1.0, (cells, 2))).astype(np.float32)
    empty = pd.DataFrame(index=obs.index)
    passed = (obs["isct_call"] == "pass").to_numpy()
    light = anndata.AnnData(obs=empty, obsm={"X_umap": umap})
    light.uns["mscape"] = {"embed_cells": {"scope": "all", "cells": "all", "method": "pca", "n_hvg": 2000, "seed": 0}}
    counts.write(light, paths["embedding"])
    scope = passed if passed.any() else ~passed
    light = anndata.AnnData(obs=empty[scope], obsm={"X_umap": umap[scope] * 1.3})
    light.uns["mscape"] = {"embed_cells": {"scope": "msc", "cells": "msc" if passed.any() else "all",
                                           "reason": "" if passed.any() else "no cell passes the gate"}}  # fmt: skip
    counts.write(light, paths["embedding_msc"])
    gate = obs[["isct_call", "isct_reason", "isct_identity"]].astype("category")
    for gene in [*POSITIVE, *sum(NEGATIVE.values(), [])]:
        high = ismsc if gene in POSITIVE else ~ismsc
        gate[f"isct_p_{gene}"] = np.where(high, rng.beta(30, 1, cells), rng.beta(1, 30, cells)).astype(np.float32)
    gate["isct_p_CD19"] = np.float32(np.nan)
    light = anndata.AnnData(obs=gate)
    light.uns["mscape"] = {
        "gate_msc": {"panel": "isct", "min_probability": 0.9, "min_positive": 0.95, "max_negative": 0.02}
    }
    counts.write(light, paths["gate"])
    leiden = obs.loc[scope, ["leiden"]].replace("", "0").astype("category")
    leiden["leiden_stable"] = leiden["leiden"].astype(str) != str(clusters - 1)
    light = anndata.AnnData(obs=leiden)
    light.uns["mscape"] = {"cluster_cells": {"resolution": 0.4, "engine": "leidenalg", "n_clusters": clusters,
                                             "reason": "the highest resolution whose mean ARI over 20 subsamples is at least 0.9"}}  # fmt: skip
    counts.write(light, paths["clusters"])
    z = rng.normal(0, 1, (cells, len(SIGNATURES))).astype(np.float32)
    z[:, 1] += 4 * (obs["condition"] == "licensed")
    z[:, 4] += 2 * (obs["passage"] == "9")
    z = pd.DataFrame(z, index=obs.index, columns=list(SIGNATURES))
    z["HALLMARK_HYPOXIA"] = np.float32(np.nan)
    light = anndata.AnnData(
        obs=pd.DataFrame({"phase": pd.Categorical(rng.choice(["G1", "S", "G2M"], cells))}, index=obs.index)
    )
    light.obsm["score_z"] = z
    light.obsm["score_matched"] = z * np.float32(0.1)
    light.uns["mscape"] = {"score_programs": {"missing": {"HALLMARK_HYPOXIA": "8 of 200 genes found, 10 needed"}}}
    counts.write(light, paths["scores"])


def _interval(rng, rate, n):
    half = 1.96 * np.sqrt(max(rate * (1 - rate), 1e-4) / max(n, 1)) + 0.004
    return max(rate - half, 0), min(rate + half, 1)


def _write_tables(rng, paths, obs, sheet, clusters):
    table = {name: [] for name in ("gate_table", "contaminants", "stability", "resolutions", "signatures", "score_summary",
                                   "confounders", "markers", "enrichment", "contrasts", "composition", "accounting")}  # fmt: skip
    fraction = {}
    for i, lot in enumerate(sheet["lot_id"]):
        part = obs[obs["lot_id"] == lot]
        n = len(part)
        msc = float((part["isct_identity"] == "MSC-like").mean()) if n else 0.0
        fraction[lot] = msc
        for kind, criteria in (("positive", POSITIVE.values()), ("negative", NEGATIVE)):
            for name in criteria:
                rate = msc * rng.uniform(0.97, 1) if kind == "positive" else (1 - msc) * rng.uniform(0.1, 0.6)
                low, high = _interval(rng, rate, n)
                naive = rate * {"CD73": 0.3, "CD105": 0.6}.get(name, 0.95)
                good = low >= 0.95 if kind == "positive" else high <= 0.02
                bad = high < 0.95 if kind == "positive" else low > 0.02
                verdict = "meets" if good else "fails" if bad else "inconclusive"
                row = [lot, name, kind, rate, low, high, verdict, n, naive, ""]
                if name == "CD79a|CD19" and i % 4 == 3:
                    row = [
                        lot,
                        name,
                        kind,
                        np.nan,
                        np.nan,
                        np.nan,
                        "not_assessable",
                        n,
                        np.nan,
                        "GENE_NOT_IN_REFERENCE: CD79A",
                    ]
                table["gate_table"].append(row)
        rate = float((part["isct_call"] == "pass").mean()) if n else np.nan
        table["gate_table"].append([lot, "overall", "overall", rate, *_interval(rng, rate, n),
                                    "meets" if rate > 0.9 else "inconclusive", n, rate * 0.2, ""])  # fmt: skip
        for name in IDENTITIES:
            k = int((part["isct_identity"] == name).sum())
            table["contaminants"].append([lot, name, k, k / max(n, 1), *_interval(rng, k / max(n, 1), n)])
        for c in range(clusters):
            k = int((part["leiden"] == str(c)).sum())
            table["composition"].append([lot, str(c), k, k / max(n, 1), *_interval(rng, k / max(n, 1), n)])
        for sig in SIGNATURES:
            z = (
                np.nan
                if sig == "HALLMARK_HYPOXIA"
                else rng.normal(0, 0.6) + (4 if "LICENS" in sig and i % 6 == 4 else 0)
            )
            table["score_summary"].append([lot, sig, n, z / 10, z / 10, z, z - 0.4, z + 0.4])
        drop = rng.integers(5, 60, 3)
        table["accounting"].append([sheet["sample_id"][i], lot, n + drop.sum(), *drop, n])
    for c in range(clusters):
        table["stability"].append([str(c), int((obs["leiden"] == str(c)).sum()), 0.97 - 0.4 * (c == clusters - 1) * (clusters > 1),
                                   c < clusters - 1 or clusters == 1, len(sheet), 0.3, "" if c < clusters - 1 else "mean Jaccard below 0.75"])  # fmt: skip
        for r in range(12):
            table["markers"].append(
                [str(c), f"GENE{(c * 3 + r) % 25}", r + 1, 30 - r, 3 - r * 0.1, 1e-30, 1e-28, 0.9, 0.2, r % 3 == 0]
            )
        for r in range(4):
            table["enrichment"].append(
                [str(c), "prerank", f"HALLMARK_TERM_{r}", 2.1 - r * 0.2, 0.001, 0.01, "COL1A1;IL6;CXCL10", 3]
            )
    for r in np.linspace(0.1, 1.2, 12):
        m = 0.98 - 0.25 * max(r - 0.4, 0)
        table["resolutions"].append([r, 1 + int(r * 12), m, m - 0.03, min(m + 0.02, 1), np.isclose(r, 0.4)])
    for sig, axis in SIGNATURES.items():
        bad = sig == "HALLMARK_HYPOXIA"
        table["signatures"].append([sig, axis, sig.replace("_", " ").capitalize(), 60, 8 if bad else 55, 0.13 if bad else 0.92,
                                    not bad, "8 of 200 genes found, 10 needed" if bad else "", "up", "doi:10.1000/example"])  # fmt: skip
        table["confounders"].append([sig, "total_counts", rng.normal(0, 0.08), 0.1])
        table["confounders"].append([sig, "S/G2M phase", rng.normal(0, 0.12), 0.1])
        e = rng.normal(0, 0.5)
        table["contrasts"].append(["licensed vs resting", "score", sig, e, e - 0.8, e + 0.8, 3, 1, np.nan, np.nan,
                                   "1 donor in one arm: effect and interval only, no p"])  # fmt: skip
    for c in range(clusters):
        table["contrasts"].append(
            ["licensed vs resting", "composition", str(c), 0.1, -0.4, 0.6, 3, 1, np.nan, np.nan, ""]
        )
    heads = {
        "gate_table": "lot_id criterion kind estimate low high verdict n_cells detected_fraction reason",
        "contaminants": "lot_id identity n_cells fraction low high",
        "stability": "cluster n_cells jaccard stable n_lots largest_lot_fraction reason",
        "resolutions": "resolution n_clusters ari_mean ari_low ari_high chosen",
        "signatures": "id axis name n_genes n_found coverage used reason direction source",
        "score_summary": "lot_id signature n_cells mean median z low high",
        "confounders": "signature confounder correlation limit",
        "markers": "cluster gene rank statistic log2_fold_change pvalue pvalue_adj fraction_in fraction_out surface",
        "enrichment": "cluster method term nes pvalue fdr genes n_genes",
        "contrasts": "contrast kind feature estimate low high n_reference n_other pvalue pvalue_adj note",
        "composition": "lot_id cluster n_cells fraction low high",
        "accounting": "sample_id lot_id loaded low_counts low_genes high_mt pass",
    }
    for name, head in heads.items():
        pd.DataFrame(table[name], columns=head.split()).to_csv(paths[name], sep="\t", index=False, float_format="%.6g")
    return fraction


def _passports(rng, sheet, obs, fraction, dataset, simulated):
    records = []
    for i, row in sheet.iterrows():
        msc = fraction[row["lot_id"]]
        spec = [
            ("positive_markers", "Positive markers", "PASS" if msc > 0.98 else "FAIL", msc, "fraction", ">= 95 %"),
            ("negative_markers", "Negative markers", "PASS" if msc > 0.98 else "FAIL", 1 - msc, "fraction", "<= 2 %"),
            ("purity", "Purity", "PASS" if msc > 0.98 else "FAIL", msc, "fraction", ">= 98 %"),
            ("cells", "Cells analysed", "PASS", float((obs["lot_id"] == row["lot_id"]).sum()), "cells", ">= 200"),
            ("doublets", "Doublets", "PASS", 0.04, "fraction", "<= 10 %"),
            ("senescence", "Senescence signature score", "WARN" if i % 6 == 2 else "PASS", 1.9 if i % 6 == 2 else 0.1, "z", "<= 1.5"),
            ("immunoregulation", "Immunoregulatory signature score", "PASS", 0.4, "z", ">= -1"),
            ("sex", "Sex agrees with the sheet", "NOT ASSESSABLE" if i % 6 == 3 else "PASS", np.nan, "", ""),
        ]  # fmt: skip
        attributes = []
        for name, title, verdict, value, unit, threshold in spec:
            missing = not np.isfinite(value)
            attributes.append(
                {
                    "name": name,
                    "title": title,
                    "verdict": verdict,
                    "value": None if missing else value,
                    "low": None if missing or unit == "cells" else max(value - 0.01, 0),
                    "high": None
                    if missing or unit == "cells"
                    else (min(value + 0.01, 1) if unit == "fraction" else value + 0.3),
                    "unit": unit,
                    "threshold": threshold,
                    "reason": {
                        "PASS": "the interval lies inside the limit",
                        "WARN": "the interval crosses the limit",
                        "FAIL": "the interval lies outside the limit",
                        "NOT ASSESSABLE": "XIST and Y genes are not in the reference",
                    }[verdict],
                    "next_action": ""
                    if verdict == "PASS"
                    else "Check the culture record of this lot and repeat with a second vial.",
                    "definition": f"{title} of the lot, against the limit of the panel.",
                }  # fmt: skip
            )
        worst = next(v for v in ("FAIL", "WARN", "PASS") if any(a["verdict"] == v for a in attributes))
        records.append({**row.to_dict(), "verdict": worst, "attributes": attributes,
                        "contaminants": [{"identity": "T cell", "fraction": (1 - msc) / 2, "low": 0, "high": 1 - msc, "n_cells": 3}]})  # fmt: skip
    return {
        "schema_version": "1.0",
        "run_id": "fix-3f9c-2a71",
        "dataset": dataset,
        "simulated": simulated,
        "lots": records,
    }


def _write_qc(rng, folder, obs, sheet):
    paths = []
    accounting = pd.read_csv(folder / "accounting.tsv", sep="\t", dtype={"sample_id": str})
    for i, sample in enumerate(sheet["sample_id"]):
        part = obs.loc[obs["sample_id"] == sample,
                       ["total_counts", "n_genes_by_counts", "pct_counts_mt", "doublet_score", "predicted_doublet"]].copy()  # fmt: skip
        part["qc"] = "pass"
        lost = []
        for reason in ("low_counts", "low_genes", "high_mt"):
            k = int(accounting.loc[i, reason])
            lost.append(pd.DataFrame({"total_counts": rng.integers(50, 900, k), "n_genes_by_counts": rng.integers(20, 400, k),
                                      "pct_counts_mt": rng.uniform(5, 60, k), "doublet_score": 0.05, "predicted_doublet": False,
                                      "qc": reason}, index=[f"{sample}_{reason}{j}" for j in range(k)]))  # fmt: skip
        frame = pd.concat([part, *lost])
        frame["qc"] = frame["qc"].astype("category")
        light = anndata.AnnData(obs=frame)
        light.uns["mscape"] = {"qc_cells": {"limits": {"total_counts": [900, 60000], "pct_counts_mt": [0, 30]},
                                            "ambient_fraction": 0.03, "ambient_source": "assumed"}}  # fmt: skip
        path = folder / "samples" / sample / "qc.h5ad"
        path.parent.mkdir(parents=True, exist_ok=True)
        counts.write(light, path)
        paths.append(str(path))
    return paths
