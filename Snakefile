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
include: "workflow/rules/simulation.smk"
include: "workflow/rules/quality.smk"
include: "workflow/rules/embedding.smk"
include: "workflow/rules/gating.smk"
include: "workflow/rules/clustering.smk"
include: "workflow/rules/scoring.smk"
include: "workflow/rules/comparison.smk"
include: "workflow/rules/passports.smk"
include: "workflow/rules/reference.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/backends.smk"
include: "workflow/rules/diffing.smk"
include: "workflow/rules/tracking.smk"


rule all:
    """Everything: a report, a passport file and an AnnData file for each dataset, the index, and the study's metadata."""
    default_target: True
    input:
        STUDY.results(h5ad=True),
        crate="results/ro-crate-metadata.json",
    localrule: True


rule cellxgene:
    """Write each dataset in the CELLxGENE schema: `snakemake cellxgene`."""
    input:
        expand("results/{dataset}/{dataset}.cellxgene.h5ad", dataset=STUDY.datasets),
    localrule: True


rule check:
    """Look at all samples before any work: `snakemake check`. The findings are in results/check.tsv."""
    input:
        done="results/check.done",
    localrule: True


rule track:
    """Control charts of all lots in order of time: `snakemake track`."""
    input:
        page="results/track.html",
    localrule: True


rule build_reference:
    """Write a reference of the lots of each dataset, to judge further lots against: `snakemake build_reference`."""
    input:
        STUDY.built_references(STUDY.datasets),
    localrule: True


rule equivalence:
    """Judge what compare.equivalence asks, in each dataset: `snakemake equivalence`."""
    input:
        expand("results/{dataset}/equivalence.html", dataset=STUDY.datasets),
    localrule: True


rule meta:
    """Pool the contrasts of the study's datasets: `snakemake meta`."""
    input:
        page="results/meta.html",
    localrule: True


onstart:
    PROGRESS.begin(log)


onsuccess:
    index, package = Path("results/index.html").absolute(), Path("results/study.zip").absolute()
    ready = [f"open {index}"] if index.is_file() else ["done"]
    if index.is_file() and package.is_file() and package.stat().st_mtime >= index.stat().st_mtime:
        ready.append(f"to send: {package}")
    PROGRESS.end("; ".join(ready))


onerror:
    PROGRESS.end("stopped; the first 'mscape <step>:' line above says why")
