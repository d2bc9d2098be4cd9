"""The lot's answer: the share of cells that meet each criterion, with an interval and a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.gate_calls import MIN_EXPECTED, group_probabilities
from mscape.gate_pools import split

if TYPE_CHECKING:
    from mscape.gate_calls import Evidence
    from mscape.gate_panels import Panel

MIN_ALONE = 6  # counts that a cell should show at its neighbours' rate to be judged by itself
SHARED_POOL = 300  # cells of a cluster up to this size have one pool in common
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
    "seen_alone_fraction",
    "ambient_fraction",
    "median_counts",
]


def blocks_of(
    points: np.ndarray, groups: np.ndarray, cells: np.ndarray, *, n_blocks: int = 40
) -> tuple[list[np.ndarray], np.ndarray]:
    """Cut the cells of a lot into neighbourhood blocks, inside clusters.

    Cells of a block share most of their pools, so the block and not the cell is what is resampled.

    Returns
    -------
    blocks
        Positions in ``cells``, one array a block.
    strata
        Cluster of each block.
    """
    size = int(np.clip(len(cells) / n_blocks, 5, 300))
    where = np.arange(len(cells))
    parts = [
        (part, group)
        for group in np.unique(groups[cells])
        for part in split(points[cells], where[groups[cells] == group], size)
    ]
    return [part for part, _ in parts], np.array([group for _, group in parts])


def bootstrap_fraction(
    p: np.ndarray,
    blocks: list[np.ndarray],
    strata: np.ndarray,
    *,
    n_bootstrap: int = 400,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """Mean probability and its interval.

    Three sources of error are joined in each draw. Which neighbourhoods a cluster holds: its blocks are drawn
    with replacement. What the cells are: one uniform u a block (a cluster, where it is no larger than a pool)
    decides for all its cells, present where p > u, because they share one pool. How many cells of each kind
    came into the sample: a last draw from Beta(k + 1/2, n - k + 1/2). Blocks are drawn inside clusters, so that
    a contaminant that is a cluster of two blocks is not lost in every seventh draw. The ends are rounded
    outwards to whole cells.

    Parameters
    ----------
    p
        Probability per cell, shape (n_cells,), without NaN.
    blocks
        Positions in ``p``.
    strata
        Cluster of each block, shape (n_blocks,).
    n_bootstrap, seed, level
        Draws, seed and coverage.

    Returns
    -------
    Estimate, low, high.
    """
    n = len(p)
    rng = np.random.default_rng(seed)
    strata = np.array([s for s, b in zip(strata, blocks, strict=True) if len(b)])
    blocks = [b for b in blocks if len(b)]
    size = np.array([len(b) for b in blocks])
    ordered = [np.sort(p[b]) for b in blocks]
    drawn = np.empty((n_bootstrap, len(blocks)), int)
    for stratum in np.unique(strata):
        own = np.flatnonzero(strata == stratum)
        drawn[:, own] = rng.choice(own, (n_bootstrap, len(own)))
    u = rng.random((n_bootstrap, len(blocks)))
    for stratum in np.unique(strata):
        own = np.flatnonzero(strata == stratum)
        if size[own].sum() <= SHARED_POOL:
            u[:, own] = u[:, own[:1]]
    present = np.zeros((n_bootstrap, len(blocks)))
    for b, values in enumerate(ordered):
        mask = drawn == b
        present[mask] = len(values) - np.searchsorted(values, u[mask], side="right")
    share = present.sum(axis=1) / size[drawn].sum(axis=1)
    share = rng.beta(share * n + 0.5, (1 - share) * n + 0.5)
    low, high = np.quantile(share, [(1 - level) / 2, (1 + level) / 2])
    estimate = float(p.mean())
    low, high = np.floor(low * n) / n, np.ceil(high * n) / n
    return estimate, float(min(low, estimate)), float(max(high, estimate))


def verdict_of(kind: str, low: float, high: float, limit: float) -> str:
    """``meets``, ``fails`` or ``inconclusive`` by the side of the limit on which the whole interval lies."""
    if kind == "negative":
        return "meets" if high <= limit else "fails" if low > limit else "inconclusive"
    return "meets" if low >= limit else "fails" if high < limit else "inconclusive"


def min_detectable_fraction(n_cells: int, median_counts: float, tau: float, *, min_cells: int = 3) -> float:
    """Smallest share of cells, alike and apart from the rest, whose own pool could tell the rate from the threshold."""
    needed = max(min_cells, np.ceil(MIN_EXPECTED / (tau * max(median_counts, 1))))
    return float(min(1.0, needed / max(n_cells, 1)))


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
    min_probability: float = 0.9,
    min_determinate: float = 0.5,
    min_depth: float = 1000,
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
    min_probability
        As in :func:`mscape.gate_calls.call_cells`.
    min_determinate
        Share of cells that must be on one side for a criterion to be assessable.
    min_depth
        Median counts under which a lot is not assessable.
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
    groups = group_probabilities(p[cells], evidence)
    expected = evidence.pools.exposure[cells] * features.tau
    criteria = [
        (panel.proteins[g], "positive", {g: t}, p[cells, features.names.index(g)]) for g, t in panel.positive.items()
    ]
    criteria += [(name, "negative", genes, groups[name].to_numpy()) for name, genes in panel.groups.items()]
    rows = []
    for name, kind, genes, prob in criteria:
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
            "seen_alone_fraction": np.nan,
            "estimate": np.nan,
            "low": np.nan,
            "high": np.nan,
        }
        if ok.mean() < 0.5:
            rows.append(row | {"verdict": "not_assessable", "reason": "GENE_NOT_IN_REFERENCE"})
            continue
        position = np.cumsum(ok) - 1
        kept = [position[b[ok[b]]] for b in blocks]
        estimate, low, high = bootstrap_fraction(
            prob[ok].astype(float), kept, strata, n_bootstrap=n_bootstrap, seed=seed
        )
        row |= {"estimate": estimate, "low": low, "high": high}
        alone = (evidence.pools.plain / evidence.pools.exposure)[np.ix_(cells, columns)][:, 0] * totals >= MIN_ALONE
        row["seen_alone_fraction"] = float(alone.mean())
        rows.append(row | _verdict(row, panel, hidden, min_determinate, min_depth))
    rows.append(
        _overall(common, cells, panel, calls, evidence, blocks, strata, rows, n_bootstrap=n_bootstrap, seed=seed)
    )
    return rows


def _verdict(row: dict, panel: Panel, hidden: set[str], min_determinate: float, min_depth: float) -> dict:
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
    reason = ""
    if verdict == "meets" and row["kind"] == "positive" and row["seen_alone_fraction"] < 0.5:
        reason = "CELL_UNRESOLVED"  # holds if the cells of a neighbourhood are alike, which single cells cannot show
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
        "seen_alone_fraction": np.nan,
        "estimate": np.nan,
        "low": np.nan,
        "high": np.nan,
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
    reason = "CELL_UNRESOLVED" if any(r["reason"] == "CELL_UNRESOLVED" for r in judged) else ""
    if verdict == "inconclusive" and undecided.any():
        reason = calls["reason"][cells][undecided].mode().iloc[0]
    return row | {"verdict": verdict, "reason": reason}


def contaminant_table(lots: pd.Series, calls: pd.DataFrame) -> pd.DataFrame:
    """Count what each lot holds besides MSC-like cells, with Wilson intervals.

    Parameters
    ----------
    lots
        Lot of each cell.
    calls
        Columns ``call`` and ``identity``.

    Returns
    -------
    Columns ``lot_id identity n_cells fraction low high``; cells that fail by their markers only are named
    "stromal" or "unresolved", indeterminate cells are not counted as contaminants.
    """
    size = lots.value_counts()
    failed = pd.DataFrame({"lot_id": lots.to_numpy(), "identity": calls["identity"].to_numpy()})
    failed = failed[(calls["call"] == "fail").to_numpy()]
    table = failed.groupby(["lot_id", "identity"], observed=True).size().rename("n_cells").reset_index()
    total = table["lot_id"].map(size).to_numpy(float)
    low, high = wilson(table["n_cells"].to_numpy(float), total)
    table["fraction"], table["low"], table["high"] = table["n_cells"] / total, low, high
    return table.sort_values(["lot_id", "n_cells"], ascending=[True, False], kind="stable").reset_index(drop=True)


def wilson(k: np.ndarray, n: np.ndarray, *, z: float = 1.959964) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's score interval of a binomial fraction (doi:10.1080/01621459.1927.10502953)."""
    f = k / n
    centre = (f + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(f * (1 - f) / n + z**2 / (4 * n**2))
    return np.maximum(centre - half, 0), np.minimum(centre + half, 1)
