"""Time the workflow against a plain scanpy script on the same simulated files, in turn.

It writes docs/benchmarks/speed.md.

uv run python benchmarks/speed/run.py --cells 50000 100000 --memory-gb 0.8 --alone 10000 250000 --repeats 3

With --scarf, the Python of an environment that has scarf, its pipeline takes part. The simulated files stay in --data,
so that a further run need not make them again, and so do the measurements (measurements.tsv): sizes that were measured
on another day keep their rows, `--add` adds runs to those of a size, and `--cells` without a size only writes the page.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import psutil
import yaml

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "workflow" / "scripts"))

from page import COLUMNS, PLAIN, SCARF, TO_RESULTS, write_page  # noqa: E402

from mscape.data import counts  # noqa: E402

LOT = 10_000  # cells of a sample
SAME = ("results/speed/speed.h5ad", "results/speed/markers.tsv")  # what the script computes, and what that takes
RUNS = "measurements.tsv"
INPUT = "simulate_study"  # the rule that makes the input of all, once


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
        rows.append({"rule": file.relative_to(folder / "logs").parts[0], **table.iloc[0][["s", "max_rss"]]})
    table = pd.DataFrame(rows).groupby("rule").agg(jobs=("s", "size"), wall_s=("s", "sum"), peak_mb=("max_rss", "max"))
    return table.drop(INPUT, errors="ignore")


def arms(folder: Path, files: list[Path], cells: int, options: argparse.Namespace) -> dict[str, list[str]]:
    """Name and command of what is run in turn at a size."""
    ours = workflow(folder, cores=options.cores)
    found = {"mscape": ours}
    if cells not in options.cells:
        return found
    found[TO_RESULTS] = workflow(folder, *SAME, cores=options.cores)
    if options.memory_gb:
        found[f"mscape, memory_gb: {options.memory_gb:g}"] = [*ours, "--config", f"memory_gb={options.memory_gb:g}"]
    own = Path(__file__).parent
    found[PLAIN] = [sys.executable, str(own / "scanpy_script.py"), str(folder / "plain.h5ad"), *map(str, files)]
    if options.scarf:
        joined = folder / "joined.h5ad"
        if not joined.exists() or joined.stat().st_mtime < max(file.stat().st_mtime for file in files):
            join(files, joined)
        found[SCARF] = [
            str(options.scarf),
            str(own / "scarf_script.py"),
            str(joined),
            str(folder / "scarf.zarr"),
            str(options.cores),
        ]
    return found


def join(files: list[Path], out: Path) -> None:
    """Write the samples as one uncompressed file that scarf can read: text as plain strings."""
    import anndata
    import hdf5plugin  # noqa: F401  the simulated files are zstd-compressed

    samples = {file.parent.name: anndata.read_h5ad(file) for file in files}
    bare = {name: anndata.AnnData(one.X, obs=one.obs[[]], var=one.var[[]]) for name, one in samples.items()}
    whole = anndata.concat(bare, index_unique="-")
    with anndata.settings.override(allow_write_nullable_strings=False):
        whole.write_h5ad(out)


def measure_size(cells: int, options: argparse.Namespace) -> None:
    """Simulate a study where that is not done, run all arms in turn, and keep a row for each run."""
    folder = options.data.absolute() / str(cells)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(study(cells)))
    samples = [lot["sample_id"] for lot in study(cells)["datasets"]["speed"]["simulate"]["lots"]]
    files = [folder / f"data/speed/{sample}/simulated.h5ad" for sample in samples]
    log = folder / "run.log"
    measure(workflow(folder, *(str(f.relative_to(folder)) for f in files), cores=options.cores), log)  # input of all
    runs = read_runs(options.data)
    if not options.add:  # the old runs of this size go when the first new one is there
        runs = runs[runs["cells"] != cells]
    turns = runs.loc[runs["cells"] == cells, "turn"]
    begun = 0 if turns.empty else int(turns.max())
    for turn in range(begun + 1, begun + 1 + options.repeats):
        for what, command in arms(folder, files, cells, options).items():
            if what.startswith("mscape"):
                for old in (folder / "results", *(set((folder / "logs").glob("*")) - {folder / "logs" / INPUT})):
                    shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
            row = {"cells": cells, "turn": turn, "what": what, **measure(command, log)}
            runs = pd.concat([runs, pd.DataFrame([row])], ignore_index=True)
            runs.to_csv(options.data / RUNS, sep="\t", index=False)
            if what == "mscape":
                stages(folder).to_csv(folder / "stages.tsv", sep="\t")
            if what == PLAIN:
                agreement(folder, files).to_csv(folder / "agreement.tsv", sep="\t", index=False)


def read_runs(data: Path) -> pd.DataFrame:
    """Read the runs that are kept: one row each, in their order."""
    kept = data / RUNS
    return pd.read_csv(kept, sep="\t") if kept.exists() else pd.DataFrame(columns=["cells", "turn", "what", *COLUMNS])


def agreement(folder: Path, files: list[Path]) -> pd.DataFrame:
    """Hold both results against the simulated truth, on the cells that both keep.

    Returns
    -------
    Columns ``what clusters ari doublet_auprc``: number of clusters of the MSC singlets that the workflow clusters,
    their adjusted Rand index with the implanted states, and the area under the precision-recall curve of the doublets.
    """
    import anndata
    from sklearn.metrics import adjusted_rand_score, average_precision_score

    truth = pd.concat([pd.read_parquet(file.with_name("truth.parquet")) for file in files])
    truth.index = truth["sample_id"] + "_" + truth["barcode"]
    ours = counts.read_obs(folder / SAME[0])
    plain = anndata.read_h5ad(folder / "plain.h5ad", backed="r").obs
    plain.index = [
        f"{Path(file).parent.name}_{cell.removesuffix(f'-{file}')}"
        for cell, file in zip(plain.index, plain["sample"].astype(str), strict=True)
    ]
    both = ours.index.intersection(plain.index)
    truth = truth.loc[both]
    states = ~truth["is_doublet"] & (truth["cell_type"] == "MSC") & (ours.loc[both, "leiden"].astype(str) != "")
    rows = []
    for what, obs in (("mscape", ours.loc[both]), (PLAIN, plain.loc[both])):
        found = obs.loc[states, "leiden"].astype(str)
        ari = adjusted_rand_score(truth.loc[states, "state"], found)
        auprc = average_precision_score(truth["is_doublet"], obs["doublet_score"].fillna(0))
        rows.append({"what": what, "clusters": found.nunique(), "ari": ari, "doublet_auprc": auprc})
    return pd.DataFrame(rows)


def main() -> None:
    """Run everything in turn at each size and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, nargs="*", default=[10_000])
    parser.add_argument("--alone", type=int, nargs="*", default=[], help="sizes at which only the workflow is run")
    parser.add_argument("--memory-gb", type=float, help="run the workflow also with this setting")
    parser.add_argument("--scarf", type=Path, help="Python of an environment with scarf")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--add", action="store_true", help="keep the runs that a size has, and add to them")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--data", type=Path, default=Path("speed"))
    parser.add_argument("--out", type=Path, default=ROOT / "docs/benchmarks/speed.md")
    options = parser.parse_args()
    for cells in [*options.cells, *options.alone]:
        measure_size(cells, options)
    write_page(read_runs(options.data), options.data, options.out, cores=options.cores)


if __name__ == "__main__":
    main()
