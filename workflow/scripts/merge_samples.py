"""Join the cells that pass quality control into one file, with the sheet's metadata, and account for all others."""

import logging

import numpy as np
import pandas as pd

from mscape.data import counts
from mscape.data.table_io import write_table
from mscape.errors import UserError
from mscape.quality.merge import account, align, describe_cells, merge_var, state_assay
from mscape.run import step

logger = logging.getLogger(__name__)


def read_notes(path: str) -> dict:
    """Read what load_counts noted of a sample."""
    return counts.read_light(path, obs=[]).uns["mscape"]["load_counts"]


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
            f"{table.to_string(index=False)}\nWiden the limits in the config's qc section, or check the input."
        )
        raise UserError(msg)
    var, measured = merge_var({sample: counts.read_var(path) for sample, path in paths.items()})
    stated = {sample: read_notes(path)["assay"] for sample, path in paths.items()}
    described = [
        describe_cells(
            qc[sample], state_assay(rows[sample], stated[sample]), dataset=params.dataset, culture=params.culture
        )
        for sample in rows
    ]
    obs = pd.concat(described)
    for column in obs.select_dtypes(include=["object", "string"]):
        obs[column] = obs[column].fillna("unknown").astype("category")

    of_sample = pd.DataFrame(0, index=var.index, columns=list(rows))

    def parts():
        for sample, path in paths.items():
            # of the type of the file's column numbers, so that none is converted
            columns = var.index.get_indexer(counts.read_var(path).index).astype(np.int32)
            keep = (qc[sample]["qc"] == "pass").to_numpy()
            for start, stop, block in counts.blocks(path):
                part = align(block[keep[start:stop]], columns, len(var))
                of_sample[sample] += np.bincount(part.indices, weights=part.data, minlength=len(var)).astype(np.int64)
                yield part

    ambient = {sample: float(one.uns["mscape"]["qc_cells"]["ambient_fraction"]) for sample, one in light.items()}
    uns = {"mscape": {"merge_samples": {"ambient_fraction": ambient}}, "simulated": params.simulated}
    counts.append(output.h5ad, parts(), obs=obs, var=var, varm={"measured": measured}, uns=uns)
    counts.add_varm(output.h5ad, "counts", of_sample)
    write_table("accounting", table, output.table)
    logger.info("%d cells of %d samples, %d genes", len(obs), len(rows), len(var))


if "snakemake" in globals():
    step.run(main, snakemake)
