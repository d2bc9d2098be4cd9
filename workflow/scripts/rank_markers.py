"""Rank the genes that set each cluster apart, in all cells and donor by donor, and list surface proteins to sort by."""

from mscape.clustering.rank_genes import rank_markers
from mscape.data import counts
from mscape.data.table_io import write_table
from mscape.run import step


def main(input, output, params):
    """Read counts and clusters, write markers and surface shortlist."""
    clusters = counts.read_obs(input.clusters)["leiden"]
    table, short = rank_markers(input.h5ad, clusters, organism=params.organism, threads=params.threads)
    write_table("markers", table, output.table)
    write_table("surface", short, output.surface)


if "snakemake" in globals():
    step.run(main, snakemake)
