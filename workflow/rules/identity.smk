# counts.h5ad -> embedding of all cells -> who is an MSC, and the embedding of those who are; a map of each.


rule embed_cells:
    """Principal components and neighbour graph; of all cells without the gate's genes, or of the MSC."""
    input:
        h5ad="results/{dataset}/counts.h5ad",
        gate=gate_of_scope,
        markers=MARKERS,
        parity=checked_parity,
    output:
        h5ad="results/{dataset}/embedding.{scope}.h5ad",
    log:
        "logs/embed_cells/{dataset}.{scope}.log",
    benchmark:
        "logs/embed_cells/{dataset}.{scope}.tsv"
    priority: 2  # most steps wait for it
    conda:
        HEAVY_ENV
    threads: embedding_threads
    resources:
        mem_mb=memory("embed_cells"),
        runtime=minutes("embed_cells"),
        gpu=CARDS,
    params:
        backend=STUDY["backend"],
        settings=section("embed"),
        cluster=section("cluster"),
        scope="{scope}",
        organism=names_of_genes,
        seed=STUDY["seed"],
        code=code("embed_cells"),
    script:
        "../scripts/embed_cells.py"


rule map_cells:
    """Draw a map (UMAP) of all cells or of the MSC, for the eye: no other step depends on it."""
    input:
        h5ad="results/{dataset}/embedding.{scope}.h5ad",
        parity=checked_parity,
    output:
        h5ad="results/{dataset}/map.{scope}.h5ad",
    log:
        "logs/map_cells/{dataset}.{scope}.log",
    benchmark:
        "logs/map_cells/{dataset}.{scope}.tsv"
    conda:
        HEAVY_ENV
    resources:
        mem_mb=memory("map_cells"),
        runtime=minutes("map_cells"),
        gpu=CARDS,
    params:
        backend=STUDY["backend"],
        settings=section("embed"),
        seed=STUDY["seed"],
        code=code("map_cells"),
    script:
        "../scripts/map_cells.py"


rule gate_msc:
    """Call each cell against the ISCT markers by the expression rate of its neighbourhood, and judge each lot."""
    input:
        h5ad="results/{dataset}/counts.h5ad",
        embedding="results/{dataset}/embedding.all.h5ad",
        markers=MARKERS,
        panel_files=of_setting("gate", "panel_files"),
        parity=checked_parity,
    output:
        h5ad="results/{dataset}/gate.h5ad",
        table="results/{dataset}/gate.tsv",
        contaminants="results/{dataset}/contaminants.tsv",
        hidden="results/{dataset}/hidden_mixture.tsv",
    log:
        "logs/gate_msc/{dataset}.log",
    benchmark:
        "logs/gate_msc/{dataset}.tsv"
    priority: 2  # most steps wait for it
    conda:
        HEAVY_ENV
    resources:
        mem_mb=memory("gate_msc"),
        runtime=minutes("gate_msc"),
        gpu=CARDS,
    params:
        backend=STUDY["backend"],
        settings=section("gate"),
        organism=of_dataset("organism"),
        culture=of_dataset("culture"),
        seed=STUDY["seed"],
        code=code("gate_msc"),
    script:
        "../scripts/gate_msc.py"
