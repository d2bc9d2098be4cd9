r"""Read memory and time of every rule from finished runs of several sizes: resources/rule_resources.tsv.

uv run python benchmarks/speed/run.py --cells --alone 2000 10000 100000 250000 --repeats 1 --data speed \
    --out speed/page.md
uv run python benchmarks/speed/demands.py speed/2000 speed/10000 speed/100000 speed/250000
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from run import workflow  # noqa: E402

from mscape.run import resources  # noqa: E402

APART = 1.2  # sizes nearer than this factor count as one
LEAST_MB = 200  # Python with pandas; the memory of a job of less than a second is read before it has that


def measure(folder: Path, summary: str) -> pd.DataFrame:
    """List the jobs of a finished run.

    Parameters
    ----------
    folder
        Of the run.
    summary
        What ``snakemake --detailed-summary`` says of it.

    Returns
    -------
    One row a job: ``rule``, ``per`` (sample, dataset or study), ``unit`` (which), MB that it reads and writes, MB of
    the unit's counts, peak memory in MB, wall seconds.
    """
    rows = []
    for (rule, log), files in pd.read_csv(io.StringIO(summary), sep="\t").groupby(["rule", "log-file(s)"]):
        benchmark = folder / Path(log).with_suffix(".tsv")
        if not benchmark.exists():  # a step that runs in Snakemake itself has no data in memory
            continue
        job = pd.read_csv(benchmark, sep="\t").iloc[0]
        dataset, sample, *_ = [*(part.split(".")[0] for part in Path(log).parts[2:]), "", ""]
        counts = f"samples/{sample}/raw.h5ad" if sample else "counts.h5ad"
        read = {path for paths in files["input-file(s)"].dropna() for path in paths.split(",")}
        rows.append(
            {
                "rule": rule,
                "per": "sample" if sample else "dataset" if dataset else "study",
                "unit": f"{dataset}/{sample}",
                "read_mb": resources.size_mb(folder / path for path in read),
                "written_mb": resources.size_mb(folder / path for path in files["output_file"]),
                "counts_mb": resources.size_mb(folder.glob(f"results/{dataset or '*'}/{counts}")),
                "mb": max(job["max_rss"], LEAST_MB),
                "seconds": job["s"],
            }
        )
    return pd.DataFrame(rows)


def points(jobs: pd.DataFrame) -> pd.DataFrame:
    """Give the largest size, memory and time of a rule in each run, where the sizes differ; nothing falls."""
    largest = jobs.groupby("run")[["read_mb", "mb", "seconds"]].max().sort_values("read_mb").cummax()
    group = (largest["read_mb"] > APART * largest["read_mb"].shift(fill_value=0)).cumsum()
    return largest.groupby(group).max()


def demands(jobs: pd.DataFrame) -> pd.DataFrame:
    """Make the table, a row a rule and size; its columns are those of ``mscape.run.resources.Demand``."""
    rows = []
    for rule, group in jobs.groupby("rule"):
        number = len(group) / group.groupby(["run", "unit"]).ngroups
        largest = group[group["counts_mb"] == group["counts_mb"].max()]
        rows += [
            {
                "rule": rule,
                "per": group["per"].iloc[0],
                "jobs": round(number, 2),
                "read_share": round((largest["read_mb"] / largest["counts_mb"]).mean(), 3),
                "written_share": round((largest["written_mb"] / largest["counts_mb"]).mean(), 3),
                "size_mb": round(point["read_mb"], 2),
                "peak_mb": round(point["mb"]),
                "elapsed": round(point["seconds"], 1),
            }
            for _, point in points(group).iterrows()
        ]
    return pd.DataFrame(rows)


def main() -> None:
    """Read the runs, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", help="folders of finished runs, each with its study.yaml")
    parser.add_argument("--out", type=Path, default=ROOT / "resources/rule_resources.tsv")
    options = parser.parse_args()
    jobs = []
    for folder in options.runs:
        command = workflow(folder.absolute(), "--detailed-summary", cores=1)
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        jobs.append(measure(folder, said).assign(run=str(folder)))
    table = demands(pd.concat(jobs, ignore_index=True))
    table.to_csv(options.out, sep="\t", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
