"""Find the sub-populations that are really there, one where there is one, and say how sure that is."""

from mscape.backends import active
from mscape.clustering.annotations import choose_labels
from mscape.clustering.cluster import cluster_dataset
from mscape.clustering.options import ClusterOptions
from mscape.data import counts
from mscape.data.table_io import write_table
from mscape.genes.registry import load_markers
from mscape.run import step


def main(input, output, params):
    """Read the embedding and the counts of the variable genes, write clusters, their stability, the grid and paths."""
    options = ClusterOptions(**params.settings)
    labels = None
    if options.labels is not None:
        labels = choose_labels(counts.read_obs(input.annotations), options.labels, where="the table of annotations")
    found = cluster_dataset(
        input.h5ad,
        counts.read_light(input.embedding),
        options,
        markers=load_markers(input.markers),
        organism=params.organism,
        labels=labels,
        seed=params.seed,
    )
    counts.write(found.cells, output.h5ad)
    for name in ("stability", "resolutions", "paga", "heterogeneity"):
        write_table(name, getattr(found, name), getattr(output, name))


if "snakemake" in globals():
    step.run(active.with_backend(main), snakemake)
