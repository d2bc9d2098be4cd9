"""Join the cells of samples that pass quality control, and account for all others."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

logger = logging.getLogger(__name__)

NOT_METADATA = {"path", "format", "member", "genome", "cells", "parts", "sha256"}


def merge_var(tables: dict[str, pd.DataFrame]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Unite the genes of the samples.

    A gene that a sample's feature table lacks was not measured there, which is not the same as zero: the second table
    keeps the difference that the united matrix cannot show.

    Parameters
    ----------
    tables
        ``var`` of each sample, by sample_id; index = gene symbols, unique in each.

    Returns
    -------
    var
        All genes, in the order in which they first appear, with the columns of the tables.
    measured
        Boolean, shape (n_genes, n_samples): whether the sample's feature table has the gene.
    """
    var = pd.concat(tables.values())
    var = var[~var.index.duplicated()]
    measured = pd.DataFrame({sample: var.index.isin(table.index) for sample, table in tables.items()}, index=var.index)
    return var, measured


def align(block, columns: np.ndarray, n_genes: int):
    """Move the columns of a CSR block to their places among all genes, rows sorted."""
    import scipy.sparse as sp

    moved = sp.csr_matrix((block.data, columns[block.indices], block.indptr), shape=(block.shape[0], n_genes))
    moved.sort_indices()
    return moved


def state_assay(row: dict, stated: str) -> dict:
    """Give a sample the protocol that its file states, where the sheet says none.

    Parameters
    ----------
    row
        The sample's row of the sheet.
    stated
        By the file: ``chemistry_description`` of a 10x h5, ``assay`` of a CELLxGENE file; or "".
    """
    return row | {"assay": stated} if stated and row.get("assay", "unknown") == "unknown" else row


def describe_cells(qc: pd.DataFrame, row: dict, *, dataset: str, culture: str) -> pd.DataFrame:
    """Metadata and quality of the cells of one sample that pass.

    Parameters
    ----------
    qc
        ``obs`` of the sample's quality file.
    row
        The sample's row of the sheet.
    dataset, culture
        The same for all cells of a dataset.

    Returns
    -------
    One row a cell that passes; text columns of the sheet as they are, measured columns unchanged, without ``qc``.
    """
    cells = qc[qc["qc"] == "pass"].drop(columns="qc")
    given = {
        "dataset_id": dataset,
        **{key: value for key, value in row.items() if key not in NOT_METADATA},
    }
    given["culture"] = culture
    return pd.concat([pd.DataFrame(given, index=cells.index), cells], axis=1)


def account(qc: dict[str, pd.DataFrame], rows: dict[str, dict]) -> pd.DataFrame:
    """Count the cells of each sample by the reason for which they were left out.

    Returns
    -------
    One row a sample: sample_id, lot_id, loaded, one column a reason, pass; the reasons and pass add up to loaded.
    """
    table = pd.DataFrame({sample: one["qc"].astype(str).value_counts() for sample, one in qc.items()}).T
    table = table.fillna(0).astype(int)
    reasons = sorted(table.columns.difference(["pass"]))
    table = table.reindex(columns=[*reasons, "pass"], fill_value=0)
    table.insert(0, "loaded", table.sum(axis=1))
    table.insert(0, "lot_id", [rows[sample]["lot_id"] for sample in table.index])
    return table.rename_axis("sample_id").reset_index()
