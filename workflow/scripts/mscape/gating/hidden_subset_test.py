"""Look for a marker-negative subset hidden inside a cluster, where single cells have counts enough to show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import chi2

from mscape.data.tables import TABLES
from mscape.gating.panels import POSITIVE
from mscape.gating.posterior import log_negative_binomial, log_poisson

if TYPE_CHECKING:
    from mscape.gating.calls import Evidence

COLUMNS = TABLES["hidden_mixture"].names
MAX_CELLS = 1500


@dataclass(frozen=True)
class MixtureFit:
    """Likelihood ratio (twice the log), hidden fraction, p value; rate and shape of the others."""

    lr: float
    fraction: float
    pvalue: float
    rate: float
    shape: float

    def p_expressing(self, x, n, null) -> np.ndarray:
        """Give the probability that each cell is not of the hidden class, by its own count."""
        other = log_negative_binomial(x, n * self.rate, self.shape) - log_poisson(x, n * null)
        return expit(other - logit(self.fraction))


def _single(theta, x, n, _null):
    return log_negative_binomial(x, n * np.exp(theta[0]), np.exp(theta[1])).sum()


def _mixture(theta, x, n, null):
    share = expit(theta[2])
    p_expressing = np.log1p(-share) + log_negative_binomial(x, n * np.exp(theta[0]), np.exp(theta[1]))
    silent = np.log(share) + log_poisson(x, n * null)
    return np.logaddexp(p_expressing, silent).sum()


def _fit(x, n, null) -> tuple[float, np.ndarray, np.ndarray]:
    """Twice the log likelihood ratio and the parameters of both models."""
    rate = np.log(max(x.sum(), 1) / n.sum())
    narrow, wide = (-20.0, 0.0), (-1.5, 6.0)
    one = minimize(lambda t: -_single(t, x, n, null), [rate, 1.0], bounds=[narrow, wide], method="L-BFGS-B")
    fits = []
    for share, shape in ((-3.0, one.x[1]), (-1.4, min(one.x[1] + 1.5, 5.0))):
        start = [one.x[0] - np.log1p(-expit(share)), shape, share]
        within = [narrow, wide, (-7.0, 3.0)]
        fits.append(minimize(lambda t: -_mixture(t, x, n, null), start, bounds=within, method="L-BFGS-B"))
    best = min(fits, key=lambda fit: fit.fun)
    return max(0.0, 2 * float(one.fun - best.fun)), one.x, best.x


def mixture_test(x, n, null, *, n_bootstrap: int = 39, seed: int = 0) -> MixtureFit:
    """Negative binomial against a negative binomial with a silent class.

    Parameters
    ----------
    x, n
        Counts and total counts, shape (n_cells,).
    null
        Rate that a silent cell shows (ambient RNA and a tenth of the threshold), a number.
    n_bootstrap, seed
        The null distribution of a middling likelihood ratio comes from data simulated from the single fit; a ratio
        below 2.7 or above 30 is judged by its limit, an even mixture of 0 and chi² with one degree of freedom.

    Returns
    -------
    The fit; ``pvalue`` is one-sided.
    """
    x, n = np.asarray(x, float), np.asarray(n, float)
    lr, one, two = _fit(x, n, null)
    pvalue = 0.5 * float(chi2.sf(lr, 1))
    if 2.7 <= lr <= 30:
        rng = np.random.default_rng(seed)
        shape = np.exp(one[1])
        null_lr = [
            _fit(rng.poisson(n * np.exp(one[0]) * rng.gamma(shape, 1 / shape, len(n))).astype(float), n, null)[0]
            for _ in range(n_bootstrap)
        ]
        exceed = sum(value >= lr for value in null_lr)
        pvalue = max(pvalue, (1 + exceed) / (1 + n_bootstrap))
    rate, shape = np.exp(two[:2])
    return MixtureFit(lr=lr, fraction=float(expit(two[2])), pvalue=pvalue, rate=float(rate), shape=float(shape))


def find_hidden_mixtures(
    evidence: Evidence,
    lots: np.ndarray,
    clusters: np.ndarray,
    *,
    exclude: np.ndarray,
    min_mean_count: float = 3.0,
    min_cells: int = 50,
    min_fraction: float = 0.05,
    max_pvalue: float = 0.05,
    seed: int = 0,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Test each positive marker in each cluster of each lot.

    Parameters
    ----------
    evidence
        Counts and ambient.
    lots, clusters
        Of each cell.
    exclude
        Cells to leave out (those of a lineage that fails).
    min_mean_count
        Below this mean count single cells cannot show the subset, and the test is not made.
    min_cells
        Smallest cluster to test.
    min_fraction, max_pvalue
        A finding needs a hidden fraction and a p value at least this good.
    seed
        Of the subsample (at most 1,500 cells) and the bootstrap.

    Returns
    -------
    table
        Columns ``COLUMNS``; ``finding`` is ``hidden_mixture``, ``none`` or ``not_assessable``.
    p_expressing
        Where a mixture was found, the probability by its own count that a cell is not of the hidden class; else 1.
        Shape (n_cells, n_features).
    """
    rng = np.random.default_rng(seed)
    features, rows = evidence.features, []
    p_expressing = np.ones(features.x.shape, np.float32)
    key = pd.MultiIndex.from_arrays([lots, clusters], names=["lot_id", "cluster"])
    codes, names = pd.factorize(key, sort=True)
    genes = np.flatnonzero(features.kind == POSITIVE)
    for code, (lot, cluster) in enumerate(names):
        cells = np.flatnonzero((codes == code) & ~exclude)
        for f in genes:
            x, n = features.x[cells, f], evidence.totals[cells]
            mean = float(x.mean()) if len(x) else 0.0
            row = {"lot_id": lot, "cluster": cluster, "gene": features.names[f]}
            row |= {"n_cells": len(cells), "mean_count": mean}
            row |= {"hidden_fraction": np.nan, "lr": np.nan, "pvalue": np.nan, "finding": "not_assessable"}
            if not features.measured[cells, f].all():
                row["reason"] = "GENE_NOT_IN_REFERENCE"
            elif len(cells) < min_cells:
                row["reason"] = f"fewer than {min_cells} cells"
            elif mean < min_mean_count:
                row["reason"] = f"mean count below {min_mean_count:g}: single cells cannot show it"
            else:
                null = float((evidence.rho[cells] * evidence.ambient[cells, f]).mean() + 0.1 * features.tau[f])
                all_x, all_n = x, n
                if len(cells) > MAX_CELLS:
                    pick = np.sort(rng.choice(len(cells), MAX_CELLS, replace=False))
                    x, n = x[pick], n[pick]
                fit = mixture_test(x, n, null, seed=seed)
                found = fit.pvalue <= max_pvalue and fit.fraction >= min_fraction
                if found:
                    p_expressing[cells, f] = fit.p_expressing(all_x, all_n, null)
                row |= {"hidden_fraction": fit.fraction, "lr": fit.lr, "pvalue": fit.pvalue}
                row |= {"finding": "hidden_mixture" if found else "none", "reason": "HIDDEN_MIXTURE" if found else ""}
            rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS), p_expressing
