# All stages -> the assembled AnnData file, other formats, the study's metadata, the package.


rule assemble_dataset:
    """Join counts, calls, clusters, scores and maps into the one file to share."""
    input:
        counts="results/{dataset}/counts.h5ad",
        embedding="results/{dataset}/embedding.all.h5ad",
        embedding_msc="results/{dataset}/embedding.msc.h5ad",
        map="results/{dataset}/umap.all.h5ad",
        map_msc="results/{dataset}/umap.msc.h5ad",
        gate="results/{dataset}/gate.h5ad",
        clusters="results/{dataset}/clusters.h5ad",
        names="results/{dataset}/cluster_names.tsv",
        scores="results/{dataset}/scores.h5ad",
        annotations=STUDY.annotations,
        run="results/{dataset}/run.json",
    output:
        h5ad="results/{dataset}/{dataset}.h5ad",
    log:
        "logs/assemble_dataset/{dataset}.log",
    benchmark:
        "logs/assemble_dataset/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=STUDY.memory("assemble_dataset"),
        runtime=STUDY.minutes("assemble_dataset"),
    params:
        code=code("assemble_dataset"),
    script:
        "../scripts/assemble_dataset.py"


rule export_tables:
    """Write every table as CSV and Parquet, and one of all cells."""
    input:
        tables=STUDY.tables,
        passports="results/{dataset}/passports.json",
        h5ad="results/{dataset}/{dataset}.h5ad",
    output:
        folder=directory("results/{dataset}/tables"),
    log:
        "logs/export_tables/{dataset}.log",
    benchmark:
        "logs/export_tables/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=STUDY.memory("export_tables"),
        runtime=STUDY.minutes("export_tables"),
    params:
        code=code("export_tables"),
    script:
        "../scripts/export_tables.py"


rule export_cellxgene:
    """Write a dataset in the CELLxGENE schema."""
    input:
        h5ad="results/{dataset}/{dataset}.h5ad",
        counts="results/{dataset}/counts.h5ad",
        terms=resource("ontology_terms.tsv"),
        genes=resource("ensembl_genes.tsv.gz"),
    output:
        h5ad="results/{dataset}/{dataset}.cellxgene.h5ad",
    log:
        "logs/export_cellxgene/{dataset}.log",
    benchmark:
        "logs/export_cellxgene/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=STUDY.memory("export_cellxgene"),
        runtime=STUDY.minutes("export_cellxgene"),
    params:
        organism=STUDY.setting("organism"),
        culture=STUDY.setting("culture"),
        title=STUDY.title,
        code=code("export_cellxgene"),
    script:
        "../scripts/export_cellxgene.py"


rule describe_study:
    """Describe the study for machines (RO-Crate, Workflow Run Crate), with a copy of the workflow that ran."""
    input:
        results=STUDY.results(h5ad=True),
        runs=expand("results/{dataset}/run.json", dataset=STUDY.datasets),
    output:
        json="results/ro-crate-metadata.json",
        software="results/sbom.cdx.json",
        source=directory("results/source"),
    log:
        "logs/describe_study.log",
    benchmark:
        "logs/describe_study.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        title=STUDY.text("title"),
        licence=STUDY.text("license"),
        repository=os.path.relpath(paths.HOME),
        steps={step: code(step) for step in STEPS},
        code=code("describe_study"),
    script:
        "../scripts/describe_study.py"


rule package_study:
    """Put the study into one zip to send: `snakemake package_study`."""
    input:
        results=STUDY.packed() + expand("results/{dataset}/tables", dataset=STUDY.datasets),
        runs=expand("results/{dataset}/run.json", dataset=STUDY.datasets),
        software="results/sbom.cdx.json",
        source="results/source",
    output:
        zip="results/study.zip",
    log:
        "logs/package_study.log",
    benchmark:
        "logs/package_study.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        title=STUDY.text("title"),
        licence=STUDY.text("license"),
        simulated=STUDY.simulated,
        code=code("package_study"),
    script:
        "../scripts/package_study.py"
