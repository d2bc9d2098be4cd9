"""Score clusters, and name them by the signatures that set them apart from the others, or say why they have no name."""

import logging

import pandas as pd
from anndata.io import read_elem

from mscape.data import counts
from mscape.data.table_io import read_table, write_table
from mscape.genes.registry import load_markers
from mscape.run import step
from mscape.scoring import cluster_cells
from mscape.scoring.cluster_names import name_by_label, name_clusters
from mscape.scoring.cluster_profiles import score_clusters

logger = logging.getLogger("mscape.name_clusters")


def main(input, output, params):
    """Read the sums of the clusters and their stability, write scores, programmes and names."""
    registry = load_markers(input.markers, extra=input.signature_files)
    with counts.open_file(input.pseudobulk) as file:
        bulk = read_elem(file)
    cells = _cells(input)
    reference = cluster_cells.choose_reference(cells["cluster"], cells["phase"])
    options = {key: params.score[key] for key in ("min_genes", "min_coverage", "controls")} | {"seed": params.seed}
    scores, programmes = score_clusters(
        bulk, registry, reference, organism=params.organism, min_cells=params.settings["min_cells"], **options
    )
    z = counts.read_light(input.cell_scores).obsm["score_z"].loc[cells.index]
    shares = cluster_cells.share_in_state(z, cells["cluster"], cells["lot_id"], reference)
    stability = read_table(input.stability, "stability")
    if "labels" in counts.read_light(input.clusters, obs=[]).uns["mscape"]["cluster_cells"]:
        table = name_by_label(stability["cluster"])
    else:
        described = cluster_cells.describe_clusters(*(cells[key] for key in ("cluster", "phase", "identity", "call")))
        table = name_clusters(scores, stability, described, shares, reference)
    for row in table.itertuples():
        logger.info("cluster %s: %s; %s", row.cluster, row.name, row.reason)
    write_table("cluster_scores", scores, output.scores)
    write_table("cluster_states", programmes, output.programmes)
    write_table("cluster_names", table, output.table)


def _cells(input) -> pd.DataFrame:
    """Cluster, lot, phase, identity and call of every clustered cell."""
    gate = counts.read_obs(input.gate)
    table = pd.DataFrame(
        {
            "cluster": counts.read_obs(input.clusters)["leiden"].astype(object),
            "lot_id": counts.read_obs(input.h5ad)["lot_id"].astype(str),
            "phase": counts.read_obs(input.cell_scores)["phase"].astype(str),
            "identity": gate["isct_identity"].astype(str),
            "call": gate["isct_call"].astype(str),
        }
    )
    return table[table["cluster"].notna() & table["cluster"].astype(str).ne("")].astype({"cluster": str})


if "snakemake" in globals():
    step.run(main, snakemake)
