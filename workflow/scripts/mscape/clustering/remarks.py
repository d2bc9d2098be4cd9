"""Remarks on clusters: size, stability, and artefacts such as cell cycle, doublets or batch."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mscape.clustering import gap_test
from mscape.embedding import cell_cycle

GIVEN = "labels given by the user: their stability was not measured"


def describe_clusters(
    clusters: np.ndarray,
    overlap: np.ndarray | None,
    obs: pd.DataFrame,
    *,
    names: list[str],
    cycling: dict[int, str],
    batch_key: str = "",
    min_jaccard: float = 0.75,
) -> pd.DataFrame:
    """One row a cluster: size, stability, lots, and signs that it is no sub-population.

    Parameters
    ----------
    clusters
        Integers by size, shape (n_cells,).
    overlap
        Mean Jaccard overlap of each cluster in resamples; None for labels that a user gave.
    obs
        With lot_id, and predicted_doublet where known.
    names
        Of the clusters, by their integers.
    cycling
        Clusters that are explained by the cell cycle alone, with the sentence.
    batch_key
        Column of the batches, "" for one batch.
    min_jaccard
        From which a cluster is called stable.

    Returns
    -------
    Columns ``cluster n_cells jaccard stable n_lots largest_lot_fraction doublet_fraction reason``.
    """
    rows = []
    lots = obs["lot_id"].astype(str).to_numpy()
    doublets = obs["predicted_doublet"].to_numpy(dtype=float) if "predicted_doublet" in obs else None
    for cluster in range(int(clusters.max()) + 1):
        cells = clusters == cluster
        share = pd.Series(lots[cells]).value_counts(normalize=True)
        notes = [GIVEN] if overlap is None else []
        if overlap is not None and clusters.max() == 0:
            notes.append("the only cluster: no sub-populations are separated by a gap")
        if overlap is not None and not overlap[cluster] >= min_jaccard:
            notes.append(
                f"unstable: found again with a mean overlap of {overlap[cluster]:.2f}, {min_jaccard:g} is asked for"
            )
        if cluster in cycling:
            notes.append(cycling[cluster])
        if clusters.max() > 0 and batch_key and obs[batch_key].nunique() > 1:
            main_batch = obs.loc[cells, batch_key].astype(str).value_counts(normalize=True)
            if main_batch.iloc[0] > 0.95:
                notes.append(
                    f"{main_batch.iloc[0]:.0%} from {batch_key} {main_batch.index[0]}: may be a property of it"
                )
        fraction = float("nan") if doublets is None else float(doublets[cells].mean())
        if doublets is not None and fraction > max(0.3, 3 * doublets.mean()):
            notes.append(f"{fraction:.0%} of its cells are predicted doublets")
        rows.append(
            {
                "cluster": names[cluster],
                "n_cells": int(cells.sum()),
                "jaccard": float("nan") if overlap is None else float(overlap[cluster]),
                "stable": pd.NA if overlap is None else bool(overlap[cluster] >= min_jaccard),
                "n_lots": len(share),
                "largest_lot_fraction": float(share.iloc[0]),
                "doublet_fraction": fraction,
                "reason": "; ".join(notes),
            }
        )
    return pd.DataFrame(rows)


def find_cycling(data: gap_test.Data, clusters: np.ndarray, scores: np.ndarray) -> dict[int, str]:
    """Find clusters that are explained by the cell cycle alone.

    A cluster is, when it scores higher for S or G2M than the cluster next to it, and the gap between the two is gone
    once the cycle scores are regressed from the embedding.

    Parameters
    ----------
    data
        In which gaps were found.
    clusters
        Integers by size, shape (n_cells,).
    scores
        S and G2M scores, standardised, shape (n_cells, 2).

    Returns
    -------
    Cluster -> sentence.
    """
    n = int(clusters.max()) + 1
    if n < 2 or not scores.any():
        return {}
    centres = np.array([data.rep[clusters == c].mean(0) for c in range(n)])
    means = np.array([scores[clusters == c].mean(0) for c in range(n)])
    residual = gap_test.make_data(cell_cycle.without_cycle(data.rep, scores), data.batch, min_cells=data.min_cells)
    residual.fold = data.fold
    named = {}
    for cluster in range(n):
        distance = np.linalg.norm(centres - centres[cluster], axis=1)
        distance[cluster] = np.inf
        near = int(distance.argmin())
        if (means[cluster] - means[near]).max() < 0.5:
            continue
        cells = np.flatnonzero((clusters == cluster) | (clusters == near))
        if gap_test.test_gap(residual.subset(cells), clusters[cells] == cluster).pvalue > data.alpha:
            phase = ("S", "G2M")[int((means[cluster] - means[near]).argmax())]
            named[cluster] = (
                f"cell cycle: differs from cluster {near} by its {phase} genes, and not once the cycle is regressed out"
            )
    return named
