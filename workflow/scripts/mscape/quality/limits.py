"""Limits of quality metrics by median absolute deviations, and the cells beyond them."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

logger = logging.getLogger(__name__)

REASONS = ("pass", "low_counts", "low_genes", "high_counts", "high_mt", "doublet")
FEW = 20  # cells below which a median and its spread say little
EMPTY = 0.2  # of the counts of the fullest barcodes: what lies lower is no whole cell beside them
SHALLOW = 1500  # median counts from which most barcodes hold cells, however full the fullest are


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
    """List which limits each cell fails; one boolean column a reason, in the order in which they count.

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
    if (empty := empty_share(cells["total_counts"].to_numpy())) > 0.5:
        notes.append(say_empty(empty, len(cells)))
    passing = float((qc == "pass").mean())
    if passing < 0.5:
        notes.append(f"only {passing:.0%} of {len(cells):,} cells pass: check the limits and the input")
    return notes


def empty_share(totals: np.ndarray) -> float:
    """Share of barcodes that look empty beside the fullest of the same sample.

    They hold fewer than a fifth of the counts of the 95th percentile, in a sample whose median barcode has fewer than
    1,500 counts: a cell's counts differ less within one culture, and ambient RNA alone gives some hundred.

    Parameters
    ----------
    totals
        Total counts of each barcode, shape (n_barcodes,).

    Returns
    -------
    Between 0 and 1; 0 where the median is higher or there are too few barcodes to say.
    """
    if len(totals) < FEW or np.median(totals) >= SHALLOW:
        return 0.0
    return float(np.mean(totals < EMPTY * np.quantile(totals, 0.95)))


def say_empty(share: float, n_barcodes: int) -> str:
    """Say that most barcodes of a sample look empty, and what to do."""
    return (
        f"{share:.0%} of {n_barcodes:,} barcodes hold less than a fifth of the counts of the fullest: mostly empty "
        "droplets, which says nothing of the donor; call cells again (CellBender, EmptyDrops)"
    )


def _spread(values: np.ndarray) -> float:
    """Median absolute deviation, scaled to the standard deviation of a normal distribution."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))
