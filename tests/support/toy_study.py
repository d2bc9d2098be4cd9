"""A small study with known answers, as the stage files of the contract: what the last steps read."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import scipy.sparse as sp
import stage_tables
import yaml
from anndata import AnnData

from mscape.data import counts
from mscape.data.schema import fill_defaults
from mscape.data.tables import TABLES

GENES = [f"G{i}" for i in range(60)]
UP = GENES[:6]  # eight times as high in primed lots


def default_settings(section: str) -> dict:
    """The section's defaults as the config schema gives them."""
    schema = yaml.safe_load((Path(__file__).parents[2] / "workflow/schemas/config.schema.yaml").read_text())
    return fill_defaults({}, schema["$defs"][section], schema)


def make_lots(donors: int = 3) -> pd.DataFrame:
    """Paired: each donor gives a control lot and a primed lot."""
    rows = [
        {"lot_id": f"{donor}_{condition}", "donor_id": donor, "condition": condition, "tissue": "bone marrow"}
        for donor in [f"D{i + 1}" for i in range(donors)]
        for condition in ("control", "primed")
    ]
    return pd.DataFrame(rows).assign(passage="P3", batch="b1", sex="unknown", sample_id=lambda t: t["lot_id"])


def write_study(folder: Path, *, donors: int = 3, cells_per_lot: int = 60, seed: int = 0) -> SimpleNamespace:
    """Write all stage files that compare_groups, write_passports and assemble_dataset read; return their paths.

    Every tenth cell is a T cell that fails the gate. Cluster 1 holds about a quarter of the MSC of control lots and
    half of those of primed lots.
    """
    rng = np.random.default_rng(seed)
    lots = make_lots(donors)
    obs = lots.loc[lots.index.repeat(cells_per_lot)].reset_index(drop=True)
    obs.index = [f"{row.sample_id}_c{i}" for i, row in enumerate(obs.itertuples())]
    n = len(obs)
    position = np.arange(n) % cells_per_lot
    primed = (obs["condition"] == "primed").to_numpy()
    rate = np.tile(np.linspace(2, 20, len(GENES)), (n, 1))
    rate[np.ix_(primed, range(len(UP)))] *= 8
    donor_effect = rng.lognormal(0, 0.1, (donors, len(GENES)))
    rate *= donor_effect[obs["donor_id"].str[1:].astype(int).to_numpy() - 1]
    X = sp.csr_matrix(rng.poisson(rate).astype(np.int32))
    totals = np.asarray(X.sum(axis=1)).ravel()
    obs = obs.assign(
        dataset_id="toy",
        culture="expanded",
        assay="10x 3' v3",
        disease="normal",
        suspension_type="cell",
        total_counts=totals * 100.0,
        n_genes_by_counts=np.diff(X.indptr),
        pct_counts_mt=4.0,
        doublet_score=0.05,
        predicted_doublet=False,
    )
    given = [
        "dataset_id",
        "sample_id",
        "lot_id",
        "donor_id",
        "tissue",
        "condition",
        "passage",
        "batch",
        "sex",
        "culture",
    ]
    obs[given] = obs[given].astype("category")
    var = pd.DataFrame({"gene_id": [f"ENSG{i:011d}" for i in range(len(GENES))], "feature_name": GENES}, index=GENES)
    samples = list(lots["sample_id"])
    measured = pd.DataFrame(data=True, index=GENES, columns=samples)
    measured.loc["G59", samples[0]] = False
    ambient = dict.fromkeys(samples, 0.03) | {samples[-1]: float("nan")}
    uns = {"mscape": {"merge_samples": {"ambient_fraction": ambient}}}
    folder.mkdir(parents=True, exist_ok=True)
    paths = {
        name: str(folder / f"{name}.h5ad")
        for name in ("counts", "gate", "clusters", "scores", "embedding", "embedding_msc", "map", "map_msc")
    }
    of_sample = {
        sample: np.asarray(X[(obs["sample_id"] == sample).to_numpy()].sum(axis=0)).ravel() for sample in samples
    }
    varm = {"measured": measured, "counts": pd.DataFrame(of_sample, index=GENES)}
    counts.write(AnnData(X, obs=obs, var=var, varm=varm, uns=uns), paths["counts"])

    t_cell = position % 10 == 0
    call = np.where(t_cell, "fail", "pass")
    gate = pd.DataFrame(
        {
            "isct_call": pd.Categorical(call),
            "isct_reason": pd.Categorical(np.where(t_cell, "NEG_CD45", "")),
            "isct_identity": pd.Categorical(np.where(t_cell, "T cell", "MSC-like")),
            "isct_p_NT5E": np.where(t_cell, 0.01, 0.99).astype(np.float32),
        },
        index=obs.index,
    )
    pools = {key: pd.DataFrame({"NT5E": np.full(n, 9)}, index=obs.index) for key in ("isct_pool_size", "isct_exposure")}
    counts.write(AnnData(obs=gate, obsm=pools, uns={"mscape": {"gate_msc": {"panel": "isct2006"}}}), paths["gate"])
    share = np.where(primed, 0.5, 0.25)
    leiden = np.where((position % 20) / 20 < share, "1", "0")
    clusters = pd.DataFrame({"leiden": pd.Categorical(leiden), "leiden_stable": leiden == "0"}, index=obs.index)[
        ~t_cell
    ]
    counts.write(AnnData(obs=clusters, uns={"mscape": {"cluster_cells": {"resolution": 0.3}}}), paths["clusters"])
    score = pd.DataFrame(
        {
            "SET_UP": (primed * 1.0 + rng.normal(0, 0.1, n)).astype(np.float32),
            "SET_NULL": rng.normal(0, 0.1, n).astype(np.float32),
        },
        index=obs.index,
    )
    phase = pd.DataFrame({"phase": pd.Categorical(np.where(position % 4 == 1, "S", "G1"))}, index=obs.index)
    both = {f"score_{name}": score for name in ("matched", "rank", "scanpy", "z", "p")}
    counts.write(AnnData(obs=phase, obsm=both, uns={"mscape": {"score_signatures": {"missing": {}}}}), paths["scores"])
    for name, keep in (("embedding", np.ones(n, bool)), ("embedding_msc", ~t_cell)):
        here, graph = pd.DataFrame(index=obs.index[keep]), sp.identity(keep.sum(), format="csr")
        two = {key: rng.normal(size=(keep.sum(), 2)).astype(np.float32) for key in ("X_pca", "X_umap")}
        light = AnnData(obs=here, obsm={"X_pca": two["X_pca"]}, obsp={"distances": graph, "connectivities": graph})
        light.uns["mscape"] = {"embed_cells": {"scope": name}}
        counts.write(light, paths[name])
        light = AnnData(obs=here, obsm={"X_umap": two["X_umap"]}, uns={"mscape": {"compute_umap": {"seed": 0}}})
        counts.write(light, paths[name.replace("embedding", "map")])
    _write_tables(folder, paths, lots, cells_per_lot, samples)
    return SimpleNamespace(**paths, samples=samples, annotations=[], placed=())


INPUTS = {"gate_table": "gate", "hidden": "hidden_mixture", "names": "cluster_names"}


def _write_tables(folder: Path, paths: dict, lots: pd.DataFrame, cells_per_lot: int, samples: list[str]) -> None:
    def save(name: str, rows: list[dict]) -> None:
        paths[name] = str(folder / TABLES[INPUTS.get(name, name)].file)
        stage_tables.write(INPUTS.get(name, name), paths[name], rows)

    ids = list(lots["lot_id"])
    foreign = cells_per_lot // 10
    gate = []
    for lot in ids:
        row = {
            "lot_id": lot,
            "n_cells": cells_per_lot,
            "n_judged": cells_per_lot,
            "resolved_fraction": 1.0,
            "detected_fraction": 0.2,
            "reason": "",
            "max_hidden_fraction": np.nan,
        }
        missing = {"reason": "MISSING_CD73", "genes": "NT5E", "gene_rate_cpm": "14.2"}
        gate.append(row | _criterion("CD73", "positive", 0.9, 0.85, 0.94, "fails") | missing)
        present = {"reason": "NEG_CD45", "genes": "PTPRC", "gene_rate_cpm": "31"}
        gate.append(row | _criterion("CD45", "negative", 0.1, 0.05, 0.2, "fails") | present)
        unknown = _criterion("HLA-DR", "negative", np.nan, np.nan, np.nan, "not_assessable")
        gate.append(row | unknown | {"reason": "GENE_NOT_IN_REFERENCE"})
        gate.append(
            row
            | _criterion("phenotype", "overall", 0.9, 0.85, 0.94, "fails")
            | {"reason": "NEG_CD45", "decided_by": "CD45"}
        )
    save("gate_table", gate)
    save(
        "contaminants",
        [
            {
                "lot_id": lot,
                "identity": "T cell",
                "n_cells": foreign,
                "fraction": foreign / cells_per_lot,
                "low": 0.05,
                "high": 0.2,
                "call": "fail",
            }
            for lot in ids
        ],
    )
    save(
        "accounting",
        [
            {"sample_id": s, "lot_id": s, "loaded": cells_per_lot + 10, "low_counts": 10, "pass": cells_per_lot}
            for s in samples
        ],
    )
    save(
        "hidden",
        [
            {"lot_id": lot, "cluster": "0", "gene": "THY1", "n_cells": 40, "hidden_fraction": 0.01, "finding": "none"}
            for lot in ids
        ],
    )
    save("flow_agreement", [])
    save("certificate", [])
    save("priming", [])
    save(
        "stability",
        [
            {"cluster": "0", "n_cells": 200, "jaccard": 0.9, "stable": True},
            {"cluster": "1", "n_cells": 100, "jaccard": 0.4, "stable": False},
        ],
    )
    save(
        "names",
        [
            {"cluster": "0", "name": "cycling", "confidence": "high", "reason": "cycling: z 9"},
            {"cluster": "1", "name": "unnamed", "confidence": "", "reason": "no programme stands out"},
        ],
    )
    save(
        "composition",
        [
            {"lot_id": lot, "cluster": cluster, "n_cells": k, "fraction": k / 54, "low": 0.1, "high": 0.9}
            for lot in ids
            for cluster, k in (("0", 40), ("1", 14))
        ],
    )
    names = {
        "SENMAYO": "senescence",
        "MSC_SENESCENCE_ARREST": "senescence",
        "SENMAYO__DEPLETED": "senescence",
        "MSC_IMMUNOREG_CONSTITUTIVE": "immune_constitutive",
        "MSC_IMMUNOREG_LICENSED": "immune_licensed",
        "MSC_SASP_INFLAMMATORY": "immune_inflammatory",
        "MSC_OSTEOGENIC_EARLY": "osteogenic",
        "MSC_OSTEOGENIC_LATE": "osteogenic",
        "MSC_ADIPOGENIC_CORE": "adipogenic",
    }
    save(
        "signatures",
        [
            {"id": name, "axis": axis, "name": name, "direction": "up", "used": True, "reason": ""}
            for name, axis in names.items()
        ]
        + [
            {
                "id": "MSC_CHONDROGENIC_CORE",
                "axis": "chondrogenic",
                "name": "x",
                "direction": "up",
                "used": False,
                "reason": "4 of 11 genes found",
            }
        ],
    )
    save(
        "signature_scores",
        [
            {
                "lot_id": lot,
                "signature": name,
                "n_cells": 54,
                "mean": 0.1,
                "median": 0.1,
                "z": 5.0 if "LICENSED" in name and "primed" in lot else 0.5,
                "low": 0,
                "high": 1,
                "z_low": -1.0,
                "z_high": 6.0,
            }
            for lot in ids
            for name in names
        ],
    )
    paths["run"] = str(folder / "run.json")
    Path(paths["run"]).write_text(
        json.dumps({"run_id": "0123456789ab", "dataset": "toy", "title": "Toy", "config": {"organism": "human"}})
    )
    paths["qc"] = []
    for sample in samples:
        place = folder / "samples" / sample
        place.mkdir(parents=True, exist_ok=True)
        n = cells_per_lot + 10
        qc = pd.DataFrame(
            {
                "predicted_doublet": np.arange(n) < 7,
                "total_counts": 1.0,
                "n_genes_by_counts": 1.0,
                "pct_counts_mt": 1.0,
                "doublet_score": 0.1,
                "qc": "pass",
            }
        )
        qc.index = [f"{sample}_q{i}" for i in range(n)]
        mixture = {"finding": "cannot_say", "sex": "unclear", "reason": "the feature table lacks XIST"}
        uns = {"mscape": {"qc_cells": {"sex_mixture": mixture, "doublets": {"detectable": 0.21}}}}
        counts.write(AnnData(obs=qc, uns=uns), place / "qc.h5ad")
        paths["qc"].append(str(place / "qc.h5ad"))


def _criterion(name: str, kind: str, estimate, low, high, verdict: str) -> dict:
    return {"criterion": name, "kind": kind, "estimate": estimate, "low": low, "high": high, "verdict": verdict}
