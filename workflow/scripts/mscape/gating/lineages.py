"""What the lineage panels say about each cell, and which cells are foreign to their pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.gating.panels import LINEAGE
from mscape.gating.pooling import MIXED_SHARE
from mscape.gating.posterior import background, own_too_few, rate_above

if TYPE_CHECKING:
    from mscape.gating.calls import Evidence
    from mscape.gating.panels import Panel

MAX_ISOLATION = 3.0  # fewer than one in a thousand cells of a homogeneous culture lie farther from their neighbours
MAX_POOR = 5e-3  # probability of stromal counts this low among stromal neighbours under which a cell is foreign
STROMAL_TYPE_FOLD = 4.0  # times the rate of the lot's median cell from which a stromal kind is apart from the lot
MATRIX_FOLD = 8.0  # times less collagen than the lot's stroma from which a population is none of it
CLEAR_FOLD = 4.0  # times less collagen than the lot's stroma that it takes at least, where that has little itself
MIN_STROMA = 20  # cells by which the rate of the lot's stroma is known
MIN_EXPECTED = 3.0  # zero counts where the threshold predicts three exclude the threshold (rule of three)


class Lineages:
    """What the lineage panels say about each cell."""

    def __init__(self, evidence: Evidence, p: np.ndarray, min_probability: float):
        self.evidence, self.min_probability = evidence, min_probability
        self.columns = np.flatnonzero(evidence.features.kind == LINEAGE)
        self.lineages = evidence.lineages
        self.p = np.nan_to_num(p[:, self.columns], nan=0.0)
        self.ids = np.array([x.id for x in self.lineages], dtype=object)
        self.fails = np.array([x.fails for x in self.lineages], bool)
        hit = (self.p >= min_probability) & self.fails
        pools, features = evidence.pools, evidence.features
        near = pools.local_count[:, self.columns] / pools.local_exposure[:, None]
        near = near + features.x[:, self.columns] / evidence.totals[:, None]
        near = near - 2 * evidence.rho[:, None] * evidence.ambient[:, self.columns]
        strength = np.where(hit, np.maximum(near, 1e-9) / features.tau[self.columns], 0)
        self.hit, self.any_fails = hit, hit.any(axis=1)
        self.best = strength.argmax(axis=1) if len(self.lineages) else np.zeros(len(p), int)
        self.best_id = np.where(self.any_fails, self.ids[self.best], "")
        group = np.array([x.group for x in self.lineages], dtype=object)
        other = np.where(group[None] != group[self.best][:, None], strength, 0).max(axis=1)
        self.ambiguous = self.any_fails & (other > strength.max(axis=1) / 3)
        shared = (pools.carrier_fraction[:, self.columns] < MIXED_SHARE) & self.fails
        rows, i = np.nonzero(shared)
        shared[rows, i] = self._pooled(rows, self.columns[i]) >= min_probability
        self.mixed = shared.any(axis=1) & ~self.any_fails & (self._stromal() >= 0.5)
        self.stromal_type = self._kin()
        self.backing = np.where((self._stromal() < 0.5)[:, None], shared | hit, hit)

    def has(self, lineage_id: str) -> np.ndarray:
        """Cells in which a lineage (or state) is present."""
        hit = self.p[:, self.ids == lineage_id]
        return (hit >= self.min_probability).any(axis=1)

    def _pooled(self, rows: np.ndarray, f: np.ndarray | int, least: np.ndarray | float = 0.0) -> np.ndarray:
        """Probability by the pool alone that the rate of lineages is above their threshold, and above ``least``.

        Their genes without the strongest one must be above the threshold of their own too.
        """
        e, pools = self.evidence, self.evidence.pools
        count, exposure, size = pools.count[rows, f], pools.exposure[rows, f], pools.size[rows, f]
        rho, ambient = e.rho[rows], e.ambient[rows, f]
        part = pools.second[rows, f] / np.maximum(pools.raw_count[rows, f], 1)
        threshold = np.maximum(least, background(e.features.tau[f], ambient, rho))
        second = background(e.features.tau_second[f], ambient * part, rho)
        return np.minimum(
            rate_above(count, exposure, size, threshold), rate_above(pools.second[rows, f], exposure, size, second)
        )

    def _kin(self) -> np.ndarray:
        """Name the stromal kind of each cell: present, and at several times the rate of the lot's median cell; else "".

        MSC of some tissues and media express these genes themselves. That is the lot's nature and no contaminant.
        """
        e = self.evidence
        out = np.full(len(self.p), "", dtype=object)
        for i, x in enumerate(self.lineages):
            if x.fails or x.group != "stromal" or x.id == "STROMAL":
                continue
            f, rows = self.columns[i], np.flatnonzero(self.p[:, i] >= self.min_probability)
            rate = pd.Series(e.pools.raw_count[:, f] / e.pools.exposure[:, f])
            usual = rate.where(~self.any_fails).groupby(e.lots).transform("median").to_numpy()[rows]
            out[rows[self._pooled(rows, f, STROMAL_TYPE_FOLD * usual) >= self.min_probability]] = x.id
        return out

    def supports(self, group: str) -> np.ndarray:
        """Cells, or pools without stroma, in which a lineage is present that can rightly break a negative criterion."""
        able = np.array([group in x.supports and x.fails for x in self.lineages], bool)
        return self.backing[:, able].any(axis=1)

    def _stromal(self) -> np.ndarray:
        column = self.p[:, self.ids == "STROMAL"]
        return column[:, 0] if column.shape[1] else np.ones(len(self.p))

    def best_supports(self, groups: list[str]) -> np.ndarray:
        """Can the lineage that a cell is named after break the criterion? Shape (n_cells, n_groups)."""
        able = np.array([[group in x.supports for group in groups] for x in self.lineages], bool)
        return able[self.best] & self.any_fails[:, None]

    def foreign(self) -> np.ndarray:
        """Find cells that are not like their pool: far from their neighbours, or poor in the stroma's RNA among stroma.

        Both say that the neighbours' counts are no evidence about this cell. Stromal genes have rates at which a single
        cell can be judged; a kind of cell that has no panel is found by what it lacks.
        """
        e = self.evidence
        isolated = e.pools.isolation > MAX_ISOLATION
        if "STROMAL" not in self.ids:
            return isolated
        f = e.features.names.index("STROMAL")
        x, n = e.features.x[:, f], e.totals.astype(float)
        rate = (e.pools.raw_count[:, f] - x) / np.maximum(e.pools.exposure[:, f] - n, 1)
        poor = own_too_few(x, n, rate, e.dispersion[:, f]) < MAX_POOR
        return isolated | (poor & (rate > 2 * e.features.tau[f]))

    def without_matrix(self) -> np.ndarray:
        """Find cells that lack the stroma's collagen matrix: the mark of a population that is no stroma.

        The rate of the MATRIX genes is compared with their threshold, and with an eighth of what the lot's own stroma
        shows: ambient RNA, whose fraction is rarely known, brings its collagens into every cell. In a lot whose stroma
        makes little collagen it must be four times less than there, and not the threshold alone. The pool decides,
        unless the cell's own counts contradict it: the collagens of single cells scatter, so that little of them in one
        cell is no evidence of a population.
        """
        e = self.evidence
        if "MATRIX" not in self.ids:
            return np.zeros(len(self.p), bool)
        f = e.features.names.index("MATRIX")
        x, n, pools = e.features.x[:, f], e.totals.astype(float), e.pools
        stroma = (self.p[:, self.ids == "MATRIX"][:, 0] >= 0.5) & ~self.any_fails
        rate = pd.Series(np.where(stroma, x / n, np.nan)).groupby(e.lots)
        usual = rate.transform("median").where(rate.transform("count") >= MIN_STROMA, 0.0).to_numpy()
        tau = np.where(usual > 0, np.minimum(e.features.tau[f], usual / CLEAR_FOLD), e.features.tau[f])
        limit = background(np.maximum(tau, usual / MATRIX_FOLD), e.ambient[:, f], e.rho)
        dispersion = np.maximum(e.dispersion[:, f], 0.1)
        pooled = rate_above(pools.raw_count[:, f], pools.exposure[:, f], pools.size[:, f], limit, dispersion=dispersion)
        own = rate_above(x, n, 1, limit, dispersion=dispersion)
        low = 1 - self.min_probability
        return (pooled <= low) & (own < self.min_probability)

    def unexplained(self) -> np.ndarray:
        """Find cells that no panel names and that lack the stroma's collagen matrix."""
        return self.without_matrix() & ~self.any_fails & (self.stromal_type == "")

    def starved(self, negative: np.ndarray, panel: Panel) -> np.ndarray:
        """Cells with a negative group left open because the pooled exposure is too small."""
        e = self.evidence
        expected = e.pools.exposure * e.features.tau
        least = np.column_stack([expected[:, e.features.columns(g)].min(axis=1) for g in panel.negative.values()])
        is_open = (negative > 1 - self.min_probability) & (negative < self.min_probability)
        return (is_open & (least < MIN_EXPECTED)).any(axis=1)

    def name(self) -> np.ndarray:
        """Name of each cell that fails: its lineage, its stromal type, stromal, unexplained, or unresolved."""
        names = {x.id: x.name for x in self.lineages}
        out = np.full(len(self.p), "unresolved", dtype=object)
        out[self.has("STROMAL")] = "stromal"
        typed = self.stromal_type != ""
        out[typed] = [names[i] for i in self.stromal_type[typed]]
        out[self.unexplained()] = "unexplained"
        out[self.any_fails] = [names[i] for i in self.best_id[self.any_fails]]
        out[self.ambiguous] = "unresolved"
        return out
