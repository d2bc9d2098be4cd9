"""Score every signature in every cell, calibrated against random gene sets, and say what each score also follows."""

from mscape.backends import active
from mscape.data import contract, counts
from mscape.data.table_io import write_table
from mscape.genes.registry import load_markers
from mscape.run import step
from mscape.scoring.dataset import score_signatures
from mscape.scoring.options import ScoreOptions

TABLE_OF = {  # output of the rule: table
    "table": "signatures",
    "summary": "signature_scores",
    "confounders": "confounders",
    "lots": "lot_states",
    "genes": "signature_genes",
    "priming": "priming",
}


def main(input, output, params):
    """Score the cells of a dataset, calibrate the scores, and write them with their tables."""
    contract.check(input.h5ad, "counts")
    options = ScoreOptions(**params.settings)
    found = score_signatures(
        input.h5ad,
        counts.read_obs(input.gate)["isct_call"].reindex(counts.read_obs(input.h5ad).index),
        options,
        markers=load_markers(input.markers, extra=options.signature_files),
        organism=params.organism,
        seed=params.seed,
    )
    for key, name in TABLE_OF.items():
        write_table(name, found.tables[key], getattr(output, key))
    counts.write(found.cells, output.h5ad)


if "snakemake" in globals():
    step.run(active.with_backend(main), snakemake)
