"""Write a reference of the lots of a dataset, to judge further lots against."""

import logging
from dataclasses import replace
from pathlib import Path

from mscape.data import counts
from mscape.data.json_file import read_json
from mscape.genes.registry import load_markers
from mscape.reference.folder import write_folder
from mscape.reference.lots import list_attributes, list_good, sum_lots
from mscape.reference.options import ReferenceOptions
from mscape.run import step

logger = logging.getLogger("mscape")


def main(input, output, params):
    """Sum the lots, take up the numbers of their passports, and write the folder."""
    options = ReferenceOptions(**params.settings)
    calls = counts.read_obs(input.gate)["isct_call"]
    passports = read_json(input.passports)
    lots = sum_lots(input.counts, calls, markers=load_markers(input.markers), organism=params.organism)
    lots = replace(lots, attributes=list_attributes(passports["lots"]))
    lots = lots.choose(options.lots or list_good(lots, passports["lots"]))
    written = write_folder(
        lots,
        Path(output[0]).parent,
        name=params.dataset,
        organism=params.organism,
        simulated=passports["simulated"],
        sources={"run_id": passports["run_id"]},
    )
    logger.info("%s: %d lots", written.name, len(lots.names))


if "snakemake" in globals():
    step.run(main, snakemake)
