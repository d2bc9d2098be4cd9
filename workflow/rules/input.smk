# Sample sheet, files -> raw counts of each sample.


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
        row=STUDY.sheet_row,
        cache="data/downloads",
        lock="data/checksums.tsv",
        code=code("fetch_sample"),
    script:
        "../scripts/fetch_sample.py"


rule check_inputs:
    """Say what is wrong with the samples before any work: `snakemake check`."""
    input:
        markers=resource("markers.yaml"),
        genes=resource("genes.tsv"),
        demand=resource("rule_resources.tsv"),
    output:
        done=temp("results/check.done"),
    log:
        "logs/check_inputs.log",
    benchmark:
        "logs/check_inputs.tsv"
    conda:
        "../../envs/cpu.yaml"
    params:
        samples=STUDY.checked_samples(),
        labels=STUDY.label_files(),
        simulated=STUDY.simulated_values(),
        report="results/check.tsv",
        forecast="results/forecast.tsv",
        cores=workflow.cores or 1,
        memory_gb=STUDY["memory_gb"],
        asked=time.time(),  # the findings are for the eye: look again whenever it is asked for
        code=code("check_inputs"),
    script:
        "../scripts/check_inputs.py"


rule load_counts:
    """Read the counts of one sample from any format, and refuse what are not raw counts."""
    input:
        path=STUDY.counts_source,
        genes=resource("genes.tsv"),
        orthologs=STUDY.orthologs,
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
        mem_mb=STUDY.memory("load_counts", size=STUDY.sample_size),
        runtime=STUDY.minutes("load_counts", size=STUDY.sample_size),
    params:
        sample="{sample}",
        dataset="{dataset}",
        format=STUDY.sheet_value("format"),
        member=STUDY.sheet_value("member"),
        genome=STUDY.sheet_value("genome"),
        cells=STUDY.sheet_value("cells"),
        parts=STUDY.sheet_value("parts"),
        organism=STUDY.setting("organism"),
        identity=STUDY.input_identity,
        concealed=STUDY.names_to_conceal,
        code=code("load_counts"),
    script:
        "../scripts/load_counts.py"


rule review_inputs:
    """Judge what was read of all samples of a dataset, before any work on it: errors stop here."""
    input:
        raw=STUDY.of_samples("results/{dataset}/samples/{sample}/raw.h5ad"),
        markers=resource("markers.yaml"),
    output:
        findings="results/{dataset}/findings.tsv",
        inputs="results/{dataset}/inputs.tsv",
    log:
        "logs/review_inputs/{dataset}.log",
    benchmark:
        "logs/review_inputs/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=STUDY.memory("review_inputs"),
        runtime=STUDY.minutes("review_inputs"),
    params:
        rows=STUDY.sheet_rows,
        dataset="{dataset}",
        organism=STUDY.setting("organism"),
        code=code("review_inputs"),
    script:
        "../scripts/review_inputs.py"
