"""Lay cells out on a two-dimensional map."""

import logging

import pandas as pd
from anndata import AnnData

from mscape.backends import active, cpu
from mscape.data import counts
from mscape.embedding.umap import compute_umap
from mscape.run import step

logger = logging.getLogger("mscape.compute_umap")


def main(input, output, params):
    """Write umap.{scope}.h5ad."""
    options = {key: params.settings[key] for key in ("max_map_cells", "umap_epochs")}
    light = counts.read_light(input.h5ad)
    xy = compute_umap(light, **options, seed=params.seed, threads=params.threads)
    record = {key: value for key, value in options.items() if value is not None} | {"seed": params.seed}
    record |= {"n_laid_out": min(light.n_obs, options["max_map_cells"])}
    logger.info("%d of %d cells laid out", record["n_laid_out"], light.n_obs)
    result = AnnData(obs=pd.DataFrame(index=light.obs_names), obsm={"X_umap": xy})
    result.uns["mscape"] = {"compute_umap": record}
    counts.write(result, output.h5ad)


def job(input, output, params):
    """Do what `main` does, in a process that does nothing else."""
    if active.active().umap is cpu.umap:
        cpu.skip_search()
    main(input, output, params)


if "snakemake" in globals():
    step.run(active.with_backend(job), snakemake)
