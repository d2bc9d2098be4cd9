# counts.h5ad, gate, clusters -> calibrated signature scores -> contrasts between lots with the donor as the unit.


rule score_programs:
    """Score each signature in each cell, calibrated against random gene sets like it."""
    input:
        h5ad="results/{dataset}/counts.h5ad",
        gate="results/{dataset}/gate.h5ad",
        markers=MARKERS,
        signature_files=of_setting("score", "signature_files"),
        parity=checked_parity,
    output:
        h5ad="results/{dataset}/scores.h5ad",
        table="results/{dataset}/signatures.tsv",
        summary="results/{dataset}/score_summary.tsv",
        confounders="results/{dataset}/confounders.tsv",
        lots="results/{dataset}/programme_summary.tsv",
        genes="results/{dataset}/signature_genes.tsv",
    log:
        "logs/score_programs/{dataset}.log",
    benchmark:
        "logs/score_programs/{dataset}.tsv"
    priority: 1  # before the maps, for which nothing waits
    conda:
        HEAVY_ENV
    threads: heavy_threads("score_programs")
    resources:
        mem_mb=memory("score_programs"),
        runtime=minutes("score_programs"),
        gpu=CARDS,
    params:
        backend=STUDY["backend"],
        settings=section("score"),
        organism=names_of_genes,
        seed=STUDY["seed"],
        code=code("score_programs"),
    script:
        "../scripts/score_programs.py"


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
        mem_mb=memory("compare_groups"),
        runtime=minutes("compare_groups"),
    params:
        settings=section("compare"),
        seed=STUDY["seed"],
        code=code("compare_groups"),
    script:
        "../scripts/compare_groups.py"
