"""Place the numbers of each lot's passport among those of a reference of lots."""

from pathlib import Path

import pandas as pd

from mscape.data.json_file import read_json
from mscape.data.table_io import write_table
from mscape.reference.folder import read_folder
from mscape.reference.lots import METADATA, list_attributes
from mscape.reference.options import ReferenceOptions
from mscape.reference.placing import place_attributes
from mscape.run import step


def main(input, output, params):
    """Read passports and reference, write the table."""
    passports = read_json(input.passports)["lots"]
    about = pd.DataFrame(passports).set_index("lot_id").reindex(columns=list(METADATA)).astype(object).fillna("unknown")
    reference = read_folder(Path(input.reference[0]).parent)
    options = ReferenceOptions(**params.settings)
    table = place_attributes(list_attributes(passports), about, reference, options)
    write_table("reference_attributes", table, output.table)


if "snakemake" in globals():
    step.run(main, snakemake)
