# Scores, clusters, counts -> contrasts between lots with the donor as the unit.


rule compare_groups:
    """Compare lots by condition, tissue, passage and sex, with the donor as the unit."""
    input:
        h5ad="results/{dataset}/counts.h5ad",
        gate="results/{dataset}/gate.h5ad",
        clusters="results/{dataset}/clusters.h5ad",
        scores="results/{dataset}/scores.h5ad",
    output:
        contrasts="results/{dataset}/contrasts.tsv",
        composition="results/{dataset}/composition.tsv",
        pseudobulk="results/{dataset}/pseudobulk.h5ad",
    log:
        "logs/compare_groups/{dataset}.log",
    benchmark:
        "logs/compare_groups/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=STUDY.memory("compare_groups"),
        runtime=STUDY.minutes("compare_groups"),
    params:
        settings=STUDY.section("compare"),
        seed=STUDY["seed"],
        code=code("compare_groups"),
    script:
        "../scripts/compare_groups.py"


rule judge_equivalence:
    """Judge whether two kinds of lots of the same donors are equivalent."""
    input:
        passports="results/{dataset}/passports.json",
        run="results/{dataset}/run.json",
        scores="results/{dataset}/signature_scores.tsv",
        templates=TEMPLATES,
    output:
        table="results/{dataset}/equivalence.tsv",
        page="results/{dataset}/equivalence.html",
    log:
        "logs/judge_equivalence/{dataset}.log",
    benchmark:
        "logs/judge_equivalence/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    params:
        asked=lambda wildcards: STUDY.dataset(wildcards)["compare"]["equivalence"],
        dataset="{dataset}",
        title=STUDY.text("title"),
        simulated=STUDY.is_simulated,
        code=code("judge_equivalence"),
    script:
        "../scripts/judge_equivalence.py"


rule pool_datasets:
    """Pool the contrasts of the study's datasets: `snakemake meta`."""
    input:
        contrasts=expand("results/{dataset}/contrasts.tsv", dataset=STUDY.datasets),
        templates=TEMPLATES,
    output:
        table="results/meta.tsv",
        page="results/meta.html",
    log:
        "logs/pool_datasets.log",
    benchmark:
        "logs/pool_datasets.tsv"
    conda:
        "../../envs/cpu.yaml"
    params:
        confidence=STUDY["compare"]["confidence"],
        title=STUDY.text("title"),
        simulated=STUDY.simulated,
        code=code("pool_datasets"),
    script:
        "../scripts/pool_datasets.py"
