"""Measure the quality of each cell of one sample, set limits that fit the sample, and score doublets."""

import logging

import anndata

from mscape.data import counts
from mscape.quality.options import QcOptions
from mscape.quality.qc import qc_sample
from mscape.run import step

logger = logging.getLogger("mscape")


def main(input, output, params):
    """Write qc.h5ad of one sample: one row a cell of raw.h5ad, nothing dropped."""
    cells, summary = qc_sample(
        str(input.h5ad),
        QcOptions(**params.settings),
        organism=params.organism,
        stated_sex=str(params.row.get("sex", "unknown")),
        markers=str(input.markers),
        seed=params.seed,
    )
    for note in summary["notes"]:
        logger.warning("%s", note)
    counts.write(anndata.AnnData(obs=cells, uns={"mscape": {"qc_cells": summary}}), output.h5ad)


if "snakemake" in globals():
    step.run(main, snakemake)
