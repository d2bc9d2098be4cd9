# Raw counts -> quality of each cell -> counts.h5ad, one a dataset.


rule qc_cells:
    """Measure the quality of each cell of one sample, set the sample's limits, score doublets."""
    input:
        h5ad="results/{dataset}/samples/{sample}/raw.h5ad",
        markers=resource("markers.yaml"),
        reviewed="results/{dataset}/findings.tsv",
    output:
        h5ad="results/{dataset}/samples/{sample}/qc.h5ad",
    log:
        "logs/qc_cells/{dataset}/{sample}.log",
    benchmark:
        "logs/qc_cells/{dataset}/{sample}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=STUDY.memory("qc_cells", size=STUDY.sample_size),
        runtime=STUDY.minutes("qc_cells", size=STUDY.sample_size),
    params:
        settings=STUDY.section("qc"),
        row=STUDY.sheet_row,
        organism=STUDY.setting("organism"),
        seed=STUDY["seed"],
        code=code("qc_cells"),
    script:
        "../scripts/qc_cells.py"


rule merge_samples:
    """Join the cells that pass quality control, with the metadata of the sheet, and account for all others."""
    input:
        raw=STUDY.of_samples("results/{dataset}/samples/{sample}/raw.h5ad"),
        qc=STUDY.of_samples("results/{dataset}/samples/{sample}/qc.h5ad"),
    output:
        h5ad="results/{dataset}/counts.h5ad",
        table="results/{dataset}/accounting.tsv",
    log:
        "logs/merge_samples/{dataset}.log",
    benchmark:
        "logs/merge_samples/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=STUDY.memory("merge_samples"),
        runtime=STUDY.minutes("merge_samples"),
    params:
        rows=STUDY.sheet_rows,
        dataset="{dataset}",
        culture=STUDY.setting("culture"),
        simulated=STUDY.is_simulated,
        code=code("merge_samples"),
    script:
        "../scripts/merge_samples.py"
