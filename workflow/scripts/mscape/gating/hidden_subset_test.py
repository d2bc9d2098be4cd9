"""Look for a marker-negative subset hidden inside a cluster, where single cells have counts enough to show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import digamma, expit, logit
from scipy.stats import chi2

from mscape.data.tables import TABLES
from mscape.gating.panels import POSITIVE
from mscape.gating.posterior import log_negative_binomial, log_poisson

if TYPE_CHECKING:
    from mscape.gating.calls import Evidence

COLUMNS = TABLES["hidden_mixture"].names
MAX_CELLS = 1500
MAX_PVALUE = 0.05  # that a lot without a subset has a finding
LEAST_PVALUE = 0.01  # of one test, below which the bootstrap does not reach


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


def _slopes(x, mean, shape) -> np.ndarray:
    """Slopes of the negative binomial's log probability in the logs of mean and shape, shape (2, n_cells)."""
    by_shape = digamma(x + shape) - digamma(shape) + np.log(shape / (shape + mean)) + (mean - x) / (shape + mean)
    return np.stack([shape * (x - mean) / (shape + mean), shape * by_shape])


def _single(theta, x, n) -> tuple[float, np.ndarray]:
    """Minus the log likelihood of one population, and its slopes in the logs of rate and shape."""
    mean, shape = n * np.exp(theta[0]), np.exp(theta[1])
    return -log_negative_binomial(x, mean, shape).sum(), -_slopes(x, mean, shape).sum(axis=1)


def _mixture(theta, x, n, silent) -> tuple[float, np.ndarray]:
    """Minus the log likelihood with a silent class, and its slopes (third: in the logit of its share).

    ``silent`` is the log probability of each count in that class.
    """
    mean, shape, share = n * np.exp(theta[0]), np.exp(theta[1]), expit(theta[2])
    expressing = np.log1p(-share) + log_negative_binomial(x, mean, shape)
    total = np.logaddexp(expressing, np.log(share) + silent)
    weight = np.exp(expressing - total)
    return -total.sum(), -np.array([*(_slopes(x, mean, shape) @ weight), (1 - weight - share).sum()])


def _fit(x, n, null) -> tuple[float, np.ndarray, np.ndarray]:
    """Twice the log likelihood ratio and the parameters of both models."""
    rate = np.log(max(x.sum(), 1) / n.sum())
    narrow, wide = (-20.0, 0.0), (-1.5, 6.0)
    fitting = {"jac": True, "method": "L-BFGS-B"}
    one = minimize(_single, [rate, 1.0], (x, n), bounds=[narrow, wide], **fitting)
    fits, silent = [], log_poisson(x, n * null)
    for share, shape in ((-3.0, one.x[1]), (-1.4, min(one.x[1] + 1.5, 5.0))):
        start = [one.x[0] - np.log1p(-expit(share)), shape, share]
        fits.append(minimize(_mixture, start, (x, n, silent), bounds=[narrow, wide, (-7.0, 3.0)], **fitting))
    best = min(fits, key=lambda fit: fit.fun)
    return max(0.0, 2 * float(one.fun - best.fun)), one.x, best.x


def mixture_test(x, n, null, *, level: float = MAX_PVALUE, n_bootstrap: int = 99, seed: int = 0) -> MixtureFit:
    """Negative binomial against a negative binomial with a silent class.

    Parameters
    ----------
    x, n
        Counts and total counts, shape (n_cells,).
    null
        Rate that a silent cell shows (ambient RNA and a tenth of the threshold), a number.
    level
        p value that a finding needs; others are not made exact.
    n_bootstrap, seed
        The null distribution of a likelihood ratio comes from data simulated from the single fit, as long as it can
        still reach the level; one that is not significant by its limit (an even mixture of 0 and chi² with one degree
        of freedom), or above 30, is judged by that.

    Returns
    -------
    The fit; ``pvalue`` is one-sided.
    """
    x, n = np.asarray(x, float), np.asarray(n, float)
    lr, one, two = _fit(x, n, null)
    pvalue = 0.5 * float(chi2.sf(lr, 1))
    if pvalue <= level and lr <= 30:
        rng = np.random.default_rng(seed)
        shape = np.exp(one[1])
        exceed = 0
        for _ in range(n_bootstrap):
            drawn = rng.poisson(n * np.exp(one[0]) * rng.gamma(shape, 1 / shape, len(n))).astype(float)
            exceed += _fit(drawn, n, null)[0] >= lr
            if (1 + exceed) / (1 + n_bootstrap) > level:
                break
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
    min_fraction
        A finding needs a hidden fraction of at least this, and a p value of ``MAX_PVALUE`` over the tests made in the
        lot: where one marker in one cluster of ten is at stake, the chance of a wrong finding is that of the lot.
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
    members = [np.flatnonzero((codes == code) & ~exclude) for code in range(len(names))]
    tests = dict.fromkeys((lot for lot, _ in names), 0)
    for (lot, _), cells in zip(names, members, strict=True):
        if len(cells) >= min_cells:
            deep = features.x[np.ix_(cells, genes)].mean(axis=0) >= min_mean_count
            tests[lot] += int((deep & features.measured[np.ix_(cells, genes)].all(axis=0)).sum())
    for (lot, cluster), cells in zip(names, members, strict=True):
        level = max(MAX_PVALUE / max(tests[lot], 1), LEAST_PVALUE)
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
                fit = mixture_test(x, n, null, level=level, seed=seed)
                found = fit.pvalue <= level and fit.fraction >= min_fraction
                if found:
                    p_expressing[cells, f] = fit.p_expressing(all_x, all_n, null)
                row |= {"hidden_fraction": fit.fraction, "lr": fit.lr, "pvalue": fit.pvalue}
                row |= {"finding": "hidden_mixture" if found else "none", "reason": "HIDDEN_MIXTURE" if found else ""}
            rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS), p_expressing
