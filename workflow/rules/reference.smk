# Sums of lots -> a reference of them; lots and their passports among those of a reference.


rule write_reference:
    """Write a reference of the lots: sums, depth, numbers of the passports; no count of a single cell."""
    input:
        counts="results/{dataset}/counts.h5ad",
        gate="results/{dataset}/gate.h5ad",
        passports="results/{dataset}/passports.json",
        markers=resource("markers.yaml"),
    output:
        STUDY.built_references(["{dataset}"]),
    log:
        "logs/write_reference/{dataset}.log",
    benchmark:
        "logs/write_reference/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=STUDY.memory("write_reference"),
        runtime=STUDY.minutes("write_reference"),
    params:
        settings=STUDY.section("reference"),
        organism=STUDY.gene_organism,
        dataset="{dataset}",
        code=code("write_reference"),
    script:
        "../scripts/write_reference.py"


rule judge_reference:
    """Judge each lot against a reference: one alarm, and z of its signatures."""
    input:
        counts="results/{dataset}/counts.h5ad",
        gate="results/{dataset}/gate.h5ad",
        reference=STUDY.reference_files,
        markers=resource("markers.yaml"),
    output:
        lots="results/{dataset}/reference_lots.tsv",
        signatures="results/{dataset}/reference_signatures.tsv",
    log:
        "logs/judge_reference/{dataset}.log",
    benchmark:
        "logs/judge_reference/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=STUDY.memory("judge_reference"),
        runtime=STUDY.minutes("judge_reference"),
    params:
        settings=STUDY.section("reference"),
        organism=STUDY.gene_organism,
        seed=STUDY["seed"],
        code=code("judge_reference"),
    script:
        "../scripts/judge_reference.py"


rule rank_attributes:
    """Place the numbers of each passport among those of a reference: percentile and prediction interval."""
    input:
        passports="results/{dataset}/passports.json",
        reference=STUDY.reference_files,
    output:
        table="results/{dataset}/reference_attributes.tsv",
    log:
        "logs/rank_attributes/{dataset}.log",
    benchmark:
        "logs/rank_attributes/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=STUDY.memory("rank_attributes"),
        runtime=STUDY.minutes("rank_attributes"),
    params:
        settings=STUDY.section("reference"),
        code=code("rank_attributes"),
    script:
        "../scripts/rank_attributes.py"
