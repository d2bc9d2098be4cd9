"""Cells with a known phenotype: the simulation grid of the gate's benchmark."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import scipy.sparse as sp

POSITIVE = ("NT5E", "THY1", "ENG")
NEGATIVE = ("PTPRC", "CD34", "CD14", "ITGAM", "CD19", "CD79A", "HLA-DRA")
TAU = {"NT5E": 4, "THY1": 20, "ENG": 8, "PTPRC": 20, "CD34": 20, "CD14": 60, "ITGAM": 20, "CD19": 15, "CD79A": 30}
TAU["HLA-DRA"] = 100
# CPM. MSC: medians of cultured umbilical-cord MSC (GSE182158); the other kinds are nominal.
RATES = {
    "MSC": {"NT5E": 16.2, "THY1": 617, "ENG": 37.8, "CD14": 9.9, "CD34": 0.06},
    "T": {"NT5E": 8, "THY1": 2, "ENG": 2, "PTPRC": 350, "ITGAM": 5, "CD14": 1, "HLA-DRA": 40},
    "Mono": {"ENG": 40, "PTPRC": 200, "CD14": 500, "ITGAM": 60, "HLA-DRA": 2500},
    "B": {"NT5E": 20, "PTPRC": 300, "CD19": 60, "CD79A": 900, "HLA-DRA": 3500},
    "HSPC": {"NT5E": 1, "THY1": 15, "ENG": 60, "PTPRC": 150, "CD34": 200, "CD79A": 5, "HLA-DRA": 900},
    "Endo": {"NT5E": 60, "THY1": 15, "ENG": 400, "CD34": 150, "CD14": 2, "HLA-DRA": 300},
    "Unlisted": {"NT5E": 1, "ENG": 1, "THY1": 5},
}
# Two to four genes of the lineage at rates that real cells of this kind show or exceed.
LINEAGE = {
    "MSC": {"COL1A1": 4000, "COL1A2": 3000, "COL3A1": 2000, "SPARC": 3000, "COL6A1": 600, "CALD1": 800},
    "T": {"CD3D": 500, "CD3E": 350, "TRAC": 600, "CD2": 250},
    "Mono": {"LYZ": 3000, "TYROBP": 1200, "FCER1G": 800, "LST1": 600, "AIF1": 700},
    "B": {"MS4A1": 500, "CD79B": 700, "BANK1": 200},
    "HSPC": {"SPINK2": 350, "AVP": 300, "MPO": 150},
    "Endo": {"PECAM1": 400, "CDH5": 250, "VWF": 600, "CLDN5": 250, "EGFL7": 400},
    "Unlisted": {},
}
CONTAMINANTS = {"T": 60, "Mono": 60, "B": 30, "HSPC": 30, "Endo": 60}
N_GENES = 800


@dataclass
class Cells:
    """Counts, gene names, ambient fraction, and the truth (``kind library doublet partner phenotype true_<GENE>``)."""

    X: sp.csr_matrix
    genes: list[str]
    truth: pd.DataFrame
    rho: dict[str, float] = field(default_factory=dict)


def simulate(
    *,
    seed: int,
    depth: float,
    rho: float,
    n_msc: int = 2400,
    contaminants: dict[str, int] | None = None,
    negative_fraction: float = 0.0,
    negative_gene: str = "NT5E",
    distinct: bool = True,
    doublets: float = 0.03,
    dispersion: float = 0.3,
) -> Cells:
    """Draw one library.

    Parameters
    ----------
    seed
        Of everything.
    depth, rho
        Median total counts; ambient fraction.
    n_msc, contaminants
        Numbers of cells.
    negative_fraction, negative_gene, distinct
        Share of MSC without a positive marker; whether they differ in fifty other genes too.
    doublets
        Share of barcodes that hold two cells.
    dispersion
        Squared coefficient of variation of each gene's rate between cells of a kind.
    """
    rng = np.random.default_rng(seed)
    contaminants = CONTAMINANTS if contaminants is None else contaminants
    kinds = np.array(["MSC"] * n_msc + [k for k, n in contaminants.items() for _ in range(n)])
    n = len(kinds)
    marked = list(dict.fromkeys([*POSITIVE, *NEGATIVE, *(g for genes in LINEAGE.values() for g in genes)]))
    base = rng.lognormal(0, 1.5, N_GENES)
    state = np.ones(N_GENES)
    state[rng.choice(N_GENES, 60, replace=False)] *= rng.lognormal(0.9, 0.4, 60)
    apart = np.ones(N_GENES)
    apart[rng.choice(N_GENES, 50, replace=False)] *= rng.lognormal(1.2, 0.4, 50)
    negative = np.zeros(n, bool)
    if negative_fraction:
        negative[rng.choice(n_msc, int(negative_fraction * n_msc), replace=False)] = True
    rate = np.zeros((n, len(marked) + N_GENES))
    for kind in dict.fromkeys(kinds):
        rows = np.flatnonzero(kinds == kind)
        profile = base.copy()
        profile[rng.choice(N_GENES, 120, replace=False)] *= rng.lognormal(1.8, 0.7, 120)
        other = np.tile(profile, (len(rows), 1))
        if kind == "MSC":
            other *= state ** rng.uniform(0, 1, (len(rows), 1))
            other[negative[rows]] *= apart if distinct else 1.0
        marks = np.array([RATES[kind].get(g, LINEAGE[kind].get(g, 0.02)) for g in marked]) * 1e-6
        rate[rows, : len(marked)] = marks
        rate[rows, len(marked) :] = other / other.sum(axis=1, keepdims=True) * (1 - marks.sum())
    rate[negative, marked.index(negative_gene)] = 0.05e-6
    panel = [marked.index(g) for g in (*POSITIVE, *NEGATIVE)]
    true = rate[:, panel] * 1e6 >= np.array([TAU[g] for g in (*POSITIVE, *NEGATIVE)])
    rate *= rng.gamma(1 / dispersion, dispersion, rate.shape)
    rate /= rate.sum(axis=1, keepdims=True)
    totals = rng.lognormal(np.log(depth), 0.4, n)
    partner = np.full(n, "", dtype=object)
    first = rng.choice(n, int(doublets * n), replace=False)
    second = rng.integers(0, n, len(first))
    ambient = (rate * totals[:, None]).sum(axis=0)
    ambient /= ambient.sum()
    merged = rate[first] * totals[first, None] + rate[second] * totals[second, None]
    totals[first] += totals[second]
    rate[first] = merged / totals[first, None]
    partner[first] = kinds[second]
    X = rng.poisson(totals[:, None] * ((1 - rho) * rate + rho * ambient))
    truth = pd.DataFrame({"kind": kinds, "library": "lot", "doublet": partner != "", "partner": partner})
    truth["is_msc"] = kinds == "MSC"
    for i, gene in enumerate((*POSITIVE, *NEGATIVE)):
        truth[f"true_{gene}"] = true[:, i]
    good = true[:, :3].all(axis=1) & ~true[:, 3:].any(axis=1) & truth["is_msc"]
    truth["phenotype"] = np.where(good, "positive", "negative")
    order = rng.permutation(n)
    genes = [*marked, *(f"GENE{i:04d}" for i in range(N_GENES))]
    return Cells(
        sp.csr_matrix(X[order].astype(np.int32)), genes, truth.iloc[order].reset_index(drop=True), {"lot": rho}
    )
