"""The lot's answer: the share of cells that meet each criterion, with an interval and a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from mscape.data.tables import TABLES
from mscape.gating.contaminants import UNEXPLAINED
from mscape.gating.deconvolution import draw_above, log_likelihood
from mscape.gating.hidden_subset_bound import add_curves, lower_bound, upper_bound
from mscape.gating.intervals import bootstrap_fraction, min_detectable_fraction, share_interval, verdict_of
from mscape.gating.lineages import MIN_EXPECTED
from mscape.gating.lot_reasons import follow_cells
from mscape.gating.panels import LINEAGE, POSITIVE
from mscape.gating.posterior import background, rate_above
from mscape.gating.reasons import Reason
from mscape.gating.resolution import needed
from mscape.stats import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mscape.gating.calls import Evidence
    from mscape.gating.intervals import Blocks
    from mscape.gating.options import GateOptions
    from mscape.gating.panels import Panel
    from mscape.gating.resolution import GeneLimit

MIN_CELLS = 20  # of a lot; zero of 19 cells still leave a share of 17 % (Wilson), far beyond any limit
MIN_MATRIX_COUNTS = 1000.0  # median counts from which the matrix, thousands of CPM in stroma, is seen
MARKER_OPEN = (Reason.AMBIGUOUS, Reason.LOW_EXPOSURE, Reason.HIDDEN_MIXTURE)  # of a cell: only a marker's side is open
CRITERIA_COLUMNS = TABLES["gate"].names


class Called(NamedTuple):
    """Evidence of all cells at one ambient fraction, and what the cells are called by it.

    Attributes
    ----------
    evidence
        Of all cells.
    calls
        Call, reason and identity of each cell.
    p
        Probability of each feature, shape (n_cells, n_features).
    """

    evidence: Evidence
    calls: pd.DataFrame
    p: np.ndarray


def judge_lot(
    lot: str,
    cells: np.ndarray,
    called: Called,
    blocks: Blocks,
    *,
    hidden: set[str],
    shares: LotShares,
    limits: dict[str, GeneLimit],
    options: GateOptions,
    seed: int = 0,
) -> list[dict]:
    """Judge the criteria of one lot.

    Parameters
    ----------
    lot, cells
        Name and rows of the lot.
    called
        Evidence and calls of all cells.
    blocks
        Neighborhood blocks of the lot's cells.
    hidden
        Positive genes for which a hidden mixture was found in a cluster of this lot.
    shares
        Of the same cells, evidence and calls, their sides drawn (:func:`draw_sides`).
    limits
        Gene -> what the counts of single cells allow, by :func:`mscape.gating.resolution.limit_lot`.
    options
        Settings of the gate.
    seed
        Of the draws.

    Returns
    -------
    One row a criterion, keys ``CRITERIA_COLUMNS``.
    """
    evidence, calls, p = called
    panel, features = evidence.panel, evidence.features
    totals = evidence.totals[cells]
    median = float(np.median(totals))
    common = {
        "lot_id": lot,
        "n_cells": len(cells),
        "median_counts": median,
        "ambient_fraction": float(evidence.rho[cells].mean()),
        "n_cells_needed": np.nan,
        "median_counts_needed": np.nan,
    }
    expected = evidence.pools.exposure[cells] * features.tau
    criteria = [(panel.proteins[g], "positive", {g: t}) for g, t in panel.positive.items()]
    criteria += [(name, "negative", genes) for name, genes in panel.groups.items()]
    rows, violating = [], 0.0
    for name, kind, genes in criteria:
        columns = features.columns(genes)
        x = features.x[np.ix_(cells, columns)]
        prob = shares.probability(columns)
        ok = ~np.isnan(prob)
        deep = expected[:, columns].min(axis=1) >= MIN_EXPECTED
        present, absent = prob >= options.min_probability, (prob <= 1 - options.min_probability) & deep
        curves = [limits[g].curve for g in genes if g in limits]
        limit = panel.min_positive if kind == "positive" else panel.max_negative
        row = common | {
            "criterion": name,
            "kind": kind,
            "n_judged": int(ok.sum()),
            "decided_by": "",
            "genes": ";".join(genes),
            "threshold_cpm": ";".join(f"{t:g}" for t in genes.values()),
            "gene_rate_cpm": ";".join(f"{r:.4g}" for r in x.sum(axis=0) / totals.sum() * 1e6),
            "detected_fraction": float((x > 0).any(axis=1)[ok].mean()) if ok.any() else np.nan,
            "min_detectable_fraction": max(
                min_detectable_fraction(len(cells), median, features.tau[c]) for c in columns
            ),
            "resolved_fraction": float((present | absent)[ok].mean()) if ok.any() else 0.0,
            "estimate": np.nan,
            "low": np.nan,
            "high": np.nan,
            "max_hidden_fraction": np.nan,
        }
        if ok.mean() < 0.5:
            rows.append(row | {"verdict": "not_assessable", "reason": Reason.GENE_NOT_IN_REFERENCE})
            continue
        estimate, low, high = shares.of_cells(columns, kind)
        if kind == "negative" and curves and estimate <= limit and (prob[ok] >= 0.5).mean() <= limit / 2:
            # nothing shows a carrier: neighborhoods that ambient RNA leaves unclear are limited, with the subsets that
            # neighborhoods cannot show, by the counts of single cells
            high = estimate
        facts = CriterionFacts(
            limit=limit,
            low=low,
            high=high,
            wrong=float((absent if kind == "positive" else present)[ok].mean()),
            deep_fraction=float((deep | present)[ok].mean()),
            found=kind == "positive" and not hidden.isdisjoint(genes),
            max_hidden=options.max_hidden,
        )
        if curves:
            curve = add_curves(curves)
            facts.hidden_upper, facts.hidden_lower = upper_bound(curve), lower_bound(curve)
        if name not in panel.allowed:
            violating += 1 - low if kind == "positive" else high
        row["max_hidden_fraction"] = facts.hidden_upper
        row |= {"estimate": estimate, "low": low, "high": high}
        if kind == "positive" and name not in panel.allowed:
            only = limits.get(next(iter(genes)))
            clean = 1 - only.mean_expected if only is not None and not facts.found else 1.0
            row |= {"estimate": estimate * clean, "low": low * (1 - facts.hidden_upper)}
        else:
            row["high"] = high + (1 - high) * facts.hidden_upper
        rows.append(row | _verdict(row, panel, facts, options))
    rows = [follow_cells(row, cells, p, calls, features, min_probability=options.min_probability) for row in rows]
    overall = _overall(
        common, cells, called, blocks, rows, limits=limits, options=options, violating=violating, seed=seed
    )
    return [*rows, overall]


@dataclass(kw_only=True)
class CriterionFacts:
    """What the verdict of a criterion follows from.

    Attributes
    ----------
    limit
        Share of cells that the panel asks for.
    low, high
        Interval of the share by neighborhoods, without what they could hide.
    wrong
        Share of cells that are resolved on the wrong side of the threshold.
    deep_fraction
        Share of cells whose pools have counts enough to distinguish the threshold from zero.
    found
        Was a hidden subset found by the test?
    max_hidden
        Largest hidden share with which a criterion is met.
    hidden_upper, hidden_lower
        Interval of the share of a hidden subset by the counts of single cells.
    """

    limit: float
    low: float
    high: float
    wrong: float
    deep_fraction: float
    found: bool
    max_hidden: float
    hidden_upper: float = 1.0
    hidden_lower: float = 0.0


class LotShares:
    """Shares of a lot's cells that carry a marker, by deconvolution of the rates of neighborhoods.

    Parameters
    ----------
    cells, called, blocks, seed
        As in :func:`judge_lot`.
    p_expressing
        By :func:`mscape.gating.hidden_subset_test.find_hidden_mixtures`, shape (n_cells, n_features).

    Attributes
    ----------
    above
        Draws of the side of each neighborhood, (n_draws, n_markers, n_blocks), by :func:`draw_sides`.
    """

    above: np.ndarray

    def __init__(self, cells: np.ndarray, called: Called, blocks: Blocks, p_expressing: np.ndarray, *, seed: int):
        evidence, calls, p = called
        features, pools = evidence.features, evidence.pools
        self.markers = np.flatnonzero(features.kind != LINEAGE)
        where = np.ix_(cells, self.markers)
        tau, n = features.tau[self.markers], evidence.totals[cells].astype(float)[:, None]
        at = background(tau, evidence.ambient[where], evidence.rho[cells][:, None])
        # a block is its cells and not their pools: small cells hold more of what every droplet holds
        of_block = (1 - evidence.rho[cells][:, None]) * tau + evidence.added[where]
        dispersion = np.maximum(evidence.dispersion[where], 0.1)
        x = features.x[where].astype(float)
        theirs = evidence.rho[cells][:, None] * evidence.ambient[where]
        counts = pools.count[where], pools.exposure[where], pools.size[where]
        pooled = rate_above(*counts, at, dispersion=dispersion, ambient=theirs)
        self.p, self.seed = p[where].astype(float), seed
        self.measured = features.measured[where]
        positive = features.kind[self.markers] == POSITIVE
        # judged by its own counts: a cell that these put on the other side of the threshold than its pool is
        self.own = np.where(positive, (self.p < 0.5) & (pooled >= 0.5), (self.p >= 0.5) & (pooled < 0.5) & (x >= 2))
        self.expressing = p_expressing[where]
        capped = np.minimum(x, np.maximum(2, np.ceil(4 * n * np.maximum(at, tau))))
        self.block = np.empty(len(cells), int)
        for number, block in enumerate(blocks.cells):
            self.block[block] = number
        code = pd.Series(calls["reason"].to_numpy()[cells]).astype(str)
        lineage = ((calls["call"].to_numpy()[cells] == "fail") & code.str.startswith(("LINEAGE_", "NEG_"))).to_numpy()
        n_blocks = len(blocks.cells)
        at_least = np.median(pools.size[where], axis=0)
        self.part = np.stack([_merge(*blocks, size) for size in at_least])

        def total(values: np.ndarray) -> np.ndarray:
            rows = zip(self.part, values.T, strict=True)
            return np.stack([np.bincount(part[self.block], column, n_blocks) for part, column in rows])

        counted = self.measured & ~self.own
        size = total(counted.astype(float))
        exposure = total(np.where(counted, n, 0))
        threshold = total(np.where(counted, n * of_block, 0)) / np.maximum(exposure, 1e-300)
        spread = total(np.where(counted, dispersion, 0)) / np.maximum(size, 1)
        self.used = size > 0
        self.log_likelihood = log_likelihood(
            total(np.where(counted, capped, 0)), exposure, threshold, np.maximum(size, 1), np.maximum(spread, 0.1)
        )
        named = np.bincount(self.block, lineage, n_blocks) > 0.5 * np.bincount(self.block, minlength=n_blocks)
        self.exchangeable = np.broadcast_to(~named, size.shape)

    def probability(self, columns: list[int]) -> np.ndarray:
        """Probability that a cell carries a marker, of several the largest; NaN where none is measured."""
        values = self.p[:, np.searchsorted(self.markers, columns)]
        return np.where(np.isnan(values).all(axis=1), np.nan, np.nan_to_num(values, nan=-1).max(axis=1))

    def of_cells(self, columns: list[int], kind: str) -> tuple[float, float, float]:
        """Share of the measured cells that carry one of the markers, low and high."""
        at = np.searchsorted(self.markers, columns)
        above = self.above[:, at].any(axis=1)
        own = (self.own[:, at] & self.measured[:, at]).any(axis=1)
        counted = self.measured[:, at].any(axis=1) & ~own
        size = np.bincount(self.block[counted], minlength=above.shape[1]).astype(float)
        expressing = self.expressing[:, at[0]][counted].mean() if kind == "positive" and counted.any() else 1.0
        return share_interval(above, size, self.probability(columns)[own], expressing=float(expressing), seed=self.seed)


def judge_unexplained(lot: str, cells: np.ndarray, evidence: Evidence, calls: pd.DataFrame) -> dict:
    """Count the cells of a lot that no panel explains, as a criterion of its own: a row with ``CRITERIA_COLUMNS``.

    They lack the collagen matrix of the lot's stroma (:meth:`mscape.gating.lineages.Lineages.unexplained`), whatever
    their markers say. The limit is that of a negative criterion; the interval is Wilson's. The phenotype does not
    follow from it: the passport's purity counts these cells.

    Parameters
    ----------
    lot, cells
        Name and rows of the lot.
    evidence, calls
        Of all cells.
    """
    panel, features = evidence.panel, evidence.features
    matrix = [lineage for lineage in evidence.lineages if lineage.id == "MATRIX"]
    columns = features.columns([lineage.id for lineage in matrix])
    row: dict = dict.fromkeys(CRITERIA_COLUMNS, np.nan) | {
        "lot_id": lot,
        "criterion": "unexplained",
        "kind": "unexplained",
        "n_cells": len(cells),
        "median_counts": float(np.median(evidence.totals[cells])),
        "ambient_fraction": float(evidence.rho[cells].mean()),
        "genes": ";".join(gene for lineage in matrix for gene in lineage.genes),
        "threshold_cpm": ";".join(f"{features.tau[c] * 1e6:g}" for c in columns),
        "gene_rate_cpm": "",
        "n_judged": 0,
        "decided_by": "",
        "reason": "",
    }
    open_ = {"verdict": "not_assessable"}
    if not panel.verdict:
        return row | open_ | {"reason": Reason.SPECIES_NOT_COVERED}
    if len(cells) < MIN_CELLS:
        return row | open_ | {"reason": Reason.TOO_FEW_CELLS}
    if not matrix or not features.measured[np.ix_(cells, columns)].all():
        return row | open_ | {"reason": Reason.GENE_NOT_IN_REFERENCE}
    found = int((calls["identity"].to_numpy()[cells] == UNEXPLAINED).sum())
    low, high = (float(end) for end in wilson_interval(found, len(cells)))
    row |= {"estimate": found / len(cells), "low": low, "high": high, "n_judged": len(cells), "resolved_fraction": 1.0}
    if row["median_counts"] < MIN_MATRIX_COUNTS:
        return row | open_ | {"reason": Reason.LOW_EXPOSURE}
    verdict = "fails" if low > panel.max_negative else "inconclusive"
    verdict = "meets" if row["estimate"] <= panel.max_negative else verdict
    return row | {"verdict": verdict, "reason": "" if verdict == "meets" else Reason.UNEXPLAINED}


def draw_sides(shares: list[LotShares], *, n_draws: int, seed: int) -> None:
    """Draw the sides of the neighborhoods of a lot, at all ends of the range of ambient RNA in one run.

    Parameters
    ----------
    shares
        Of one lot; their ``above`` is set.
    n_draws, seed
        Draws from the posterior and their seed.
    """
    stacked = [np.concatenate([getattr(s, of) for s in shares]) for of in ("log_likelihood", "used", "exchangeable")]
    drawn = np.split(draw_above(*stacked, n_draws=n_draws, seed=seed), len(shares), axis=1)
    for share, sides in zip(shares, drawn, strict=True):
        share.above = np.stack([sides[:, f, part] for f, part in enumerate(share.part)], axis=1)


def _merge(blocks: list[np.ndarray], strata: np.ndarray, at_least: float) -> np.ndarray:
    """Join neighboring blocks of a stratum until each has a number of cells; the number of each block's first one.

    As many cells as a marker's pools have distinguish its rate from the threshold. A subset of fewer cells is limited
    by the counts of single cells.
    """
    size = np.array([len(block) for block in blocks], float)
    out = np.empty(len(blocks), int)
    for stratum in np.unique(strata):
        own = np.flatnonzero(strata == stratum)
        number = max(1, int(size[own].sum() / at_least))
        middle = (np.cumsum(size[own]) - size[own] / 2) / size[own].sum()
        part = (middle * number).astype(int)
        out[own] = own[np.searchsorted(part, part)]
    return out


def _verdict(row: dict, panel: Panel, facts: CriterionFacts, options: GateOptions) -> dict:
    """Judge a criterion: the first statement that holds decides."""
    if not panel.verdict:
        return {"verdict": "not_assessable", "reason": Reason.SPECIES_NOT_COVERED}
    if row["n_cells"] < MIN_CELLS:
        return {"verdict": "not_assessable", "reason": Reason.TOO_FEW_CELLS}
    if row["criterion"] in panel.allowed:
        return {"verdict": "not_assessable", "reason": Reason.CD34_ALLOWED_SVF}
    if row["median_counts"] < options.min_depth or facts.deep_fraction < options.min_determinate:
        return {"verdict": "not_assessable", "reason": Reason.LOW_EXPOSURE}
    shortfall = 1 - facts.limit if row["kind"] == "positive" else facts.limit
    verdict = verdict_of(row["kind"], facts.low, facts.high, facts.limit)
    if verdict == "fails" and facts.wrong > shortfall:
        code = Reason.MISSING if row["kind"] == "positive" else Reason.NEG
        return {"verdict": "fails", "reason": f"{code}_{row['criterion']}"}
    if row["kind"] == "positive" and (facts.found or facts.hidden_lower > shortfall):
        return {"verdict": "inconclusive", "reason": Reason.HIDDEN_MIXTURE}
    if verdict != "meets":
        return {"verdict": "inconclusive", "reason": Reason.AMBIGUOUS}
    if facts.hidden_upper > facts.max_hidden:
        return {"verdict": "inconclusive", "reason": Reason.HOMOGENEITY_ASSUMED}
    return {"verdict": "meets", "reason": Reason.HOMOGENEITY_ASSUMED if facts.hidden_upper > shortfall else ""}


def fill_needed(table: pd.DataFrame, limits: Mapping[str, Mapping[str, GeneLimit]], max_hidden: float) -> pd.DataFrame:
    """Fill in the cells at this depth, or counts a cell with these cells, that would settle an open positive criterion.

    Parameters
    ----------
    table
        Rows with ``CRITERIA_COLUMNS``.
    limits
        Lot -> gene -> what the counts of single cells allow.
    max_hidden
        Largest hidden share with which a criterion is met.
    """
    table = table.copy()
    for at, row in table.iterrows():
        limit = limits[row["lot_id"]].get(row["genes"].partition(";")[0])
        open_ = row["verdict"] == "inconclusive" and row["reason"] == Reason.HOMOGENEITY_ASSUMED
        if open_ and row["kind"] != "overall" and limit is not None and limit.fits:
            cells, depth = needed(limit, max_hidden)
            table.loc[at, ["n_cells_needed", "median_counts_needed"]] = (
                cells * row["n_cells"],
                depth * row["median_counts"],
            )
    return table


def _overall(
    common: dict,
    cells: np.ndarray,
    called: Called,
    blocks: Blocks,
    rows: list[dict],
    *,
    limits: dict[str, GeneLimit],
    options: GateOptions,
    violating: float,
    seed: int,
) -> dict:
    """Judge the share of cells that pass among determinate ones; indeterminate cells widen the interval both ways.

    Cells of which only a marker's side is open are settled together where they are not one by one: no more of them
    can lack the phenotype than violate a criterion, ``violating`` at most in all (the sum over the criteria of the
    upper ends of their intervals by neighborhoods). The lower end is the better one of the two. A cell that fails by a
    criterion that cannot be assessed counts as indeterminate: what cannot be assessed never makes a lot fail.
    """
    evidence, calls, _ = called
    panel = evidence.panel
    judged = [r for r in rows if r["criterion"] not in panel.allowed]
    blocked = [r for r in judged if r["verdict"] == "not_assessable"]
    failed = [r for r in judged if r["verdict"] == "fails"]
    reason = calls["reason"].to_numpy(str)[cells]
    passed, failing = _called(calls.iloc[cells], blocked)
    undecided = ~passed & ~failing
    seen = evidence.features.x[cells] > 0
    naive = [seen[:, evidence.features.columns([g])].any(axis=1) for g in panel.positive]
    none = [~seen[:, evidence.features.columns(genes)].any(axis=1) for genes in panel.negative.values()]
    row = common | {
        "criterion": "phenotype",
        "kind": "overall",
        "n_judged": int((~undecided).sum()),
        "decided_by": "",
        "genes": "",
        "threshold_cpm": "",
        "gene_rate_cpm": "",
        "detected_fraction": float(np.all([*naive, *none], axis=0).mean()),
        "min_detectable_fraction": max(r["min_detectable_fraction"] for r in rows),
        "resolved_fraction": float(1 - undecided.mean()),
        "estimate": np.nan,
        "low": np.nan,
        "high": np.nan,
        "max_hidden_fraction": np.nan,
    }
    genes = [g for r in judged for g in r["genes"].split(";") if g in limits]
    if genes:
        row["max_hidden_fraction"] = upper_bound(add_curves([limits[g].curve for g in genes]))
    low, high = 0.0, 1.0
    row["clean"] = max(0.0, 1 - sum(limits[g].mean_expected for g in panel.positive if g in limits))
    if not undecided.all():
        interval = partial(
            bootstrap_fraction, blocks=blocks.cells, strata=blocks.strata, n_bootstrap=options.n_bootstrap, seed=seed
        )
        estimate = float(passed.sum() / (~undecided).sum()) * row["clean"]
        _, low, _ = interval(passed.astype(float))
        if not blocked:
            settled = passed | np.isin(reason, MARKER_OPEN) & undecided
            _, together, _ = interval(settled.astype(float))
            low = max(low, together - violating)
        _, _, high = interval((passed | undecided).astype(float))
        hidden = row["max_hidden_fraction"] if genes else 0.0
        row |= {"estimate": estimate, "low": min(low * (1 - hidden), estimate), "high": max(high, estimate)}
    if not panel.verdict:
        return row | {"verdict": "not_assessable", "reason": Reason.SPECIES_NOT_COVERED}
    if len(cells) < MIN_CELLS:
        return row | {"verdict": "not_assessable", "reason": Reason.TOO_FEW_CELLS}
    if failed:
        return row | {"verdict": "fails", "reason": failed[0]["reason"]}
    if high < panel.min_positive and failing.mean() > 1 - panel.min_positive:
        return row | {"verdict": "fails", "reason": pd.Series(reason[failing]).mode().iloc[0]}
    if blocked:
        return row | {"verdict": "not_assessable", "reason": blocked[0]["reason"]}
    open_ = [r for r in judged if r["verdict"] == "inconclusive"]
    if open_:
        weakest = max(open_, key=lambda r: (r["reason"] == Reason.HOMOGENEITY_ASSUMED, r["max_hidden_fraction"]))
        chosen = weakest if all(r["reason"] == Reason.HOMOGENEITY_ASSUMED for r in open_) else open_[0]
        return row | {"verdict": "inconclusive", "reason": chosen["reason"]}
    verdict = verdict_of("positive", low, high, panel.min_positive)
    if verdict == "inconclusive" and undecided.any():
        return row | {"verdict": verdict, "reason": pd.Series(reason[undecided]).mode().iloc[0]}
    assumed = any(r["reason"] == Reason.HOMOGENEITY_ASSUMED for r in judged)
    return row | {"verdict": verdict, "reason": Reason.HOMOGENEITY_ASSUMED if assumed else ""}


def _called(calls: pd.DataFrame, blocked: list[dict]) -> tuple[np.ndarray, np.ndarray]:
    """Find the cells that pass, and those that fail by something that can be assessed."""
    call, reason = calls["call"].to_numpy(str), calls["reason"].to_numpy(str)
    unsure = [f"{code}_{row['criterion']}" for row in blocked for code in (Reason.MISSING, Reason.NEG)]
    return call == "pass", (call == "fail") & ~np.isin(reason, unsure)


def settle_phenotype(rows: list[dict], calls: pd.DataFrame, panel: Panel) -> list[dict]:
    """Give the phenotype its share by the calls that stand, and name the criterion that decided it.

    The rows were judged at one ambient fraction; a call that another fraction would change is open since, and is not
    among the callable cells.

    Parameters
    ----------
    rows
        Criteria of a lot, the phenotype last.
    calls
        Of the lot's cells, as they stand in the end.
    panel
        The panel.
    """
    *criteria, row = rows
    judged = [r for r in criteria if r["criterion"] not in panel.allowed]
    passed, failing = _called(calls, [r for r in judged if r["verdict"] == "not_assessable"])
    n = int((passed | failing).sum())
    estimate = float(passed.sum() / n * row["clean"]) if n else np.nan
    ends = {"low": float(np.fmin(row["low"], estimate)), "high": float(np.fmax(row["high"], estimate))}
    row = row | {"estimate": estimate, "n_judged": n, "resolved_fraction": n / len(calls)} | ends
    same = [r for r in judged if r["verdict"] == row["verdict"] != "meets"]
    decider = next((r for r in same if r["reason"] == row["reason"]), same[0] if same else {"criterion": "phenotype"})
    return [*criteria, row | {"decided_by": decider["criterion"]}]
