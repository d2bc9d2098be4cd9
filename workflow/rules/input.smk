# Sample sheet, files -> counts and quality of each sample -> counts.h5ad, one a dataset.


rule simulate_study:
    """Draw the counts of one simulated lot, and keep what is true of them in a file of its own."""
    input:
        markers=MARKERS,
        genes=GENES,
        backend=usable_backend,
    output:
        h5ad="data/{dataset}/{sample}/simulated.h5ad",
        truth="data/{dataset}/{sample}/truth.parquet",
    log:
        "logs/simulate_study/{dataset}/{sample}.log",
    benchmark:
        "logs/simulate_study/{dataset}/{sample}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=memory("simulate_study", size=sample_size),
        runtime=minutes("simulate_study", size=sample_size),
    params:
        settings=section("simulate"),
        sample="{sample}",
        dataset="{dataset}",
        code=code("simulate_study"),
    script:
        "../scripts/simulate_study.py"


rule fetch_sample:
    """Download the files of one sample, verified; archives that samples share come once."""
    input:
        backend=usable_backend,
    output:
        folder=directory("data/{dataset}/{sample}/fetched"),
    log:
        "logs/fetch_sample/{dataset}/{sample}.log",
    benchmark:
        "logs/fetch_sample/{dataset}/{sample}.tsv"
    conda:
        "../../envs/cpu.yaml"
    params:
        row=sheet_row,
        cache="data/downloads",
        lock="data/checksums.tsv",
        code=code("fetch_sample"),
    script:
        "../scripts/fetch_sample.py"


rule check_inputs:
    """Say what is wrong with the samples before any work: `snakemake check`."""
    input:
        markers=MARKERS,
        genes=GENES,
        demand=DEMAND_FILE,
    output:
        done=temp("results/check.done"),
    log:
        "logs/check_inputs.log",
    benchmark:
        "logs/check_inputs.tsv"
    conda:
        "../../envs/cpu.yaml"
    params:
        samples=checked_samples(),
        simulated=simulated_values(),
        report="results/check.tsv",
        forecast="results/forecast.tsv",
        cores=workflow.cores or 1,
        memory_gb=STUDY["memory_gb"],
        code=code("check_inputs"),
    script:
        "../scripts/check_inputs.py"


rule load_counts:
    """Read the counts of one sample, whatever their format, and refuse what are not raw counts."""
    input:
        path=counts_source,
        genes=GENES,
        orthologs=orthologs_of,
        backend=usable_backend,
    output:
        h5ad="results/{dataset}/samples/{sample}/raw.h5ad",
    log:
        "logs/load_counts/{dataset}/{sample}.log",
    benchmark:
        "logs/load_counts/{dataset}/{sample}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=memory("load_counts", size=sample_size),
        runtime=minutes("load_counts", size=sample_size),
    params:
        sample="{sample}",
        dataset="{dataset}",
        format=sheet_value("format"),
        member=sheet_value("member"),
        genome=sheet_value("genome"),
        cells=sheet_value("cells"),
        organism=of_dataset("organism"),
        code=code("load_counts"),
    script:
        "../scripts/load_counts.py"


rule qc_cells:
    """Measure the quality of each cell of one sample, set the sample's limits, score doublets."""
    input:
        h5ad="results/{dataset}/samples/{sample}/raw.h5ad",
        markers=MARKERS,
    output:
        h5ad="results/{dataset}/samples/{sample}/qc.h5ad",
    log:
        "logs/qc_cells/{dataset}/{sample}.log",
    benchmark:
        "logs/qc_cells/{dataset}/{sample}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=memory("qc_cells", size=sample_size),
        runtime=minutes("qc_cells", size=sample_size),
    params:
        settings=section("qc"),
        row=sheet_row,
        organism=of_dataset("organism"),
        seed=STUDY["seed"],
        code=code("qc_cells"),
    script:
        "../scripts/qc_cells.py"


rule merge_samples:
    """Join the cells that pass quality control, with the metadata of the sheet, and account for all others."""
    input:
        raw=of_samples("results/{dataset}/samples/{sample}/raw.h5ad"),
        qc=of_samples("results/{dataset}/samples/{sample}/qc.h5ad"),
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
        mem_mb=memory("merge_samples"),
        runtime=minutes("merge_samples"),
    params:
        rows=sheet_rows,
        dataset="{dataset}",
        culture=of_dataset("culture"),
        simulated=is_simulated,
        code=code("merge_samples"),
    script:
        "../scripts/merge_samples.py"
