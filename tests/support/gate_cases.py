"""Stage files for the gate's tests: counts and an embedding, as the workflow would hand them over."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import scipy.sparse as sp
import yaml
from anndata import AnnData
from toy_study import default_settings

REPO = Path(__file__).parents[2]
MARKERS = REPO / "resources" / "markers.yaml"
SHARED_DATA = Path(os.environ.get("MSCAPE_SHARED_DATA", REPO.parent / "shared" / "data"))


# CPM of the gate genes and one lineage panel gene pair in each kind of cell
KINDS = {
    "MSC": {"NT5E": 40, "THY1": 400, "ENG": 60, "COL1A1": 6000, "COL1A2": 4000, "SPARC": 3000, "LUM": 1500},
    "T": {"PTPRC": 300, "CD3D": 900, "CD3E": 700, "TRAC": 900},
    "endothelial": {"ENG": 400, "NT5E": 60, "CD34": 150, "PECAM1": 800, "CDH5": 500, "VWF": 900, "CLDN5": 300},
    "iPS": {"THY1": 300, "POU5F1": 500, "LIN28A": 300, "L1TD1": 600, "DPPA4": 300},
    "neural": {},
}
PANEL = ["NT5E", "THY1", "ENG", "PTPRC", "CD34", "CD14", "ITGAM", "CD19", "CD79A", "HLA-DRA"]


def toy_cells(numbers, *, depth=6000, seed=0, n_genes=400):
    """Draw cells of known kinds; returns counts, gene names, kinds."""
    rng = np.random.default_rng(seed)
    marked = sorted({g for rates in KINDS.values() for g in rates} | set(PANEL))
    base = np.random.default_rng(99).lognormal(0, 1.2, n_genes)
    genes = [*marked, *(f"G{i}" for i in range(n_genes))]
    X, kinds = [], []
    for i, (kind, n) in enumerate(numbers.items()):
        profile = base.copy()
        if kind != "MSC":
            profile[np.random.default_rng(7 + i).choice(n_genes, 80, replace=False)] *= 6
        rates = np.array([KINDS[kind].get(g, 0.05) for g in marked]) * 1e-6
        p = np.concatenate([rates, profile / profile.sum() * (1 - rates.sum())])
        totals = rng.lognormal(np.log(depth), 0.3, n)
        X.append(rng.poisson(totals[:, None] * p * rng.gamma(5, 0.2, (n, len(p)))))
        kinds += [kind] * n
    return np.vstack(X), genes, np.array(kinds)


def gate_genes():
    content = yaml.safe_load(MARKERS.read_text())
    genes = {g for x in content["lineages"].values() for g in [*x["genes"], *x.get("mouse", [])]}
    for panel in content["panels"].values():
        genes |= set(panel["positive"]) | {g for group in panel["negative"].values() for g in group}
    return genes


def embed(X, genes, *, n_pcs=20, n_neighbors=15, seed=0):
    """PCA and a symmetric kNN graph on log counts, gate and lineage genes left out."""
    from sklearn.decomposition import PCA
    from sklearn.neighbors import kneighbors_graph

    drop = gate_genes()
    X = sp.csr_matrix(X)
    totals = np.asarray(X.sum(axis=1)).ravel()
    keep = np.flatnonzero([g not in drop for g in genes])
    Y = sp.diags(1e4 / np.maximum(totals, 1)) @ X[:, keep]
    Y.data = np.log1p(Y.data)
    mean = np.asarray(Y.mean(axis=0)).ravel()
    var = np.asarray(Y.multiply(Y).mean(axis=0)).ravel() - mean**2
    top = np.argsort(-var / np.maximum(mean, 0.02), kind="stable")[:2000]
    Y = Y[:, np.sort(top)].toarray()
    n_pcs = min(n_pcs, min(Y.shape) - 1)
    Z = PCA(n_pcs, random_state=seed, svd_solver="arpack").fit_transform(Y - Y.mean(axis=0))
    graph = kneighbors_graph(Z, min(n_neighbors, len(Z) - 1))
    return Z.astype(np.float32), sp.csr_matrix(graph.maximum(graph.T))


def write_case(folder, X, genes, *, samples=None, lots=None, obs=None, ambient=None, measured=None, seed=0):
    """Write counts.h5ad and embedding.all.h5ad; return the arguments of ``gate_msc.main`` without params."""
    from mscape.data import counts

    X = sp.csr_matrix(X).astype(np.int32)
    n = X.shape[0]
    samples = np.array(["s1"] * n if samples is None else samples, dtype=object)
    table = pd.DataFrame(index=[f"{s}_c{i:05d}" for i, s in enumerate(samples)])
    table["sample_id"] = pd.Categorical(samples)
    table["lot_id"] = pd.Categorical(samples if lots is None else np.array(lots, dtype=object))
    table["total_counts"] = np.asarray(X.sum(axis=1)).ravel().astype(float)
    for name, values in (obs or {}).items():
        table[name] = values
    var = pd.DataFrame({"gene_id": ""}, index=pd.Index(list(genes)))
    ids = list(pd.unique(samples))
    there = pd.DataFrame(True, index=var.index, columns=ids) if measured is None else measured
    rho = {s: float((ambient or {}).get(s, np.nan)) for s in ids}
    folder = Path(folder)
    counts.write(
        AnnData(
            X,
            obs=table,
            var=var,
            varm={"measured": there},
            uns={"mscape": {"merge_samples": {"ambient_fraction": rho}}},
        ),
        folder / "counts.h5ad",
    )
    Z, graph = embed(X, list(genes), seed=seed)
    light = AnnData(obs=pd.DataFrame(index=table.index), obsm={"X_pca": Z}, obsp={"connectivities": graph})
    counts.write(light, folder / "embedding.all.h5ad")
    given = SimpleNamespace(h5ad=folder / "counts.h5ad", embedding=folder / "embedding.all.h5ad", markers=MARKERS)
    made = SimpleNamespace(
        h5ad=folder / "gate.h5ad",
        table=folder / "gate.tsv",
        contaminants=folder / "contaminants.tsv",
        hidden=folder / "hidden_mixture.tsv",
        flow_agreement=folder / "flow_agreement.tsv",
    )
    return given, made


def run_gate(given, made, *, organism="human", culture="expanded", seed=0, threads=1, **settings):
    """Run the step; return the cells' table and the three tables."""
    import gate_msc
    from mscape.data import counts
    from mscape.data.table_io import read_table

    settings = default_settings("gate") | settings
    params = SimpleNamespace(settings=settings, organism=organism, culture=culture, seed=seed, threads=threads)
    gate_msc.main(given, made, params)
    light = counts.read_light(made.h5ad)
    return SimpleNamespace(
        obs=light.obs,
        uns=light.uns["mscape"]["gate_msc"],
        table=read_table(made.table, "gate"),
        contaminants=read_table(made.contaminants, "contaminants"),
        hidden=read_table(made.hidden, "hidden_mixture"),
        flow_agreement=read_table(made.flow_agreement, "flow_agreement"),
    )
