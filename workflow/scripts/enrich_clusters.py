"""Find the signatures that clusters, contrasts and lots carry, offline, with the genes that lead."""

import logging

import pandas as pd
from anndata import AnnData
from anndata.io import read_elem

from mscape.data import counts
from mscape.genes.registry import load_markers
from mscape.run import step
from mscape.scoring.enrichment import HITS, find_sets
from mscape.scoring.enrichment_tables import COLUMNS, KEYS, enrich_clusters, enrich_contrasts, score_lots, stack_tables

logger = logging.getLogger(__name__)

COLUMNS += ["odds_ratio", "odds_low", "odds_high"]


def main(input, output, params):
    """Read markers, contrasts, sums and gene sets; write what is enriched, its genes, and the scores of sums."""
    settings = dict(params.settings["enrichment"]) | {"seed": params.seed}
    registry = load_markers(input.markers_yaml, extra=input.signature_files)
    reading = {"sep": "\t", "keep_default_na": False, "na_values": [""]}
    markers = pd.read_csv(input.markers, dtype={"cluster": str, "gene": str}, **reading)
    contrasts = pd.read_csv(input.contrasts, dtype={"feature": str, "contrast": str}, **reading)
    names = pd.Index(sorted({*markers["gene"], *contrasts.loc[contrasts["kind"] == "gene", "feature"]}))
    sets = find_sets(registry.signatures, names, organism=params.organism)
    ora = {key: settings.pop(key) for key in ("ora_genes", "ora_fdr", "ora_log2_fold_change") if key in settings}
    by_cluster = enrich_clusters(markers, sets, threads=params.threads, **ora, **settings)
    by_contrast = enrich_contrasts(contrasts, sets, threads=params.threads, **settings)
    _write(stack_tables([by_cluster[0], by_contrast[0]], COLUMNS), output.table)
    _write(stack_tables([by_cluster[1], by_contrast[1]], KEYS + HITS), output.genes)
    with counts.open_file(input.pseudobulk) as file:
        bulk = read_elem(file)
    measured = bulk.var["measured"].to_numpy(dtype=bool)  # absent from a sample's feature table is not zero
    bulk = AnnData(bulk.X[:, measured], obs=bulk.obs, var=bulk.var[measured])
    own = find_sets(registry.signatures, bulk.var_names, organism=params.organism)
    sizes = {key: settings[key] for key in ("min_size", "max_size")}
    lots = score_lots(bulk, own, min_cells=params.settings["min_cells"], threads=params.threads, **sizes)
    _write(lots, output.lots)


def _write(table: pd.DataFrame, path: str) -> None:
    table.to_csv(path, sep="\t", index=False, float_format="%.6g", lineterminator="\n")


if "snakemake" in globals():
    step.run(main, snakemake)
