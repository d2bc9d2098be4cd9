"""Cells of two donors of different sex in one sample: XIST and Y-linked transcripts, cell by cell.

A cell of the other sex lacks what the sample's own cells have and has what they lack. Ambient RNA of such a donor is in
all droplets beside the cell's own, a doublet has both, and a cell that lost its Y chromosome or its XIST has neither:
none of the three is a second donor. A mixture of these four kinds is fitted to the counts of each cell, and both pure
kinds must improve the fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import gammaln, logsumexp
from scipy.stats import chi2

FEMALE, MALE, BOTH, NEITHER = range(4)  # kinds of cells
NAMES = ("female", "male")
MIN_CELLS = 100
PRESENT = 10.0  # counts per million of the sample, from which a sex is said to be expressed
TYPICAL = (60.0, 150.0)  # CPM of XIST in a female cell and of Y genes in a male one: low ones of cultured MSC
MAX_AMBIENT = 0.2  # of the own rate: RNA of the other sex in all cells up to this is ambient
MIN_EVIDENCE = 2 * chi2.isf(1e-4, 1)  # of each kind, twice the log likelihood ratio: the model is only roughly true
MAX_BOTH = 0.1  # of the cells: doublets of both sexes
MIN_SHARE = 0.01  # at least, with its interval
MAX_BOUND = 0.1  # a second donor that could have a larger share without being seen: the sample cannot say
DEPTH_BINS = 24
EM_STEPS, TOLERANCE = 100, 0.01
HAS_XIST, HAS_LINKED = np.array([1.0, 0.0, 0.5, 0.0]), np.array([0.0, 1.0, 0.5, 0.0])  # of the four kinds
LIMITS = ((1e-7, 0.05), (1e-7, 0.05), (1e-4, MAX_AMBIENT), (1e-4, MAX_AMBIENT), (0.05, 4.0), (0.05, 4.0))


@dataclass(frozen=True, kw_only=True)
class SexMixture:
    """What the cells of a sample say about a second donor of the other sex.

    Attributes
    ----------
    finding
        ``found``, ``not_found`` or ``cannot_say``.
    sex
        Of most cells: ``female``, ``male`` or ``unclear``.
    share, low, high
        Share of cells of the other sex among those of either, and its 95 % interval; NaN unless found.
    bound
        Largest share that the counts would have allowed; NaN where nothing is known.
    reason
        Why it cannot be said; "" otherwise.
    """

    finding: str
    sex: str = "unclear"
    share: float = np.nan
    low: float = np.nan
    high: float = np.nan
    bound: float = np.nan
    reason: str = ""


def find_two_sexes(xist: pd.Series, linked: pd.Series, totals: pd.Series) -> SexMixture:
    """Look for cells of the other sex in a sample.

    Parameters
    ----------
    xist, linked
        Counts of XIST and of all Y-linked genes of each cell, shape (n_cells,); NaN where the feature table has none.
    totals
        Counts of all genes, at least 1, shape (n_cells,).
    """
    x, y, n = (np.asarray(values, float) for values in (xist, linked, totals))
    if missing := [name for name, values in (("XIST", x), ("Y-linked genes", y)) if np.isnan(values).any()]:
        return SexMixture(finding="cannot_say", reason=f"the feature table lacks {' and '.join(missing)}")
    if len(totals) < MIN_CELLS:
        return SexMixture(
            finding="cannot_say", reason=f"{len(totals)} cells are fewer than the {MIN_CELLS} that it takes"
        )
    rates = [1e6 * float(values.sum()) / float(n.sum()) for values in (x, y)]
    own = int(np.argmax(np.array(rates) / TYPICAL))
    if max(rates) < PRESENT:
        return SexMixture(finding="cannot_say", reason="neither XIST nor Y-linked genes are expressed")
    table = _Table(x, y, n)
    fits = [_compare(table, constant=constant) for constant in (True, False)]
    if all(fit[0] for fit in fits):
        _, share, low, high, common = fits[0]
        low, high = min(low, fits[1][2]), max(high, fits[1][3])
        return SexMixture(finding="found", sex=NAMES[common], share=share, low=low, high=high)
    sex, bound = NAMES[own], max(_bound(table, own, constant=constant) for constant in (True, False))
    if bound > MAX_BOUND:
        reason = "the counts of XIST and Y-linked genes are too low to see a second donor"
        return SexMixture(finding="cannot_say", sex=sex, bound=bound, reason=reason)
    return SexMixture(finding="not_found", sex=sex, bound=bound)


class _Table:
    """Cells with the same counts and about the same depth, counted: ``x y n times`` each of shape (n_rows,)."""

    def __init__(self, xist: np.ndarray, linked: np.ndarray, totals: np.ndarray):
        n_bins = min(DEPTH_BINS, max(1, len(totals) // 20))
        part = pd.Series(pd.qcut(pd.Series(totals).rank(method="first"), n_bins, labels=False))
        depth = pd.Series(totals, dtype=float).groupby(part).transform("mean")
        cells = pd.DataFrame({"x": xist, "y": linked, "n": depth})
        rows = cells.value_counts().reset_index()
        self.x, self.y, self.n, self.times = (rows[name].to_numpy(float) for name in ("x", "y", "n", "count"))
        self.n_cells, self.mean = len(totals), float(np.mean(totals))

    def log_likelihoods(self, parameters: np.ndarray, *, constant: bool) -> np.ndarray:
        """Log likelihood of each row under each kind, shape (n_rows, 4).

        ``parameters`` are the rates of XIST and Y in cells that have them, the ambient parts of these, the squared
        coefficients of variation of both; ambient RNA is the same in every droplet (``constant``) or grows with the
        cell.
        """
        rate_x, rate_y, soup_x, soup_y, spread_x, spread_y = parameters
        base = np.full_like(self.n, self.mean) if constant else self.n
        out = np.empty((len(self.n), 4))
        for count, rate, soup, spread, has in (
            (self.x, rate_x, soup_x, spread_x, HAS_XIST),
            (self.y, rate_y, soup_y, spread_y, HAS_LINKED),
        ):
            levels = {part: _log_nb(count, rate * (part * self.n + soup * base), spread) for part in set(has)}
            for kind, part in enumerate(has):
                out[:, kind] = levels[part] if count is self.x else out[:, kind] + levels[part]
        return out


def _log_nb(count: np.ndarray, mean: np.ndarray, spread: float) -> np.ndarray:
    shape = 1 / spread
    mean = np.maximum(mean, 1e-9)
    return (
        gammaln(count + shape) - gammaln(shape) - shape * np.log1p(mean / shape) + count * np.log(mean / (shape + mean))
    )


def _fit(
    table: _Table, start: np.ndarray, shares: np.ndarray, *, constant: bool
) -> tuple[float, np.ndarray, np.ndarray]:
    """Fit a mixture by expectation and maximization: log likelihood, parameters, shares of the four kinds.

    A kind whose share is 0 at the start stays out. Rates are weighted by the inverse of the negative binomial variance,
    as in a quasi-likelihood; their spread follows from the squared residuals of cells that have the gene.
    """
    parameters, shares = start.copy(), shares / shares.sum()
    base = np.full_like(table.n, table.mean) if constant else table.n
    value = -np.inf
    for _ in range(EM_STEPS):
        log = table.log_likelihoods(parameters, constant=constant) + np.log(np.maximum(shares, 1e-300))
        whole = logsumexp(log, axis=1)
        reached = float(table.times @ whole)
        if reached - value < TOLERANCE:
            break
        value = reached
        weight = np.exp(log - whole[:, None]) * table.times[:, None]
        shares = _cap(weight.sum(axis=0) / table.n_cells)
        for at, (count, parts) in enumerate(((table.x, HAS_XIST), (table.y, HAS_LINKED))):
            rate, soup, spread = parameters[at], parameters[2 + at], parameters[4 + at]
            exposure = parts * table.n[:, None] + soup * base[:, None]
            inverse = weight / (1 + spread * rate * exposure)
            without = inverse[:, parts == 0]
            if inverse.sum() > 0 and (inverse * exposure).sum() > 0:
                parameters[at] = (inverse * count[:, None]).sum() / (inverse * exposure).sum()
            if (without * base[:, None]).sum() > 0:
                ambient = (without * count[:, None]).sum() / (without * base[:, None]).sum()
                parameters[2 + at] = ambient / max(parameters[at], 1e-12)
            mean = parameters[at] * (parts * table.n[:, None] + parameters[2 + at] * base[:, None])
            has = weight * (parts > 0) if (weight[:, parts > 0].sum() > 20) else weight
            excess = (has * ((count[:, None] - mean) ** 2 - mean)).sum()
            parameters[4 + at] = excess / max((has * mean**2).sum(), 1e-12)
        parameters = np.clip(parameters, *np.array(LIMITS).T)
    return value, parameters, shares


def _compare(table: _Table, *, constant: bool) -> tuple[bool, float, float, float, int]:
    """Whether cells of both sexes are there, the share of the rarer one with its interval, and the commoner one."""
    fits = [_fit(table, *_start(table, female), constant=constant) for female in (0.9, 0.5, 0.1)]
    whole, parameters, shares = max(fits, key=lambda fit: fit[0])
    rare, common = (FEMALE, MALE) if shares[FEMALE] < shares[MALE] else (MALE, FEMALE)
    without, other = (_without(table, kind, parameters, shares, constant=constant)[0] for kind in (rare, common))
    log = table.log_likelihoods(parameters, constant=constant)
    grid, curve = _profile(table, log, shares, rare)
    inside = grid[curve >= curve.max() - chi2.isf(0.05, 1) / 2]
    pure = shares[FEMALE] + shares[MALE]
    share, low, high = (min(float(x / pure), 1.0) for x in (shares[rare], inside[0], inside[-1]))
    evidence = 2 * min(whole - without, whole - other)
    return bool(evidence > MIN_EVIDENCE and low >= MIN_SHARE), share, min(low, share), max(high, share), common


def _start(table: _Table, female: float) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and shares to start from, at a share of female cells."""
    total = table.times @ table.n
    rates = [table.times @ table.x / total / female, table.times @ table.y / total / (1 - female)]
    parameters = np.clip([*rates, 0.03, 0.03, 0.3, 0.3], *np.array(LIMITS).T)
    return parameters, np.array([female, 1 - female, 0.03, 0.03])


def _without(table: _Table, kind: int, parameters: np.ndarray, shares: np.ndarray, *, constant: bool):
    """Fit the mixture without one kind: from where the whole one ended, and with all its RNA as ambient RNA."""
    left = np.where(np.arange(4) == kind, 0.0, np.maximum(shares, 0.01))
    ambient = parameters.copy()
    ambient[2:4] = MAX_AMBIENT
    return max((_fit(table, one, left, constant=constant) for one in (parameters, ambient)), key=lambda fit: fit[0])


def _profile(table: _Table, log: np.ndarray, shares: np.ndarray, kind: int) -> tuple[np.ndarray, np.ndarray]:
    """Log likelihood at each share of a kind, the best over the shares of the others; rates are held."""
    likelihood = np.exp(log - log.max(axis=1, keepdims=True))
    grid = np.linspace(0.0025, 0.6, 120)
    weights = np.tile(np.maximum(shares, 0.005), (len(grid), 1))
    curve = np.empty(len(grid))
    others = [one for one in range(4) if one != kind]
    for i, value in enumerate(grid):
        weight = weights[i]
        for _ in range(30):
            weight[kind] = 0
            weight *= (1 - value) / weight.sum()
            weight[kind] = value
            density = likelihood * weight
            weight = _cap((density / density.sum(axis=1, keepdims=True) * table.times[:, None]).sum(axis=0))
        weight[kind] = 0
        weight[others] *= (1 - value) / weight[others].sum()
        weight[kind] = value
        curve[i] = table.times @ np.log((likelihood * weight).sum(axis=1))
    return grid, curve


def _cap(shares: np.ndarray) -> np.ndarray:
    """Hold the share of doublets of both sexes to its limit; shares that add up to 1."""
    shares = shares / shares.sum()
    if shares[BOTH] > MAX_BOTH:
        rest = np.delete(shares, BOTH)
        shares = np.insert(rest / rest.sum() * (1 - MAX_BOTH), BOTH, MAX_BOTH)
    return shares


def _bound(table: _Table, own: int, *, constant: bool) -> float:
    """Largest share of the other sex that the counts allow, if its cells express it at the typical low rate."""
    foreign = MALE if own == FEMALE else FEMALE
    start = _start(table, 0.9 if own == FEMALE else 0.1)
    _, parameters, shares = _without(table, foreign, *start, constant=constant)
    at = int(foreign == MALE)
    ambient, typical = parameters[at] * parameters[2 + at], TYPICAL[at] * 1e-6
    parameters[at] = max(typical, ambient / MAX_AMBIENT)
    parameters[2 + at] = ambient / parameters[at]
    log = table.log_likelihoods(parameters, constant=constant)
    grid, curve = _profile(table, log, shares, foreign)
    high = float(grid[curve >= curve.max() - chi2.isf(0.05, 1) / 2][-1])
    return float(min(high / max(high + shares[own], 1e-9), 1.0))
