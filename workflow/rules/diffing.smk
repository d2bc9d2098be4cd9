# A finished study, an earlier one -> what changed, and why. A rule without outputs runs
# whenever it is asked for; a benchmark would count as one, and the second comparison would not be made.


rule diff:
    """Compare with an earlier run: `snakemake diff --config against=DIR`. Ends with 1 if a verdict changed."""
    input:
        runs=expand("results/{dataset}/run.json", dataset=STUDY.datasets),
        passports=expand("results/{dataset}/passports.json", dataset=STUDY.datasets),
        templates=TEMPLATES,
    log:
        "logs/diff.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        against=STUDY["against"],
        results=lambda wildcards, input: str(Path(input.runs[0]).parents[1]),
        page="results/diff.html",
        effects="results/diff.tsv",
        causes="results/diff_causes.tsv",
        title=STUDY.text("title"),
        simulated=STUDY.simulated,
        code=code("diff"),
    script:
        "../scripts/diff.py"
