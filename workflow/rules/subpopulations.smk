# embedding of the MSC -> clusters that are stable -> their markers and what these stand for.


rule cluster_cells:
    """Cluster at the resolution that resampling supports, and say how stable each cluster is."""
    input:
        h5ad="results/{dataset}/counts.h5ad",
        embedding="results/{dataset}/embedding.msc.h5ad",
        markers=MARKERS,
        parity=checked_parity,
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
        mem_mb=memory("cluster_cells"),
        runtime=minutes("cluster_cells"),
        gpu=CARDS,
    params:
        backend=STUDY["backend"],
        settings=section("cluster"),
        organism=names_of_genes,
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
    threads: heavy_threads("rank_markers")
    resources:
        mem_mb=memory("rank_markers"),
        runtime=minutes("rank_markers"),
    params:
        organism=names_of_genes,
        code=code("rank_markers"),
    script:
        "../scripts/rank_markers.py"


rule enrich_clusters:
    """Test the signatures among the genes of each cluster and contrast, and score the sums of lots."""
    input:
        markers="results/{dataset}/markers.tsv",
        contrasts="results/{dataset}/contrasts.tsv",
        pseudobulk="results/{dataset}/pseudobulk.h5ad",
        markers_yaml=MARKERS,
        signature_files=of_setting("score", "signature_files"),
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
    threads: heavy_threads("enrich_clusters")
    resources:
        mem_mb=memory("enrich_clusters"),
        runtime=minutes("enrich_clusters"),
    params:
        settings=section("compare"),
        organism=names_of_genes,
        seed=STUDY["seed"],
        code=code("enrich_clusters"),
    script:
        "../scripts/enrich_clusters.py"


rule name_clusters:
    """Score each cluster, and name it by the signatures that set it apart, or leave it unnamed and say why."""
    input:
        pseudobulk="results/{dataset}/pseudobulk.h5ad",
        markers=MARKERS,
        signature_files=of_setting("score", "signature_files"),
        stability="results/{dataset}/stability.tsv",
    output:
        table="results/{dataset}/cluster_names.tsv",
        scores="results/{dataset}/cluster_scores.tsv",
        programmes="results/{dataset}/cluster_programmes.tsv",
    log:
        "logs/name_clusters/{dataset}.log",
    benchmark:
        "logs/name_clusters/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=memory("name_clusters"),
        runtime=minutes("name_clusters"),
    params:
        settings=section("compare"),
        score=section("score"),
        organism=names_of_genes,
        seed=STUDY["seed"],
        code=code("name_clusters"),
    script:
        "../scripts/name_clusters.py"
