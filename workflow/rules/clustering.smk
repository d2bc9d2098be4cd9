# Embedding of the MSC -> clusters that are stable -> the genes that separate them, and their names.


rule annotate_cells:
    """Match a user's own labels with the cells of the dataset, and count them in each lot."""
    input:
        annotations=STUDY.annotations_source,
        qc=STUDY.of_samples("results/{dataset}/samples/{sample}/qc.h5ad"),
    output:
        h5ad="results/{dataset}/annotations.h5ad",
        table="results/{dataset}/annotations.tsv",
    log:
        "logs/annotate_cells/{dataset}.log",
    benchmark:
        "logs/annotate_cells/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=STUDY.memory("annotate_cells"),
        runtime=STUDY.minutes("annotate_cells"),
    params:
        rows=STUDY.sheet_rows,
        identity=STUDY.annotations_identity,
        code=code("annotate_cells"),
    script:
        "../scripts/annotate_cells.py"


rule cluster_cells:
    """Cluster at the resolution that resampling supports, and say how stable each cluster is."""
    input:
        h5ad="results/{dataset}/counts.h5ad",
        embedding="results/{dataset}/embedding.msc.h5ad",
        annotations=STUDY.cluster_labels,
        markers=resource("markers.yaml"),
        parity=STUDY.parity,
    output:
        h5ad="results/{dataset}/clusters.h5ad",
        stability="results/{dataset}/stability.tsv",
        resolutions="results/{dataset}/resolutions.tsv",
        paga="results/{dataset}/paga.tsv",
        heterogeneity="results/{dataset}/heterogeneity.tsv",
    log:
        "logs/cluster_cells/{dataset}.log",
    benchmark:
        "logs/cluster_cells/{dataset}.tsv"
    priority: 2  # most steps wait for it
    conda:
        HEAVY_ENV
    resources:
        mem_mb=STUDY.memory("cluster_cells"),
        runtime=STUDY.minutes("cluster_cells"),
        gpu=int(STUDY.gpu),
    params:
        backend=STUDY["backend"],
        settings=STUDY.section("cluster"),
        organism=STUDY.gene_organism,
        seed=STUDY["seed"],
        code=code("cluster_cells"),
    script:
        "../scripts/cluster_cells.py"


rule rank_markers:
    """Rank the genes that set each cluster apart, surface proteins marked."""
    input:
        h5ad="results/{dataset}/counts.h5ad",
        clusters="results/{dataset}/clusters.h5ad",
    output:
        table="results/{dataset}/markers.tsv",
        surface="results/{dataset}/surface.tsv",
    log:
        "logs/rank_markers/{dataset}.log",
    benchmark:
        "logs/rank_markers/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: STUDY.heavy_threads("rank_markers")
    resources:
        mem_mb=STUDY.memory("rank_markers"),
        runtime=STUDY.minutes("rank_markers"),
    params:
        organism=STUDY.gene_organism,
        code=code("rank_markers"),
    script:
        "../scripts/rank_markers.py"


rule name_clusters:
    """Score each cluster, and name it by the signatures that set it apart, or leave it unnamed and say why."""
    input:
        pseudobulk="results/{dataset}/pseudobulk.h5ad",
        h5ad="results/{dataset}/counts.h5ad",
        gate="results/{dataset}/gate.h5ad",
        clusters="results/{dataset}/clusters.h5ad",
        cell_scores="results/{dataset}/scores.h5ad",
        markers=resource("markers.yaml"),
        signature_files=STUDY.files_of_setting("score", "signature_files"),
        stability="results/{dataset}/stability.tsv",
    output:
        table="results/{dataset}/cluster_names.tsv",
        scores="results/{dataset}/cluster_scores.tsv",
        programmes="results/{dataset}/cluster_states.tsv",
    log:
        "logs/name_clusters/{dataset}.log",
    benchmark:
        "logs/name_clusters/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=STUDY.memory("name_clusters"),
        runtime=STUDY.minutes("name_clusters"),
    params:
        settings=STUDY.section("compare"),
        score=STUDY.section("score"),
        organism=STUDY.gene_organism,
        seed=STUDY["seed"],
        signature_identity=STUDY.identity_of_setting("score", "signature_files"),
        code=code("name_clusters"),
    script:
        "../scripts/name_clusters.py"
