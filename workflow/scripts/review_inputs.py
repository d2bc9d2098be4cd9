"""Review what was read of all samples of a dataset before any work on it: errors stop, warnings are kept."""

from pathlib import Path

from mscape.checks import inspect, study
from mscape.data import counts, yaml_file
from mscape.data.table_io import write_table
from mscape.errors import UserError
from mscape.run.step import run


def read_facts(path: Path, sample: str) -> tuple[inspect.Facts, str]:
    """Read what load_counts saw of a sample, and the path that it read."""
    light = counts.read_light(path)
    notes = light.uns["mscape"]["load_counts"]
    barcodes = light.obs_names.str.removeprefix(f"{sample}_").to_numpy(dtype=object)
    return inspect.unpack(notes["facts"], genes=light.var_names, barcodes=barcodes), str(notes["path"])


def main(input, output, params):
    """Write ``output.findings`` and ``output.inputs``; stop with every error of every sample.

    ``params``: ``rows`` of the sheet, ``dataset``, ``organism``.
    """
    rows = {row["sample_id"]: row for row in params.rows}
    read = {sample: read_facts(Path(path), sample) for sample, path in zip(rows, input.raw, strict=True)}
    facts = {sample: one for sample, (one, _) in read.items()}
    panel = study.genes_of_gate(yaml_file.read(Path(input.markers)))
    findings = study.review(facts, rows, dataset=params.dataset, organism=params.organism, panel=panel)
    reading = study.describe_reading(facts, {sample: path for sample, (_, path) in read.items()})
    write_table("findings", findings, output.findings)
    write_table("inputs", reading, output.inputs)
    errors = findings[findings["level"] == "error"]
    if len(errors):
        said = study.describe(errors)
        msg = f"{len(errors)} error{'s' * (len(errors) > 1)} in what was read of {params.dataset}:\n{said}"
        raise UserError(msg)


if "snakemake" in globals():
    run(main, snakemake)
