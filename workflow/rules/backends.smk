# Only with backend: gpu, or when asked for -> is there a card, and does it compute what the CPU computes?


rule check_backend:
    """Make sure that the card can be used, before any work."""
    output:
        json="results/backend.json",
    log:
        "logs/check_backend.log",
    benchmark:
        "logs/check_backend.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
    params:
        code=code("check_backend"),
    script:
        "../scripts/check_backend.py"


rule check_parity:
    """Hold the GPU against the CPU on a sample of the dataset's own cells."""
    input:
        h5ad="results/{dataset}/counts.h5ad",
        markers=resource("markers.yaml"),
        panel_files=STUDY.files_of_setting("gate", "panel_files"),
        signature_files=STUDY.files_of_setting("score", "signature_files"),
        backend=ancient("results/backend.json"),
    output:
        json="results/{dataset}/parity.json",
    log:
        "logs/check_parity/{dataset}.log",
    benchmark:
        "logs/check_parity/{dataset}.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: 2
    resources:
        mem_mb=STUDY.memory("check_parity"),
        runtime=STUDY.minutes("check_parity"),
        gpu=1,
    params:
        report="results/{dataset}/parity.tsv",
        gpu=STUDY["gpu"],
        embed=STUDY.section("embed"),
        gate=STUDY.section("gate"),
        score=STUDY.section("score"),
        cluster=STUDY.section("cluster"),
        organism=STUDY.gene_organism,
        culture=STUDY.setting("culture"),
        seed=STUDY["seed"],
        panel_identity=STUDY.identity_of_setting("gate", "panel_files"),
        signature_identity=STUDY.identity_of_setting("score", "signature_files"),
        code=code("check_parity"),
    script:
        "../scripts/check_parity.py"
