"""Two readings of the counts: what each gene shows on average, then what each cell scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.sparse as sp

from mscape.backends import active
from mscape.data import counts, sampling
from mscape.scoring import confounders, control_genes, methods, null_sets

STRATA = 3  # depth classes of a library with null distributions of their own
NULL_CELLS = 64  # cells of a library and depth class in which random sets are scored
GROWS_WITH_CYCLE = "proliferation"  # cells grow through the cycle: depth is part of this axis, not its confounder
CORRELATED_CELLS = 20_000  # correlations are measured in at most so many cells


def measure_genes(path: counts.Source, groups: np.ndarray, n_groups: int) -> dict[str, np.ndarray]:
    """Read the counts once for what each gene shows in each group of cells.

    Parameters
    ----------
    path
        A file with counts in ``X``.
    groups
        Group of each cell.
    n_groups
        Number of groups.

    Returns
    -------
    ``mean`` (log expression), ``detection`` (fraction of cells), ``counts`` (sums), ``seen`` (cells with the gene), all
    of shape (n_groups, n_genes); ``n``, cells of each group; ``totals``, counts of each cell.
    """
    totals: list[np.ndarray] = []
    sums: dict[str, np.ndarray] = {}
    for start, stop, block in counts.blocks(path):
        part = control_genes.gene_sums(block, groups[start:stop], n_groups)
        sums = {key: sums[key] + part[key] for key in part} if sums else part
        totals.append(counts.totals(block))
    n = np.bincount(groups, minlength=n_groups)
    per_cell = np.maximum(n, 1)[:, None]
    return {
        "mean": sums["log"] / per_cell,
        "detection": sums["seen"] / per_cell,
        "counts": sums["counts"],
        "seen": sums["seen"],
        "n": n,
        "totals": np.concatenate(totals),
    }


def depth_strata(totals: np.ndarray, libraries: np.ndarray) -> np.ndarray:
    """Class each cell by depth within its library, 0 = shallow to STRATA - 1 = deep."""
    ranks = pd.Series(totals).groupby(libraries).rank(method="average", pct=True).to_numpy()
    return np.minimum((ranks * STRATA).astype(int), STRATA - 1)


def score_cells(
    path: counts.Source,
    sets: list[methods.GeneSet],
    reference: control_genes.Background,
    stats: null_sets.GeneStats,
    *,
    all_mean: np.ndarray,
    null_rows: np.ndarray,
    max_rank: int = 1500,
    seed: int = 0,
) -> dict[str, np.ndarray | sp.csr_matrix | null_sets.Bins]:
    """Read the counts a second time and score every cell.

    Parameters
    ----------
    path
        A file with counts in ``X``.
    sets
        Columns to score.
    reference
        Background genes.
    stats
        Mean, detection and bin of each gene, over the reference cells.
    all_mean
        Mean log expression over all cells, for scanpy's control genes.
    null_rows
        Cells whose counts are kept for the null distributions, ascending.
    max_rank
        Genes of a cell that have ranks of their own in the rank score.
    seed
        Seed of scanpy's control genes.

    Returns
    -------
    ``matched``, ``scanpy``, ``rank``, ``z`` (float32, n_cells x n_sets), ``weights``, and for the null rows
    ``null_counts``, ``null_centre``, ``null_spread``.
    """
    matched = methods.matched_weights(sets, stats.mean, reference)
    weights = np.hstack([matched, methods.scanpy_weights(sets, all_mean, seed=seed)])
    average = stats.mean @ matched
    linear, square = null_sets.bin_weights(sets, stats)
    shape = (counts.read_shape(path)[0], len(sets))
    result = {key: np.empty(shape, dtype=np.float32) for key in ("matched", "scanpy", "rank", "z")}
    kept: dict[str, list] = {"counts": [], "centre": [], "spread": []}
    score = active.active().scores or methods.score_block
    for start, stop, block in counts.blocks(path):
        scores, centre, spread = score(block, weights, reference, bins=stats.bins.of_pool, linear=linear, square=square)
        excess = scores[:, : len(sets)] - average - centre
        here = slice(start, stop)
        result["matched"][here], result["scanpy"][here] = scores[:, : len(sets)], scores[:, len(sets) :]
        result["rank"][here] = methods.rank_block(block, sets, max_rank=max_rank)
        result["z"][here] = np.divide(excess, spread, out=np.full(excess.shape, np.nan), where=spread > 0)
        null_here = null_rows[(null_rows >= start) & (null_rows < stop)] - start
        for key, value in (("counts", block), ("centre", centre), ("spread", spread)):
            kept[key].append(value[null_here])
    return result | {
        "weights": matched,
        "null_counts": sp.vstack(kept["counts"], format="csr"),
        "null_centre": np.vstack(kept["centre"]),
        "null_spread": np.vstack(kept["spread"]),
    }


def calibrate(
    scored: dict,
    sets: list[methods.GeneSet],
    reference: control_genes.Background,
    stats: null_sets.GeneStats,
    *,
    names: np.ndarray,
    strata: np.ndarray,
    null_rows: np.ndarray,
    random_sets: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """Give each cell's z its p among random sets, scored in cells of the same library and depth.

    Parameters
    ----------
    scored
        Result of :func:`score_cells`.
    sets, reference, stats
        As there.
    names
        Names of the cells.
    strata
        Library and depth class of each cell, as one code.
    null_rows
        Cells whose counts ``scored`` kept.
    random_sets
        Random sets for each library and depth class.
    seed
        Seed of the random sets.

    Returns
    -------
    float32, shape (n_cells, n_sets). The smallest p is about 1 / random_sets.
    """
    z, block = scored["z"], scored["null_counts"]
    p = np.full(z.shape, np.nan, dtype=np.float32)
    order_of_rows = sampling.stable_order(
        names[null_rows]
    )  # so that the order of the cells in the file does not matter
    drawn = [null_sets.draw_sets(s, stats, random_sets, sampling.generator(seed, s.name)) for s in sets]
    for stratum in np.unique(strata):
        cells = np.flatnonzero(strata == stratum)
        rows = order_of_rows[strata[null_rows][order_of_rows] == stratum]
        logged = counts.lognorm(block[rows], counts.totals(block[rows]))
        values = control_genes.over_controls(logged.toarray(), reference)
        each = random_sets // rows.size
        for column, genes in enumerate(sets):
            some = drawn[column][: each * rows.size].reshape(rows.size, each, -1)
            moments = scored["null_centre"][rows, column], scored["null_spread"][rows, column]
            p[cells, column] = null_sets.empirical_p(
                z[cells, column], null_sets.sample_null(values, moments, some, genes.weights)
            )
    return p


def choose_null_rows(names: pd.Index, strata: np.ndarray, n: int = NULL_CELLS) -> np.ndarray:
    """Choose up to n cells of each stratum by their names, so that the order of the cells does not matter."""
    order = sampling.stable_order(names)
    rank = pd.Series(strata[order]).groupby(strata[order]).cumcount().to_numpy()
    return np.sort(order[rank < n])


def remove_depth_trends(
    scored: dict, depth: np.ndarray, lots: np.ndarray, order: np.ndarray, exempt: np.ndarray, *, max_depth_rho: float
) -> pd.DataFrame:
    """Check scores and z for a correlation with depth within lots, and take it out where it is too large.

    Parameters
    ----------
    scored
        Result of :func:`score_cells`; ``matched`` and ``z`` are changed in place.
    depth
        Log total counts of each cell.
    lots
        Lot of each cell, as codes.
    order
        All cells, in an order that does not depend on the file's; correlations are measured in the first
        ``CORRELATED_CELLS``.
    exempt
        Sets whose depth belongs to their biology.
    max_depth_rho
        Largest correlation that is left as it is.

    Returns
    -------
    Per set: depth_rho (matched score), depth_rho_rank, depth_rho_scanpy, depth_adjusted, depth_rho_after, and the
    Spearman correlation within lots of the matched score with the others: agreement_rank, agreement_scanpy.
    """
    some = order[:CORRELATED_CELLS]

    def rho(values: np.ndarray) -> np.ndarray:
        return confounders.within_lot_rho(values[some], depth[some, None], lots[some])[:, 0]

    table = pd.DataFrame(
        {"depth_rho": rho(scored["matched"]), "depth_rho_rank": rho(scored["rank"])}
        | {"depth_rho_scanpy": rho(scored["scanpy"]), "depth_adjusted": False}
    )
    for key in ("matched", "z"):
        strong = (np.abs(rho(scored[key])) >= max_depth_rho) & ~exempt
        raw = scored[key][np.ix_(order, strong)]
        scored[key][np.ix_(order, strong)] = confounders.remove_depth(raw, depth[order], lots[order])
        left = strong & (np.abs(rho(scored[key])) >= max_depth_rho)
        robust = confounders.remove_depth(raw[:, left[strong]], depth[order], lots[order], robust=True)
        scored[key][np.ix_(order, left)] = robust
        table["depth_adjusted"] |= strong
    table["depth_rho_after"] = rho(scored["matched"])
    for other in ("rank", "scanpy"):
        pairs = confounders.within_lot_rho(scored["matched"][some], scored[other][some], lots[some])
        table[f"agreement_{other}"] = np.diag(pairs)
    return table


def score_dataset(
    path: counts.Source,
    sets: list[methods.GeneSet],
    reference: control_genes.Background,
    *,
    genes: dict[str, np.ndarray],
    stats: null_sets.GeneStats,
    obs: pd.DataFrame,
    table: pd.DataFrame,
    settings: dict,
    seed: int = 0,
) -> dict:
    """Score, check for depth, and calibrate.

    Parameters
    ----------
    path
        A file with counts in ``X``.
    sets, reference
        Columns to score and the background.
    genes
        Result of :func:`measure_genes`; its last group holds the cells that represent no lot.
    stats
        Mean and detection of each gene over the lots that z is relative to, with their bins.
    obs
        ``sample_id`` and ``lot_id`` of each cell.
    table
        Signatures, for their axis.
    settings
        Config section ``score``.
    seed
        Seed of the random sets and of scanpy's control genes.

    Returns
    -------
    ``matched``, ``rank``, ``scanpy``, ``z``, ``p`` (n_cells x n_sets), ``weights``, and ``depth``: a table
    with the id of each set.
    """
    libraries = obs["sample_id"].astype("category").cat.codes.to_numpy()
    lots = obs["lot_id"].astype("category").cat.codes.to_numpy()
    strata = libraries * STRATA + depth_strata(genes["totals"], libraries)
    null_rows = choose_null_rows(obs.index, strata)
    scored = score_cells(
        path,
        sets,
        reference,
        stats,
        all_mean=genes["n"] @ genes["mean"] / genes["n"].sum(),
        null_rows=null_rows,
        max_rank=settings["max_rank"],
        seed=seed,
    )
    own = [s.name for s in sets]
    exempt = table.set_index("id").loc[own, "axis"].eq(GROWS_WITH_CYCLE).to_numpy()
    log_totals, order = np.log(np.maximum(genes["totals"], 1)), sampling.stable_order(obs.index)
    depth = remove_depth_trends(scored, log_totals, lots, order, exempt, max_depth_rho=settings["max_depth_rho"])
    p = calibrate(
        scored,
        sets,
        reference,
        stats,
        names=obs.index.to_numpy(dtype=str),
        strata=strata,
        null_rows=null_rows,
        random_sets=settings["random_sets"],
        seed=seed,
    )
    return scored | {"p": p, "depth": depth.assign(id=own)}
