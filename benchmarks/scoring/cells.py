"""Cells for the score benchmark: rates of the built-in simulator, negative-binomial noise, sets of known content."""

import tempfile
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy import stats

from mscape.data import counts
from mscape.genes import names as gene_names
from mscape.genes import registry
from mscape.scoring import control_genes, methods, null_sets
from mscape.scoring import score as score_passes
from mscape.simulation import model

HELD_OUT = 3000  # genes that sets are drawn from; as signature genes, they are no background
DISPERSION = 0.3  # variance of a gene's rate between cells of one kind, relative to its square


def msc_rates(n_genes: int = 12_000) -> np.ndarray:
    """Rates of a resting MSC in the built-in simulator, summing to one; shuffled, so that the first are any genes."""
    table = pd.read_csv(gene_names.GENES, sep="\t", dtype=str)
    rates = model.draw_rates(registry.load_markers(), table, genes=n_genes)
    cpm = np.exp(rates.log_cpm[0].astype(float))
    return np.random.default_rng(11).permutation(cpm / cpm.sum())


def draw_cells(
    rates: np.ndarray, n_cells: int, depth: float, rng: np.random.Generator, *, fold: np.ndarray | None = None
) -> sp.csr_matrix:
    """Draw cells of one depth (log-normal, sd 0.3) and kind; ``fold`` (n_cells, n_genes) changes rates."""
    totals = depth * rng.lognormal(0, 0.3, n_cells)
    parts = []
    for rows in np.array_split(np.arange(n_cells), max(1, n_cells // 250)):
        mu = np.outer(totals[rows], rates) * (1 if fold is None else fold[rows])
        parts.append(sp.csr_matrix(rng.poisson(rng.gamma(1 / DISPERSION, mu * DISPERSION)).astype(np.int32)))
    return sp.vstack(parts, format="csr")


def draw_sets(x: sp.csr_matrix, size: int, n: int, rng: np.random.Generator, *, but=()) -> list[methods.GeneSet]:
    """Draw n sets of held-out genes that some cell shows, ``but`` some."""
    pool = np.setdiff1d(np.flatnonzero(x.getnnz(axis=0)[:HELD_OUT] > 0), but)
    none = np.empty(0, dtype=np.int64)
    return [methods.GeneSet(f"SET{size}_{i}", rng.choice(pool, size, replace=False), none) for i in range(n)]


def score(
    x: sp.csr_matrix, sets: list[methods.GeneSet], *, lots: np.ndarray | None = None, seed: int = 0, adjust: bool = True
) -> dict:
    """Run the two passes of ``score_signatures`` on cells of one or more lots."""
    n_cells, n_genes = x.shape
    names = np.array([f"G{i:05}" for i in range(n_genes)])
    lots = np.zeros(n_cells, dtype=int) if lots is None else lots
    obs = pd.DataFrame({"lot_id": lots.astype(str)}, index=[f"cell{i}" for i in range(n_cells)])
    obs["sample_id"] = obs["lot_id"]
    table = pd.DataFrame({"id": [s.name for s in sets], "axis": "toy"})
    settings = {"max_rank": 1500, "random_sets": 1000, "max_depth_rho": 0.1 if adjust else 2.0}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "counts.h5ad"
        counts.write(ad.AnnData(x, obs=obs, var=pd.DataFrame(index=names)), path)
        n_lots = lots.max() + 1
        genes = score_passes.measure_genes(path, lots, n_lots + 1)
        usable = np.arange(n_genes) >= HELD_OUT
        mean, detection = (genes[key][:-1].mean(axis=0) for key in ("mean", "detection"))
        reference = control_genes.make_background(mean, usable, names)
        stats = null_sets.GeneStats.of(mean, detection, reference)
        return score_passes.score_dataset(
            path, sets, reference, genes=genes, stats=stats, obs=obs, table=table, settings=settings, seed=seed
        )


def likelihood_ratio(x: sp.csr_matrix, rates: np.ndarray, genes: np.ndarray, fold: float) -> np.ndarray:
    """Log-likelihood ratio of each cell for genes raised ``fold``-fold: no score beats it, for it knows the rates."""
    return log_ratio(x[:, genes].toarray(), np.outer(counts.totals(x), rates[genes] / rates.sum()), fold)


def log_ratio(counted: np.ndarray, mean: np.ndarray, fold: float) -> np.ndarray:
    """Log-likelihood ratio of each cell for means raised ``fold``-fold; both arrays of shape (n_cells, n_genes)."""
    shape = 1 / DISPERSION
    raised, plain = (stats.nbinom.logpmf(counted, shape, shape / (shape + f * mean)) for f in (fold, 1))
    return (raised - plain).sum(axis=1)


def lognormal_adata(x: sp.csr_matrix) -> ad.AnnData:
    """Cells as other libraries want them: log1p of counts per 10,000, names for genes and cells."""
    adata = ad.AnnData(counts.lognorm(x, counts.totals(x)))
    adata.obs_names = [f"cell{i}" for i in range(x.shape[0])]
    adata.var_names = [f"G{i:05}" for i in range(x.shape[1])]
    return adata
