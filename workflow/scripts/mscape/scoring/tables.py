"""The tables beside the scores: per lot and signature, per lot and programme, per confounder, per gene."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from mscape.data import sampling
from mscape.data.tables import TABLES
from mscape.genes.registry import SCORED
from mscape.scoring import confounders as confounding
from mscape.scoring import consensus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mscape.genes.names import GeneIndex
    from mscape.genes.registry import Markers

PASSAGE = "passage (between lots)"
MOST_GENES = 100  # a longer list is no use gene by gene
MOST_WEIGHTS = 5_000_000  # bootstrap weights held at a time
FITTED_CELLS = 20_000  # correlations and slopes are measured in at most so many cells


def bootstrap_means(values: np.ndarray, *, n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Give the 95 % interval of column means, by resampling cells.

    Parameters
    ----------
    values
        Shape (n_cells, n_columns), cells in an order of their own (:func:`mscape.scoring.sampling.stable_order`).
    n
        Resamples.
    seed
        Seed.

    Returns
    -------
    Lower and upper ends, shape (n_columns,). The interval is within a lot: it knows nothing of other donors.
    """
    rng = np.random.default_rng(seed)
    cells, means = len(values), []
    for part in np.array_split(np.arange(n), max(1, n * len(values) // MOST_WEIGHTS)):
        drawn = rng.multinomial(cells, np.full(cells, 1 / cells), size=part.size)
        means.append(drawn.astype(np.float32) @ values / cells)
    low, high = np.quantile(np.vstack(means), [0.025, 0.975], axis=0)
    return low, high


def summarise_lots(
    scores: pd.DataFrame,
    z: pd.DataFrame,
    lots: pd.Series,
    cells: pd.DataFrame,
    *,
    lots_found: Mapping[str, pd.DataFrame],
    adjusted: pd.DataFrame,
    bootstrap: int = 400,
    seed: int = 0,
) -> pd.DataFrame:
    """Describe each signature in each lot.

    Parameters
    ----------
    scores, z
        Matched scores and calibrated z of all cells.
    lots
        Lot of each cell.
    cells
        Result of ``choose_reference``.
    lots_found
        ``z``, ``pvalue`` and ``unit`` of lot means (:func:`mscape.scoring.null_sets.score_lots`), each lots x
        signatures.
    adjusted
        Mean z of the cells without the confounders, lots x signatures; may lack signatures.
    bootstrap, seed
        Resamples of cells and their seed.

    Returns
    -------
    lot_id, signature, n_cells, mean, median, low, high (95 % interval of the mean over this lot's cells), z, z_low,
    z_high (the same interval in the unit of z), pvalue (of z, against random gene sets), z_cells (mean of the cells'
    z), z_cells_low, z_cells_high, z_cells_adjusted (its interval is as wide), cells (which represent the lot).
    """
    columns = list(lots_found["z"].columns)
    adjusted = adjusted.reindex(columns=columns)
    tables = []
    for lot in lots_found["z"].index:
        inside = np.flatnonzero((lots == lot).to_numpy() & cells["reference"].to_numpy())
        inside = inside[sampling.stable_order(scores.index[inside])]
        values, cell_z = scores[columns].to_numpy()[inside], z[columns].to_numpy()[inside]
        low, high = bootstrap_means(values, n=bootstrap, seed=seed)
        mean, lot_z, unit = values.mean(axis=0), lots_found["z"].loc[lot], lots_found["unit"].loc[lot]
        middle, half = cell_z.mean(axis=0), 1.959964 * cell_z.std(axis=0) / np.sqrt(inside.size)
        tables.append(
            pd.DataFrame(
                {
                    "lot_id": lot,
                    "signature": columns,
                    "n_cells": inside.size,
                    "mean": mean,
                    "median": np.median(values, axis=0),
                    "low": low,
                    "high": high,
                    "z": lot_z.to_numpy(),
                    "z_low": (lot_z + (low - mean) / unit).to_numpy(),
                    "z_high": (lot_z + (high - mean) / unit).to_numpy(),
                    "pvalue": lots_found["pvalue"].loc[lot].to_numpy(),
                    "z_cells": middle,
                    "z_cells_low": middle - half,
                    "z_cells_high": middle + half,
                    "z_cells_adjusted": adjusted.loc[lot].to_numpy(),
                    "cells": cells["cells"].iloc[inside[0]],
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def summarise_programmes(obs: pd.DataFrame, lots: pd.Series, cells: pd.DataFrame, lot_z: pd.DataFrame) -> pd.DataFrame:
    """Describe each lot by what its signatures say together.

    Parameters
    ----------
    obs
        ``phase`` of each cell.
    lots, cells, lot_z
        As for :func:`summarise_lots`.

    Returns
    -------
    lot_id, n_cells, cells, fraction_cycling with _low and _high (corrected for the errors of the call,
    :func:`mscape.scoring.consensus.correct_share`), and the columns of :func:`mscape.scoring.consensus.describe_lots`.
    """
    rows = []
    for lot in lot_z.index:
        inside = (lots == lot).to_numpy() & cells["reference"].to_numpy()
        phase = obs["phase"][inside].astype(str)
        known = phase[phase != "unknown"]
        share = consensus.correct_share(int((known != "G1").sum()), len(known), consensus.CYCLING)
        row = {"lot_id": lot, "n_cells": int(inside.sum()), "cells": cells["cells"][inside].iloc[0]}
        rows.append(
            row | dict(zip(("fraction_cycling", "fraction_cycling_low", "fraction_cycling_high"), share, strict=True))
        )
    return pd.DataFrame(rows).merge(consensus.describe_lots(lot_z).reset_index(), on="lot_id", how="left")


def relate_confounders(
    z: pd.DataFrame,
    confounders: pd.DataFrame,
    lots: pd.Series,
    *,
    reference: np.ndarray,
    own: Mapping[str, set[str]],
    passage: pd.Series,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Correlate scores with confounders in the reference cells, and give lot means with and without them.

    Parameters
    ----------
    z
        Calibrated z of the cells.
    confounders
        Depth, mitochondrial fraction and scores of confounding programmes of the same cells.
    lots
        Lot of each cell.
    reference
        Which cells to use.
    own
        Confounders that a signature itself is.
    passage
        Passage number of each lot, NaN where unknown.

    Returns
    -------
    table
        As of :func:`mscape.scoring.confounders.relate`, with ``r2`` and, where four lots have a passage, rows for
        :data:`PASSAGE` with the Spearman correlation of lot means and n_lots in ``n_cells``'s place.
    adjusted
        Lots x signatures: mean z of the cells if all lots had the same confounders.
    """
    z, confounders, lots = z[reference], confounders[reference], lots[reference].astype(str)
    confounders = confounders.loc[:, confounders.notna().all() & (confounders.nunique() > 1)]
    spread = confounding.spread_within(confounders, lots)
    some = np.sort(sampling.stable_order(z.index)[:FITTED_CELLS])
    table, fits = confounding.relate(z.iloc[some], confounders.iloc[some], lots.iloc[some], own)
    table = table.merge(fits[["signature", "r2"]], on="signature", how="left").assign(n_lots=np.nan)
    means = z.groupby(lots).mean()
    adjusted = confounding.adjusted_means(means, confounders.groupby(lots).mean(), spread, table)
    known = passage.dropna().index.intersection(means.index)
    if known.size >= 4 and passage[known].nunique() > 1:
        names = means.columns[means.loc[known].nunique() > 1]
        rho = [stats.spearmanr(passage[known], means.loc[known, name]).statistic for name in names]
        low, high = zip(*(confounding.rho_interval(value, known.size) for value in rho), strict=True)
        between = {"signature": names, "confounder": PASSAGE, "rho": rho, "rho_low": low, "rho_high": high}
        table = pd.concat([table, pd.DataFrame(between | {"n_lots": known.size})], ignore_index=True)
    return table, adjusted


def tabulate_genes(
    markers: Markers,
    index: GeneIndex,
    var_names: Sequence[str],
    *,
    lot_counts: np.ndarray,
    lot_seen: np.ndarray,
    lot_n: np.ndarray,
    lots: Sequence[str] | np.ndarray,
) -> pd.DataFrame:
    """Give the rate of each gene of the sets that are never averaged.

    Parameters
    ----------
    markers
        The registry.
    index
        The dataset's genes, to look names up.
    var_names
        Genes of the dataset.
    lot_counts, lot_seen
        Counts, and cells with the gene, of the reference cells, shape (n_lots, n_genes).
    lot_n
        Reference cells of each lot.
    lots
        Names of the lots.

    Returns
    -------
    For sets of up to ``MOST_GENES`` genes: lot_id, signature, gene, n_cells, count, cpm, low, high (exact Poisson 95 %
    interval of the rate: ``high`` bounds a gene that was never seen), detected_fraction.
    """
    place = {str(name): i for i, name in enumerate(var_names)}
    exposure = lot_counts.sum(axis=1)
    tables = []
    for key, entry in markers.signatures.items():
        if entry["use"] in SCORED or len(entry["genes"]) > MOST_GENES:
            continue
        found, _ = index.resolve(entry["genes"])
        genes = list(found)
        columns = [place[found[gene]] for gene in genes]
        count = lot_counts[:, columns]
        scale = 1e6 / np.maximum(exposure, 1)[:, None]
        tables.append(
            pd.DataFrame(
                {
                    "lot_id": np.repeat(np.asarray(lots, dtype=str), len(genes)),
                    "signature": key,
                    "gene": np.tile(genes, len(lots)),
                    "n_cells": np.repeat(lot_n, len(genes)),
                    "count": count.ravel().astype(np.int64),
                    "cpm": (count * scale).ravel(),
                    "low": (np.where(count > 0, stats.gamma.ppf(0.025, np.maximum(count, 1)), 0) * scale).ravel(),
                    "high": (stats.gamma.ppf(0.975, count + 1) * scale).ravel(),
                    "detected_fraction": (lot_seen[:, columns] / np.maximum(lot_n, 1)[:, None]).ravel(),
                }
            )
        )
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=TABLES["signature_genes"].names)
