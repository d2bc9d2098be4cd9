"""Judge each lot of a dataset against a reference of lots: one alarm, and z of its signatures."""

import logging
from pathlib import Path

from mscape.data import counts
from mscape.data.table_io import write_table
from mscape.genes.registry import load_markers
from mscape.reference.folder import read_folder
from mscape.reference.lots import sum_lots
from mscape.reference.options import ReferenceOptions
from mscape.reference.placing import judge_lots
from mscape.run import step

logger = logging.getLogger("mscape")


def main(input, output, params):
    """Sum the lots and place the sums among those of the reference."""
    markers = load_markers(input.markers)
    calls = counts.read_obs(input.gate)["isct_call"]
    lots = sum_lots(input.counts, calls, markers=markers, organism=params.organism)
    reference = read_folder(Path(input.reference[0]).parent)
    tables = judge_lots(lots, reference, ReferenceOptions(**params.settings), markers=markers, seed=params.seed)
    write_table("reference_lots", tables["reference_lots"], output.lots)
    write_table("reference_signatures", tables["reference_signatures"], output.signatures)
    for row in tables["reference_lots"].itertuples():
        logger.info("%s: %s", row.lot_id, row.sentence)


if "snakemake" in globals():
    step.run(main, snakemake)
