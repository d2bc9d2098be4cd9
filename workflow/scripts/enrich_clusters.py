"""Find the signatures that clusters, contrasts and lots carry, offline, with the genes that lead."""

import logging

import pandas as pd
from anndata import AnnData
from anndata.io import read_elem

from mscape.data import counts
from mscape.data.table_io import read_table, write_table
from mscape.data.tables import TABLES
from mscape.genes.registry import load_markers
from mscape.run import step
from mscape.scoring.enrichment import find_sets
from mscape.scoring.enrichment_tables import enrich_clusters, enrich_contrasts, score_lots, stack_tables

logger = logging.getLogger(__name__)


def main(input, output, params):
    """Read markers, contrasts, sums and gene sets; write what is enriched, its genes, and the scores of sums."""
    settings = dict(params.settings["enrichment"]) | {"seed": params.seed}
    registry = load_markers(input.markers_yaml, extra=input.signature_files)
    markers = read_table(input.markers, "markers")
    contrasts = read_table(input.contrasts, "contrasts")
    names = pd.Index(sorted({*markers["gene"], *contrasts.loc[contrasts["kind"] == "gene", "feature"]}))
    sets = find_sets(registry.signatures, names, organism=params.organism)
    ora = {key: settings.pop(key) for key in ("ora_genes", "ora_fdr", "ora_log2_fold_change") if key in settings}
    by_cluster = enrich_clusters(markers, sets, threads=params.threads, **ora, **settings)
    by_contrast = enrich_contrasts(contrasts, sets, threads=params.threads, **settings)
    table = stack_tables([by_cluster[0], by_contrast[0]], TABLES["enrichment"].names)
    write_table("enrichment", table, output.table)
    drawn = stack_tables([by_cluster[1], by_contrast[1]], TABLES["enrichment_genes"].names)
    write_table("enrichment_genes", drawn, output.genes)
    with counts.open_file(input.pseudobulk) as file:
        bulk = read_elem(file)
    measured = bulk.var["measured"].to_numpy(dtype=bool)  # absent from a sample's feature table is not zero
    bulk = AnnData(bulk.X[:, measured], obs=bulk.obs, var=bulk.var[measured])
    own = find_sets(registry.signatures, bulk.var_names, organism=params.organism)
    sizes = {key: settings[key] for key in ("min_size", "max_size")}
    lots = score_lots(bulk, own, min_cells=params.settings["min_cells"], threads=params.threads, **sizes)
    write_table("lot_enrichment", lots, output.lots)


if "snakemake" in globals():
    step.run(main, snakemake)
