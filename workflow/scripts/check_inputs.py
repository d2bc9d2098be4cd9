"""Check every sample of every dataset before any work, and list all that is wrong with cause and next step."""

import logging
import shutil
import sys
import tempfile
from pathlib import Path

import pandas as pd

from mscape.checks.study import LONGEST, check_study, describe, genes_of_gate
from mscape.clustering.annotations import BARCODE, SAMPLE
from mscape.data import yaml_file
from mscape.data.reference_table import read_reference
from mscape.data.table_io import write_table
from mscape.errors import UserError
from mscape.run import resources, step
from mscape.run.sheet import read_rows

logger = logging.getLogger("mscape")


def estimate(sizes: dict, measured: dict, *, cores: int, memory_gb: float | None, free_gb: float) -> tuple:
    """Estimate time, memory and disk of the run, and say what will not fit.

    Parameters
    ----------
    sizes
        Dataset -> sample -> counts that are not zero.
    measured
        See ``mscape.run.resources.read``.
    cores, memory_gb, free_gb
        Of the run: cores, the limit of the config (None: no limit), free disk.

    Returns
    -------
    table
        See ``mscape.run.resources.forecast``.
    said
        The longest rules and the whole, in lines for the terminal.
    faults
        What is too large, in sentences.
    """
    table = pd.DataFrame(resources.estimate(measured, sizes, cores=cores))
    whole = table.iloc[-1]
    longest = table.iloc[:-1].sort_values("minutes", ascending=False).head(LONGEST)
    lines = [f"  about {whole.minutes:.0f} min on {cores} cores, {whole.disk_gb:.1f} GB of disk, by measured runs:"]
    lines += [f"    {row.rule:<18} {row.minutes:6.1f} min {row.memory_gb:6.1f} GB" for row in longest.itertuples()]
    faults = []
    large = table.iloc[:-1][table["memory_gb"].iloc[:-1] > (memory_gb or float("inf"))]
    if len(large):
        needs = ", ".join(f"{row.rule} {row.memory_gb:.1f} GB" for row in large.itertuples())
        faults.append(
            f"memory_gb is {memory_gb:g}, but these steps need more: {needs}. Raise it, or split the dataset."
        )
    if whole.disk_gb > free_gb:
        faults.append(
            f"{whole.disk_gb:.1f} GB of disk will be written and {free_gb:.1f} GB are free. Make room, or choose "
            "another folder with --directory."
        )
    return table, "\n".join(lines), faults


def read_labels(path: str) -> pd.DataFrame | UserError:
    """Read a user's own labels of cells, or say why they cannot be read."""
    try:
        return read_rows(Path(path), keys=(BARCODE, SAMPLE))
    except UserError as error:
        return error


def main(input, output, params):
    """Write the table of findings and the forecast; stop with all errors if there are any.

    ``params``: ``samples`` (see ``check_study``), ``labels`` (dataset -> path of its own labels), ``simulated`` (sizes
    of the simulated ones), ``report`` and ``forecast`` (paths of the tables, which are kept when the check fails),
    ``cores``, ``memory_gb``.
    ``output.done`` is written only if there is no error.
    """
    known = read_reference(input.genes)
    markers = yaml_file.read(Path(input.markers))
    panel = genes_of_gate(markers)
    report = Path(str(params.report))
    report.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".check-", dir=report.parent) as scratch:
        labels = {dataset: read_labels(path) for dataset, path in params.labels.items()}
        table, sizes = check_study(params.samples, known, panel, scratch=Path(scratch), labels=labels)
    write_table("check", table, report)
    estimated, faults = "", []
    if sizes := sizes | params.simulated:
        forecast, estimated, faults = estimate(
            sizes,
            resources.read(input.demand),
            cores=params.cores,
            memory_gb=params.memory_gb,
            free_gb=shutil.disk_usage(report.parent).free / 1e9,
        )
        write_table("forecast", forecast, params.forecast)
    n_errors, n_warnings = (int((table["level"] == level).sum()) for level in ("error", "warning"))
    summary = f"{len(params.samples)} samples: {n_errors} errors, {n_warnings} warnings; all in {report}"
    said = "\n".join(part for part in (describe(table), estimated) if part)
    if n_errors or faults:
        msg = "\n".join([summary, said, *(f"  error: {fault}" for fault in faults)])
        raise UserError(msg)
    sys.stderr.write(f"\nmscape check: {summary}\n{said}\n")
    Path(str(output.done)).write_text(summary + "\n", encoding="utf-8")


if "snakemake" in globals():
    step.run(main, snakemake)
