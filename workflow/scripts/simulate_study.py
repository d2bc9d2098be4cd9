"""Make one lot of a simulated study, and keep what is true of each cell in a file that no analysis step reads."""

import logging
from dataclasses import fields

import numpy as np
import pandas as pd

from mscape.data import counts
from mscape.data.reference_table import read_reference
from mscape.errors import UserError
from mscape.genes.registry import load_markers
from mscape.run import step
from mscape.simulation.cells import draw_cells
from mscape.simulation.counts import draw_counts
from mscape.simulation.model import draw_rates
from mscape.simulation.options import SimulateOptions

logger = logging.getLogger(__name__)
SENTENCE = "Simulated: these counts were drawn from a model, they were not measured on cells."


def choose_lot(settings: dict, sample: str) -> dict:
    """Collect the settings of one lot: its own ones laid over the study's.

    Parameters
    ----------
    settings
        The ``simulate`` section; ``lots`` lists the lots.
    sample
        ``sample_id`` of the lot.

    Raises
    ------
    mscape.errors.UserError
        If the lot is not in the list, or is in it twice.
    """
    names = [str(lot["sample_id"]) for lot in settings["lots"]]
    if names.count(sample) != 1:
        msg = (
            f"simulate.lots has {names.count(sample)} lots with sample_id {sample!r}, expected one; there are {names}."
        )
        raise UserError(msg)
    return {
        "donor_id": sample,
        "tissue": "unknown",
        **{key: value for key, value in settings.items() if key != "lots"},
        **settings["lots"][names.index(sample)],
    }


def main(input, output, params):
    """Draw the lot ``params.sample`` of ``params.settings`` and write counts and truth, block by block."""
    lot = choose_lot(params.settings, params.sample)
    seed = lot["seed"]
    gene_table = read_reference(input.genes)
    rates = draw_rates(load_markers(input.markers), gene_table, seed=seed, genes=lot["genes"])
    options = SimulateOptions(**{field.name: lot[field.name] for field in fields(SimulateOptions) if field.name in lot})
    truth = draw_cells(lot, seed=seed, options=options)
    panel = []

    def blocks():
        for block, panel_cpm in draw_counts(truth, rates, lot, seed=seed, options=options):
            panel.append(panel_cpm)
            yield block

    obs = pd.DataFrame(index=pd.Index(truth["barcode"], name="barcode", dtype=str))
    uns = {"simulated": True, "title": SENTENCE}
    counts.append(output.h5ad, blocks(), obs=obs, var=rates.genes[["gene_id"]], uns=uns)
    panel = np.concatenate(panel)
    for column, (gene, threshold) in enumerate(rates.thresholds.items()):
        truth[f"true_cpm_{gene}"] = panel[:, column].astype(np.float32)
        truth[f"true_pos_{gene}"] = panel[:, column] >= threshold
    truth["ambient_fraction"] = np.float32(lot.get("ambient_fraction", np.nan))
    truth.drop(columns="partner_row").to_parquet(output.truth, index=False)
    logger.info(
        "%s: %d cells, %d genes, %s", SENTENCE, len(truth), len(rates.genes), dict(truth["state"].value_counts())
    )


if "snakemake" in globals():
    step.run(main, snakemake)
