"""Thresholds from the laboratory's own flow cytometry: the share of cells by RNA shall be that by protein, over lots.

A lot's share of cells above a threshold falls as the threshold rises. The threshold is the one at which the shares of
the lots are nearest to their flow cytometry; each donor counts once. It replaces the panel's only where the lots settle
it: enough of them, different by flow cytometry, followed by RNA in lots that were left out, and with a narrow interval
over a bootstrap of donors.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import gammaln

from mscape.data.tables import TABLES
from mscape.errors import UserError
from mscape.gating import pool_groups
from mscape.gating.flow_values import flow_faults, read_flow
from mscape.gating.intervals import blocks_of
from mscape.gating.lots import MIN_CELLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mscape.gating.intervals import Blocks
    from mscape.gating.options import GateOptions
    from mscape.gating.panels import Features, Panel

logger = logging.getLogger(__name__)

MIN_LOTS = 6
MIN_DONORS = 3
MIN_SPREAD = 0.1  # of the flow cytometry over lots; what differs less does not settle a threshold
MAX_FACTOR = 3.0  # between the threshold and either end of its interval
N_BOOTSTRAP = 1000
RATES = np.geomspace(0.02, 20_000, 97)  # CPM, 16 a decade
CANDIDATES = np.sqrt(RATES[1:] * RATES[:-1])  # thresholds that are tried, CPM
TIED = 0.01  # thresholds whose mean difference is so near to the least are as good
EM_STEPS = 200
MIN_COUNT, SMALLEST = 12, 5  # counts of the gene, and cells, of a neighborhood
AGREEMENT_COLUMNS = TABLES["flow_agreement"].names


@dataclass(frozen=True, kw_only=True)
class FlowThreshold:
    """What the lots' flow cytometry says about the threshold of a marker.

    Attributes
    ----------
    criterion, gene
        The marker.
    lots
        Lots with flow cytometry and cells enough.
    n_donors
        Their donors; a lot of unknown donor counts as one.
    cpm, low, high
        Threshold that fits best, and its interval; NaN where none was fitted.
    error, error_of_mean
        Mean difference from flow cytometry of lots that were left out, by RNA and by the mean of the other lots.
    reason
        Why the panel's threshold stays; "" where it is replaced.
    """

    criterion: str
    gene: str
    lots: tuple[str, ...]
    n_donors: int
    cpm: float = np.nan
    low: float = np.nan
    high: float = np.nan
    error: float = np.nan
    error_of_mean: float = np.nan
    reason: str = ""

    @property
    def basis(self) -> str:
        """What the threshold that was used rests on."""
        return "panel" if self.reason else f"flow cytometry of {len(self.lots)} lots"


def share_curve(
    x: np.ndarray, totals: np.ndarray, blocks: Blocks, ambient: np.ndarray, rho: np.ndarray, *, dispersion: float
) -> np.ndarray:
    """Share of a lot's cells above each candidate threshold, by deconvolution of the rates of neighborhoods.

    The distribution of rates is the nonparametric maximum of the likelihood on a grid (Kiefer and Wolfowitz,
    doi:10.1214/aoms/1177728066), by expectation and maximization, each block weighing as its cells.

    Parameters
    ----------
    x, totals
        Counts of the gene and of all genes, shape (n_cells,).
    blocks
        Neighborhoods of the lot's cells.
    ambient, rho
        Ambient rate of the gene and ambient fraction of each cell, shape (n_cells,).
    dispersion
        Squared coefficient of variation of a rate among like cells.

    Returns
    -------
    Shape (n_candidates,), never rising.
    """

    def total(values: np.ndarray) -> np.ndarray:
        return np.array([values[block].sum() for block in blocks.cells])

    size = np.array([len(block) for block in blocks.cells], float)
    own, foreign = total(totals * (1 - rho)), total(totals * rho * ambient)
    mean = own[:, None] * RATES * 1e-6 + foreign[:, None] + 1e-12
    count, shape = total(x)[:, None], (size / dispersion)[:, None]
    log = gammaln(count + shape) - gammaln(shape) - shape * np.log1p(mean / shape)
    log += count * np.log(mean / (shape + mean))
    likelihood = np.exp(log - log.max(axis=1, keepdims=True))
    weights = np.full(len(RATES), 1 / len(RATES))
    for _ in range(EM_STEPS):
        posterior = likelihood * weights
        posterior *= (size / posterior.sum(axis=1))[:, None]
        weights = posterior.sum(axis=0) / size.sum()
    return 1 - np.cumsum(weights)[:-1]


def fit_threshold(
    criterion: str, gene: str, curves: np.ndarray, flow: pd.Series, donors: Sequence[str], *, seed: int
) -> FlowThreshold:
    """Fit a threshold to the flow cytometry of lots, or say why they do not settle one.

    Parameters
    ----------
    criterion, gene
        The marker.
    curves
        As of :func:`share_curve`, one row a lot, shape (n_lots, n_candidates).
    flow
        Fraction of positive cells, index = lot, shape (n_lots,).
    donors
        Donor of each lot; ``unknown`` is a donor of its own.
    seed
        Of the bootstrap.
    """
    lots = tuple(flow.index.astype(str))
    names = name_donors(lots, donors)
    donor = pd.factorize(np.array(names, object))[0] if lots else np.zeros(0, int)
    n_donors = len(set(names))
    found = FlowThreshold(criterion=criterion, gene=gene, lots=lots, n_donors=n_donors)
    if len(lots) < MIN_LOTS:
        reason = f"{len(lots)} lots with flow cytometry of this marker are fewer than the {MIN_LOTS} that it takes"
        return replace(found, reason=reason)
    if n_donors < MIN_DONORS:
        return replace(found, reason=f"the lots are of {n_donors} donors; it takes {MIN_DONORS}")
    values = flow.to_numpy(float)
    if np.ptp(values) < MIN_SPREAD:
        reason = (
            f"flow cytometry of all lots is {values.min() * 100:.4g} to {values.max() * 100:.4g} %: lots that differ "
            f"by less than {MIN_SPREAD * 100:g} points do not settle a threshold"
        )
        return replace(found, reason=reason)
    loss = np.abs(curves - values[:, None])
    weight = 1 / np.bincount(donor)[donor]
    cpm = _best(weight @ loss, n_donors)
    error = error_of_mean = 0.0
    for one in range(n_donors):
        rest, out = donor != one, donor == one
        at = np.argmin(np.abs(np.log(CANDIDATES / _best(weight[rest] @ loss[rest], n_donors - 1))))
        error += float((weight * loss[:, at])[out].sum()) / n_donors
        guess = np.average(values[rest], weights=weight[rest])
        error_of_mean += float((weight * np.abs(values - guess))[out].sum()) / n_donors
    draws = np.random.default_rng(seed).multinomial(n_donors, np.full(n_donors, 1 / n_donors), size=N_BOOTSTRAP)
    drawn = np.array([_best((weight * times[donor]) @ loss, n_donors) for times in draws])
    low, high = (float(end) for end in np.quantile(drawn, [0.025, 0.975]))
    found = replace(found, cpm=cpm, low=min(low, cpm), high=max(high, cpm), error=error, error_of_mean=error_of_mean)
    reason = ""
    if error >= error_of_mean:
        reason = (
            f"RNA does not follow flow cytometry: lots that were left out differ by {error * 100:.1f} points, from the "
            f"mean of the others by {error_of_mean * 100:.1f}"
        )
    elif found.high > MAX_FACTOR * cpm or found.low < cpm / MAX_FACTOR:
        reason = (
            f"the interval of the threshold, {found.low:.3g} to {found.high:.3g} CPM around {cpm:.3g}, is wider "
            f"than a factor of {MAX_FACTOR:g}"
        )
    return replace(found, reason=reason)


def _best(loss: np.ndarray, n_donors: float) -> float:
    """Threshold of least difference: the geometric middle of all that are as good."""
    good = np.flatnonzero(loss <= loss.min() + TIED * n_donors)
    return float(np.sqrt(CANDIDATES[good[0]] * CANDIDATES[good[-1]]))


def agreement_table(
    gate: pd.DataFrame, flow: pd.DataFrame, donors: pd.Series, fits: Sequence[FlowThreshold]
) -> pd.DataFrame:
    """Set the share of cells by RNA beside flow cytometry.

    Parameters
    ----------
    gate
        Rows of gate.tsv.
    flow
        Fraction of positive cells, index = lot, one column a marker; NaN where it was not measured.
    donors
        Donor of each lot, index = lot.
    fits
        What became of the threshold of each marker.

    Returns
    -------
    One row a lot and marker with both; columns ``AGREEMENT_COLUMNS``.
    """
    by_name = {fit.criterion: fit for fit in fits}
    rows = []
    for row in gate[gate["criterion"].isin(flow.columns) & gate["estimate"].notna()].itertuples():
        value, fit = float(flow.loc[row.lot_id, row.criterion]), by_name.get(row.criterion)
        if np.isnan(value):
            continue
        rows.append(
            {
                "lot_id": row.lot_id,
                "donor_id": donors[row.lot_id],
                "criterion": row.criterion,
                "flow": value,
                "estimate": row.estimate,
                "low": row.low,
                "high": row.high,
                "difference": row.estimate - value,
                "threshold_cpm": row.threshold_cpm,
                "basis": fit.basis if fit else "panel",
                "used": bool(fit and not fit.reason and row.lot_id in fit.lots),
                "reason": fit.reason if fit else "a criterion of several genes has no single threshold",
            }
        )
    return pd.DataFrame(rows, columns=AGREEMENT_COLUMNS)


def _blocks(x: np.ndarray, points: np.ndarray, groups: np.ndarray, cells: np.ndarray) -> Blocks:
    """Cut a lot into neighborhoods that hold counts enough of the gene, at its mean rate in the lot."""
    n_blocks = int(np.clip(x.sum() / MIN_COUNT, 1, len(cells) / SMALLEST))
    return blocks_of(points, groups, cells, n_blocks=n_blocks)


def summarize_agreement(table: pd.DataFrame) -> pd.DataFrame:
    """Bias and limits of agreement of each marker, over donors (Bland and Altman, doi:10.1016/S0140-6736(86)90837-8).

    Parameters
    ----------
    table
        As of :func:`agreement_table`.

    Returns
    -------
    One row a marker: ``criterion n_lots n_donors bias low high``; bias is RNA minus flow cytometry, mean over donors (a
    donor's lots averaged), low and high the limits between which 95 % of donors are expected; NaN under three donors.
    """
    rows = []
    for criterion, own in table.groupby("criterion", sort=False):
        of_donor = own.groupby(name_donors(own["lot_id"], own["donor_id"]))["difference"].mean()
        spread = 1.96 * of_donor.std() if len(of_donor) >= MIN_DONORS else np.nan
        bias = of_donor.mean()
        rows.append((criterion, len(own), len(of_donor), bias, bias - spread, bias + spread))
    return pd.DataFrame(rows, columns=["criterion", "n_lots", "n_donors", "bias", "low", "high"])


def name_donors(lots: Sequence[str], donors: Sequence[str]) -> list[str]:
    """Name the donor of each lot; a lot of unknown donor is its own."""
    return [f"lot {lot}" if donor == "unknown" else donor for lot, donor in zip(lots, donors, strict=True)]


def fit_flow(
    obs: pd.DataFrame,
    features: Features,
    panel: Panel,
    points: np.ndarray,
    clusters: np.ndarray,
    *,
    options: GateOptions,
    ambient_fraction: dict,
    seed: int,
) -> tuple[FlowThreshold, ...]:
    """Fit the threshold of each marker of one gene that the lots have flow cytometry for.

    Parameters
    ----------
    obs
        ``lot_id sample_id donor_id total_counts`` and columns ``flow_<marker>``; where known, ``assay``.
    features, panel
        Counts of the markers, and their names.
    points, clusters
        Embedding and clusters of the cells, shapes (n_cells, n_dims) and (n_cells,).
    options, ambient_fraction, seed
        As of :func:`mscape.gating.gate.gate_dataset`.

    Raises
    ------
    mscape.errors.UserError
        If a value is no per cent of cells.
    """
    if faults := flow_faults(obs):
        raise UserError("flow cytometry: " + "; ".join(faults) + ".")
    flow = read_flow(obs)
    totals = np.maximum(obs["total_counts"].to_numpy(float), 1)
    lots, libraries = obs["lot_id"].astype(str).to_numpy(), obs["sample_id"].astype(str).to_numpy()
    groups = pd.factorize(pd.MultiIndex.from_arrays([lots, clusters]), sort=True)[0]
    rho = pool_groups.ambient_fractions(libraries, ambient_fraction, options.default_ambient)
    ambient = pool_groups.ambient_rates(features, totals, libraries)
    genes = {panel.proteins[gene]: gene for gene in panel.positive}
    genes |= {name: next(iter(group)) for name, group in panel.groups.items() if len(group) == 1}
    if others := flow.columns.difference(list(panel.proteins.values()) + list(panel.groups)).tolist():
        logger.warning("Flow cytometry of %s is not compared: the panel has no such criterion.", ", ".join(others))
    fits = []
    for criterion in flow.columns.intersection(list(genes), sort=False):
        column = features.names.index(genes[criterion])
        of_lot = {lot: np.flatnonzero((lots == lot) & features.measured[:, column]) for lot in flow.index}
        known = [lot for lot, value in flow[criterion].items() if value == value and len(of_lot[lot]) >= MIN_CELLS]
        curves = [
            share_curve(
                features.x[cells, column].astype(float),
                totals[cells],
                _blocks(features.x[cells, column], points, groups, cells),
                ambient[cells, column],
                rho[cells],
                dispersion=options.dispersion,
            )
            for cells in (of_lot[lot] for lot in known)
        ]
        first = obs.groupby(lots).first()
        fit = fit_threshold(
            criterion,
            genes[criterion],
            np.array(curves),
            flow.loc[known, criterion],
            list(first.loc[known, "donor_id"].astype(str)),
            seed=seed,
        )
        if "assay" in first and first.loc[known, "assay"].astype(str).nunique() > 1 and not fit.reason:
            fit = replace(fit, reason="the lots are of several assays, which catch a gene in different measure")
        logger.info("%s: %s%s", criterion, fit.basis, f" ({fit.reason})" if fit.reason else f", {fit.cpm:.3g} CPM")
        fits.append(fit)
    return tuple(fits)
