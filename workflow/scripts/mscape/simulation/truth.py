"""Simulated truth: the true phenotype, and measures that compare results with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterator

MSC = "MSC"
POSITIVE = ("NT5E", "THY1", "ENG")
NEGATIVE = ("PTPRC", "CD34", "CD14", "ITGAM", "CD19", "CD79A", "HLA-DRA")
TARGETS = {
    "gate_mcc_determinate": 0.95,
    "contaminant_fail_recall": 0.95,
    "doublet_auprc_heterotypic": 0.6,
    "state_auroc": 0.9,
}
DEFINITIONS = {
    "qc_kept_intact": "Share of the intact single cells that pass quality control.",
    "qc_removed_damaged": "Share of the damaged cells that quality control takes out.",
    "gate_mcc_determinate": "Matthews correlation of pass / fail with the true phenotype, singlets with a call. "
    "True phenotype: an MSC whose rates of CD73, CD90 and CD105 reach the thresholds, and no negative marker's.",
    "gate_mcc_all": "The same over all singlets; indeterminate counts as not passing.",
    "gate_sensitivity": "Share of the singlets of the true phenotype that pass.",
    "gate_specificity": "Share of the other singlets that do not pass.",
    "gate_indeterminate": "Share of the singlets without a call.",
    "contaminant_fail_recall": "Share of the contaminating singlets that fail.",
    "contaminant_named": "Share of the contaminating singlets that the gate calls by their name.",
    "doublet_auprc": "Area under the precision-recall curve of the doublet score, over all barcodes. Two like "
    "cells look like one large cell: no target.",
    "doublet_auprc_heterotypic": "The same for doublets of two cell types against singlets, in lots that have them.",
    "state_auroc": "Area under the ROC curve of a signature score for an implanted state, among MSC singlets.",
    "cluster_ari": "Adjusted Rand index of the clusters and the implanted states, clustered MSC singlets.",
    "purity_error": "Share of cells with the phenotype: the gate's estimate less the truth.",
    "purity_covered": "Whether the interval of the estimated share holds the true one (a share of the lots for all).",
}


def true_phenotype(truth: pd.DataFrame) -> pd.Series:
    """Whether a barcode holds only MSC that are truly positive and negative as the ISCT panel demands."""
    only_msc = truth["cell_type"].eq(MSC) & truth["doublet_partner"].isin(["", MSC])
    positive = truth[[f"true_pos_{gene}" for gene in POSITIVE]].all(axis=1)
    return only_msc & positive & ~truth[[f"true_pos_{gene}" for gene in NEGATIVE]].any(axis=1)


def groups(truth: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """Give all barcodes, then those of each lot: name and membership."""
    yield "all", pd.Series(data=True, index=truth.index)
    for lot in sorted(truth["sample_id"].unique()):
        yield lot, truth["sample_id"].eq(lot)


def make_row(metric: str, group: str, value: float, n: int, *, targeted: bool = False) -> dict:
    """Make one row; a measure with a target that could not be taken does not meet it."""
    target = TARGETS[metric] if targeted else None
    known = None if pd.isna(value) else float(value)
    met = None if target is None else known is not None and known >= target
    return {"metric": metric, "group": str(group), "value": known, "n": int(n), "target": target, "met": met}
