"""Thresholds from the user's own control samples."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import gamma

from mscape.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mscape.gating.panels import Panel


def rate_bounds(count: float, exposure: float, *, n_samples: int = 1, level: float = 0.95) -> tuple[float, float]:
    """Bounds of a rate from a pooled count: quantiles of Gamma(count + 1/2, exposure)."""
    tail = (1 - level) / 2
    return tuple(gamma.ppf([tail, 1 - tail], count + 0.5, scale=1 / exposure))


def calibrate(
    panel: Panel,
    counts: dict[str, np.ndarray],
    totals: np.ndarray,
    samples: np.ndarray,
    *,
    positive: Sequence[str],
    negative: Sequence[str],
) -> tuple[Panel, dict[str, float]]:
    """Put each threshold at the geometric middle between the two control rates.

    A control sample's rate of a gene is its summed count over its summed totals. The upper side is the lowest rate
    among the samples that express the gene, the lower side the highest among those that do not, each at the bound of
    its 95 % interval that faces the other side (the lower side is at least a hundredth of the upper one). For positive
    markers the samples of ``positive`` express the gene; for negative markers those of ``negative`` do.

    Parameters
    ----------
    panel
        Panel whose thresholds are replaced.
    counts
        Gene -> counts per cell; only genes that are measured in every control sample.
    totals, samples
        Total counts and sample id of each cell.
    positive, negative
        Ids of the control samples: known MSC, and known non-MSC (blood, for example).

    Returns
    -------
    panel
        With new thresholds.
    thresholds
        Gene -> CPM, for those that changed.

    Raises
    ------
    UserError
        If a control sample is unknown, or the rates of a gene overlap.
    """
    known = set(np.unique(samples))
    unknown = sorted({*positive, *negative} - known)
    if unknown or not positive or not negative:
        msg = (
            f"gate.calibrate_from needs positive and negative sample ids of this dataset; unknown or missing: "
            f"{unknown or 'one of the two lists is empty'}. Samples are {sorted(known)}."
        )
        raise UserError(msg)
    new = {}
    for gene, x in counts.items():
        sides = []
        for ids in (positive, negative):
            bounds = [rate_bounds(float(x[samples == s].sum()), float(totals[samples == s].sum())) for s in ids]
            sides.append((min(b[0] for b in bounds), max(b[1] for b in bounds)))
        (high, low) = sides if gene in panel.positive else sides[::-1]
        upper, lower = high[0], max(low[1], high[0] / 100)
        if upper <= low[1]:
            if gene not in panel.positive:
                continue  # a negative marker that the negative controls do not carry stays as it is
            msg = (
                f"gate.calibrate_from: {gene} does not separate the controls: expressed at {upper * 1e6:.3g} CPM or "
                f"more in one group and at up to {low[1] * 1e6:.3g} CPM in the other. Choose other control samples, "
                "or remove gate.calibrate_from to use the panel's thresholds."
            )
            raise UserError(msg)
        new[gene] = float(np.sqrt(upper * lower) * 1e6)

    return set_thresholds(panel, new), new


def set_thresholds(panel: Panel, cpm: dict[str, float]) -> Panel:
    """Replace the thresholds of some genes of a panel; ``cpm`` is counts per million by gene."""

    def swap(genes: dict[str, float]) -> dict[str, float]:
        return {gene: cpm.get(gene, own) for gene, own in genes.items()}

    return replace(
        panel,
        positive=swap(panel.positive),
        negative={name: swap(genes) for name, genes in panel.negative.items()},
        allowed={name: swap(genes) for name, genes in panel.allowed.items()},
    )
