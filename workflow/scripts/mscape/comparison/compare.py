"""Compare lots by condition, tissue, passage and sex, with the donor as the unit."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData

from mscape.comparison import composition, contrasts, linear_model, pseudobulk
from mscape.comparison.contrasts import Contrast
from mscape.comparison.design import Design, build_design
from mscape.data import counts
from mscape.data.tables import TABLES
from mscape.stats import adjust_pvalues

if TYPE_CHECKING:
    from mscape.comparison.options import CompareOptions
    from mscape.data.counts import Source

logger = logging.getLogger(__name__)

COLUMNS = TABLES["contrasts"].names
SHORT = "Effect only: see the note of this contrast's design row."


def average_scores(lot: pd.Series, scores: pd.DataFrame, lots: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """Average scores over the cells of each lot.

    Parameters
    ----------
    lot
        Lot of each cell.
    scores
        One column a signature, same index.
    lots
        Order of the result's rows.

    Returns
    -------
    Means and the means' sampling variances (variance of cells / n), each of shape (n_lots, n_signatures).
    """
    grouped = scores.astype(float).groupby(lot.to_numpy())
    mean, spread, n = grouped.mean(), grouped.var(ddof=1), grouped.count()
    return mean.reindex(lots).to_numpy(), (spread / n).reindex(lots).to_numpy()


def compare_scores(
    means: np.ndarray, variances: np.ndarray, names: list[str], design: Design, *, confidence: float = 0.95
) -> pd.DataFrame:
    """Compare mean scores between groups of donors by a weighted linear model.

    Parameters
    ----------
    means, variances
        From :func:`average_scores`.
    names
        Signatures.
    design
        From :func:`mscape.comparison.design.build_design`.
    confidence
        Coverage of the interval.

    Returns
    -------
    One row a signature.
    """
    values, spread = design.average(means, variances)
    table = linear_model.fit_linear(values, design, variance=spread, confidence=confidence)
    return table.assign(feature=names, unit="score")


def compare_expression(
    bulk: sp.csr_matrix,
    genes: pd.Index,
    measured: np.ndarray,
    design: Design,
    *,
    min_cpm: float = 5.0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compare genes between groups of donors on summed counts.

    Parameters
    ----------
    bulk
        Counts of lots, shape (n_lots, n_genes), in the order of the design's lots.
    genes
        Names.
    measured
        Whether a gene is in a lot's feature table, bool, shape (n_lots, n_genes). Absent is not zero.
    design
        From :func:`mscape.comparison.design.build_design`.
    min_cpm
        Genes below this in too many units are left out.
    confidence
        Coverage of the interval.

    Returns
    -------
    One row a gene that is measured in every lot of the contrast.
    """
    lots_used = design.mix.to_numpy() > 0
    everywhere = measured[lots_used.any(axis=0)].all(axis=0)
    units = np.asarray((sp.csr_matrix(lots_used.astype(np.int64)) @ bulk).todense())
    keep = everywhere & pseudobulk.select_genes(units, design, min_cpm=min_cpm)
    if not keep.any():
        return pd.DataFrame()
    table = pseudobulk.compare_genes(
        units[:, keep], design, genes=genes[keep].to_numpy(), totals=units.sum(axis=1), confidence=confidence
    )
    unit = "log2 ratio, moderated t" if design.testable else "log2 ratio of CPM + 0.5"
    return table.assign(unit=unit)


def label_rows(table: pd.DataFrame, kind: str, design: Design) -> pd.DataFrame:
    """Give rows their contrast, donors, adjusted p-values and note."""
    if table.empty:
        return table
    missing = table["estimate"].isna()
    note = np.where(missing, "Not measured in every lot of this contrast.", "" if design.testable else SHORT)
    if not design.estimable:
        note[:] = "Not estimable: see the note of this contrast's design row."
    return table.assign(
        contrast=design.contrast.name,
        kind=kind,
        n_reference=design.n_reference,
        n_other=design.n_other,
        pvalue_adj=adjust_pvalues(table["pvalue"].to_numpy()),
        note=note,
    )


def describe_design(contrast: Contrast, design: Design | None) -> pd.DataFrame:
    """Say in one row what a contrast rests on and what was refused."""
    row = dict.fromkeys(COLUMNS, np.nan) | {"contrast": contrast.name, "kind": "design", "feature": contrast.factor}
    row |= {
        "unit": "",
        "note": "One arm has no lot with enough cells: nothing to compare.",
        "n_reference": 0,
        "n_other": 0,
    }
    if design is not None:
        row |= {"n_reference": design.n_reference, "n_other": design.n_other, "note": design.note}
    return pd.DataFrame([row])


def gather_pseudobulk(path: Source, obs: pd.DataFrame, leiden: pd.Series, var: pd.DataFrame) -> AnnData:
    """Sum raw counts over each lot and cluster.

    Parameters
    ----------
    path
        counts.h5ad.
    obs
        Its ``obs``.
    leiden
        Cluster of each of its cells, "" where a cell was not clustered.
    var
        Its ``var``, with ``measured``: whether a gene is in the feature table of every sample.

    Returns
    -------
    X = int64 CSR sums; ``obs``: ``lot_id donor_id cluster n_cells``; rows are sorted by lot and cluster. Sums over the
    clusters of a lot are the lot's MSC.
    """
    key = pd.MultiIndex.from_arrays([obs["lot_id"].astype(str), leiden])
    used = (leiden != "").to_numpy()
    levels = key[used].unique()
    levels = levels[sorted(range(len(levels)), key=lambda row: (levels[row][0], *composition.order(levels[row][1])))]
    groups = np.where(used, levels.get_indexer(key), -1)
    sums = pseudobulk.sum_groups(path, groups, len(levels))
    donor = obs.groupby(obs["lot_id"].astype(str), observed=True)["donor_id"].first().astype(str)
    rows = pd.DataFrame(
        {
            "lot_id": levels.get_level_values(0),
            "donor_id": donor.reindex(levels.get_level_values(0)).to_numpy(),
            "cluster": levels.get_level_values(1),
            "n_cells": np.bincount(groups[used], minlength=len(levels)),
        },
        index=[f"{lot}|{cluster}" for lot, cluster in levels],
    )
    return AnnData(X=sums, obs=rows, var=var)


def choose_contrasts(lots: pd.DataFrame, settings: dict) -> list[Contrast]:
    """Take the contrasts that the config asks for, or those that the lots' metadata allow."""
    if settings["contrasts"]:
        return contrasts.check_contrasts(lots, settings["contrasts"])
    known = {factor: level for factor, level in settings["reference"].items() if level in set(lots.get(factor, []))}
    return contrasts.find_contrasts(lots, factors=settings["factors"], reference=known)


def clusters_of(obs: pd.DataFrame, cells: pd.Index) -> pd.Series:
    """Cluster of every cell as text, "" where it was not clustered."""
    return obs["leiden"].astype(object).reindex(cells).fillna("").astype(str)


def sum_lots(bulk: AnnData, lots: pd.Index) -> sp.csr_matrix:
    """Sum pseudobulk rows over the clusters of each lot, shape (n_lots, n_genes)."""
    rows = lots.get_indexer(bulk.obs["lot_id"])
    assert (rows >= 0).all()  # every lot has a row
    return sp.csr_matrix(counts.group_rows(rows, len(lots)) @ bulk.X)


def describe_cells(calls: pd.Series) -> str:
    """Say so where cells are compared that do not pass the gate."""
    other = (calls.astype(str) != "pass").sum()
    return f"Compared are all clustered cells; {other} of {len(calls)} did not pass the MSC gate." if other else ""


@dataclass(frozen=True)
class Comparison:
    """Lots compared.

    Attributes
    ----------
    contrasts, composition
        Tables of the stage.
    pseudobulk
        Sums of the counts of each lot and cluster.
    """

    contrasts: pd.DataFrame
    composition: pd.DataFrame
    pseudobulk: AnnData


def compare_lots(
    source: Source, clusters: pd.DataFrame, scores: pd.DataFrame, calls: pd.Series, options: CompareOptions
) -> Comparison:
    """Compare lots in scores, genes and cluster shares, with the donor as the unit.

    Parameters
    ----------
    source
        Counts of all cells, with the lots' metadata in ``obs``.
    clusters
        ``obs`` of the clustered cells, with ``leiden``.
    scores
        Scores of all cells, shape (n_cells, n_signatures), index = cells.
    calls
        ``isct_call`` of every cell.
    options
        Settings.
    """
    settings = asdict(options)
    obs, var = counts.read_obs(source), counts.read_var(source)
    leiden = clusters_of(clusters, obs.index)
    clustered = leiden != ""
    if not clustered.any():
        logger.info("no cell was clustered: all tables are empty")
    factors = [*settings["factors"], *(item["factor"] for item in settings["contrasts"]), *settings["covariates"]]
    lots = contrasts.describe_lots(obs, factors, cells=clustered)
    found = choose_contrasts(lots, settings)
    calls = calls.reindex(obs.index)[clustered].astype(str)
    shares = composition.count_both(obs["lot_id"][clustered].astype(str), leiden[clustered], calls == "pass")
    table = composition.cross(obs["lot_id"][clustered].astype(str), leiden[clustered]).reindex(lots.index, fill_value=0)
    varm = counts.read_light(source, obs=[]).varm
    known = (
        pseudobulk.measured_in_lots(varm["measured"], obs, list(lots.index))
        if "measured" in varm
        else np.ones((len(lots), len(var)), dtype=bool)  # a file that does not say
    )
    bulk = gather_pseudobulk(source, obs, leiden, var.assign(measured=known.all(axis=0)))
    summed = sum_lots(bulk, lots.index)
    scores = scores.loc[obs.index[clustered]]
    means, variances = average_scores(obs["lot_id"][clustered].astype(str), scores, lots.index)

    remark = describe_cells(calls)
    parts = []
    for contrast in found:
        design = build_design(
            lots,
            contrast,
            covariates=[*lots.columns.intersection(settings["factors"]), *settings["covariates"]]
            if settings["adjust"]
            else [],
            min_donors=settings["min_donors"],
            min_cells=settings["min_cells"],
        )
        if design is None:
            parts.append(describe_design(contrast, design))
            continue
        if remark:
            design.remarks.append(remark)
        parts.append(describe_design(contrast, design))
        confidence = {"confidence": settings["confidence"]}
        parts.append(label_rows(compare_scores(means, variances, list(scores), design, **confidence), "score", design))
        parts.append(label_rows(composition.compare_shares(table, design, **confidence), "composition", design))
        if settings["genes"]:
            genes = compare_expression(summed, var.index, known, design, min_cpm=settings["min_cpm"], **confidence)
            parts.append(label_rows(genes, "gene", design))
        logger.info("%s: %s and %s donors. %s", contrast.name, design.n_reference, design.n_other, design.note)
    parts = [part for part in parts if not part.empty]
    result = pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)
    bulk.uns["mscape"] = {
        "compare_groups": {"contrasts": [contrast.name for contrast in found], "cells": remark or "MSC"}
    }
    return Comparison(result, shares, bulk)
