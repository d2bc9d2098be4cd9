# All stages -> the report of each dataset, and the index over them.


rule render_report:
    """Write the offline HTML report of a dataset."""
    input:
        counts="results/{dataset}/counts.h5ad",
        embedding="results/{dataset}/embedding.all.h5ad",
        embedding_msc="results/{dataset}/embedding.msc.h5ad",
        map="results/{dataset}/umap.all.h5ad",
        map_msc="results/{dataset}/umap.msc.h5ad",
        gate="results/{dataset}/gate.h5ad",
        clusters="results/{dataset}/clusters.h5ad",
        scores="results/{dataset}/scores.h5ad",
        annotations=STUDY.annotations,
        tables=STUDY.tables,
        qc=STUDY.of_samples("results/{dataset}/samples/{sample}/qc.h5ad"),
        passports="results/{dataset}/passports.json",
        config="results/{dataset}/config.yaml",
        run="results/{dataset}/run.json",
        truth=STUDY.truth,
        parity=STUDY.parity,
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
        mem_mb=STUDY.memory("render_report"),
        runtime=STUDY.minutes("render_report"),
    params:
        settings=STUDY.section("report"),
        dataset="{dataset}",
        title=STUDY.text("title"),
        simulated=STUDY.is_simulated,
        code=code("render_report"),
    script:
        "../scripts/render_report.py"


rule render_index:
    """Write the page over all datasets."""
    input:
        passports=expand("results/{dataset}/passports.json", dataset=STUDY.datasets),
        reports=expand("results/{dataset}/report.html", dataset=STUDY.datasets),
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
        title=STUDY.text("title"),
        code=code("render_index"),
    script:
        "../scripts/render_index.py"
