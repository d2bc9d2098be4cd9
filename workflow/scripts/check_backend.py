"""Make sure that the GPU of `backend: gpu` can be used before any work, and record which one it is."""

import json
from pathlib import Path

from mscape.backends import gpu
from mscape.run import step


def main(input, output, params):
    """Load RAPIDS and write what the card is; a missing package or card stops the run in one sentence."""
    gpu.load()
    Path(output.json).write_text(json.dumps(gpu.card(), indent=1), encoding="utf-8")


if "snakemake" in globals():
    step.run(main, snakemake)
