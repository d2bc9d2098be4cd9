"""Estimate the share of ambient RNA from genes of one lineage seen in cells of another.

Soup estimates need empty droplets, which a filtered matrix lacks. What remains is SoupX's other idea (Young
and Behjati 2020, doi:10.1093/gigascience/giaa151): a T cell makes no collagen, so collagen counts in T cells
are ambient, and their number relative to the collagen of the whole sample is the ambient share. This needs
two lineages in one sample; the ambient share of a pure culture cannot be estimated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.special

from mscape.data import counts, yaml_file
from mscape.genes.species import species

if TYPE_CHECKING:
    from pathlib import Path

    from mscape.data.counts import Source

MIN_CELLS = 10  # of a lineage, to count as present
MIN_EXPECTED = 50.0  # counts that would be seen if all RNA were ambient
HIGHEST = 0.5  # ambient share at which a cell's own RNA must still stand out
CREDIBLE = 0.3


@dataclass(frozen=True, kw_only=True)
class Ambient:
    """Share of ambient RNA of a sample.

    Parameters
    ----------
    fraction
        Between 0 and 0.3; NaN if it could not be estimated.
    source
        What the estimate rests on, or why there is none.
    """

    fraction: float
    source: str


def estimate_ambient(panels: dict[str, np.ndarray], groups: dict[str, str], totals: np.ndarray) -> Ambient:
    """Estimate the ambient share.

    Parameters
    ----------
    panels
        For each lineage the counts of its genes in each cell, shape (n_cells,).
    groups
        Lineage -> group of lineages; only cells of another group count as free of a lineage's own RNA.
    totals
        Total counts of each cell, shape (n_cells,).
    """
    present: dict[str, np.ndarray] = {}
    pooled: dict[str, float] = {}
    for name, panel in panels.items():
        pooled[name] = float(panel.sum() / max(totals.sum(), 1))
        highest = totals * HIGHEST * pooled[name]
        own = (panel >= 5) & (scipy.special.pdtrc(panel - 1, highest) < 1e-3)  # Poisson, upper tail
        if own.sum() >= MIN_CELLS:
            present[name] = own
    if len({groups[name] for name in present}) < 2:
        found = ", ".join(present) or "none"
        return Ambient(fraction=np.nan, source=f"not assessable: fewer than two groups of lineages (found {found})")
    shares, weights, used = [], [], []
    for name in present:
        others = [own for other, own in present.items() if groups[other] != groups[name]]
        related = [own for other, own in present.items() if groups[other] == groups[name]]
        free = np.logical_or.reduce(others) & ~np.logical_or.reduce(related) if others else np.zeros(len(totals), bool)
        expected = float(totals[free].sum() * pooled[name])
        if free.sum() >= MIN_CELLS and expected >= MIN_EXPECTED:
            shares.append(float(panels[name][free].sum()) / expected)
            weights.append(min(expected, 20 * MIN_EXPECTED))
            used.append(f"{name} in {int(free.sum())} other cells")
    if not shares:
        return Ambient(fraction=np.nan, source="not assessable: too few counts of one lineage expected in another")
    # a lineage that makes some of another's RNA itself raises its share, nothing lowers it: hence the lower quartile
    order = np.argsort(shares)
    reached = np.cumsum(np.array(weights)[order]) >= 0.25 * sum(weights)
    fraction = float(shares[order[int(np.argmax(reached))]])
    if fraction > CREDIBLE:
        source = (
            f"not assessable: {fraction:.2f} is no ambient share, the lineages seem to share RNA ({'; '.join(used)})"
        )
        return Ambient(fraction=np.nan, source=source)
    return Ambient(fraction=fraction, source="; ".join(used))


def measure_ambient(
    source: Source, totals: np.ndarray, passed: np.ndarray, *, organism: str = "human", markers: str | Path
) -> Ambient:
    """Estimate the ambient share from the lineage panels of the marker file."""
    if not species(organism).isct:
        return Ambient(fraction=np.nan, source="not assessable: lineage panels are for human cells")
    all_lineages = yaml_file.read(markers)["lineages"]
    there = set(counts.read_var(source).index)
    lineages = {
        name: [gene for gene in panel["genes"] if gene in there]
        for name, panel in all_lineages.items()
        if panel.get("group") != "state"
    }
    lineages = {name: genes for name, genes in lineages.items() if len(genes) >= 2}
    if not lineages or not len(passed):
        return Ambient(fraction=np.nan, source="not assessable: no lineage genes in the feature table")
    wanted = sorted({gene for genes in lineages.values() for gene in genes})
    matrix = counts.read_genes(source, wanted)[passed]
    place = {gene: number for number, gene in enumerate(wanted)}
    panels = {
        name: np.asarray(matrix[:, [place[gene] for gene in genes]].sum(axis=1)).ravel()
        for name, genes in lineages.items()
    }
    groups = {name: str(all_lineages[name]["group"]) for name in lineages}
    return estimate_ambient(panels, groups, totals[passed])
