# counts.h5ad -> components and neighbor graph of all cells, or of the MSC; a UMAP of each.


rule embed_cells:
    """Principal components and neighbour graph; of all cells without the gate's genes, or of the MSC."""
    input:
        h5ad="results/{dataset}/counts.h5ad",
        gate=STUDY.gate_of_scope,
        markers=resource("markers.yaml"),
        parity=STUDY.parity,
    output:
        h5ad="results/{dataset}/embedding.{scope}.h5ad",
    log:
        "logs/embed_cells/{dataset}.{scope}.log",
    benchmark:
        "logs/embed_cells/{dataset}.{scope}.tsv"
    priority: 2  # most steps wait for it
    conda:
        HEAVY_ENV
    threads: STUDY.embedding_threads
    resources:
        mem_mb=STUDY.memory("embed_cells"),
        runtime=STUDY.minutes("embed_cells"),
        gpu=int(STUDY.gpu),
    params:
        backend=STUDY["backend"],
        settings=STUDY.section("embed"),
        cluster=STUDY.settings_of("cluster", "cells", "min_cells"),
        scope="{scope}",
        organism=STUDY.gene_organism,
        seed=STUDY["seed"],
        code=code("embed_cells"),
    script:
        "../scripts/embed_cells.py"


rule compute_umap:
    """Draw a map (UMAP) of all cells or of the MSC, for the eye: no other step depends on it."""
    input:
        h5ad="results/{dataset}/embedding.{scope}.h5ad",
        parity=STUDY.parity,
    output:
        h5ad="results/{dataset}/umap.{scope}.h5ad",
    log:
        "logs/compute_umap/{dataset}.{scope}.log",
    benchmark:
        "logs/compute_umap/{dataset}.{scope}.tsv"
    conda:
        HEAVY_ENV
    resources:
        mem_mb=STUDY.memory("compute_umap"),
        runtime=STUDY.minutes("compute_umap"),
        gpu=int(STUDY.gpu),
    params:
        backend=STUDY["backend"],
        settings=STUDY.section("embed"),
        seed=STUDY["seed"],
        code=code("compute_umap"),
    script:
        "../scripts/compute_umap.py"
