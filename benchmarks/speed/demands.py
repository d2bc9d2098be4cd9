"""Measure memory and time of every rule at several sizes, fit both to the size of its input: resources/demand.tsv.

uv run python benchmarks/speed/demands.py --cells 2000 10000 30000
"""

from __future__ import annotations

import argparse
import ast
import io
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


def measure(folder: Path, summary: str) -> pd.DataFrame:
    """List the jobs of a finished run.

    Parameters
    ----------
    folder
        Of the run, whose benchmark files were written with ``--benchmark-extended``.
    summary
        What ``snakemake --summary`` says of it.

    Returns
    -------
    One row a job: ``rule``, ``per`` (sample, dataset or study), ``unit`` (which), MB that it reads and its rule writes
    for that unit, MB of the unit's counts, peak memory in MB, wall seconds.
    """
    made = pd.read_csv(io.StringIO(summary), sep="\t").groupby("rule")["output_file"].agg(list)
    rows = []
    for file in sorted((folder / "logs").rglob("*.tsv")):
        job = pd.read_csv(file, sep="\t").iloc[0]
        rule, wildcards = job["rule_name"], ast.literal_eval(str(job["wildcards"]))
        dataset, sample = wildcards.get("dataset", "*"), wildcards.get("sample")
        per = "sample" if sample else "dataset" if dataset != "*" else "study"
        counts = f"samples/{sample}/raw.h5ad" if sample else "counts.h5ad"
        written = [path for path in made[rule] if sample is None or f"/{sample}/" in path]
        rows.append(
            {
                "rule": rule,
                "per": per,
                "unit": f"{dataset}/{sample}",
                "read_mb": demand.size_mb(folder / path for path in ast.literal_eval(job["input_size_mb"])),
                "written_mb": demand.size_mb(folder / path for path in written),
                "counts_mb": demand.size_mb(folder.glob(f"results/{dataset}/{counts}")),
                "mb": job["max_rss"],
                "seconds": job["s"],
            }
        )
    return pd.DataFrame(rows)


def fit(size: np.ndarray, value: np.ndarray) -> tuple[float, float]:
    """Straight line with a slope of at least 0 that no value exceeds: intercept and slope."""
    slope = max(0.0, np.polyfit(size, value, 1)[0]) if np.ptp(size) > 0.2 * size.max() else 0.0
    return max(0.0, float((value - slope * size).max())), float(slope)


def demands(jobs: pd.DataFrame) -> pd.DataFrame:
    """Fit each rule; the columns are those of ``mscape.demand.Demand``, the shares those of the largest run."""
    rows = []
    for rule, group in jobs.groupby("rule"):
        base_mb, mb_per_mb = fit(group["read_mb"].to_numpy(), group["mb"].to_numpy())
        base_seconds, seconds_per_mb = fit(group["read_mb"].to_numpy(), group["seconds"].to_numpy())
        number = len(group) / group.groupby(["cells", "unit"]).ngroups
        largest = group[group["counts_mb"] == group["counts_mb"].max()]
        rows.append(
            {
                "rule": rule,
                "per": group["per"].iloc[0],
                "jobs": round(number, 2),
                "base_mb": math.ceil(base_mb),
                "mb_per_mb": round(mb_per_mb, 2),
                "base_seconds": round(base_seconds, 1),
                "seconds_per_mb": round(seconds_per_mb, 4),
                "read_share": round((largest["read_mb"] / largest["counts_mb"]).mean(), 3),
                "written_share": round((largest["written_mb"] / largest["counts_mb"]).mean() / number, 3),
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
            subprocess.run(workflow(folder, "--benchmark-extended", cores=options.cores), check=True)
            summary = workflow(folder, "--summary", cores=options.cores)
            said = subprocess.run(summary, check=True, capture_output=True, text=True).stdout
            jobs.append(measure(folder, said).assign(cells=cells))
    table = demands(pd.concat(jobs, ignore_index=True))
    table.to_csv(options.out, sep="\t", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
