"""Join the cells that pass quality control into one file, with the sheet's metadata, and account for all others."""

import logging

import numpy as np
import pandas as pd

from mscape import counts, step

logger = logging.getLogger(__name__)
NOT_METADATA = {"path", "format", "member", "genome", "cells", "sha256"}


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


def main(input, output, params):
    """Join all samples of a dataset."""
    rows = {row["sample_id"]: row for row in params.rows}
    paths = dict(zip(rows, input.raw, strict=True))
    light = {sample: counts.read_light(path) for sample, path in zip(rows, input.qc, strict=True)}
    qc = {sample: one.obs for sample, one in light.items()}
    table = account(qc, rows)
    if not table["pass"].sum():
        msg = (
            f"none of the {table['loaded'].sum()} cells of {params.dataset} passes quality control:\n"
            f"{table.to_string(index=False)}\nWiden the limits in the config's qc section, or look at the input."
        )
        raise step.UserError(msg)
    var, measured = merge_var({sample: counts.read_var(path) for sample, path in paths.items()})
    described = [
        describe_cells(qc[sample], rows[sample], dataset=params.dataset, culture=params.culture) for sample in rows
    ]
    obs = pd.concat(described)
    for column in obs.select_dtypes(include=["object", "string"]):
        obs[column] = obs[column].fillna("unknown").astype("category")

    def parts():
        for sample, path in paths.items():
            # of the type of the file's column numbers, so that none is converted
            columns = var.index.get_indexer(counts.read_var(path).index).astype(np.int32)
            keep = (qc[sample]["qc"] == "pass").to_numpy()
            for start, stop, block in counts.blocks(path):
                yield align(block[keep[start:stop]], columns, len(var))

    ambient = {sample: float(one.uns["mscape"]["qc_cells"]["ambient_fraction"]) for sample, one in light.items()}
    uns = {"mscape": {"merge_samples": {"ambient_fraction": ambient}}, "simulated": params.simulated}
    counts.append(output.h5ad, parts(), obs=obs, var=var, varm={"measured": measured}, uns=uns)
    table.to_csv(output.table, sep="\t", index=False)
    logger.info("%d cells of %d samples, %d genes", len(obs), len(rows), len(var))


if "snakemake" in globals():
    step.run(main, snakemake)
