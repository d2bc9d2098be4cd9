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
