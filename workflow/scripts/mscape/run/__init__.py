"""All that knows Snakemake: config, study, progress, resources, steps."""
