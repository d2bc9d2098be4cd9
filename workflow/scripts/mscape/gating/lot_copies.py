"""Smaller copies of a lot, of fewer of its cells and counts, and the gate's verdict on each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData

from mscape.data import counts
from mscape.embedding.pca_neighbors import add_neighbors
from mscape.gating import lane_ambient, pool_groups
from mscape.gating.gate import Neighborhoods, gate_cells
from mscape.gating.gate_genes import AskedGenes, OtherGenes
from mscape.gating.lane_ambient import LaneAmbient
from mscape.gating.panels import make_features
from mscape.stats import leading_vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mscape.gating.options import GateOptions

N_DRAWS = 100  # of an interval of a copy, where the gate takes ``gate.n_bootstrap``


class Size(NamedTuple):
    """How many cells of the lot a copy has, and the share of their counts that it keeps."""

    n_cells: int
    kept: float


@dataclass(frozen=True)
class LotCounts:
    """What copies of a lot are made from.

    Attributes
    ----------
    obs
        Cells of the lot: ``lot_id sample_id total_counts`` and, where known, ``batch assay predicted_doublet``.
    matrix
        Counts of ``asked.names`` and then of the variable genes that are not among them, CSR, shape (n_cells, n_genes).
    variable
        Columns of the variable genes.
    asked
        What the gate judges by, thresholds as the gate used them.
    measured
        Is each of ``asked.genes`` in the feature table of the cell's sample? Shape (n_cells, n_asked).
    others, sums
        Other lots that may share a lane with this one, as one cell each: their ``lot_id`` and ``batch``, total counts,
        and summed counts of ``asked.names``, CSR.
    ambient_fraction
        Sample id -> ambient fraction or NaN.
    drawn
        Whether the cells are drawn from those of a larger lot.
    """

    obs: pd.DataFrame
    matrix: sp.csr_matrix
    variable: np.ndarray
    asked: AskedGenes
    measured: np.ndarray
    others: pd.DataFrame
    sums: sp.csr_matrix
    ambient_fraction: dict[str, float]
    drawn: bool = False


class _Copy(NamedTuple):
    """Cells of a copy: their rows in the lot, their counts, their total counts, and where they pool."""

    rows: np.ndarray
    matrix: sp.csr_matrix
    totals: np.ndarray
    where: Neighborhoods


def thin(
    matrix: sp.csr_matrix, totals: np.ndarray, kept: float, rng: np.random.Generator
) -> tuple[sp.csr_matrix, np.ndarray]:
    """Keep each count with the same probability, those of genes that are not in the matrix too.

    Parameters
    ----------
    matrix
        Counts of some genes, CSR, shape (n_cells, n_genes).
    totals
        Counts of all genes, shape (n_cells,).
    kept
        Probability.
    rng
        Random numbers.

    Returns
    -------
    Counts that are left: of the genes of the matrix, and of all genes.
    """
    rest = np.maximum(totals - counts.totals(matrix), 0).astype(np.int64)
    if kept >= 1:
        return matrix, counts.totals(matrix) + rest
    data = rng.binomial(matrix.data, kept).astype(matrix.data.dtype)
    left = sp.csr_matrix((data, matrix.indices.copy(), matrix.indptr.copy()), shape=matrix.shape)
    left.eliminate_zeros()
    return left, counts.totals(left) + rng.binomial(rest, kept)


def principal_scores(values: np.ndarray, n: int) -> np.ndarray:
    """Principal components of a few hundred cells, from the products of cells: far fewer than those of genes.

    Parameters
    ----------
    values
        Log-normalized counts, shape (n_cells, n_genes).
    n
        Components wanted; those that the cells do not have are zero.

    Returns
    -------
    float32, shape (n_cells, n), rounded as those of the dataset (:mod:`mscape.embedding.pca_neighbors`); the largest
    value of each is positive.
    """
    centered = values - values.mean(axis=0)
    found, vectors = leading_vectors(centered @ centered.T, min(n, len(values) - 1))
    scores = vectors * np.sqrt(np.maximum(found, 0))
    scores *= np.sign(scores[np.abs(scores).argmax(axis=0), np.arange(scores.shape[1])])
    out = np.zeros((len(values), n), np.float32)
    out[:, : scores.shape[1]] = np.round(scores, 4)
    return out


def judge_copies(
    lot: LotCounts,
    sizes: Sequence[Size],
    *,
    options: GateOptions,
    n_pcs: int = 30,
    n_neighbors: int = 15,
    seed: int = 0,
) -> list[str]:
    """Draw copies of a lot and judge each as the gate does.

    Cells are drawn without replacement, counts thinned. Components, neighbors, clusters, pools, ambient RNA of the
    lot's own libraries and of the lane, calls and verdict are those of the copy; the variable genes, the thresholds,
    the ambient fractions, the genes by which lots differ, and the other lots of the lane are those of the dataset.

    Parameters
    ----------
    lot
        The lot.
    sizes
        Of the copies.
    options
        Settings of the gate.
    n_pcs, n_neighbors
        Of the embedding.
    seed
        Of everything that is drawn; copies of one call differ.

    Returns
    -------
    Verdict of the phenotype of each copy, as in ``gate.tsv``.
    """
    copies = [
        _draw(lot, size, resolution=options.resolution, n_pcs=n_pcs, n_neighbors=n_neighbors, seed=(seed, number))
        for number, size in enumerate(sizes)
    ]
    asked, n_asked = lot.asked, len(lot.asked.names)
    matrix = sp.vstack([copy.matrix[:, :n_asked] for copy in copies], format="csc")
    rows = np.concatenate([copy.rows for copy in copies])
    of_copy = np.repeat(np.arange(len(copies)), [len(copy.rows) for copy in copies])
    panel_counts, reference, tracers = asked.part(matrix)
    features = make_features(asked.panel, asked.lineages, panel_counts, asked.genes, lot.measured[rows])
    sums, _, tracer_sums = asked.part(lot.sums.tocsc())
    of_others = make_features(asked.panel, asked.lineages, sums, asked.genes, np.ones(sums.shape, bool)).x
    obs = lot.obs.iloc[rows].reset_index(drop=True)
    prefix = pd.Series(of_copy).astype(str)
    copied = obs.assign(
        lot_id=prefix,
        sample_id=prefix + ":" + obs["sample_id"].astype(str),
        total_counts=np.concatenate([copy.totals for copy in copies]),
    ).rename(index=str)
    known = {f"{n}:{s}": r for s, r in lot.ambient_fraction.items() for n in range(len(copies))}
    tracers = tracers.tocsr()
    lanes = []
    for number in range(len(copies)):
        own = np.flatnonzero(of_copy == number)
        lanes.append(
            _estimate_lane(
                obs.iloc[own].assign(total_counts=copied["total_counts"].to_numpy()[own]),
                replace(features, x=features.x[own]),
                tracers[own],
                (lot.others, of_others, tracer_sums.tocsr()),
                pool_groups.ambient_fractions(copied["sample_id"].to_numpy()[own], known, options.default_ambient),
            )
        )
    result = gate_cells(
        AnnData(obs=copied),
        features,
        asked.panel,
        asked.lineages,
        _side_by_side([copy.where for copy in copies]),
        options=replace(options, n_bootstrap=min(options.n_bootstrap, N_DRAWS)),
        ambient_fraction=known,
        other_genes=OtherGenes(reference, None, join_lanes(lanes)),
        seed=seed,
    )
    table = result.table[result.table["kind"] == "overall"].set_index("lot_id")["verdict"]
    return [str(table[str(number)]) for number in range(len(copies))]


def _draw(
    lot: LotCounts, size: Size, *, resolution: float, n_pcs: int, n_neighbors: int, seed: tuple[int, int]
) -> _Copy:
    """Draw the cells and counts of a copy, and embed them by the variable genes."""
    n, rng = len(lot.obs), np.random.default_rng(seed)
    rows = np.arange(n) if size.n_cells >= n else np.sort(rng.choice(n, size.n_cells, replace=False))
    matrix, totals = thin(lot.matrix[rows], lot.obs["total_counts"].to_numpy()[rows], size.kept, rng)
    values = counts.lognorm(matrix[:, lot.variable], totals).toarray().astype(float)
    cells = AnnData(obs=pd.DataFrame(index=rows.astype(str)), obsm={"X_pca": principal_scores(values, n_pcs)})
    add_neighbors(cells, use_rep="X_pca", n_neighbors=n_neighbors)
    clusters = pool_groups.pool_clusters(cells, resolution=resolution, seed=seed[0])
    shares = pool_groups.cluster_shares(cells.obsp["connectivities"], clusters)
    return _Copy(rows, matrix, totals, Neighborhoods(np.asarray(cells.obsm["X_pca"]), clusters, shares))


def _side_by_side(parts: list[Neighborhoods]) -> Neighborhoods:
    """Set the neighborhoods of several copies side by side: no cluster is of two of them."""
    n_clusters = [int(part.clusters.max()) + 1 for part in parts]
    first = np.cumsum([0, *n_clusters[:-1]])
    return Neighborhoods(
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.clusters + start for part, start in zip(parts, first, strict=True)]),
        sp.block_diag([part.membership for part in parts], format="csr"),
    )


def _estimate_lane(obs, features, tracers, others, rho) -> LaneAmbient:
    """Estimate what the other lots of the lane, each as one cell, add to a copy; of the copy's own cells."""
    units, of_others, sums = others
    n, totals = len(obs), np.maximum(obs["total_counts"].to_numpy(float), 1)
    own = rho[:, None] * pool_groups.ambient_rates(features, totals, obs["sample_id"].astype(str).to_numpy())
    columns = ["lot_id", *(["batch"] if "batch" in obs else [])]
    lane = lane_ambient.estimate(
        pd.concat([obs[columns].astype(str), units[columns]], ignore_index=True),
        np.concatenate([totals, units["total_counts"].to_numpy(float)]),
        sp.vstack([tracers, sums], format="csc"),
        replace(features, x=np.vstack([features.x, of_others])),
        np.vstack([own, np.zeros(of_others.shape)]),
    )
    used, unit = np.unique(lane.unit[:n], return_inverse=True)
    rows = {name: getattr(lane, name)[used] for name in ("low", "center", "high", "constant", "mean_total", "material")}
    return replace(lane, table=lane.table.iloc[:0], unit=unit, fraction=lane.fraction[:, used], **rows)


def join_lanes(lanes: Sequence[LaneAmbient]) -> LaneAmbient:
    """Join the ambient RNA of lots whose cells follow each other; no unit is of two of them."""
    first = np.cumsum([0, *(len(lane.low) for lane in lanes[:-1])])
    rows = {
        name: np.concatenate([getattr(lane, name) for lane in lanes])
        for name in ("low", "center", "high", "constant", "mean_total", "material")
    }
    return LaneAmbient(
        table=lanes[0].table.iloc[:0],
        unit=np.concatenate([lane.unit + start for lane, start in zip(lanes, first, strict=True)]),
        fraction=np.concatenate([lane.fraction for lane in lanes], axis=1),
        **rows,
    )
