"""From probabilities to a call, a reason and a name for each cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.gating import hla_dr
from mscape.gating.lineages import MIN_EXPECTED, Lineages
from mscape.gating.panels import POSITIVE
from mscape.gating.posterior import marker_probabilities

if TYPE_CHECKING:
    from collections.abc import Sequence

    import scipy.sparse as sp

    from mscape.gating.panels import Features, Lineage, Panel
    from mscape.gating.pooling import Pools

MIN_OWN_SHARE = 0.8
MIN_CLUSTER = 20
CALLS = ("pass", "fail", "indeterminate")


@dataclass(frozen=True)
class Evidence:
    """Everything that a call is made from; a step that learns more returns a new one.

    Arrays of shape (n_cells, n_features) unless stated. ``rho`` (n_cells,) is the ambient fraction in the cell's pools
    and ``ambient`` its rate per feature, ``added`` what it adds to the rate in the cell itself; ``doublet`` and
    ``deep_enough`` (is the cell's lot deep enough to be judged?), ``lots`` and ``clusters`` (codes) are of shape
    (n_cells,); ``membership`` is the share of a cell's graph neighbours in each cluster, ``p_expressing`` the result of
    :func:`mscape.gating.hidden_subset_test.find_hidden_mixtures`.
    """

    panel: Panel
    lineages: list[Lineage]
    features: Features
    totals: np.ndarray
    pools: Pools
    rho: np.ndarray
    ambient: np.ndarray
    added: np.ndarray
    dispersion: np.ndarray
    doublet: np.ndarray
    deep_enough: np.ndarray
    lots: np.ndarray
    clusters: np.ndarray
    membership: sp.csr_matrix | None = None
    p_expressing: np.ndarray | None = None


def probabilities(evidence: Evidence) -> np.ndarray:
    """Probability per cell and feature by pools and own counts, hidden subsets left aside; (n_cells, n_features)."""
    e = evidence
    p = marker_probabilities(
        e.features, e.totals, e.pools, rho=e.rho, ambient=e.ambient, dispersion=e.dispersion, added=e.added
    )
    if e.membership is not None:
        for f in np.flatnonzero(e.features.kind == POSITIVE):
            p[:, f] = smooth_over_clusters(p[:, f], e.membership, e.lots, e.clusters)
    return p


def smooth_over_clusters(
    p: np.ndarray, membership: sp.csr_matrix, lots: np.ndarray, clusters: np.ndarray
) -> np.ndarray:
    """Mix a probability over the clusters that a cell may belong to.

    Clusters are cut hard, and in shallow data some cells end on the wrong side. A cell less than four fifths of whose
    graph neighbours are in its own cluster gets the mean of the clusters around it (of its own lot), by their share.

    Parameters
    ----------
    p
        Probability by the cell's own pool, shape (n_cells,).
    membership
        Share of each cell's graph neighbours in each cluster, shape (n_cells, n_clusters).
    lots, clusters
        Codes from 0, shape (n_cells,).
    """
    n_clusters = membership.shape[1]
    key = lots * n_clusters + clusters
    known = ~np.isnan(p)
    total = np.bincount(key[known], p[known], (lots.max() + 1) * n_clusters)
    number = np.bincount(key[known], minlength=len(total))
    mean = np.where(number >= MIN_CLUSTER, total / np.maximum(number, 1), np.nan)
    edges = membership.tocoo()
    own = np.bincount(edges.row, edges.data * (edges.col == clusters[edges.row]), len(p))
    other = (edges.col != clusters[edges.row]) & (own[edges.row] < MIN_OWN_SHARE)
    row, col, share = edges.row[other], edges.col[other], edges.data[other]
    step = mean[lots[row] * n_clusters + col] - p[row]
    return p + np.bincount(row, share * np.nan_to_num(step), len(p)).astype(p.dtype)


def group_probabilities(p: np.ndarray, evidence: Evidence) -> pd.DataFrame:
    """Probability that each negative (or allowed) group is present: the larger one of its measured genes, else NaN.

    ISCT names CD14 *or* CD11b and CD79a *or* CD19: one of the two is enough to judge the group.
    """
    columns = {}
    for name, genes in evidence.panel.groups.items():
        values = p[:, evidence.features.columns(genes)]
        columns[name] = np.where(np.isnan(values).all(axis=1), np.nan, np.nan_to_num(values, nan=-1).max(axis=1))
    return pd.DataFrame(columns)


def call_at(evidence: Evidence, alone: np.ndarray, *, min_probability: float = 0.9) -> tuple[pd.DataFrame, np.ndarray]:
    """Call every cell as if the ambient RNA of ``evidence`` were known; calls and probabilities as of `call_cells`.

    ``alone`` is by :func:`probabilities`; what hidden subsets leave of it is called.
    """
    p = alone if evidence.p_expressing is None else alone * evidence.p_expressing
    return _call(evidence, p, min_probability), p


def call_cells(
    evidence: Evidence,
    center: tuple[pd.DataFrame, np.ndarray],
    ends: Sequence[tuple[pd.DataFrame, np.ndarray]],
    swept: Sequence[tuple[pd.DataFrame, np.ndarray]],
    *,
    min_probability: float = 0.9,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Call every cell over the range of what ambient RNA may be.

    Parameters
    ----------
    evidence
        Counts, pools, ambient.
    center, ends
        Calls and probabilities (:func:`call_at`) at the estimate of the ambient RNA of other lots and at both ends
        of its range, if it has one. The probabilities are averaged over them, the estimate with half of the weight, and
        a call that one of the ends turns is open.
    swept
        The same at multiples of the lot's own ambient fraction, at which a call must not change.
    min_probability
        A marker is present at this probability and absent at one minus it.

    Returns
    -------
    calls
        Columns ``call`` (pass, fail, indeterminate), ``reason`` (a code of ``REASONS``) and ``identity``.
    p
        Probabilities, shape (n_cells, n_features).
    """
    calls, p = center[0].copy(), center[1]
    if ends:
        p = 0.5 * p + 0.5 * np.mean([q for _, q in ends], axis=0)
        turned = np.logical_or.reduce([calls["call"].ne(other["call"]) for other, _ in ends])
        calls = _call(evidence, p, min_probability)
        calls.loc[turned & calls["call"].eq("indeterminate"), "reason"] = "AMBIENT_RISK"
    call = calls["call"].copy()
    for other, _ in (*ends, *swept):
        flips = ((call == "pass") & (other["call"] == "fail")) | ((call == "fail") & (other["call"] == "pass"))
        shaky = (call == "pass") & (other["call"] != "pass") & (calls["reason"] == "")
        calls.loc[shaky | flips, "reason"] = "AMBIENT_RISK"
        calls.loc[flips, ["call", "identity"]] = ["indeterminate", "unresolved"]
    return calls, p


def _call(evidence: Evidence, p: np.ndarray, min_probability: float) -> pd.DataFrame:
    """Call the cells at one ambient fraction."""
    panel, features, n_cells = evidence.panel, evidence.features, len(evidence.totals)
    low = 1 - min_probability
    groups = group_probabilities(p, evidence)
    negative = groups[list(panel.negative)].to_numpy()
    positive = p[:, features.columns(panel.positive)]
    expected = (evidence.pools.exposure * features.tau)[:, features.columns(panel.positive)]
    lineage = Lineages(evidence, p, min_probability)

    absent = (positive <= low) & (expected >= MIN_EXPECTED)
    present = negative >= min_probability
    supported = np.column_stack([lineage.supports(name) for name in panel.negative])
    complete = ~np.isnan(positive).any(axis=1) & ~np.isnan(negative).any(axis=1)
    clear = (positive >= min_probability).all(axis=1) & (negative <= low).all(axis=1)
    foreign = lineage.foreign()

    fails = lineage.any_fails | ((absent.any(axis=1) | (present & supported).any(axis=1)) & ~lineage.mixed & ~foreign)
    passes = complete & clear & ~fails & ~foreign & evidence.deep_enough

    unexplained = lineage.unexplained()
    unsupported = present & ~supported
    induced = hla_dr.find_induced(unsupported, list(panel.negative), lineage.has(hla_dr.RESPONSE))
    hidden = np.zeros(n_cells, bool)
    if evidence.p_expressing is not None:
        hidden = ((evidence.p_expressing < min_probability) & (p < min_probability)).any(axis=1)
    starved = ((positive < min_probability) & (expected < MIN_EXPECTED)).any(axis=1)
    starved |= lineage.starved(negative, panel) | ~evidence.deep_enough
    backed = present & (lineage.best_supports(list(panel.negative)) | (supported & ~lineage.any_fails[:, None]))
    passes &= ~unexplained
    call = np.select([fails, passes], ["fail", "pass"], "indeterminate").astype(object)
    remark_of_type = lineage.stromal_type != ""
    allowed = np.zeros(n_cells, bool)
    if panel.allowed:
        allowed = (groups[list(panel.allowed)] >= min_probability).any(axis=1).to_numpy()
    reason = first_reason(
        n_cells,
        [  # in order of precedence: the first that holds is the cell's reason
            (passes & evidence.doublet, "DOUBLET_SUSPECT"),
            (passes & remark_of_type, coded(lineage.stromal_type)),
            (passes & allowed, "CD34_ALLOWED_SVF"),
            (passes, ""),
            (lineage.any_fails & lineage.ambiguous, "POOL_MIXED"),
            *((fails & backed[:, i], f"NEG_{name}") for i, name in enumerate(panel.negative)),
            (lineage.any_fails, coded(lineage.best_id)),
            *((fails & absent[:, i], f"MISSING_{panel.proteins[g]}") for i, g in enumerate(panel.positive)),
            (unexplained, "UNEXPLAINED"),
            (clear_of_missing(positive, negative, min_probability) & ~complete & ~foreign, "GENE_NOT_IN_REFERENCE"),
            (lineage.mixed & (unsupported.any(axis=1) | absent.any(axis=1) | ~clear), "POOL_MIXED"),
            (induced, "HLADR_INDUCED"),
            (unsupported.any(axis=1), "LINEAGE_UNSUPPORTED"),
            (foreign, "CELL_UNRESOLVED"),
            (hidden, "HIDDEN_MIXTURE"),
            (starved, "LOW_EXPOSURE"),
            (np.ones(n_cells, bool), "AMBIGUOUS"),
        ],
    )
    named = np.where(remark_of_type, lineage.name(), "MSC-like")
    identity = np.select([call == "pass", (call == "fail") | unexplained], [named, lineage.name()], "unresolved")
    if not panel.verdict:
        open_ = ~lineage.any_fails
        call[open_], reason[open_] = "indeterminate", "SPECIES_NOT_COVERED"
        identity = np.where(open_ & ~unexplained, "unresolved", lineage.name())
    return pd.DataFrame({"call": call, "reason": reason, "identity": identity})


def coded(ids: np.ndarray) -> np.ndarray:
    """Reason codes of lineages, shape (n_cells,)."""
    return np.array([f"LINEAGE_{i}" for i in ids], dtype=object)


def first_reason(n_cells: int, evidence: list[tuple[np.ndarray, str | np.ndarray]]) -> np.ndarray:
    """Give each cell the first reason that holds for it.

    Parameters
    ----------
    n_cells
        Cells.
    evidence
        Pairs of a mask (n_cells,) and a reason, or one reason a cell, in order of precedence.
    """
    reason = np.full(n_cells, "", dtype=object)
    open_ = np.ones(n_cells, bool)
    for mask, code in evidence:
        rows = open_ & mask
        reason[rows] = code if isinstance(code, str) else code[rows]
        open_ &= ~mask
    return reason


def clear_of_missing(positive: np.ndarray, negative: np.ndarray, min_probability: float) -> np.ndarray:
    """Tell the cells that would pass by the markers that are measured."""
    fine = np.isnan(positive) | (positive >= min_probability)
    return fine.all(axis=1) & (np.isnan(negative) | (negative <= 1 - min_probability)).all(axis=1)
