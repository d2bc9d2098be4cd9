"""Judge smaller copies of each settled lot: with how few of its cells and counts its verdict is the same."""

import logging

from mscape.data import counts
from mscape.data.table_io import read_table, write_table
from mscape.gating.certificate import Gated, certify_dataset
from mscape.gating.options import GateOptions
from mscape.run import step

logger = logging.getLogger("mscape")


def main(input, output, params):
    """Read what the gate used and found, judge the copies, write the table."""
    cells = counts.read_light(input.h5ad)
    embedding = counts.read_light(input.embedding, obs=[])
    record = counts.read_light(input.gate, obs=[]).uns["mscape"]["gate_msc"]
    gated = Gated.of(
        read_table(input.gate_table, "gate"),
        record,
        embedding,
        options=GateOptions(**params.settings),
        ambient_fraction=cells.uns.get("mscape", {}).get("merge_samples", {}).get("ambient_fraction", {}),
    )
    table = certify_dataset(
        input.h5ad,
        cells,
        gated,
        markers=input.markers,
        organism=params.organism,
        culture=params.culture,
        seed=params.seed,
    )
    write_table("certificate", table, output.table)
    for row in table.itertuples():
        shown = (row.lot_id, row.kept, row.repeats, row.n_cells, row.median_counts)
        logger.info("%s: the verdict in %d of %d copies of %d cells and %.0f counts a cell", *shown)


if "snakemake" in globals():
    step.run(main, snakemake)
