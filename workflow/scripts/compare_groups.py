"""Compare groups of donors in scores, genes and cluster shares; refuse in a sentence what the donors cannot show."""

from mscape.comparison.compare import compare_lots
from mscape.comparison.options import CompareOptions
from mscape.data import counts
from mscape.data.table_io import write_table
from mscape.run import step


def main(input, output, params):
    """Read counts, clusters, scores and the gate; write contrasts, composition and pseudobulk."""
    options = CompareOptions(**params.settings)
    found = compare_lots(
        input.h5ad,
        counts.read_obs(input.clusters),
        counts.read_light(input.scores).obsm[f"score_{options.score}"],
        counts.read_obs(input.gate)["isct_call"],
        options,
    )
    write_table("contrasts", found.contrasts, output.contrasts)
    write_table("composition", found.composition, output.composition)
    counts.write(found.pseudobulk, output.pseudobulk)


if "snakemake" in globals():
    step.run(main, snakemake)
