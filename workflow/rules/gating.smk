# counts.h5ad, embedding of all cells -> which cells are MSC, and each lot's answer.


rule gate_msc:
    """Call each cell against the ISCT markers by the expression rate of its neighbourhood, and judge each lot."""
    input:
        h5ad="results/{dataset}/counts.h5ad",
        embedding="results/{dataset}/embedding.all.h5ad",
        markers=resource("markers.yaml"),
        panel_files=STUDY.files_of_setting("gate", "panel_files"),
        parity=STUDY.parity,
    output:
        h5ad="results/{dataset}/gate.h5ad",
        table="results/{dataset}/gate.tsv",
        contaminants="results/{dataset}/contaminants.tsv",
        hidden="results/{dataset}/hidden_mixture.tsv",
        flow_agreement="results/{dataset}/flow_agreement.tsv",
    log:
        "logs/gate_msc/{dataset}.log",
    benchmark:
        "logs/gate_msc/{dataset}.tsv"
    priority: 2  # most steps wait for it
    conda:
        HEAVY_ENV
    resources:
        mem_mb=STUDY.memory("gate_msc"),
        runtime=STUDY.minutes("gate_msc"),
        gpu=int(STUDY.gpu),
    params:
        backend=STUDY["backend"],
        settings=STUDY.section("gate"),
        organism=STUDY.setting("organism"),
        culture=STUDY.setting("culture"),
        seed=STUDY["seed"],
        panel_identity=STUDY.identity_of_setting("gate", "panel_files"),
        code=code("gate_msc"),
    script:
        "../scripts/gate_msc.py"


rule certify_lots:
    """Judge smaller copies of each settled lot: with how few of its cells and counts its verdict is the same."""
    input:
        h5ad="results/{dataset}/counts.h5ad",
        embedding="results/{dataset}/embedding.all.h5ad",
        gate="results/{dataset}/gate.h5ad",
        gate_table="results/{dataset}/gate.tsv",
        markers=resource("markers.yaml"),
        panel_files=STUDY.files_of_setting("gate", "panel_files"),
    output:
        table="results/{dataset}/certificate.tsv",
    log:
        "logs/certify_lots/{dataset}.log",
    benchmark:
        "logs/certify_lots/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=STUDY.memory("certify_lots"),
        runtime=STUDY.minutes("certify_lots"),
    params:
        settings=STUDY.section("gate"),
        organism=STUDY.setting("organism"),
        culture=STUDY.setting("culture"),
        seed=STUDY["seed"],
        panel_identity=STUDY.identity_of_setting("gate", "panel_files"),
        code=code("certify_lots"),
    script:
        "../scripts/certify_lots.py"
