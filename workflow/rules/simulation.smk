# Simulated lots with known truth, and what was found of it.


rule simulate_study:
    """Draw the counts of one simulated lot, and keep what is true of them in a file of its own."""
    input:
        markers=resource("markers.yaml"),
        genes=resource("genes.tsv"),
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
        mem_mb=STUDY.memory("simulate_study", size=STUDY.sample_size),
        runtime=STUDY.minutes("simulate_study", size=STUDY.sample_size),
    params:
        settings=STUDY.section("simulate"),
        sample="{sample}",
        dataset="{dataset}",
        code=code("simulate_study"),
    script:
        "../scripts/simulate_study.py"


rule evaluate_simulation:
    """Compare what was found with what the simulation put in."""
    input:
        truth=STUDY.of_samples("data/{dataset}/{sample}/truth.parquet"),
        counts="results/{dataset}/counts.h5ad",
        qc=STUDY.of_samples("results/{dataset}/samples/{sample}/qc.h5ad"),
        gate="results/{dataset}/gate.h5ad",
        gate_table="results/{dataset}/gate.tsv",
        clusters="results/{dataset}/clusters.h5ad",
        scores="results/{dataset}/scores.h5ad",
    output:
        json="results/{dataset}/truth.json",
        table="results/{dataset}/truth.tsv",
    log:
        "logs/evaluate_simulation/{dataset}.log",
    benchmark:
        "logs/evaluate_simulation/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=STUDY.memory("evaluate_simulation"),
        runtime=STUDY.minutes("evaluate_simulation"),
    params:
        code=code("evaluate_simulation"),
    script:
        "../scripts/evaluate_simulation.py"
