"""Measure memory and time of every rule at several sizes, fit both to the size of its input: resources/demand.tsv.

uv run python benchmarks/speed/demands.py --cells 2000 10000 30000
"""

from __future__ import annotations

import argparse
import ast
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from run import study, workflow  # noqa: E402

from mscape import demand  # noqa: E402

MARGIN_MB = 1.3  # over the largest job measured: other data are denser
MARGIN_TIME = 4.0  # other machines are slower, and share their disks


def measure(folder: Path) -> pd.DataFrame:
    """List the jobs of a finished run: rule, MB of its input, peak memory in MB, wall seconds."""
    rows = []
    for file in sorted((folder / "logs").rglob("*.tsv")):
        job = pd.read_csv(file, sep="\t").iloc[0]
        inputs = ast.literal_eval(job["input_size_mb"])
        size = demand.size_mb(folder / path for path in inputs)
        rows.append({"rule": job["rule_name"], "size_mb": size, "mb": job["max_rss"], "seconds": job["s"]})
    return pd.DataFrame(rows)


def fit(size: np.ndarray, value: np.ndarray) -> tuple[float, float]:
    """Straight line with a slope of at least 0 that no value exceeds: intercept and slope."""
    slope = max(0.0, np.polyfit(size, value, 1)[0]) if np.ptp(size) > 0.2 * size.max() else 0.0
    return float((value - slope * size).max()), float(slope)


def demands(jobs: pd.DataFrame) -> pd.DataFrame:
    """Give each rule its fitted lines with their margins, in the columns of resources/demand.tsv."""
    rows = []
    for rule, group in jobs.groupby("rule"):
        size = group["size_mb"].to_numpy()
        base, slope = fit(size, group["mb"].to_numpy())
        wait, rate = fit(size, group["seconds"].to_numpy() / 60)
        rows.append(
            {
                "rule": rule,
                "base_mb": math.ceil(max(base, 0) * MARGIN_MB / 100) * 100,
                "mb_per_mb": round(slope * MARGIN_MB, 1),
                "base_minutes": math.ceil(max(wait, 0) * MARGIN_TIME) + 5,
                "minutes_per_gb": math.ceil(rate * MARGIN_TIME * 1000),
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    """Run the study at each size, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, nargs="+", default=[2_000, 10_000, 30_000])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--work", type=Path, help="folder to keep the runs in; finished jobs are not run again")
    parser.add_argument("--out", type=Path, default=ROOT / "resources/demand.tsv")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        jobs = []
        for cells in options.cells:
            folder = (options.work or Path(temporary)).absolute() / str(cells)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "study.yaml").write_text(yaml.safe_dump(study(cells)))
            command = workflow(folder, "--benchmark-extended", cores=options.cores)
            subprocess.run(command, check=True)
            jobs.append(measure(folder))
    table = demands(pd.concat(jobs, ignore_index=True))
    table.to_csv(options.out, sep="\t", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
