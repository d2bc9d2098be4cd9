# All stages -> passports, the assembled AnnData file, the report of each dataset, the index, exports, the package.


rule record_run:
    """Save the resolved config, and what makes the run: digests of the inputs, versions, seed, run id."""
    input:
        raw=of_samples("results/{dataset}/samples/{sample}/raw.h5ad"),
    output:
        config="results/{dataset}/config.yaml",
        json="results/{dataset}/run.json",
    log:
        "logs/record_run/{dataset}.log",
    benchmark:
        "logs/record_run/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=memory("record_run"),
        runtime=minutes("record_run"),
    params:
        dataset="{dataset}",
        title=STUDY["title"],
        seed=STUDY["seed"],
        resolved=resolved_dataset,
        rows=sheet_rows,
        steps={step: code(step) for step in STEPS},
        code=code("record_run"),
    script:
        "../scripts/record_run.py"


rule write_passports:
    """Judge each lot: one record with a verdict, value, interval, reason and next action per attribute."""
    input:
        counts="results/{dataset}/counts.h5ad",
        accounting="results/{dataset}/accounting.tsv",
        qc=of_samples("results/{dataset}/samples/{sample}/qc.h5ad"),
        gate="results/{dataset}/gate.h5ad",
        gate_table="results/{dataset}/gate.tsv",
        contaminants="results/{dataset}/contaminants.tsv",
        hidden="results/{dataset}/hidden_mixture.tsv",
        clusters="results/{dataset}/clusters.h5ad",
        stability="results/{dataset}/stability.tsv",
        composition="results/{dataset}/composition.tsv",
        scores="results/{dataset}/scores.h5ad",
        score_summary="results/{dataset}/score_summary.tsv",
        signatures="results/{dataset}/signatures.tsv",
        run="results/{dataset}/run.json",
    output:
        json="results/{dataset}/passports.json",
    log:
        "logs/write_passports/{dataset}.log",
    benchmark:
        "logs/write_passports/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=memory("write_passports"),
        runtime=minutes("write_passports"),
    params:
        settings=section("passport"),
        organism=of_dataset("organism"),
        culture=of_dataset("culture"),
        code=code("write_passports"),
    script:
        "../scripts/write_passports.py"


rule assemble_dataset:
    """Join counts, calls, clusters, scores and maps into the one file to hand on."""
    input:
        counts="results/{dataset}/counts.h5ad",
        embedding="results/{dataset}/embedding.all.h5ad",
        embedding_msc="results/{dataset}/embedding.msc.h5ad",
        map="results/{dataset}/map.all.h5ad",
        map_msc="results/{dataset}/map.msc.h5ad",
        gate="results/{dataset}/gate.h5ad",
        clusters="results/{dataset}/clusters.h5ad",
        names="results/{dataset}/cluster_names.tsv",
        scores="results/{dataset}/scores.h5ad",
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
        mem_mb=memory("assemble_dataset"),
        runtime=minutes("assemble_dataset"),
    params:
        code=code("assemble_dataset"),
    script:
        "../scripts/assemble_dataset.py"


rule compare_truth:
    """Compare what was found with what the simulation put in."""
    input:
        truth=of_samples("data/{dataset}/{sample}/truth.parquet"),
        counts="results/{dataset}/counts.h5ad",
        qc=of_samples("results/{dataset}/samples/{sample}/qc.h5ad"),
        gate="results/{dataset}/gate.h5ad",
        gate_table="results/{dataset}/gate.tsv",
        clusters="results/{dataset}/clusters.h5ad",
        scores="results/{dataset}/scores.h5ad",
    output:
        json="results/{dataset}/truth.json",
        table="results/{dataset}/truth.tsv",
    log:
        "logs/compare_truth/{dataset}.log",
    benchmark:
        "logs/compare_truth/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=memory("compare_truth"),
        runtime=minutes("compare_truth"),
    params:
        code=code("compare_truth"),
    script:
        "../scripts/compare_truth.py"


rule render_report:
    """Write the offline HTML report of a dataset."""
    input:
        counts="results/{dataset}/counts.h5ad",
        embedding="results/{dataset}/embedding.all.h5ad",
        embedding_msc="results/{dataset}/embedding.msc.h5ad",
        map="results/{dataset}/map.all.h5ad",
        map_msc="results/{dataset}/map.msc.h5ad",
        gate="results/{dataset}/gate.h5ad",
        gate_table="results/{dataset}/gate.tsv",
        contaminants="results/{dataset}/contaminants.tsv",
        hidden="results/{dataset}/hidden_mixture.tsv",
        clusters="results/{dataset}/clusters.h5ad",
        stability="results/{dataset}/stability.tsv",
        resolutions="results/{dataset}/resolutions.tsv",
        names="results/{dataset}/cluster_names.tsv",
        surface="results/{dataset}/surface.tsv",
        heterogeneity="results/{dataset}/heterogeneity.tsv",
        paga="results/{dataset}/paga.tsv",
        scores="results/{dataset}/scores.h5ad",
        signatures="results/{dataset}/signatures.tsv",
        score_summary="results/{dataset}/score_summary.tsv",
        confounders="results/{dataset}/confounders.tsv",
        markers="results/{dataset}/markers.tsv",
        enrichment="results/{dataset}/enrichment.tsv",
        enrichment_genes="results/{dataset}/enrichment_genes.tsv",
        lot_enrichment="results/{dataset}/lot_enrichment.tsv",
        cluster_scores="results/{dataset}/cluster_scores.tsv",
        cluster_programmes="results/{dataset}/cluster_programmes.tsv",
        contrasts="results/{dataset}/contrasts.tsv",
        composition="results/{dataset}/composition.tsv",
        accounting="results/{dataset}/accounting.tsv",
        qc=of_samples("results/{dataset}/samples/{sample}/qc.h5ad"),
        passports="results/{dataset}/passports.json",
        config="results/{dataset}/config.yaml",
        run="results/{dataset}/run.json",
        truth=truth_of,
        parity=checked_parity,
        templates=TEMPLATES,
    output:
        html=report(
            "results/{dataset}/report.html",
            caption="../report/report.rst",
            category="Reports",
            labels={"dataset": "{dataset}"},
        ),
        figures=directory("results/{dataset}/figures"),
    log:
        "logs/render_report/{dataset}.log",
    benchmark:
        "logs/render_report/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=memory("render_report"),
        runtime=minutes("render_report"),
    params:
        settings=section("report"),
        dataset="{dataset}",
        title=STUDY["title"],
        simulated=is_simulated,
        code=code("render_report"),
    script:
        "../scripts/render_report.py"


rule render_index:
    """Write the page over all datasets."""
    input:
        passports=expand("results/{dataset}/passports.json", dataset=DATASETS),
        reports=expand("results/{dataset}/report.html", dataset=DATASETS),
        templates=TEMPLATES,
    output:
        html="results/index.html",
    log:
        "logs/render_index.log",
    benchmark:
        "logs/render_index.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        title=STUDY["title"],
        code=code("render_index"),
    script:
        "../scripts/render_index.py"


rule export_tables:
    """Write every table as CSV and Parquet, and one of all cells."""
    input:
        tables=tables_of("{dataset}"),
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
        mem_mb=memory("export_tables"),
        runtime=minutes("export_tables"),
    params:
        code=code("export_tables"),
    script:
        "../scripts/export_tables.py"


rule export_cellxgene:
    """Write a dataset in the CELLxGENE schema."""
    input:
        h5ad="results/{dataset}/{dataset}.h5ad",
        counts="results/{dataset}/counts.h5ad",
        terms=ONTOLOGY,
        genes=GENE_IDS,
    output:
        h5ad="results/{dataset}/{dataset}.cellxgene.h5ad",
    log:
        "logs/export_cellxgene/{dataset}.log",
    benchmark:
        "logs/export_cellxgene/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=memory("export_cellxgene"),
        runtime=minutes("export_cellxgene"),
    params:
        organism=of_dataset("organism"),
        culture=of_dataset("culture"),
        title=title_of_dataset,
        code=code("export_cellxgene"),
    script:
        "../scripts/export_cellxgene.py"


rule describe_study:
    """Describe the study for machines (RO-Crate, Workflow Run Crate), with a copy of the workflow that ran."""
    input:
        results=results_of_study(h5ad=True),
        runs=expand("results/{dataset}/run.json", dataset=DATASETS),
    output:
        json="results/ro-crate-metadata.json",
        source=directory("results/source"),
    log:
        "logs/describe_study.log",
    benchmark:
        "logs/describe_study.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        title=STUDY["title"],
        licence=STUDY["license"],
        repository=REPOSITORY,
        steps={step: code(step) for step in STEPS},
        code=code("describe_study"),
    script:
        "../scripts/describe_study.py"


rule package_study:
    """Put the study into one zip to send: `snakemake package_study`."""
    input:
        results=results_of_study(h5ad=False) + expand("results/{dataset}/tables", dataset=DATASETS),
        runs=expand("results/{dataset}/run.json", dataset=DATASETS),
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
        title=STUDY["title"],
        licence=STUDY["license"],
        simulated=SIMULATED,
        code=code("package_study"),
    script:
        "../scripts/package_study.py"
