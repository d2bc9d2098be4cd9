"""Time the workflow against a plain scanpy script on the same simulated files, in turn, and write docs/speed.md.

uv run python benchmarks/speed/run.py --cells 10000 50000 --repeats 3
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pandas as pd
import psutil
import yaml

ROOT = Path(__file__).parents[2]
LOT = 10_000  # cells of a sample


def study(cells: int) -> dict:
    """Describe a simulated study of about this many cells in samples of at most 10,000."""
    count = max(2, -(-cells // LOT))
    tissues = ["bone marrow", "umbilical cord"]
    lots = [
        {"sample_id": f"S{i}", "donor_id": f"D{i}", "tissue": tissues[i % 2], "sex": "female", "passage": 3}
        for i in range(count)
    ]
    lots[-1]["contamination"] = {"T cell": 0.04, "monocyte": 0.03, "endothelial": 0.03}
    return {
        "title": f"Speed, {cells} cells (simulated)",
        "datasets": {"speed": {"culture": "expanded", "simulate": {"seed": 1, "cells": cells // count, "lots": lots}}},
    }


def workflow(folder: Path, *targets: str, cores: int) -> list[str]:
    """Command that runs the workflow in a folder."""
    base = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--directory", str(folder)]
    return [*base, "--configfile", str(folder / "study.yaml"), "--cores", str(cores), *targets]


def measure(command: list[str], log: Path) -> dict[str, float]:
    """Run a command; wall and CPU seconds, and the peak of the summed memory of its process tree in GB."""
    start, cpu = time.monotonic(), os.times()
    with log.open("a") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        peak = {"tree_gb": 0.0, "single_gb": 0.0}
        watch = threading.Thread(target=_watch, args=(psutil.Process(process.pid), peak), daemon=True)
        watch.start()
        status = process.wait()
        watch.join()
    if status:
        last = "\n".join(log.read_text().splitlines()[-15:])
        sys.exit(f"{' '.join(command)} ended with {status}:\n{last}")
    now = os.times()
    used = now.children_user + now.children_system - cpu.children_user - cpu.children_system
    return {"wall_s": time.monotonic() - start, "cpu_s": used, **peak}


def _watch(root: psutil.Process, peak: dict[str, float]) -> None:
    while root.is_running() and root.status() != psutil.STATUS_ZOMBIE:
        sizes = []
        try:
            for process in (root, *root.children(recursive=True)):
                sizes.append(process.memory_info().rss)
        except psutil.NoSuchProcess:
            continue
        peak["tree_gb"] = max(peak["tree_gb"], sum(sizes) / 1e9)
        peak["single_gb"] = max(peak["single_gb"], max(sizes) / 1e9)
        time.sleep(0.2)


def stages(folder: Path) -> pd.DataFrame:
    """Seconds and memory of each rule, from Snakemake's own benchmark files, summed over samples."""
    rows = []
    for file in sorted((folder / "logs").glob("*/**/*.tsv")):
        table = pd.read_csv(file, sep="\t")
        rows.append({"rule": file.relative_to(folder / "logs").parts[0], **table.iloc[0][["s", "cpu_time", "max_rss"]]})
    table = pd.DataFrame(rows)
    return table.groupby("rule").agg(
        jobs=("s", "size"), wall_s=("s", "sum"), cpu_s=("cpu_time", "sum"), peak_mb=("max_rss", "max")
    )


def main() -> None:
    """Run both in turn at each size and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, nargs="+", default=[10_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "docs/speed.md")
    options = parser.parse_args()
    rows, by_stage = [], {}
    for cells in options.cells:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            (folder / "study.yaml").write_text(yaml.safe_dump(study(cells)))
            samples = [lot["sample_id"] for lot in study(cells)["datasets"]["speed"]["simulate"]["lots"]]
            files = [f"data/speed/{sample}/simulated.h5ad" for sample in samples]
            log = folder / "run.log"
            measure(workflow(folder, *files, cores=options.cores), log)  # the input of both; not counted
            for _ in range(options.repeats):
                for name in ("results", "logs"):
                    shutil.rmtree(folder / name, ignore_errors=True)
                ours = measure(workflow(folder, cores=options.cores), log)
                plain = [sys.executable, str(Path(__file__).with_name("scanpy_script.py")), str(folder / "plain.h5ad")]
                theirs = measure([*plain, *(str(folder / file) for file in files)], log)
                rows += [
                    {"cells": cells, "what": "mscape", **ours},
                    {"cells": cells, "what": "scanpy script", **theirs},
                ]
            by_stage[cells] = stages(folder)
    options.out.write_text(page(pd.DataFrame(rows), by_stage, options), encoding="utf-8")


def page(rows: pd.DataFrame, by_stage: dict[int, pd.DataFrame], options: argparse.Namespace) -> str:
    """Write the figures as Markdown: medians, and the ratio of each pair."""
    lines = [
        "# Speed",
        "",
        f"Written by `uv run python benchmarks/speed/run.py --cells {' '.join(map(str, options.cells))} --repeats "
        f"{options.repeats} --cores {options.cores}` on {datetime.datetime.now(tz=datetime.UTC).date()}; "
        f"{os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, Python {platform.python_version()}, "
        f"scanpy {importlib.metadata.version('scanpy')}. Simulated cells. The workflow does more: gate, "
        "cluster stability, calibrated scores, donor statistics, passports, report. Memory is the peak of the summed "
        "resident memory of the process tree. Medians; ratios pair by pair.",
        "",
        "| cells | what | wall s | CPU s | peak GB | largest process GB |",
        "|---|---|---|---|---|---|",
    ]
    columns = ["wall_s", "cpu_s", "tree_gb", "single_gb"]
    for cells, group in rows.groupby("cells"):
        pair = {what: part[columns].reset_index(drop=True) for what, part in group.groupby("what")}
        for what, part in pair.items():
            lines.append(f"| {cells:,} | {what} | " + " | ".join(f"{value:.3g}" for value in part.median()) + " |")
        ratio = pair["mscape"] / pair["scanpy script"]
        values = " | ".join(
            f"{statistics.median(ratio[c]):.2f} ({ratio[c].min():.2f}-{ratio[c].max():.2f})" for c in columns
        )
        lines.append(f"| {cells:,} | ratio | {values} |")
    for cells, table in by_stage.items():
        lines += [
            "",
            f"## Rules at {cells:,} cells (last run; jobs summed)",
            "",
            "| rule | jobs | wall s | CPU s | peak MB |",
        ]
        lines += ["|---|---|---|---|---|"]
        for rule, row in table.sort_values("wall_s", ascending=False).iterrows():
            lines.append(
                f"| `{rule}` | {row['jobs']:.0f} | {row['wall_s']:.1f} | {row['cpu_s']:.1f} | {row['peak_mb']:.0f} |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
