# mscape: from single-cell RNA-seq of mesenchymal stromal cells to a trustworthy answer per lot.
#
# Included in the order in which the data pass through. Every rule is a script of the same name in workflow/scripts.
from pathlib import Path

from snakemake.utils import min_version

min_version("9.20")

# A config file that is given replaces the default study (Snakemake would merge the two).
if not workflow.overwrite_configfiles:
    own, default = Path("config/config.yaml"), Path(workflow.basedir, "config/config.yaml")

    configfile: str(own if own.is_file() else default)


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/input.smk"
include: "workflow/rules/identity.smk"
include: "workflow/rules/subpopulations.smk"
include: "workflow/rules/programs.smk"
include: "workflow/rules/report.smk"


rule all:
    """Everything: a report, a passport file and an AnnData file for each dataset, and the index."""
    default_target: True
    input:
        index="results/index.html",
        h5ad=expand("results/{dataset}/{dataset}.h5ad", dataset=DATASETS),
        tables=expand(
            "results/{dataset}/{table}.tsv",
            dataset=DATASETS,
            table=["gate", "stability", "markers", "enrichment", "contrasts"],
        ),
    localrule: True


rule check:
    """Look at all samples before any work: `snakemake check`. The findings are in results/check.tsv."""
    input:
        done="results/check.done",
    localrule: True


onsuccess:
    if Path("results/index.html").is_file():
        print(
            f"\nmscape: open {Path('results/index.html').absolute()}",
            file=sys.stderr,
        )


onerror:
    print(
        "\nmscape: stopped; the first 'mscape <step>:' line above says why.",
        file=sys.stderr,
    )
