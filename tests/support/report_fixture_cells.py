"""Cells of the report's fixture: the h5ad files of its stages."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp

from mscape.data import counts

POSITIVE = {"NT5E": "CD73", "THY1": "CD90", "ENG": "CD105"}
NEGATIVE = {
    "CD45": ["PTPRC"],
    "CD34": ["CD34"],
    "CD14|CD11b": ["CD14", "ITGAM"],
    "CD79a|CD19": ["CD79A", "CD19"],
    "HLA-DR": ["HLA-DRA"],
}
PANEL = [*POSITIVE, *(gene for group in NEGATIVE.values() for gene in group)]
GENES = [
    *PANEL,
    "COL1A1",
    "IDO1",
    "CXCL10",
    "CDKN1A",
    "IL6",
    "RUNX2",
    "PPARG",
    "SOX9",
    *[f"GENE{i}" for i in range(25)],
]
SIGNATURES = {  # id: axis
    "MSC_IMMUNOREG_CONSTITUTIVE": "immune_constitutive",
    "MSC_IMMUNOREG_LICENSED": "immune_licensed",
    "HALLMARK_INTERFERON_GAMMA_RESPONSE": "immune_licensed",
    "MSC_SASP_INFLAMMATORY": "immune_inflammatory",
    "SENMAYO": "senescence",
    "FRIDMAN_SENESCENCE_DN": "senescence",
    "MSC_SENESCENCE_ARREST": "senescence",
    "MSC_OSTEOGENIC_CORE": "osteogenic",
    "MSC_ADIPOGENIC_CORE": "adipogenic",
    "MSC_CHONDROGENIC_CORE": "chondrogenic",
    "HALLMARK_HYPOXIA": "hypoxia",
}
LICENSED, UNSCORED = "MSC_IMMUNOREG_LICENSED", "HALLMARK_HYPOXIA"
IDENTITIES = ["T cell", "monocyte", "endothelial", "B cell"]
REASONS = {
    "pass": [""],
    "fail": ["NEG_CD45", "NEG_CD14|CD11b", "LINEAGE"],
    "indeterminate": ["LOW_EXPOSURE", "AMBIGUOUS"],
}
GIVEN = ["sample_id", "lot_id", "donor_id", "tissue", "passage", "condition", "sex", "batch"]
MEASURED = ["total_counts", "n_genes_by_counts", "pct_counts_mt", "doublet_score", "predicted_doublet"]


def draw_cells(rng, sheet: pd.DataFrame, cells: int, clusters: int, *, msc: bool) -> pd.DataFrame:
    """Draw the cells that pass quality control, with every per-cell result."""
    lot = np.sort(rng.integers(0, len(sheet), cells))
    obs = sheet.iloc[lot].reset_index(drop=True)
    obs.index = [f"{s}_{i:07d}-1" for i, s in enumerate(obs["sample_id"])]
    dirty = np.where(lot % 6 == 5, 0.12, 0.006)
    contaminant = rng.random(cells) < dirty if msc else np.ones(cells, bool)
    unsure = ~contaminant & (rng.random(cells) < 0.08)
    obs["isct_identity"] = np.where(contaminant, rng.choice(IDENTITIES, cells), "MSC-like")
    obs["isct_call"] = np.where(contaminant, "fail", np.where(unsure, "indeterminate", "pass"))
    obs["isct_reason"] = [rng.choice(REASONS[call]) for call in obs["isct_call"]]
    weight = 0.8 ** np.arange(clusters)
    cluster = rng.choice(clusters, cells, p=weight / weight.sum())
    clustered = (obs["isct_call"] == "pass") | (not msc)
    obs["leiden"] = np.where(clustered, cluster.astype(str), "")
    obs["total_counts"] = rng.lognormal(9.2, 0.4, cells).astype(int) + 400
    obs["n_genes_by_counts"] = (90 * obs["total_counts"] ** 0.42).astype(int)
    obs["pct_counts_mt"] = rng.gamma(4, 1.6, cells)
    obs["doublet_score"] = rng.beta(2, 18, cells)
    obs["predicted_doublet"] = obs["doublet_score"] > 0.25
    obs["_place"] = np.where(contaminant & msc, clusters + pd.factorize(obs["isct_identity"])[0], cluster)
    return obs


def write_cells(rng, paths: dict, obs: pd.DataFrame, clusters: int) -> None:
    """Write counts, embeddings, maps, gate, clusters and scores."""
    cells, is_msc = len(obs), (obs["isct_identity"] == "MSC-like").to_numpy()
    matrix = rng.poisson(0.6, (cells, len(GENES)))
    matrix[:, :3] = rng.poisson([0.35, 4, 0.9], (cells, 3)) * is_msc[:, None]
    matrix[:, 3:10] = rng.poisson(np.where(is_msc, 0.01, 1.2)[:, None], (cells, 7))
    frame = obs[GIVEN + MEASURED].copy()
    frame[GIVEN] = frame[GIVEN].astype("category")
    var = pd.DataFrame({"gene_id": "", "feature_name": GENES}, index=GENES)
    whole = anndata.AnnData(sp.csr_matrix(matrix.astype(np.int32)), obs=frame, var=var)
    counts.write(whole, paths["counts"])

    centre = rng.normal(0, 6, (obs["_place"].max() + 1, 2))
    umap = (centre[obs["_place"]] + rng.normal(0, 1.0, (cells, 2))).astype(np.float32)
    scope = (obs["leiden"] != "").to_numpy()
    record = {"scope": "all", "cells": "all", "method": "harmony", "n_hvg": 2000, "seed": 0}
    _light(paths["embedding"], obs.index, "embed_cells", record)
    _light(paths["map"], obs.index, "compute_umap", {"seed": 0}, obsm={"X_umap": umap})
    reason = "" if is_msc.any() else "no cell passes the gate"
    record = {"scope": "msc", "cells": "all" if reason else "msc", "reason": reason}
    _light(paths["embedding_msc"], obs.index[scope], "embed_cells", record)
    _light(paths["map_msc"], obs.index[scope], "compute_umap", {"seed": 0}, obsm={"X_umap": umap[scope] * 1.3})

    gate = obs[["isct_call", "isct_reason", "isct_identity"]].astype("category")
    for gene in PANEL:
        high = is_msc if gene in POSITIVE else ~is_msc
        gate[f"isct_p_{gene}"] = np.where(high, rng.beta(30, 1, cells), rng.beta(1, 30, cells)).astype(np.float32)
    gate["isct_p_CD19"] = np.float32(np.nan)
    record = {"panel": "isct2006", "min_positive": 0.95, "max_negative": 0.02}
    pools = pd.DataFrame({gene: np.full(len(gate), 9) for gene in (*POSITIVE, *NEGATIVE)}, index=gate.index)
    _light(paths["gate"], gate, "gate_msc", record, obsm={"isct_pool_size": pools, "isct_exposure": pools})

    leiden = obs.loc[scope, ["leiden"]].astype("category")
    leiden["leiden_stable"] = leiden["leiden"].astype(str) != str(clusters - 1)
    reason = "the highest resolution whose clusters come back in 20 subsamples"
    record = {"resolution": 0.4, "engine": "leidenalg", "n_clusters": clusters, "reason": reason}
    _light(paths["clusters"], leiden, "cluster_cells", record)

    z = rng.normal(0, 1, (cells, len(SIGNATURES))).astype(np.float32)
    z = pd.DataFrame(z, index=obs.index, columns=list(SIGNATURES))
    z[LICENSED] += np.float32(4) * (obs["condition"] == "licensed")
    z[UNSCORED] = np.float32(np.nan)
    phase = pd.DataFrame({"phase": pd.Categorical(rng.choice(["G1", "S", "G2M"], cells))}, index=obs.index)
    record = {"missing": {UNSCORED: "8 of 60 genes found, 10 needed"}}
    _light(
        paths["scores"], phase, "score_signatures", record, obsm={"score_z": z, "score_matched": z * np.float32(0.1)}
    )


def _light(path, obs, step: str, record: dict, **slots) -> None:
    obs = obs if isinstance(obs, pd.DataFrame) else pd.DataFrame(index=obs)
    counts.write(anndata.AnnData(obs=obs, uns={"mscape": {step: record}}, **slots), path)


def write_qc(rng, folder, obs: pd.DataFrame, accounting: list) -> list[str]:
    """Write each sample's quality file: the cells that pass, and those that the accounting says were lost."""
    paths = []
    for sample, _, _, *lost, _ in accounting:
        frame = obs.loc[obs["sample_id"] == sample, MEASURED].assign(qc="pass")
        for reason, n in zip(("low_counts", "low_genes", "high_mt"), lost, strict=True):
            drawn = {
                "total_counts": rng.integers(50, 900, n),
                "n_genes_by_counts": rng.integers(20, 400, n),
                "pct_counts_mt": rng.uniform(5, 60, n),
                "doublet_score": 0.05,
                "predicted_doublet": False,
                "qc": reason,
            }
            frame = pd.concat([frame, pd.DataFrame(drawn, index=[f"{sample}_{reason}{j}" for j in range(n)])])
        frame["qc"] = frame["qc"].astype("category")
        limits = {"min_counts": 900.0, "max_counts": float("nan"), "min_genes": 400.0, "max_pct_mt": 30.0}
        path = folder / "samples" / str(sample) / "qc.h5ad"
        path.parent.mkdir(parents=True, exist_ok=True)
        _light(path, frame, "qc_cells", {"limits": limits, "ambient_fraction": 0.03, "ambient_source": "assumed"})
        paths.append(str(path))
    return paths
