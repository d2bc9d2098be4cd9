# All stages -> what makes the run, and one passport a lot.


rule record_run:
    """Save the resolved config, and what makes the run: digests of the inputs, versions, seed, run id."""
    input:
        raw=STUDY.of_samples("results/{dataset}/samples/{sample}/raw.h5ad"),
        orthologs=STUDY.orthologs,
        panel_files=STUDY.files_of_setting("gate", "panel_files"),
        signature_files=STUDY.files_of_setting("score", "signature_files"),
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
        mem_mb=STUDY.memory("record_run"),
        runtime=STUDY.minutes("record_run"),
    params:
        dataset="{dataset}",
        title=STUDY.text("title"),
        seed=STUDY["seed"],
        resolved=STUDY.dataset,
        rows=STUDY.sheet_rows,
        annotations=STUDY.annotations_identity,
        steps={step: code(step) for step in STEPS},
        code=code("record_run"),
    script:
        "../scripts/record_run.py"


rule write_passports:
    """Judge each lot: one record with a verdict, value, interval, reason and next action per attribute."""
    input:
        counts="results/{dataset}/counts.h5ad",
        accounting="results/{dataset}/accounting.tsv",
        qc=STUDY.of_samples("results/{dataset}/samples/{sample}/qc.h5ad"),
        gate="results/{dataset}/gate.h5ad",
        gate_table="results/{dataset}/gate.tsv",
        contaminants="results/{dataset}/contaminants.tsv",
        hidden="results/{dataset}/hidden_mixture.tsv",
        flow_agreement="results/{dataset}/flow_agreement.tsv",
        certificate=STUDY.certificate,
        clusters="results/{dataset}/clusters.h5ad",
        stability="results/{dataset}/stability.tsv",
        composition="results/{dataset}/composition.tsv",
        scores="results/{dataset}/scores.h5ad",
        signature_scores="results/{dataset}/signature_scores.tsv",
        signatures="results/{dataset}/signatures.tsv",
        priming="results/{dataset}/priming.tsv",
        run="results/{dataset}/run.json",
        placed=STUDY.placed,
    output:
        json="results/{dataset}/passports.json",
    log:
        "logs/write_passports/{dataset}.log",
    benchmark:
        "logs/write_passports/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=STUDY.memory("write_passports"),
        runtime=STUDY.minutes("write_passports"),
    params:
        settings=STUDY.section("passport"),
        organism=STUDY.setting("organism"),
        culture=STUDY.setting("culture"),
        code=code("write_passports"),
    script:
        "../scripts/write_passports.py"
