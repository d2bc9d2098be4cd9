"""Hold the GPU against the CPU reference on a sample of the user's own cells, before the GPU computes anything else."""

import json
import logging
import tempfile
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd

import embed_cells
import gate_msc
import score_signatures
from mscape import parity
from mscape.backends import active, gpu
from mscape.backends.contract import Backend
from mscape.data import counts
from mscape.embedding import highly_variable_genes, integration
from mscape.errors import UserError
from mscape.run import step

logger = logging.getLogger("mscape.check_parity")

STEPS = {  # module -> section of its settings, and its outputs besides the h5ad
    embed_cells: ("embed", ()),
    gate_msc: ("gate", ("table", "contaminants", "hidden")),
    score_signatures: ("score", ("table", "summary", "confounders", "lots", "genes")),
}
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


def write_sample(source: str, target: Path, cells: np.ndarray) -> None:
    """Copy some cells of a whole stage file, with everything that belongs to its genes and to the dataset."""
    shell = counts.read_light(source)
    keep = np.zeros(shell.n_obs, dtype=bool)
    keep[cells] = True
    parts = (block[keep[start:stop]] for start, stop, block in counts.blocks(source) if keep[start:stop].any())
    counts.append(target, parts, obs=shell.obs[keep], var=shell.var, varm=dict(shell.varm), uns=dict(shell.uns))


def compare(reference: Backend, candidate: Backend, source: Path, folder: Path, files: dict, params) -> pd.DataFrame:
    """Compare both on a sample: each function on the same input, then the gate's calls and the scores as steps.

    Parameters
    ----------
    reference, candidate
        The backends.
    source
        Counts of the sample, a whole stage file.
    folder
        For what the steps write.
    files
        The other inputs of the steps: ``markers panel_files signature_files``.
    params
        Params of the rule.

    Returns
    -------
    One row a measure, columns ``parity.COLUMNS``.
    """
    obs = counts.read_obs(source)

    def run(step_module: ModuleType, where: Backend, **inputs: Path | str) -> Path:
        return run_step(step_module, where, folder, inputs | files, params)

    embedding_file = run(embed_cells, reference, h5ad=source, gate="")
    light = counts.read_light(embedding_file)
    genes = np.asarray(light.uns["mscape"]["embed_cells"]["highly_variable_genes"]).astype(str)
    everything = np.ones(len(obs), dtype=bool)
    X = highly_variable_genes.log_columns(source, genes, cells=everything, totals=counts.row_sums(source))
    key, _ = integration.choose_batch(obs, batch_key=params.embed["batch_key"])
    sample = parity.Sample(
        X=X,
        embedded=light,
        batch=obs[key] if key else None,
        n_neighbors=params.embed["n_neighbors"],
        resolutions=RESOLUTIONS,
    )
    tables = [parity.compare(reference, candidate, sample, seed=params.seed)]
    both = reference, candidate
    gates = [run(gate_msc, one, h5ad=source, embedding=embedding_file) for one in both]
    calls = [counts.read_obs(gate)["isct_call"] for gate in gates]
    tables.append(parity.rows("pooled", parity.compare_calls(*calls)))
    scored = [counts.read_light(run(score_signatures, one, h5ad=source, gate=gates[0])).obsm for one in both]
    for key in SCORES:
        expected, found = (frames[key].dropna(axis=1) for frames in scored)
        tables.append(parity.rows("scores", parity.compare_scores(expected, found), of=key))
    return pd.concat(tables, ignore_index=True)


def run_step(step_module: ModuleType, where: Backend, folder: Path, inputs: dict, params) -> Path:
    """Run a step's ``main`` on a backend; gives the h5ad that it writes into a new folder."""
    section, tables = STEPS[step_module]
    target = Path(tempfile.mkdtemp(prefix=f"{step_module.__name__}-", dir=folder))
    output = {"h5ad": target / "result.h5ad"} | {name: target / f"{name}.tsv" for name in tables}
    given = vars(params) | {"settings": getattr(params, section), "scope": "all"}
    with active.using(where):
        step_module.main(SimpleNamespace(**inputs), SimpleNamespace(**output), SimpleNamespace(**given))
    return output["h5ad"]


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
    files = {name: getattr(input, name) for name in ("markers", "panel_files", "signature_files")}
    with tempfile.TemporaryDirectory(prefix=".parity-", dir=report.parent) as scratch:
        source = Path(scratch) / "counts.h5ad"
        write_sample(input.h5ad, source, cells)
        table = compare(active.load("cpu"), candidate, source, Path(scratch), files, params)
    table.to_csv(report, sep="\t", index=False, float_format="%.6g")
    for row in table[~table["passed"]].itertuples():
        logger.warning("%s: %s is %g, expected %s %g", row.function, row.measure, row.value, row.rule, row.limit)
    record = {"cells": len(cells), "of": len(obs), "needed_gb": need, "on_mismatch": params.gpu["on_mismatch"]}
    record |= {"cpu": decide(table, params.gpu["on_mismatch"]), "rows": parity.records(table)}
    Path(output.json).write_text(json.dumps(record, indent=1), encoding="utf-8")


if "snakemake" in globals():
    step.run(main, snakemake)
