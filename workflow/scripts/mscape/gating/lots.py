"""The lot's answer: the share of cells that meet each criterion, with an interval and a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.gating.intervals import bootstrap_fraction, borrow_from_lot, min_detectable_fraction, verdict_of
from mscape.gating.lineages import MIN_EXPECTED
from mscape.gating.lot_reasons import follow_cells

if TYPE_CHECKING:
    from mscape.gating.calls import Evidence
    from mscape.gating.panels import Panel

CRITERIA_COLUMNS = [
    "lot_id",
    "criterion",
    "kind",
    "estimate",
    "low",
    "high",
    "verdict",
    "n_cells",
    "detected_fraction",
    "reason",
    "genes",
    "threshold_cpm",
    "gene_rate_cpm",
    "min_detectable_fraction",
    "resolved_fraction",
    "ambient_fraction",
    "median_counts",
    "max_hidden_fraction",
]


def judge_lot(
    lot: str,
    cells: np.ndarray,
    evidence: Evidence,
    p: np.ndarray,
    calls: pd.DataFrame,
    blocks: list[np.ndarray],
    strata: np.ndarray,
    *,
    hidden: set[str],
    bounds: dict[str, float],
    min_probability: float = 0.9,
    min_determinate: float = 0.5,
    min_depth: float = 1000,
    max_hidden: float = 0.2,
    n_bootstrap: int = 400,
    seed: int = 0,
) -> list[dict]:
    """Judge the criteria of one lot.

    Parameters
    ----------
    lot, cells
        Name and rows of the lot.
    evidence, p, calls
        Of all cells.
    blocks, strata
        Neighbourhood blocks, positions in ``cells``, and the cluster of each.
    hidden
        Positive genes for which a hidden mixture was found in a cluster of this lot.
    bounds
        Positive gene -> share of cells that could lack it, by :func:`mscape.gating.hidden_subset_bound.lot_bounds`.
    min_probability
        As in :func:`mscape.gating.calls.call_cells`.
    min_determinate
        Share of cells that must be on one side for a criterion to be assessable.
    min_depth
        Median counts under which a lot is not assessable.
    max_hidden
        Largest such share with which a positive criterion is met.
    n_bootstrap, seed
        Of the intervals.

    Returns
    -------
    One row a criterion, keys ``CRITERIA_COLUMNS``.
    """
    panel, features = evidence.panel, evidence.features
    totals = evidence.totals[cells]
    median = float(np.median(totals))
    common = {
        "lot_id": lot,
        "n_cells": len(cells),
        "median_counts": median,
        "ambient_fraction": float(evidence.rho[cells].mean()),
    }
    expected = evidence.pools.exposure[cells] * features.tau
    criteria = [
        (panel.proteins[g], "positive", {g: t}, p[cells, features.names.index(g)], None)
        for g, t in panel.positive.items()
    ]
    criteria += [
        (name, "negative", genes, *_group(features.columns(genes), cells, evidence, p, len(blocks)))
        for name, genes in panel.groups.items()
    ]
    rows = []
    for name, kind, genes, prob, pool_size in criteria:
        columns = features.columns(genes)
        x = features.x[np.ix_(cells, columns)]
        ok = ~np.isnan(prob)
        settled = (prob <= 1 - min_probability) & (expected[:, columns].min(axis=1) >= MIN_EXPECTED)
        settled |= prob >= min_probability
        row = common | {
            "criterion": name,
            "kind": kind,
            "genes": ";".join(genes),
            "threshold_cpm": ";".join(f"{t:g}" for t in genes.values()),
            "gene_rate_cpm": ";".join(f"{r:.4g}" for r in x.sum(axis=0) / totals.sum() * 1e6),
            "detected_fraction": float((x > 0).any(axis=1)[ok].mean()) if ok.any() else np.nan,
            "min_detectable_fraction": max(
                min_detectable_fraction(len(cells), median, features.tau[c]) for c in columns
            ),
            "resolved_fraction": float(settled[ok].mean()) if ok.any() else 0.0,
            "estimate": np.nan,
            "low": np.nan,
            "high": np.nan,
            "max_hidden_fraction": bounds.get(next(iter(genes)), np.nan) if kind == "positive" else np.nan,
        }
        if ok.mean() < 0.5:
            rows.append(row | {"verdict": "not_assessable", "reason": "GENE_NOT_IN_REFERENCE"})
            continue
        position = np.cumsum(ok) - 1
        kept = [position[b[ok[b]]] for b in blocks]
        estimate, low, high = bootstrap_fraction(
            prob[ok].astype(float),
            kept,
            strata,
            pool_size=None if pool_size is None else pool_size[ok],
            n_bootstrap=n_bootstrap,
            seed=seed,
        )
        row |= {"estimate": estimate, "low": low, "high": high}
        rows.append(row | _verdict(row, panel, hidden, min_determinate, min_depth, max_hidden))
    rows = [follow_cells(row, cells, p, calls, features, min_probability=min_probability) for row in rows]
    rows.append(
        _overall(common, cells, panel, calls, evidence, blocks, strata, rows, n_bootstrap=n_bootstrap, seed=seed)
    )
    return rows


def _group(columns: list[int], cells: np.ndarray, evidence: Evidence, p: np.ndarray, n_blocks: int) -> tuple:
    """Probability of a negative group and the size of the pool it is from, by the measured gene that says more.

    Both of shape (n_cells,). The lot counts as no more independent pools than it has blocks.
    """
    where = np.ix_(cells, columns)
    size, seen = evidence.pools.size[where], evidence.pools.raw_count[where] > 0
    values = np.column_stack(
        [borrow_from_lot(p[cells, c], seen[:, i], min(n_blocks, (1 / size[:, i]).sum())) for i, c in enumerate(columns)]
    )
    best = np.nan_to_num(values, nan=-1).argmax(axis=1)[:, None]
    return np.take_along_axis(values, best, axis=1)[:, 0], np.take_along_axis(size, best, axis=1)[:, 0]


def _verdict(
    row: dict, panel: Panel, hidden: set[str], min_determinate: float, min_depth: float, max_hidden: float
) -> dict:
    if not panel.verdict:
        return {"verdict": "not_assessable", "reason": "SPECIES_NOT_COVERED"}
    if row["criterion"] in panel.allowed:
        return {"verdict": "not_assessable", "reason": "CD34_ALLOWED_SVF"}
    if row["median_counts"] < min_depth or row["resolved_fraction"] < min_determinate:
        return {"verdict": "not_assessable", "reason": "LOW_EXPOSURE"}
    limit = panel.min_positive if row["kind"] == "positive" else panel.max_negative
    verdict = verdict_of(row["kind"], row["low"], row["high"], limit)
    if verdict == "meets" and row["genes"] in hidden:
        return {"verdict": "inconclusive", "reason": "HIDDEN_MIXTURE"}
    if verdict == "meets" and row["max_hidden_fraction"] > 1 - limit:
        shown = row["max_hidden_fraction"] <= max_hidden
        return {"verdict": "meets" if shown else "inconclusive", "reason": "HOMOGENEITY_ASSUMED"}
    reason = ""
    if verdict == "inconclusive":
        reason = "AMBIGUOUS"
    elif verdict == "fails":
        reason = ("MISSING_" if row["kind"] == "positive" else "NEG_") + row["criterion"]
    return {"verdict": verdict, "reason": reason}


def _overall(common, cells, panel, calls, evidence, blocks, strata, rows, *, n_bootstrap, seed) -> dict:
    """Judge the share of cells that pass among determinate ones; indeterminate cells widen the interval both ways."""
    call = calls["call"].to_numpy()[cells]
    passed, undecided = call == "pass", call == "indeterminate"
    seen = evidence.features.x[cells] > 0
    naive = [seen[:, evidence.features.columns([g])].any(axis=1) for g in panel.positive]
    none = [~seen[:, evidence.features.columns(genes)].any(axis=1) for genes in panel.negative.values()]
    row = common | {
        "criterion": "phenotype",
        "kind": "overall",
        "genes": "",
        "threshold_cpm": "",
        "gene_rate_cpm": "",
        "detected_fraction": float(np.all([*naive, *none], axis=0).mean()),
        "min_detectable_fraction": max(r["min_detectable_fraction"] for r in rows),
        "resolved_fraction": float(1 - undecided.mean()),
        "estimate": np.nan,
        "low": np.nan,
        "high": np.nan,
        "max_hidden_fraction": float(pd.Series([r["max_hidden_fraction"] for r in rows]).max()),
    }
    if not undecided.all():
        row["estimate"] = float(passed.sum() / (~undecided).sum())
        _, low, _ = bootstrap_fraction(passed.astype(float), blocks, strata, n_bootstrap=n_bootstrap, seed=seed)
        _, _, high = bootstrap_fraction(
            (passed | undecided).astype(float), blocks, strata, n_bootstrap=n_bootstrap, seed=seed
        )
        row |= {"low": min(low, row["estimate"]), "high": max(high, row["estimate"])}
    judged = [r for r in rows if r["criterion"] not in panel.allowed]
    blocked = [r for r in judged if r["verdict"] == "not_assessable"]
    failed = [r for r in judged if r["verdict"] == "fails"]
    if not panel.verdict:
        return row | {"verdict": "not_assessable", "reason": "SPECIES_NOT_COVERED"}
    if not undecided.all() and row["high"] < panel.min_positive:
        reason = failed[0]["reason"] if failed else calls["reason"][cells][call == "fail"].mode().iloc[0]
        return row | {"verdict": "fails", "reason": reason}
    if blocked:
        return row | {"verdict": "not_assessable", "reason": blocked[0]["reason"]}
    if failed:
        return row | {"verdict": "fails", "reason": failed[0]["reason"]}
    open_ = [r for r in judged if r["verdict"] == "inconclusive"]
    if open_ or undecided.all():
        reason = open_[0]["reason"] if open_ else "AMBIGUOUS"
        return row | {"verdict": "inconclusive", "reason": reason}
    verdict = verdict_of("positive", row["low"], row["high"], panel.min_positive)
    reason = "HOMOGENEITY_ASSUMED" if any(r["reason"] == "HOMOGENEITY_ASSUMED" for r in judged) else ""
    if verdict == "inconclusive" and undecided.any():
        reason = calls["reason"][cells][undecided].mode().iloc[0]
    return row | {"verdict": verdict, "reason": reason}
