# Passports of all datasets, and of earlier runs -> control charts over time.


rule track_lots:
    """Draw control charts of all lots in order of time: `snakemake track`."""
    input:
        passports=expand("results/{dataset}/passports.json", dataset=STUDY.datasets),
        runs=expand("results/{dataset}/run.json", dataset=STUDY.datasets),
        scores=expand("results/{dataset}/signature_scores.tsv", dataset=STUDY.datasets),
        templates=TEMPLATES,
    output:
        page="results/track.html",
        table="results/track.tsv",
        sight="results/track_sight.tsv",
    log:
        "logs/track_lots.log",
    benchmark:
        "logs/track_lots.tsv"
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=STUDY["track"],
        title=STUDY.text("title"),
        simulated=STUDY.simulated,
        code=code("track_lots"),
    script:
        "../scripts/track_lots.py"
