"""Cells drawn around real profiles, with real blood cells among them: the semi-real grid of the gate's benchmark.

Profiles: sums of 10x counts of iPSC and iPSC-derived MSC by donor and cluster (GSE181744), bulk counts of HUVEC control
arms; blood: real cells (10x pbmc3k). Identity is easier to see than in a tissue, and the variance inside a cluster is
assumed (Dirichlet with a stated concentration): good results here are necessary, not sufficient.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from simulate import NEGATIVE, POSITIVE, TAU, Cells

RENAMED = {"ATP5L": "ATP5MG", "GNB2L1": "RACK1", "H3F3B": "H3-3B", "ATP5E": "ATP5F1E", "GLTSCR2": "NOP53"}
ENDOTHELIAL_ARMS = ("V4", "V13", "V18")
BLOOD = {"Naive CD4 T": "T", "Memory CD4 T": "T", "CD8 T": "T", "CD14+ Mono": "Mono", "FCGR3A+ Mono": "Mono"}
BLOOD |= {"B": "B", "NK": "NK"}
CONTAMINANTS = {"T": 60, "Mono": 50, "B": 30, "NK": 20, "iPSC": 60, "HUVEC": 60}
MARGIN = 1.5  # a rate within this factor of the threshold is on neither side


@dataclass
class Sources:
    """Profiles (genes x columns) with their table, endothelial profiles, real blood cells and their kinds."""

    profiles: pd.DataFrame
    columns: pd.DataFrame
    endothelial: pd.DataFrame
    blood: sp.csr_matrix
    blood_kind: np.ndarray


def load(folder: str | Path) -> Sources:
    """Read the public data from the shared folder."""
    import anndata

    folder = Path(folder)
    source = folder / "housman_ipsc_msc_osteo_pseudobulk"
    profiles = pd.read_csv(source / "counts.tsv.gz", sep="\t", index_col=0)
    columns = pd.read_csv(source / "columns.tsv", sep="\t").query("scheme == 'cluster0.50' and total_umi >= 200000")
    names = pd.read_csv(folder / "bulk_ucmsc_priming" / "GSE224190_gene_FPKM.txt", sep="\t")
    symbol = names.drop_duplicates("id").set_index("id")["Symbol"]
    bulk = pd.read_csv(folder / "bulk_huvec_osteoblast" / "counts.tsv.gz", sep="\t", index_col=0)
    bulk = bulk[list(ENDOTHELIAL_ARMS)]
    bulk.index = symbol.reindex(bulk.index.str.split(".").str[0]).to_numpy()
    bulk = bulk[bulk.index.notna()].groupby(level=0).sum()
    genes = profiles.index.intersection(bulk.index).difference(["RNR1", "RNR2"])
    cells = anndata.read_h5ad(folder / "pbmc3k_labelled2638" / "pbmc3k_labelled2638.h5ad")
    kind = cells.obs["classified"].astype(str).map(BLOOD)
    counts, kind = cells.X[kind.notna().to_numpy()], kind[kind.notna()].to_numpy(str)
    target = pd.Index(genes).get_indexer([RENAMED.get(g, g) for g in cells.var_names])
    move = sp.csr_matrix(
        (np.ones((target >= 0).sum()), (np.flatnonzero(target >= 0), target[target >= 0])),
        shape=(cells.n_vars, len(genes)),
    )
    blood = sp.csr_matrix(sp.csr_matrix(counts) @ move)
    return Sources(profiles.loc[genes], columns, bulk.loc[genes], blood, kind)


def _draw(rng, profile: np.ndarray, totals: np.ndarray, concentration: float) -> sp.csr_matrix:
    """Draw expected counts of cells around a profile: Dirichlet shares times totals."""
    used = np.flatnonzero(profile)
    shares = rng.standard_gamma(concentration * profile[used] / profile.sum(), (len(totals), len(used)))
    shares *= (totals / shares.sum(axis=1))[:, None]
    return sp.csr_matrix(
        (shares.ravel(), np.tile(used, len(totals)), np.arange(0, shares.size + 1, len(used))),
        shape=(len(totals), len(profile)),
    )


def build(
    sources: Sources,
    *,
    seed: int,
    depth: float,
    rho: float,
    concentration: float = 30_000,
    n_msc: int = 1600,
    contaminants: dict[str, int] | None = None,
    doublets: float = 0.03,
    half: int = 0,
    donors: tuple[str, ...] | None = None,
) -> Cells:
    """Draw a data set of one library per donor.

    Parameters
    ----------
    sources
        Profiles and blood.
    seed, depth, rho, n_msc, contaminants, doublets
        As in :func:`simulate.simulate`; the numbers are shared among the donors.
    concentration
        Of the Dirichlet: the variance of a count is inflated by 1 + depth / concentration.
    half
        0 or 1: which half of the blood cells to draw from, so that tuning and reporting use different cells.
    donors
        Donors to use, all of them if not given.
    """
    rng = np.random.default_rng(seed)
    contaminants = CONTAMINANTS if contaminants is None else contaminants
    donors = donors or tuple(sorted(sources.columns["individual"].unique()))
    genes = list(sources.profiles.index)
    parts, rows = [], []

    def add(matrix, **info):
        parts.append(sp.csr_matrix(matrix))
        rows.extend([info] * matrix.shape[0])

    for i, donor in enumerate(donors):
        own = sources.columns[sources.columns["individual"] == donor]
        msc = own[own["label"].str.startswith("MSC")]
        share = (msc["total_umi"] / msc["total_umi"].sum()).to_numpy()
        wanted = [
            ("MSC", sources.profiles[c].to_numpy(float), n)
            for c, n in zip(msc["column"], rng.multinomial(n_msc // len(donors), share), strict=True)
        ]
        stem = own[own["label"].str.startswith("iPSC")]["column"]
        wanted.append(
            ("iPSC", sources.profiles[stem].sum(axis=1).to_numpy(float), _share(contaminants, "iPSC", donors, i))
        )
        arm = ENDOTHELIAL_ARMS[i % len(ENDOTHELIAL_ARMS)]
        wanted.append(("HUVEC", sources.endothelial[arm].to_numpy(float), _share(contaminants, "HUVEC", donors, i)))
        for kind, profile, n in wanted:
            if not n:
                continue
            rates = {f"cpm_{g}": profile[genes.index(g)] / profile.sum() * 1e6 for g in (*POSITIVE, *NEGATIVE)}
            totals = rng.lognormal(np.log(depth), 0.4, n)
            add(_draw(rng, profile, totals, concentration), kind=kind, library=donor, real=False, **rates)
        for kind in contaminants:
            if kind in ("iPSC", "HUVEC"):
                continue
            pool = np.flatnonzero((sources.blood_kind == kind) & (np.arange(len(sources.blood_kind)) % 2 == half))
            pick = rng.choice(pool, _share(contaminants, kind, donors, i), replace=False)
            add(sources.blood[pick], kind=kind, library=donor, real=True)
    mean, truth = sp.vstack(parts, format="csr"), pd.DataFrame(rows)
    X, partner = _observe(rng, mean, truth, rho, doublets)
    truth["partner"], truth["doublet"] = partner, partner != ""
    truth["is_msc"] = truth["kind"] == "MSC"
    truth["phenotype"] = phenotype(truth)
    order = rng.permutation(len(truth))
    return Cells(X[order], genes, truth.iloc[order].reset_index(drop=True), dict.fromkeys(donors, rho))


def _share(contaminants: dict[str, int], kind: str, donors: tuple[str, ...], i: int) -> int:
    """Cells of a kind for donor i; the total is split as evenly as it goes."""
    total = contaminants.get(kind, 0)
    return total // len(donors) + (i < total % len(donors))


def _observe(rng, mean, truth, rho, doublets):
    """Draw counts, mix in the ambient RNA of each library, join doublets."""
    partner = np.full(len(truth), "", dtype=object)
    out = [None] * len(truth)
    for library in truth["library"].unique():
        rows = np.flatnonzero(truth["library"] == library)
        ambient = np.asarray(mean[rows].sum(axis=0)).ravel()
        ambient /= ambient.sum()
        cells = mean[rows].toarray()
        real = truth["real"].to_numpy()[rows]
        counts = np.empty(cells.shape, np.int32)
        counts[real] = rng.binomial(cells[real].astype(np.int64), 1 - rho)
        counts[~real] = rng.poisson((1 - rho) * cells[~real])
        counts += rng.poisson(rho * cells.sum(axis=1)[:, None] * ambient).astype(np.int32)
        n = round(doublets * len(rows))
        first = rng.choice(len(rows), n, replace=False)
        second = rng.choice(np.setdiff1d(np.arange(len(rows)), first), n, replace=False)
        counts[first] += counts[second]
        partner[rows[first]] = truth["kind"].to_numpy()[rows[second]]
        for r, row in zip(rows, counts, strict=True):
            out[r] = sp.csr_matrix(row)
    return sp.vstack(out, format="csr").astype(np.int32), partner


def phenotype(truth: pd.DataFrame) -> np.ndarray:
    """Positive, negative or borderline by the rates of the donor's cluster; what is no MSC is negative."""
    ratio = pd.DataFrame({g: truth[f"cpm_{g}"] / TAU[g] for g in (*POSITIVE, *NEGATIVE)})
    positive = (ratio[list(POSITIVE)] >= MARGIN).all(axis=1) & (ratio[list(NEGATIVE)] <= 1 / MARGIN).all(axis=1)
    negative = (ratio[list(POSITIVE)] <= 1 / MARGIN).any(axis=1) | (ratio[list(NEGATIVE)] >= MARGIN).any(axis=1)
    side = np.where(positive, "positive", np.where(negative, "negative", "borderline"))
    return np.where(truth["kind"] == "MSC", side, "negative")


def thin(cells: Cells, *, share: float, seed: int) -> Cells:
    """Keep each count with probability ``share``."""
    X = cells.X.copy()
    X.data = np.random.default_rng(seed).binomial(X.data, share).astype(np.int32)
    X.eliminate_zeros()
    return Cells(X, cells.genes, cells.truth, cells.rho)
