"""What the gate asks of a dataset: its panel and lineages, and the genes whose counts it reads."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp

from mscape.gating import lane_ambient
from mscape.gating.panels import Lineage, Panel, choose_panel, make_lineages, make_panel, read_markers

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData

    from mscape.gating.lane_ambient import LaneAmbient
    from mscape.gating.options import GateOptions

logger = logging.getLogger(__name__)

N_REFERENCE = 600  # genes, evenly spaced in the feature table, by which the variability of one population is judged


class OtherGenes(NamedTuple):
    """Counts of genes that are no markers of the panel.

    Attributes
    ----------
    reference
        CSR (n_cells, n_genes): how much the rates of one population vary.
    tracers
        CSC (n_cells, n_genes): genes by which the lots of a lane differ, to estimate their ambient RNA.
    lane
        That ambient RNA, where it was estimated before.
    """

    reference: sp.csr_matrix | None = None
    tracers: sp.csc_matrix | None = None
    lane: LaneAmbient | None = None


@dataclass(frozen=True)
class AskedGenes:
    """Genes that the gate reads, and what it judges by.

    Attributes
    ----------
    panel, lineages
        What is judged by, thresholds as the panel has them.
    genes
        Genes of panel and lineages that the dataset has.
    others, tracers
        Genes by which the variability of one population is judged; genes by which the lots of a lane differ. None is
        in two of the three.
    """

    panel: Panel
    lineages: list[Lineage]
    genes: list[str]
    others: pd.Index
    tracers: pd.Index

    @property
    def names(self) -> list[str]:
        """All genes, in the order of the columns that :meth:`part` takes."""
        return [*self.genes, *self.others, *self.tracers]

    def part(self, matrix: sp.csc_matrix) -> tuple[sp.csc_matrix, sp.csr_matrix, sp.csc_matrix]:
        """Part the counts of :attr:`names` into those of panel and lineages, of the reference, and of the tracers.

        The last two are as in :class:`OtherGenes`; genes of lineages are tracers too.
        """
        first, second = len(self.genes), len(self.genes) + len(self.others)
        able = np.array([gene not in self.panel.thresholds for gene in self.names])
        return matrix[:, :first], matrix[:, first:second].tocsr(), matrix[:, able]


def ask_genes(
    cells: AnnData, markers: str | Path, options: GateOptions, *, organism: str = "human", culture: str = "unknown"
) -> AskedGenes:
    """Choose the panel and the genes to read.

    Parameters
    ----------
    cells, markers, options, organism, culture
        As of :func:`mscape.gating.gate.gate_dataset`.

    Raises
    ------
    mscape.errors.UserError
        If the panel or a file of panels is not usable.
    """
    panels, entries = read_markers(markers, options.panel_files)
    tissues = cells.obs["tissue"].astype(str).unique() if "tissue" in cells.obs else []
    panel_id = choose_panel(panels, options.panel, organism=organism, culture=culture, tissues=tissues)
    panel = make_panel(panel_id, panels[panel_id])
    if panel.organism != organism:
        logger.warning("Panel %s is for %s, the data are %s: no verdict is given.", panel_id, panel.organism, organism)
        panel = replace(panel, verdict=False)
    lineages = make_lineages(entries, organism=organism)
    wanted = dict.fromkeys([*panel.thresholds, *(g for lineage in lineages for g in lineage.genes)])
    genes = [gene for gene in wanted if gene in cells.var_names]
    others = cells.var_names.difference(genes)
    others = others[:: max(1, len(others) // N_REFERENCE)]
    tracers = lane_ambient.genes_to_read(cells, [*panel.thresholds], lineages).difference([*genes, *others])
    return AskedGenes(panel, lineages, genes, others, tracers)


def measured_genes(cells: AnnData, genes: list[str]) -> np.ndarray:
    """Is each gene in the feature table of each cell's sample? Shape (n_cells, n_genes)."""
    if "measured" not in cells.varm:
        return np.ones((cells.n_obs, len(genes)), bool)
    table = pd.DataFrame(cells.varm["measured"], index=cells.var_names)
    table = table.loc[genes].astype(bool)
    samples = cells.obs["sample_id"].astype(str)
    return table.T.reindex(samples.unique()).fillna(value=True).astype(bool).loc[samples].to_numpy()
