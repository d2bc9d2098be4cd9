"""Embed cells: variable genes, components, batches taken out where they show, neighbor graph."""

from mscape.backends import active
from mscape.data import counts
from mscape.embedding.embed import embed_dataset
from mscape.embedding.options import EmbedOptions
from mscape.gating.scope import analyzed_cells
from mscape.genes.registry import load_markers
from mscape.run import step


def main(input, output, params):
    """Read counts (and the gate's calls), write ``embedding.{scope}.h5ad``."""
    chosen = None
    if params.scope == "msc":
        chosen = analyzed_cells(counts.read_obs(input.gate)).reindex(counts.read_obs(input.h5ad).index)
    light = embed_dataset(
        input.h5ad,
        EmbedOptions(**params.settings),
        chosen=chosen,
        cells=params.cluster["cells"],
        min_cells=params.cluster["min_cells"],
        markers=load_markers(input.markers),
        organism=params.organism,
        seed=params.seed,
        threads=params.threads,
    )
    counts.write(light, output.h5ad)


if "snakemake" in globals():
    step.run(active.with_backend(main), snakemake)
