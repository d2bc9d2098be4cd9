"""Compare what the analysis of a simulated dataset found with what the simulation put in."""

import json
import logging
from pathlib import Path

import pandas as pd

from mscape.data import contract
from mscape.data.table_io import read_table, write_table
from mscape.genes.registry import load_markers
from mscape.run import step
from mscape.simulation.evaluate import (
    compare_clusters,
    compare_contaminants,
    compare_doublets,
    compare_gate,
    compare_purity,
    compare_qc,
    compare_states,
    contaminant_names,
    read_truth,
)
from mscape.simulation.truth import DEFINITIONS

logger = logging.getLogger(__name__)


def main(input, output, params):
    """Read the truth and the stage files, compare, write rows as a table and with definitions as JSON."""
    truth = read_truth(input.truth)
    qc = pd.concat([contract.read(path, "qc", obs=["qc", "doublet_score"]).obs for path in input.qc])
    gate = contract.read(input.gate, "gate").obs
    leiden = contract.read(input.clusters, "clusters").obs["leiden"]
    scores = contract.read(input.scores, "scores").obsm["score_matched"]
    gate_table = read_table(input.gate_table, "gate")
    names = contaminant_names(load_markers().lineages)
    rows = [
        *compare_gate(truth, gate["isct_call"]),
        *compare_contaminants(truth, gate["isct_call"], gate["isct_identity"], names),
        *compare_purity(truth, gate.index, gate_table),
        *compare_doublets(truth, qc["doublet_score"]),
        *compare_states(truth, scores),
        *compare_clusters(truth, leiden),
        *compare_qc(truth, qc),
    ]
    write_table("truth", pd.DataFrame(rows), output.table)
    targets = [row for row in rows if row["target"] is not None]
    for row in targets:
        logger.info("%(metric)s %(group)s: %(value)s (target %(target)s, met: %(met)s)", row)
    record = {
        "simulated": True,
        "all_met": all(row["met"] for row in targets),
        "definitions": DEFINITIONS,
        "rows": rows,
    }
    Path(output.json).write_text(json.dumps(record, indent=1), encoding="utf-8")


if "snakemake" in globals():
    step.run(main, snakemake)
