"""Evaluate results against the simulated truth."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from mscape.simulation.model import panel_types
from mscape.simulation.truth import MSC, groups, make_row, true_phenotype

logger = logging.getLogger(__name__)

STATES = {  # implanted state: column of the truth, value, scores that should find it
    "senescent": ("state", "senescent", ("SENMAYO", "MSC_SENESCENCE_ARREST__SIGNED")),
    "osteogenic": ("state", "osteogenic", ("MSC_OSTEOGENIC_CORE",)),
    "licensed": ("licensed", True, ("MSC_LICENSING_UP_GSE117837", "HALLMARK_INTERFERON_GAMMA_RESPONSE")),
    "G2M": ("phase", "G2M", ("TIROSH_G2M",)),
    "S": ("phase", "S", ("TIROSH_S",)),
}


def compare_qc(truth: pd.DataFrame, qc: pd.DataFrame) -> list[dict]:
    """Judge quality control: shares of intact cells kept and of damaged ones taken out.

    Parameters
    ----------
    truth
        Index = cells; ``is_damaged is_doublet sample_id``.
    qc
        Index = cells; ``qc``.
    """
    passed = qc["qc"].reindex(truth.index).eq("pass")
    rows = []
    for group, cells in groups(truth):
        intact = cells & ~truth["is_damaged"] & ~truth["is_doublet"]
        damaged = cells & truth["is_damaged"]
        rows.append(make_row("qc_kept_intact", group, passed[intact].mean(), intact.sum()))
        rows.append(make_row("qc_removed_damaged", group, 1 - passed[damaged].mean(), damaged.sum()))
    return rows


def compare_gate(truth: pd.DataFrame, call: pd.Series) -> list[dict]:
    """Judge the gate's calls of singlets against their true phenotype.

    Parameters
    ----------
    truth
        Index = cells; columns of :func:`true_phenotype`, ``is_doublet sample_id``.
    call
        ``pass``, ``fail`` or ``indeterminate`` of the cells that reached the gate.
    """
    from sklearn.metrics import matthews_corrcoef

    truth = truth.loc[truth.index.intersection(call.index)]
    truth = truth[~truth["is_doublet"]]
    call = call.astype(str).reindex(truth.index)
    right, passed, clear = true_phenotype(truth), call.eq("pass"), call.ne("indeterminate")

    def mcc(cells: pd.Series) -> float:
        # the correlation has no meaning where the truth has one class only
        return matthews_corrcoef(right[cells], passed[cells]) if right[cells].nunique() == 2 else np.nan

    rows = []
    for group, cells in groups(truth):
        of_type, other = cells & right, cells & ~right
        rows += [
            make_row("gate_mcc_determinate", group, mcc(cells & clear), (cells & clear).sum(), targeted=group == "all"),
            make_row("gate_mcc_all", group, mcc(cells), cells.sum()),
            make_row("gate_sensitivity", group, passed[of_type].mean(), of_type.sum()),
            make_row("gate_specificity", group, 1 - passed[other].mean(), other.sum()),
            make_row("gate_indeterminate", group, 1 - clear[cells].mean(), cells.sum()),
        ]
    return rows


def compare_contaminants(
    truth: pd.DataFrame, call: pd.Series, identity: pd.Series, names: dict[str, set[str]]
) -> list[dict]:
    """Judge how many contaminating singlets fail, and are called by their name.

    Parameters
    ----------
    truth
        Index = cells; ``cell_type is_contaminant is_doublet``.
    call, identity
        Of the cells that reached the gate.
    names
        Names that the gate may give to each simulated cell type.
    """
    truth = truth.loc[truth.index.intersection(call.index)]
    truth = truth[truth["is_contaminant"] & ~truth["is_doublet"]]
    failed = call.astype(str).reindex(truth.index).eq("fail")
    pairs = zip(truth["cell_type"], identity.astype(str).reindex(truth.index), strict=True)
    named = pd.Series([found in names.get(kind, {kind}) for kind, found in pairs], truth.index, dtype=bool)
    rows = []
    for group in ["all", *sorted(truth["cell_type"].unique())]:
        cells = truth["cell_type"].eq(group) | (group == "all")
        rows.append(
            make_row("contaminant_fail_recall", group, failed[cells].mean(), cells.sum(), targeted=group == "all")
        )
        rows.append(make_row("contaminant_named", group, named[cells].mean(), cells.sum()))
    return rows


def compare_doublets(truth: pd.DataFrame, score: pd.Series) -> list[dict]:
    """Judge the doublet score.

    Parameters
    ----------
    truth
        Index = cells; ``cell_type is_doublet doublet_partner sample_id``.
    score
        Higher = more likely a doublet; cells with NaN are left out.

    Returns
    -------
    Rows over all lots and per lot; ``n`` counts the doublets. Only lots that have doublets of two cell types have a
    row for them.
    """
    from sklearn.metrics import average_precision_score

    score = score.reindex(truth.index).dropna()
    truth = truth.loc[score.index]
    doublet = truth["is_doublet"]
    mixed = doublet & truth["cell_type"].ne(truth["doublet_partner"])
    rows = []
    for group, cells in groups(truth):
        value = average_precision_score(doublet[cells], score[cells]) if doublet[cells].any() else np.nan
        rows.append(make_row("doublet_auprc", group, value, doublet[cells].sum()))
        cells = cells & truth["sample_id"].isin(truth.loc[mixed, "sample_id"]) & (mixed | ~doublet)
        if mixed[cells].any():
            value = average_precision_score(mixed[cells], score[cells])
            rows.append(
                make_row("doublet_auprc_heterotypic", group, value, mixed[cells].sum(), targeted=group == "all")
            )
    return rows


def compare_states(truth: pd.DataFrame, scores: pd.DataFrame) -> list[dict]:
    """Judge signature scores by the states that were put in, among intact MSC singlets.

    Parameters
    ----------
    truth
        Index = cells; ``cell_type is_doublet is_damaged state licensed phase``.
    scores
        Index = cells, one column a signature.
    """
    from sklearn.metrics import roc_auc_score

    cells = truth["cell_type"].eq(MSC) & ~truth["is_doublet"] & ~truth["is_damaged"]
    truth = truth.loc[truth.index[cells].intersection(scores.index)]
    rows = []
    for state, (column, value, signatures) in STATES.items():
        positive = truth[column].eq(value)
        for signature in signatures:
            score = scores[signature].reindex(truth.index) if signature in scores else pd.Series(np.nan, truth.index)
            known = score.notna()
            two = positive[known].nunique() == 2
            auroc = roc_auc_score(positive[known], score[known]) if two else np.nan
            targeted = bool(positive.any())
            rows.append(make_row("state_auroc", f"{state}: {signature}", auroc, positive.sum(), targeted=targeted))
    return rows


def compare_clusters(truth: pd.DataFrame, leiden: pd.Series) -> list[dict]:
    """Compare clusters with implanted states, and with states and cell-cycle phases, among clustered MSC singlets."""
    from sklearn.metrics import adjusted_rand_score

    leiden = leiden.astype(str)
    leiden = leiden[leiden != ""]
    cells = truth["cell_type"].eq(MSC) & ~truth["is_doublet"] & ~truth["is_damaged"]
    truth = truth.loc[truth.index[cells].intersection(leiden.index)]
    if truth.empty:
        return [make_row("cluster_ari", "state", np.nan, 0)]
    leiden = leiden.reindex(truth.index)
    phased = truth["state"].where(truth["phase"].eq("G1"), truth["state"] + " " + truth["phase"])
    return [
        make_row("cluster_ari", "state", adjusted_rand_score(truth["state"], leiden), len(truth)),
        make_row("cluster_ari", "state and phase", adjusted_rand_score(phased, leiden), len(truth)),
    ]


def compare_purity(truth: pd.DataFrame, cells: pd.Index, gate_table: pd.DataFrame) -> list[dict]:
    """Compare each lot's estimated share of cells with the phenotype with the true share.

    Parameters
    ----------
    truth
        Index = cells; columns of :func:`true_phenotype` and ``sample_id``, which names the lot.
    cells
        The cells that reached the gate.
    gate_table
        ``lot_id kind estimate low high``; the row of ``kind`` ``overall`` counts.
    """
    truth = truth.loc[truth.index.intersection(cells)]
    right = true_phenotype(truth)
    overall = gate_table[gate_table["kind"] == "overall"].set_index("lot_id")
    rows, covered, total = [], [], 0
    for lot, members in right.groupby(truth["sample_id"], sort=True):
        if lot not in overall.index or pd.isna(overall.loc[lot, "estimate"]):
            continue
        share, found = members.mean(), overall.loc[lot]
        covered.append(bool(found["low"] <= share <= found["high"]))
        total += len(members)
        rows.append(make_row("purity_error", lot, found["estimate"] - share, len(members)))
        rows.append(make_row("purity_covered", lot, float(covered[-1]), len(members)))
    if rows:
        errors = [abs(row["value"]) for row in rows if row["metric"] == "purity_error"]
        rows.append(make_row("purity_error", "largest", max(errors), total))
        rows.append(make_row("purity_covered", "all", float(np.mean(covered)), total))
    return rows


def contaminant_names(lineages: dict[str, dict]) -> dict[str, set[str]]:
    """Names of the lineage panels that match each simulated cell type, with the type's own name."""
    names: dict[str, set[str]] = {}
    for lineage in lineages.values():
        for cell_type in panel_types(lineage["genes"]):
            names.setdefault(cell_type, {cell_type}).add(lineage["name"])
    return names


def read_truth(paths: list[str]) -> pd.DataFrame:
    """Read what is true of each simulated cell, by the name that the cell has in the dataset."""
    truth = pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
    return truth.set_index(truth["sample_id"] + "_" + truth["barcode"])
