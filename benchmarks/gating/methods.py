"""The gate and the baselines, on cells in memory."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData
from simulate import NEGATIVE, POSITIVE, TAU, Cells

from mscape.gating import gate as gating_gate
from mscape.gating import gate_genes, pool_groups
from mscape.gating import panels as gate_panels

RANK_LIMIT = 1500


def embed(cells: Cells, *, drop: set[str], n_pcs: int = 20, n_neighbors: int = 15) -> tuple[np.ndarray, sp.csr_matrix]:
    """PCA of log counts on 2,000 variable genes and a symmetric graph of nearest neighbours; gate genes left out."""
    from sklearn.decomposition import PCA
    from sklearn.neighbors import kneighbors_graph

    keep = np.flatnonzero([g not in drop for g in cells.genes])
    totals = np.maximum(np.asarray(cells.X.sum(axis=1)).ravel(), 1)
    Y = sp.csc_matrix(sp.diags(1e4 / totals) @ cells.X)[:, keep]
    mean = np.asarray(Y.mean(axis=0)).ravel()
    variance = np.asarray(Y.multiply(Y).mean(axis=0)).ravel() - mean**2
    score = np.where(mean > 0, variance / np.maximum(mean, 1e-12), 0)
    bins = pd.qcut(np.argsort(np.argsort(mean)), 20, labels=False)
    table = pd.DataFrame({"score": score, "bin": bins, "mean": mean})
    scaled = table.groupby("bin")["score"].transform(lambda s: (s - s.median()) / max(s.std(), 1e-12))
    scaled[table["mean"] < 0.01] = -np.inf
    top = np.sort(np.argsort(-scaled.to_numpy(), kind="stable")[:2000])
    Y = Y[:, top]
    Y.data = np.log1p(Y.data)
    Y = Y.toarray()
    Z = PCA(n_pcs, random_state=0, svd_solver="covariance_eigh").fit_transform(Y - Y.mean(axis=0)).astype(np.float32)
    graph = kneighbors_graph(Z, n_neighbors)
    return Z, sp.csr_matrix(graph.maximum(graph.T))


class Gate:
    """The product's gate with the panels of the resource file."""

    def __init__(self, markers, *, without: tuple[str, ...] = ()):
        panels, lineages = gate_panels.read_markers(markers)
        self.panel = gate_panels.make_panel("isct2006", panels["isct2006"])
        self.lineages = gate_panels.make_lineages(lineages, organism="human")
        self.hidden_genes = {*self.panel.thresholds, *(g for x in self.lineages for g in x.genes)}
        self.lineages = [x for x in self.lineages if x.id not in without]

    def run(self, cells: Cells, *, known_rho: bool = True, seed: int = 0) -> SimpleNamespace:
        """Embed, cluster and gate; the result has ``calls p table`` and the embedding used."""
        return self.judge(cells, *embed(cells, drop=self.hidden_genes), known_rho=known_rho, seed=seed)

    def judge(
        self, cells: Cells, Z: np.ndarray, graph: sp.csr_matrix, *, known_rho: bool = True, seed: int = 0
    ) -> SimpleNamespace:
        """Cluster and gate cells that are embedded."""
        return self.judge_prepared(cells, Z, graph, self.prepare(cells), known_rho=known_rho, seed=seed)

    def prepare(self, cells: Cells) -> tuple[AnnData, gate_panels.Features, sp.csc_matrix]:
        """Pick what the gate reads of the counts: ``obs``, the features, the genes that it compares with."""
        wanted = dict.fromkeys([*self.panel.thresholds, *(g for x in self.lineages for g in x.genes)])
        where = {g: i for i, g in enumerate(cells.genes)}
        genes = [g for g in wanted if g in where]
        others = [i for i, g in enumerate(cells.genes) if g not in self.hidden_genes]
        others = others[:: max(1, len(others) // gate_genes.N_REFERENCE)]
        counts = sp.csc_matrix(cells.X[:, [*(where[g] for g in genes), *others]])
        measured = np.ones((len(cells.truth), len(genes)), bool)
        features = gate_panels.make_features(self.panel, self.lineages, counts[:, : len(genes)], genes, measured)
        obs = pd.DataFrame(index=np.arange(len(cells.truth)).astype(str))
        obs["sample_id"] = obs["lot_id"] = cells.truth["library"].to_numpy()
        obs["total_counts"] = np.asarray(cells.X.sum(axis=1)).ravel().astype(float)
        return AnnData(obs=obs), features, counts[:, len(genes) :]

    def judge_prepared(self, cells, Z, graph, prepared, *, known_rho=True, seed=0, threads=1):
        """Cluster and gate cells that are embedded and whose counts are picked: what is timed."""
        adata, features, reference = prepared
        clusters = pool_groups.pool_clusters(SimpleNamespace(obsp={"connectivities": graph}, n_obs=len(Z)), seed=seed)
        result = gating_gate.gate_cells(
            adata,
            features,
            self.panel,
            self.lineages,
            gating_gate.Neighborhoods(Z, clusters, pool_groups.cluster_shares(graph, clusters)),
            ambient_fraction=cells.rho if known_rho else {},
            other_genes=gate_genes.OtherGenes(reference),
            seed=seed,
            threads=threads,
        )
        return SimpleNamespace(**vars(result), points=Z)


def marker_counts(cells: Cells) -> tuple[np.ndarray, np.ndarray]:
    """Take the counts of the ten markers (n_cells, 10) and the total counts."""
    where = {g: i for i, g in enumerate(cells.genes)}
    X = sp.csc_matrix(cells.X)[:, [where[g] for g in (*POSITIVE, *NEGATIVE)]].toarray()
    return X, np.asarray(cells.X.sum(axis=1)).ravel().astype(float)


def _verdict(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    return np.where(positive.all(axis=1) & ~negative.any(axis=1), "pass", "fail").astype(object)


def count_above_zero(cells: Cells) -> np.ndarray:
    """All three positive markers seen, no negative marker seen."""
    X, _ = marker_counts(cells)
    return _verdict(X[:, :3] > 0, X[:, 3:] > 0)


def neighbour_mean(cells: Cells, points: np.ndarray, *, k: int = 15) -> np.ndarray:
    """Mean rate of the cell and its 14 nearest neighbours against the threshold."""
    from sklearn.neighbors import NearestNeighbors

    X, totals = marker_counts(cells)
    index = NearestNeighbors(n_neighbors=k).fit(points).kneighbors(points, return_distance=False)
    rate = X[index].sum(axis=1) / totals[index].sum(axis=1)[:, None] * 1e6
    tau = np.array([TAU[g] for g in (*POSITIVE, *NEGATIVE)])
    return _verdict(rate[:, :3] >= tau[:3], rate[:, 3:] >= tau[3:])


def cluster_mean(cells: Cells, clusters: np.ndarray) -> np.ndarray:
    """Mean rate of the cell's cluster against the threshold."""
    X, totals = marker_counts(cells)
    total = np.bincount(clusters, totals)
    rate = np.column_stack([np.bincount(clusters, x) / np.maximum(total, 1) for x in X.T])[clusters] * 1e6
    tau = np.array([TAU[g] for g in (*POSITIVE, *NEGATIVE)])
    return _verdict(rate[:, :3] >= tau[:3], rate[:, 3:] >= tau[3:])


def rank_score(cells: Cells, genes: tuple[str, ...]) -> np.ndarray:
    """Score a gene set by the ranks of each cell's genes, bounded at 1,500 (doi:10.1016/j.csbj.2021.06.043)."""
    X = sp.csr_matrix(cells.X)
    rows = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    where = {g: i for i, g in enumerate(cells.genes)}
    columns = X.tocsc()[:, [where[g] for g in genes]].toarray()
    ranks = np.full(columns.shape, RANK_LIMIT + 1.0)
    for j in range(len(genes)):
        value = columns[:, j][rows]
        above = np.bincount(rows, X.data > value, X.shape[0])
        ties = np.bincount(rows, X.data == value, X.shape[0])
        ranks[:, j] = np.where(columns[:, j] > 0, np.minimum(above + (ties + 1) / 2, RANK_LIMIT + 1), RANK_LIMIT + 1)
    n = len(genes)
    best = n * (n + 1) / 2
    return 1 - (ranks.sum(axis=1) - best) / (n * (RANK_LIMIT + 1) - best)


def rank_signature(cells: Cells, points: np.ndarray, *, k: int = 30, threshold: float = 0.2) -> np.ndarray:
    """Rank scores of the positive and the negative markers, smoothed over neighbours, one threshold."""
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=k).fit(points).kneighbors(points, return_distance=False)
    positive = rank_score(cells, POSITIVE)[index].mean(axis=1)
    negative = rank_score(cells, NEGATIVE)[index].mean(axis=1)
    return np.where((positive >= threshold) & (negative <= threshold), "pass", "fail").astype(object)


def all_methods(cells: Cells, gate: Gate, *, baselines: bool = True) -> tuple[dict[str, np.ndarray], SimpleNamespace]:
    """Call the cells by each method; the gate's embedding and clusters serve the baselines too."""
    result = gate.run(cells)
    calls = {"gate": result.calls["call"].to_numpy()}
    if baselines:
        calls["count > 0"] = count_above_zero(cells)
        calls["kNN15 mean > tau"] = neighbour_mean(cells, result.points)
        calls["cluster mean > tau"] = cluster_mean(cells, result.clusters)
        calls["rank score + kNN"] = rank_signature(cells, result.points)
    return calls, result
