"""Match a user's own labels with the cells of the dataset, and count them in each lot."""

import logging
from pathlib import Path

from anndata import AnnData

from mscape.clustering.annotations import BARCODE, SAMPLE, count_labels, match_labels, name_cells
from mscape.data import counts
from mscape.data.table_io import write_table
from mscape.errors import UserError
from mscape.run import step
from mscape.run.sheet import read_rows

logger = logging.getLogger("mscape.annotate_cells")


def main(input, output, params):
    """Read the table and the names of all cells, write the labels of those that pass, and their shares."""
    rows = {row["sample_id"]: row for row in params.rows}
    qc = {sample: counts.read_obs(path) for sample, path in zip(rows, input.qc, strict=True)}
    cells = name_cells(qc)
    table = read_rows(Path(input.annotations), keys=(BARCODE, SAMPLE))
    try:
        found = match_labels(table, cells, taken=set().union(*rows.values()) - {SAMPLE})
    except UserError as error:
        msg = f"{input.annotations}: {error}"
        raise UserError(msg) from None
    record = found.record | {"n_cells": int(cells["passes"].sum()), "n_annotated": len(found.cells)}
    counts.write(AnnData(obs=found.cells, uns={"mscape": {"annotate_cells": record}}), output.h5ad)
    lots = cells.loc[cells["passes"], SAMPLE].map({sample: row["lot_id"] for sample, row in rows.items()})
    write_table("annotations", count_labels(found.cells, lots), output.table)
    logger.info(
        "%d of %d lines name a cell of the dataset, %d of them cells that quality control leaves out; %d of %d cells "
        "have a label",
        *(record[key] for key in ("n_matched", "n_lines", "n_left_out", "n_annotated", "n_cells")),
    )


if "snakemake" in globals():
    step.run(main, snakemake)
