"""Doublets and ambient RNA: how well they are found, and how fast, beside scanpy's Scrublet, paired in one run.

Simulated lots come from the built-in simulator (the default study, all its lots at the same size, and one large impure
lot for the time); genotype doublets are those of sc_mixology (GSE118767), and real cells are summed in pairs, if the
folder of real data is there. Run from the repository:

    python benchmarks/quality/run.py --write
"""

import argparse
import os
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import scipy.sparse as sp
import yaml
from anndata import AnnData, read_h5ad
from sklearn.metrics import average_precision_score
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

import qc_cells  # noqa: E402
import simulate_study  # noqa: E402
from mscape.data.schema import load_schema  # noqa: E402
from mscape.quality import doublets  # noqa: E402
from mscape.run import config  # noqa: E402

REAL = Path(os.environ.get("MSCAPE_SHARED_DATA", ROOT.parent / "shared" / "data"))
DOCUMENT = ROOT / "docs" / "benchmarks" / "quality.md"
SUMMED = (  # real cells, share of doublets made of them, their counts relative to the mean of the two cells
    ("pbmc3k_labelled2638", 0.06, (2.0, 2.0)),
    ("pbmc3k_labelled2638", 0.06, (1.0, 1.0)),
    ("pbmc3k_labelled2638", 0.10, (0.8, 2.0)),
    ("zilionis_lung300", 0.10, (1.0, 2.0)),
    ("pollen_celllines299", 0.10, (1.0, 1.0)),
)
MARK = "<!-- benchmarks/quality/run.py -->"


def study(cells: int) -> dict:
    """Resolve the default study with so many cells a lot."""
    given = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    simulate = given["datasets"]["demo"]["simulate"]
    simulate["cells"] = cells
    for lot in simulate["lots"]:
        lot.pop("cells", None)
    schema = load_schema(ROOT / "workflow/schemas/config.schema.yaml")
    return config.resolve(given, schema, folder=ROOT / "config")["datasets"]["demo"]


def simulate(folder: Path, lot: str, cells: int) -> tuple[Path, pd.DataFrame, dict]:
    """Draw a lot; return its file, its truth and the study's settings."""
    settings = study(cells)
    target = folder / f"{lot}.{cells}.h5ad"
    truth = folder / f"{lot}.{cells}.parquet"
    files = SimpleNamespace(markers=ROOT / "resources/markers.yaml", genes=ROOT / "resources/genes.tsv")
    params = SimpleNamespace(settings=settings["simulate"], sample=lot, dataset="demo")
    simulate_study.main(files, SimpleNamespace(h5ad=target, truth=truth), params)
    return target, pd.read_parquet(truth), settings


def time_it(function, *args, **options):
    """Return the result and the CPU seconds of a call."""
    start = time.process_time()
    result = function(*args, **options)
    return result, time.process_time() - start


def run_scrublet(matrix: sp.csr_matrix, *, seed: int) -> np.ndarray:
    """Score with scanpy's defaults."""
    import scanpy as sc

    adata = AnnData(matrix.astype(np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library under comparison
        sc.pp.scrublet(adata, random_state=seed)
    return np.nan_to_num(adata.obs["doublet_score"].to_numpy())


def compare(name: str, matrix: sp.csr_matrix, truth: np.ndarray, *, seeds: int) -> dict:
    """Score one sample with both methods, with several draws of pairs; means over the draws, CPU seconds of one."""
    own = [time_it(doublets.find_doublets, matrix, seed=seed) for seed in range(seeds)]
    theirs = [time_it(run_scrublet, matrix, seed=seed) for seed in range(seeds)]
    precision = [average_precision_score(truth, found.score) for found, _ in own]
    return {
        "sample": name,
        "cells": matrix.shape[0],
        "doublets": int(truth.sum()),
        "AUPRC": float(np.mean(precision)),
        "SD": float(np.std(precision)),
        "AUPRC Scrublet": float(np.mean([average_precision_score(truth, score) for score, _ in theirs])),
        "CPU s": min(seconds for _, seconds in own),
        "CPU s Scrublet": min(seconds for _, seconds in theirs),
        "called": float(np.mean([found.called.sum() for found, _ in own])),
        "of these true": float(np.mean([(found.called & truth).sum() for found, _ in own])),
    }


def sum_pairs(
    matrix: sp.csr_matrix, *, share: float, depth: tuple[float, float], seed: int
) -> tuple[sp.csr_matrix, np.ndarray]:
    """Make doublets of real cells: pairs are taken out of a sample and put back as their sums.

    Parameters
    ----------
    matrix
        Counts of single cells.
    share
        Of doublets in the result.
    depth
        Range of a doublet's counts relative to the mean of its two cells (2: their sum); it is thinned to a
        random one, since a droplet does not always hold the counts of two cells.
    seed
        Chooses the pairs.
    """
    rng = np.random.default_rng(seed)
    n_doublets = round(share * matrix.shape[0] / (1 + share))
    order = rng.permutation(matrix.shape[0])
    first, second, single = order[:n_doublets], order[n_doublets : 2 * n_doublets], order[2 * n_doublets :]
    sums = (matrix[first] + matrix[second]).tocsr().astype(np.int64)
    kept = rng.uniform(*depth, n_doublets) / 2
    sums.data = rng.binomial(sums.data, np.repeat(kept, np.diff(sums.indptr)))
    sums.eliminate_zeros()
    return sp.vstack([matrix[single], sums]).tocsr().astype(np.int32), np.arange(len(single) + n_doublets) >= len(
        single
    )


def read_simulated(path: Path, truth: pd.DataFrame) -> tuple[sp.csr_matrix, np.ndarray]:
    """Read counts and doublets of the cells that are not damaged: quality control takes the others out before."""
    import hdf5plugin  # noqa: F401  registers the zstd filter

    sound = ~truth["is_damaged"].to_numpy()
    return sp.csr_matrix(read_h5ad(path).X)[sound], truth["is_doublet"].to_numpy()[sound]


def read_mixture(name: str) -> tuple[sp.csr_matrix, np.ndarray]:
    """Read counts and genotype doublets of a sc_mixology sample."""
    adata = read_h5ad(REAL / name / f"{name}.h5ad")
    return sp.csr_matrix(adata.X).astype(np.int32), (adata.obs["demuxlet_cls"] == "DBL").to_numpy()


def compare_ambient(path: Path, truth: pd.DataFrame, settings: dict) -> tuple[float, float]:
    """Return the true and the estimated share of ambient RNA of a lot."""
    sound = np.flatnonzero(~truth["is_damaged"].to_numpy())
    totals = np.asarray(read_simulated(path, truth.assign(is_damaged=False))[0].sum(axis=1)).ravel()
    found = qc_cells.measure_ambient(
        str(path), totals, sound, organism=settings["organism"], markers=ROOT / "resources/markers.yaml"
    )
    return float(truth["ambient_fraction"].iloc[0]), found.fraction


def as_markdown(table: pd.DataFrame) -> str:
    """Table in Markdown, numbers in short."""
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    for row in table.itertuples(index=False):
        lines.append("| " + " | ".join(f"{v:.3g}" if isinstance(v, float) else str(v) for v in row) + " |")
    return "\n".join(lines)


def main():
    """Run the comparison and print it; with ``--write`` put it into the document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=10_000, help="cells of the large lot (default 10,000)")
    parser.add_argument("--small", type=int, default=1000, help="cells of each small lot (default 1,000)")
    parser.add_argument("--draws", type=int, default=5, help="draws of pairs averaged in small samples (default 5)")
    parser.add_argument("--write", action="store_true", help=f"write the tables into {DOCUMENT.relative_to(ROOT)}")
    args = parser.parse_args()
    rows, soup = [], []
    with tempfile.TemporaryDirectory() as name, threadpool_limits(limits={"blas": 1}):
        folder = Path(name)
        run_scrublet(
            sp.random_array((200, 300), density=0.2, rng=0, format="csr").astype(bool).astype(int), seed=0
        )  # compile
        lots = [lot["sample_id"] for lot in study(args.small)["simulate"]["lots"]]
        for lot, cells in [*((lot, args.small) for lot in lots), (lots[-1], args.cells)]:
            path, truth, settings = simulate(folder, lot, cells)
            seeds = args.draws if cells == args.small else 1
            rows.append(compare(f"simulated {lot}", *read_simulated(path, truth), seeds=seeds))
            soup.append((f"{lot}, {cells:,} cells", *compare_ambient(path, truth, settings)))
            print(rows[-1], soup[-1], flush=True)
        for name in ("scmix_sc_celseq2", "scmix_sc_dropseq"):
            if (REAL / name).is_dir():
                rows.append(compare(f"{name}, by genotype", *read_mixture(name), seeds=args.draws))
                print(rows[-1], flush=True)
        for number, (name, share, depth) in enumerate(SUMMED):
            if (REAL / name).is_dir():
                adata = read_h5ad(REAL / name / f"{name}.h5ad")
                made = sum_pairs(sp.csr_matrix(adata.X), share=share, depth=depth, seed=number)
                label = f"{name}, pairs summed to {depth[0]:g}-{depth[1]:g} of a cell"
                rows.append(compare(label, *made, seeds=args.draws))
                print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    soup = pd.DataFrame(soup, columns=["lot", "ambient, true", "estimated"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    large = table[table["cells"] > args.small].iloc[0]
    ratio = large["CPU s"] / large["CPU s Scrublet"]
    text = "\n\n".join(
        [
            as_markdown(table),
            f"Means over {args.draws} draws of pairs, one for the large lot; SD is over the draws. Mean AUPRC: "
            f"{table['AUPRC'].mean():.3f}, Scrublet {table['AUPRC Scrublet'].mean():.3f}. Time of the large lot: "
            f"{ratio:.2f} of Scrublet's (CPU seconds). Peak of the process with both methods: {peak:.1f} GiB.",
            as_markdown(soup.astype(object).where(soup.notna(), "not assessable")),
        ]
    )
    print(text)
    if args.write:
        before, _, after = DOCUMENT.read_text(encoding="utf-8").split(MARK, maxsplit=2)
        DOCUMENT.write_text(f"{before}{MARK}\n\n{text}\n\n{MARK}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
