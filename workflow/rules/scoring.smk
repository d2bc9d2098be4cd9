# counts.h5ad, gate -> calibrated signature scores; enrichment among the genes of clusters and contrasts.


rule score_signatures:
    """Score each signature in each cell, calibrated against random gene sets like it."""
    input:
        h5ad="results/{dataset}/counts.h5ad",
        gate="results/{dataset}/gate.h5ad",
        markers=resource("markers.yaml"),
        signature_files=STUDY.files_of_setting("score", "signature_files"),
        parity=STUDY.parity,
    output:
        h5ad="results/{dataset}/scores.h5ad",
        table="results/{dataset}/signatures.tsv",
        summary="results/{dataset}/signature_scores.tsv",
        confounders="results/{dataset}/confounders.tsv",
        lots="results/{dataset}/lot_states.tsv",
        genes="results/{dataset}/signature_genes.tsv",
        priming="results/{dataset}/priming.tsv",
    log:
        "logs/score_signatures/{dataset}.log",
    benchmark:
        "logs/score_signatures/{dataset}.tsv"
    priority: 1  # before the maps, for which nothing waits
    conda:
        HEAVY_ENV
    threads: STUDY.heavy_threads("score_signatures")
    resources:
        mem_mb=STUDY.memory("score_signatures"),
        runtime=STUDY.minutes("score_signatures"),
        gpu=int(STUDY.gpu),
    params:
        backend=STUDY["backend"],
        settings=STUDY.section("score"),
        organism=STUDY.gene_organism,
        seed=STUDY["seed"],
        signature_identity=STUDY.identity_of_setting("score", "signature_files"),
        code=code("score_signatures"),
    script:
        "../scripts/score_signatures.py"


rule enrich_clusters:
    """Test the signatures among the genes of each cluster and contrast, and score the sums of lots."""
    input:
        markers="results/{dataset}/markers.tsv",
        contrasts="results/{dataset}/contrasts.tsv",
        pseudobulk="results/{dataset}/pseudobulk.h5ad",
        markers_yaml=resource("markers.yaml"),
        signature_files=STUDY.files_of_setting("score", "signature_files"),
    output:
        table="results/{dataset}/enrichment.tsv",
        genes="results/{dataset}/enrichment_genes.tsv",
        lots="results/{dataset}/lot_enrichment.tsv",
    log:
        "logs/enrich_clusters/{dataset}.log",
    benchmark:
        "logs/enrich_clusters/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: STUDY.heavy_threads("enrich_clusters")
    resources:
        mem_mb=STUDY.memory("enrich_clusters"),
        runtime=STUDY.minutes("enrich_clusters"),
    params:
        settings=STUDY.section("compare"),
        organism=STUDY.gene_organism,
        seed=STUDY["seed"],
        signature_identity=STUDY.identity_of_setting("score", "signature_files"),
        code=code("enrich_clusters"),
    script:
        "../scripts/enrich_clusters.py"
