"""Cell-cycle scores for embedding and clustering (score_signatures annotates the cells)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mscape.genes.names import resolve_genes

if TYPE_CHECKING:
    import pandas as pd
    import scipy.sparse as sp

SETS = ("TIROSH_S", "TIROSH_G2M")


def find_sets(signatures: dict, var: pd.DataFrame, *, organism: str = "human") -> tuple[np.ndarray, list[np.ndarray]]:
    """Find the genes of the S and the G2M set in a dataset.

    Parameters
    ----------
    signatures
        Of the registry.
    var
        Genes of the dataset, with ``gene_id`` where known.
    organism
        ``human`` or ``mouse``.

    Returns
    -------
    names
        Names in ``var`` of the genes of both sets.
    members
        Positions in ``names`` of each set.
    """
    ids = var["gene_id"].astype(str).tolist() if "gene_id" in var else None
    names: list[str] = []
    members = []
    for key in SETS:
        genes = signatures.get(key, {}).get("genes", [])
        found, _ = resolve_genes(genes, var.index.tolist(), ids, organism=organism)
        members.append(np.arange(len(names), len(names) + len(found)))
        names += list(found.values())
    return np.array(names, dtype=object), members


def cycle_scores(log_values: sp.csr_matrix, members: list[np.ndarray]) -> np.ndarray:
    """Mean standardised expression of each gene set in each cell.

    Parameters
    ----------
    log_values
        Log-normalised values, shape (n_cells, n_genes).
    members
        Columns of each set.

    Returns
    -------
    float64, shape (n_cells, len(members)), standardised; zeros for a set with fewer than 5 genes that vary.
    """
    scores = np.zeros((log_values.shape[0], len(members)))
    for i, columns in enumerate(members):
        values = log_values[:, columns].toarray().astype(np.float64)
        sd = values.std(0)
        values = values[:, sd > 0]
        if values.shape[1] < 5:
            continue
        score = ((values - values.mean(0)) / values.std(0)).mean(1)
        scores[:, i] = (score - score.mean()) / max(score.std(), 1e-12)
    return scores


def without_cycle(rep: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Residuals of an embedding after regression on the cycle scores, their squares and their product.

    Parameters
    ----------
    rep
        Shape (n_cells, n_dims).
    scores
        S and G2M, shape (n_cells, 2).

    Returns
    -------
    float64, shape of ``rep``.
    """
    design = _design(scores)
    rep = rep.astype(np.float64)
    return rep - design @ np.linalg.lstsq(design, rep, rcond=None)[0]


def explained(rep: np.ndarray, scores: np.ndarray) -> float:
    """Share of the variance of an embedding that `without_cycle` takes out, 0 to 1.

    Parameters
    ----------
    rep
        Shape (n_cells, n_dims).
    scores
        S and G2M, shape (n_cells, 2).
    """
    total = ((rep - rep.mean(0, dtype=np.float64)) ** 2).sum()
    return float(1 - (without_cycle(rep, scores) ** 2).sum() / total) if total else float("nan")


def _design(scores: np.ndarray) -> np.ndarray:
    s, g = scores.T
    return np.column_stack([np.ones(len(s)), s, g, s**2, g**2, s * g])
