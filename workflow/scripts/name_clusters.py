"""Score clusters, and name them by the signatures that set them apart from the others, or say why they have no name."""

import logging

import pandas as pd
from anndata.io import read_elem

from mscape.data import counts
from mscape.genes.registry import load_markers
from mscape.run import step
from mscape.scoring.cluster_names import name_clusters
from mscape.scoring.cluster_profiles import score_clusters

logger = logging.getLogger("mscape.name_clusters")


def main(input, output, params):
    """Read the sums of the clusters and their stability, write scores, programmes and names."""
    registry = load_markers(input.markers, extra=input.signature_files)
    with counts.open_file(input.pseudobulk) as file:
        bulk = read_elem(file)
    options = {key: params.score[key] for key in ("min_genes", "min_coverage", "controls")} | {"seed": params.seed}
    scores, programmes = score_clusters(
        bulk, registry, organism=params.organism, min_cells=params.settings["min_cells"], **options
    )
    table = name_clusters(scores, pd.read_csv(input.stability, sep="\t", dtype={"cluster": str}))
    for row in table.itertuples():
        logger.info("cluster %s: %s; %s", row.cluster, row.name, row.reason)
    for part, path in ((scores, output.scores), (programmes, output.programmes), (table, output.table)):
        part.to_csv(path, sep="\t", index=False, float_format="%.6g", lineterminator="\n")


if "snakemake" in globals():
    step.run(main, snakemake)
