"""Hold the GPU against the CPU reference on a sample of the user's own cells, before the GPU computes anything else."""

import json
import logging
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData

from mscape import parity
from mscape.backends import active, gpu
from mscape.backends.contract import Backend
from mscape.data import counts
from mscape.data.table_io import write_table
from mscape.embedding import highly_variable_genes, integration
from mscape.embedding.embed import embed_dataset
from mscape.embedding.options import EmbedOptions
from mscape.errors import UserError
from mscape.gating.gate import gate_dataset
from mscape.gating.options import GateOptions
from mscape.genes.registry import load_markers
from mscape.run import step
from mscape.scoring.dataset import score_signatures
from mscape.scoring.options import ScoreOptions

logger = logging.getLogger("mscape.check_parity")

SCORES = ("score_matched", "score_scanpy", "score_rank", "score_z")
RESOLUTIONS = (0.2, 1.0)  # of the communities that are compared


def choose_cells(samples: pd.Series, n: int, *, seed: int = 0) -> np.ndarray:
    """Draw cells in proportion to the sizes of the samples, at least 50 of each where there are as many.

    Parameters
    ----------
    samples
        Sample of each cell.
    n
        About how many cells.

    Returns
    -------
    Positions, ascending.
    """
    rng = np.random.default_rng(seed)
    chosen = []
    for _, cells in sorted(samples.groupby(samples.astype(str)).indices.items()):
        size = min(len(cells), max(50, round(n * len(cells) / len(samples))))
        chosen.append(rng.choice(cells, size, replace=False))
    return np.sort(np.concatenate(chosen))


def read_sample(source: str, cells: np.ndarray) -> AnnData:
    """Read some cells of a whole stage file, with everything that belongs to its genes and to the dataset."""
    shell = counts.read_light(source)
    keep = np.zeros(shell.n_obs, dtype=bool)
    keep[cells] = True
    parts = [block[keep[start:stop]] for start, stop, block in counts.blocks(source) if keep[start:stop].any()]
    matrix = sp.vstack(parts, format="csr")
    return AnnData(matrix, obs=shell.obs[keep], var=shell.var, varm=dict(shell.varm), uns=dict(shell.uns))


def compare(reference: Backend, candidate: Backend, cells: AnnData, markers: str, params) -> pd.DataFrame:
    """Compare both on a sample: each function on the same input, then the gate's calls and the scores.

    Parameters
    ----------
    reference, candidate
        The backends.
    cells
        Counts of the sample.
    markers
        Registry of panels, lineages and signatures.
    params
        Params of the rule.

    Returns
    -------
    One row a measure, columns ``parity.COLUMNS``.
    """
    common = {"organism": params.organism, "seed": params.seed}
    options, score = EmbedOptions(**params.embed), ScoreOptions(**params.score)
    registry = load_markers(markers, extra=score.signature_files)
    with active.using(reference):
        light = embed_dataset(cells, options, markers=registry, threads=params.threads, **common)
    genes = np.asarray(light.uns["mscape"]["embed_cells"]["highly_variable_genes"]).astype(str)
    everything = np.ones(cells.n_obs, dtype=bool)
    key, _ = integration.choose_batch(cells.obs, batch_key=options.batch_key)
    sample = parity.Sample(
        X=highly_variable_genes.log_columns(cells, genes, cells=everything, totals=counts.row_sums(cells)),
        embedded=light,
        batch=cells.obs[key] if key else None,
        n_neighbors=options.n_neighbors,
        resolutions=RESOLUTIONS,
    )
    tables = [parity.compare(reference, candidate, sample, seed=params.seed)]

    calls, scored = [], []
    for backend in (reference, candidate):
        with active.using(backend):
            gated = gate_dataset(
                cells,
                light,
                partial(counts.read_genes, cells),
                markers=markers,
                options=GateOptions(**params.gate),
                culture=params.culture,
                threads=params.threads,
                **common,
            )
            calls.append(gated.obs(cells.obs_names)["isct_call"])
            scored.append(score_signatures(cells, calls[0], score, markers=registry, **common).cells.obsm)
    tables.append(parity.rows("pooled", parity.compare_calls(*calls)))
    for key in SCORES:
        expected, found = (frames[key].dropna(axis=1) for frames in scored)
        tables.append(parity.rows("scores", parity.compare_scores(expected, found), of=key))
    return pd.concat(tables, ignore_index=True)


def decide(table: pd.DataFrame, on_mismatch: str) -> list[str]:
    """Say which functions the CPU computes.

    Raises
    ------
    mscape.errors.UserError
        With each measure that fails, if ``on_mismatch`` is ``stop``.
    """
    failed = table[~table["passed"]]
    if on_mismatch == "stop" and len(failed):
        lines = "\n".join(
            f"  {row.function}: {row.measure} is {row.value:.4g}, expected {row.rule} {row.limit:g} ({row.meaning})"
            for row in failed.itertuples()
        )
        msg = (
            f"the GPU does not compute what the CPU computes, in {len(failed)} of {len(table)} measures:\n{lines}\n"
            "Set gpu.on_mismatch: cpu to compute these functions on the CPU, or backend: cpu."
        )
        raise UserError(msg)
    return sorted(set(failed["function"])) if on_mismatch == "cpu" else []


def require_card(n_cells: int, settings: dict) -> float:
    """Refuse a dataset that the card cannot hold; gives the estimate of what it needs, in GB."""
    sizes = {"n_genes": settings["n_hvg"], "n_pcs": settings["n_pcs"], "k": settings["n_neighbors"]}
    need = gpu.needed_bytes(n_cells, **sizes)
    gpu.require_memory(need, gpu.card()["free_gb"] * 1e9)
    return round(need / 1e9, 2)


def main(input, output, params):
    """Compare, write the table (kept when the run stops), decide what the CPU computes."""
    candidate = active.load("gpu")
    obs = counts.read_obs(input.h5ad)
    need = require_card(len(obs), params.embed)
    cells = choose_cells(obs["sample_id"], params.gpu["parity_cells"], seed=params.seed)
    report = Path(str(params.report))
    sample = read_sample(input.h5ad, cells)
    table = compare(active.load("cpu"), candidate, sample, str(input.markers), params)
    write_table("parity", table, report)
    for row in table[~table["passed"]].itertuples():
        logger.warning("%s: %s is %g, expected %s %g", row.function, row.measure, row.value, row.rule, row.limit)
    record = {"cells": len(cells), "of": len(obs), "needed_gb": need, "on_mismatch": params.gpu["on_mismatch"]}
    record |= {"cpu": decide(table, params.gpu["on_mismatch"]), "rows": parity.records(table)}
    Path(output.json).write_text(json.dumps(record, indent=1), encoding="utf-8")


if "snakemake" in globals():
    step.run(main, snakemake)
