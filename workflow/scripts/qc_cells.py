"""Measure the quality of each cell of one sample, set limits that fit the sample, and score doublets."""

import logging
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp

from mscape import ambient, counts, doublets, step, yaml_file
from mscape.low_quality import find_low_quality
from mscape.sex import check_sex, sum_sex_genes

logger = logging.getLogger("mscape")

REASONS = ("pass", "low_counts", "low_genes", "high_counts", "high_mt", "doublet")
FEW = 20  # cells below which a median and its spread say little
TOP = 20


def measure_cells(blocks, genes: pd.Index) -> tuple[pd.DataFrame, np.ndarray]:
    """Measure each cell, with scanpy's names and definitions.

    Parameters
    ----------
    blocks
        Counts as (start, stop, CSR block), as ``counts.blocks`` yields them.
    genes
        Symbols of the columns.

    Returns
    -------
    cells
        ``total_counts n_genes_by_counts pct_counts_mt pct_counts_in_top_20_genes``; ``pct_counts_mt`` is NaN
        where the feature table has no mitochondrial genes. A cell without counts has 0 everywhere.
    of_gene
        Counts of each gene in the sample, shape (n_genes,).
    """
    mito = genes.str.upper().str.startswith("MT-")
    parts, of_gene = [], np.zeros(len(genes))
    for _, _, block in blocks:
        total = np.asarray(block.sum(axis=1, dtype=np.int64)).ravel()
        safe = np.maximum(total, 1)
        parts.append(
            pd.DataFrame(
                {
                    "total_counts": total,
                    "n_genes_by_counts": block.getnnz(axis=1).astype(np.int32),
                    "pct_counts_mt": (
                        100 * np.asarray(block[:, mito].sum(axis=1, dtype=np.int64)).ravel() / safe
                        if mito.any()
                        else np.nan
                    ),
                    "pct_counts_in_top_20_genes": 100 * _top_counts(block) / safe,
                }
            )
        )
        of_gene += np.bincount(block.indices, weights=block.data, minlength=len(genes))
    return pd.concat(parts, ignore_index=True), of_gene


def set_limits(cells: pd.DataFrame, settings: dict) -> dict[str, float]:
    """Set the limits of one sample from its own cells.

    A lower limit lies ``n_mads`` scaled median absolute deviations below the median of the logarithm, but
    never below the configured floor or above the ceiling: cultured MSC are large and rich in RNA and
    mitochondria, and what is low for them is not low for a thymocyte. Under ``FEW`` cells the floor is the
    limit.

    Returns
    -------
    ``min_counts min_genes max_counts max_pct_mt min_nuclear_counts``; NaN where a limit does not apply.
    """
    n_mads = settings["n_mads"]
    few = len(cells) < FEW
    limits = {}
    for key, column in (("counts", "total_counts"), ("genes", "n_genes_by_counts")):
        floor, ceiling = settings[f"min_{key}"]["floor"], settings[f"min_{key}"]["ceiling"]
        values = cells[column].to_numpy()
        values = np.log1p(values[values >= floor])  # empty barcodes must not widen the spread
        low = np.nan if few or values.size < FEW else float(np.expm1(np.median(values) - n_mads * _spread(values)))
        limits[f"min_{key}"] = floor if np.isnan(low) else float(np.clip(low, floor, ceiling))
    good = cells[(cells["total_counts"] >= limits["min_counts"]) & (cells["n_genes_by_counts"] >= limits["min_genes"])]
    limits["max_counts"] = float("nan") if settings["max_counts"] is None else float(settings["max_counts"])
    share = good["pct_counts_mt"].to_numpy()
    floor, ceiling = settings["max_pct_mt"]["floor"], settings["max_pct_mt"]["ceiling"]
    limits["max_pct_mt"] = limits["min_nuclear_counts"] = float("nan")
    if share.size and not np.isnan(share).any():
        high = floor if few else float(np.median(share) + n_mads * _spread(share))
        limits["max_pct_mt"] = float(np.clip(high, floor, ceiling))
        nuclear = np.log1p((good["total_counts"] * (1 - share / 100)).to_numpy())
        limits["min_nuclear_counts"] = float(
            np.expm1(np.median(nuclear) - settings["mt_depth_mads"] * _spread(nuclear))
        )
    return limits


def find_faults(cells: pd.DataFrame, limits: dict[str, float]) -> pd.DataFrame:
    """Say which limits each cell fails; one boolean column a reason, in the order in which they count.

    Many mitochondrial counts alone are no fault, since active mesenchymal cells are rich in mitochondria.
    They count as ``high_mt`` only where the other RNA is also low (``min_nuclear_counts``): the sign of a
    cell that has leaked.
    """
    totals = cells["total_counts"].to_numpy()
    share = cells["pct_counts_mt"].to_numpy()
    return pd.DataFrame(
        {
            "low_counts": totals < limits["min_counts"],
            "low_genes": cells["n_genes_by_counts"].to_numpy() < limits["min_genes"],
            "high_counts": totals > limits["max_counts"],
            "high_mt": (share > limits["max_pct_mt"]) & (totals * (1 - share / 100) < limits["min_nuclear_counts"]),
        }
    )


def judge_cells(faults: pd.DataFrame) -> pd.Categorical:
    """Give each cell ``pass`` or the first reason against it."""
    reason = np.select([faults[name] for name in faults], list(faults), default="pass")
    return pd.Categorical(reason, categories=REASONS)


def count_together(faults: pd.DataFrame) -> dict[str, int]:
    """Count the cells by the set of limits that they fail, joined by ``+``; most frequent first."""
    sets = faults.value_counts()
    return {"+".join(faults.columns[list(fails)]): int(count) for fails, count in sets.items() if any(fails)}


def main(input, output, params):
    """Write qc.h5ad of one sample: one row a cell of raw.h5ad, nothing dropped."""
    settings = params.settings
    path = str(input.h5ad)
    genes = counts.read_var(path).index
    cells, of_gene = measure_cells(counts.blocks(path), genes)
    cells.index = counts.read_obs(path).index
    limits = set_limits(cells, settings)
    faults = find_faults(cells, limits)
    qc = judge_cells(faults)
    notes = describe(cells, qc, limits)

    passed = np.flatnonzero(qc == "pass")
    found, reason = score_doublets(path, passed, cells["total_counts"].to_numpy(), settings, seed=params.seed)
    cells["doublet_score"], cells["predicted_doublet"] = np.float32("nan"), False
    cells["low_quality_group"] = False
    if found is None:
        notes.append(f"no doublet scores: {reason}")
    else:
        cells.iloc[passed, cells.columns.get_loc("doublet_score")] = found.score
        cells.iloc[passed, cells.columns.get_loc("predicted_doublet")] = found.called
        if settings["doublets"] == "remove":
            qc[passed[found.called]] = "doublet"
        total, share = (cells[name].to_numpy()[passed] for name in ("total_counts", "pct_counts_mt"))
        for group in find_low_quality(found.embedding, total, share, seed=params.seed):
            cells.iloc[passed[group.cells], cells.columns.get_loc("low_quality_group")] = True
            notes.append(
                f"{len(group.cells):,} cells that pass form a group with {group.counts:,.0f} counts and "
                f"{group.pct_mt:.0f} % mitochondrial ones at the median (sample: {np.median(total):,.0f} and "
                f"{np.median(share):.0f} %): dying cells? They are kept, and flagged as low_quality_group"
            )
    soup = measure_ambient(
        path,
        cells["total_counts"].to_numpy(),
        passed,
        organism=params.organism,
        markers=Path(input.markers),
    )
    sex = {}
    if params.organism == "human":
        sex = check_sex(sum_sex_genes(of_gene, genes), str(params.row.get("sex", "unknown")))
    if sex.get("agrees") == "no":
        notes.append(
            f"the sheet says {sex['stated']}, transcripts say {sex['found']} (XIST {sex['xist_cpm']:.0f}, "
            f"Y {sex['y_cpm']:.0f} CPM): sample swap?"
        )
    cells["qc"] = qc.remove_unused_categories()
    for note in notes:
        logger.warning("%s", note)
    summary = {
        "limits": limits,
        "failed_together": count_together(faults),
        "ambient_fraction": soup.fraction,
        "ambient_source": soup.source,
        "doublets": {
            "reason": reason,
            "threshold": np.nan if found is None else found.threshold,
            "expected_rate": np.nan if found is None else found.expected_rate,
            "detectable": np.nan if found is None else found.detectable,
            "n_called": 0 if found is None else int(found.called.sum()),
        },
        "sex": sex,
        "notes": notes,
        "parameters": {key: "none" if value is None else value for key, value in settings.items()},
    }
    counts.write(anndata.AnnData(obs=cells, uns={"mscape": {"qc_cells": summary}}), output.h5ad)


def describe(cells: pd.DataFrame, qc: pd.Categorical, limits: dict[str, float]) -> list[str]:
    """Say what a user should know of the sample's quality, one sentence each."""
    notes = []
    share = cells["pct_counts_mt"].to_numpy()
    if np.isnan(share).all():
        notes.append("no mitochondrial genes (MT-...) in the feature table: pct_counts_mt is missing and cuts no cell")
    elif (middle := float(np.median(share))) > 30:
        notes.append(
            f"half of the cells have more than {middle:.0f} % mitochondrial counts: damaged cells or nuclei lost?"
        )
    if len(cells) < FEW:
        notes.append(f"{len(cells)} cells are too few for limits of their own: the floors of the config apply")
    passing = float((qc == "pass").mean())
    if passing < 0.5:
        notes.append(f"only {passing:.0%} of {len(cells):,} cells pass: look at the limits and at the input")
    return notes


def score_doublets(
    path: str, passed: np.ndarray, totals: np.ndarray, settings: dict, *, seed: int
) -> tuple[doublets.Doublets | None, str]:
    """Score the cells that pass; return the scores, or None and the reason.

    Of the counts only those of the variable genes are held in memory.

    Parameters
    ----------
    path
        raw.h5ad of the sample.
    passed
        Positions of the cells that pass, ascending.
    totals
        Counts of all cells of the file, shape (n_cells,).
    settings, seed
        Section ``qc`` of the config; of the simulated doublets.
    """
    if len(passed) < doublets.MIN_CELLS:
        return None, f"{len(passed)} cells are fewer than the {doublets.MIN_CELLS} that it takes"
    names = counts.read_var(path).index
    keep = np.zeros(len(totals), dtype=bool)
    keep[passed] = True
    kept = (block[keep[start:stop]] for start, stop, block in counts.blocks(path))
    genes = doublets.choose_genes(kept, totals[passed], len(names))
    kept = [block[keep[start:stop]] for start, stop, block in counts.blocks(path, genes=names[genes])]
    found = doublets.score_cells(
        sp.vstack(kept, format="csr"), totals[passed], expected_rate=settings["doublet_rate"], seed=seed
    )
    return found, "scored"


def measure_ambient(
    path: str, totals: np.ndarray, passed: np.ndarray, *, organism: str = "human", markers: Path
) -> ambient.Ambient:
    """Estimate the ambient share from the lineage panels of the marker file."""
    if organism != "human":
        return ambient.Ambient(fraction=np.nan, source="not assessable: lineage panels are for human cells")
    all_lineages = yaml_file.read(markers)["lineages"]
    there = set(counts.read_var(path).index)
    lineages = {
        name: [gene for gene in panel["genes"] if gene in there]
        for name, panel in all_lineages.items()
        if panel.get("group") != "state"
    }
    lineages = {name: genes for name, genes in lineages.items() if len(genes) >= 2}
    if not lineages or not len(passed):
        return ambient.Ambient(fraction=np.nan, source="not assessable: no lineage genes in the feature table")
    wanted = sorted({gene for genes in lineages.values() for gene in genes})
    matrix = counts.read_genes(path, wanted)[passed]
    place = {gene: number for number, gene in enumerate(wanted)}
    panels = {
        name: np.asarray(matrix[:, [place[gene] for gene in genes]].sum(axis=1)).ravel()
        for name, genes in lineages.items()
    }
    groups = {name: str(all_lineages[name]["group"]) for name in lineages}
    return ambient.estimate_ambient(panels, groups, totals[passed])


def _spread(values: np.ndarray) -> float:
    """Median absolute deviation, scaled to the standard deviation of a normal distribution."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _top_counts(block: sp.csr_matrix) -> np.ndarray:
    """Sum the counts of each cell's own 20 largest genes.

    The loop is the fast way: a selection in each cell's few thousand values takes 15 microseconds, a seventh of what
    sorting all values of a block by cell and size takes; compiled code would need 150,000 cells to pay for itself.
    """
    top = np.zeros(block.shape[0])
    for row, (start, stop) in enumerate(zip(block.indptr[:-1], block.indptr[1:], strict=True)):
        values = block.data[start:stop]
        top[row] = values.sum() if stop - start <= TOP else np.partition(values, -TOP)[-TOP:].sum(dtype=np.int64)
    return top


if "snakemake" in globals():
    step.run(main, snakemake)
