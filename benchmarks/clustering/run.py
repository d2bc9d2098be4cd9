"""Measure what cluster_cells finds on cells with a known answer, and write the tables of docs/benchmarks/clustering.md.

    python benchmarks/clustering/run.py [--runs 40] [--cases homogeneous,rare] [--data FOLDER]

Each run draws or resamples cells with its own seed and goes through embed_cells and cluster_cells with defaults. Beside
it, Leiden at resolution 1.0 is run, scanpy's default, on the same graph. The real sets are those of GSE118767
(sc_mixology: cell lines, identified by genotype); without them their rows are left as they are.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests" / "support")]

from cluster_cases import draw_counts, find  # noqa: E402
from sklearn.metrics import adjusted_rand_score  # noqa: E402
from threadpoolctl import threadpool_limits  # noqa: E402

from mscape.clustering import leiden_stability  # noqa: E402
from mscape.data import counts  # noqa: E402

RESULTS = Path(__file__).with_name("results.tsv")
PAGE = ROOT / "docs" / "benchmarks" / "clustering.md"
SCMIX = ("scmix_sc_celseq2", "scmix_sc_dropseq")

# Name -> (what it is, largest number of runs, arguments of the simulator)
SIMULATED = {
    "homogeneous": ("one population, a continuous programme, 600 cells", 40, {"n": 600, "axis_sd": 0.5}),
    "homogeneous, 3 donors": (
        "the same in three donors with gene effects (sd 0.4), 600 cells",
        20,
        {"n": 600, "axis_sd": 0.5, "batches": 3, "batch_sd": 0.4},
    ),
    "3 populations": ("60, 30 and 10 %, 1,000 cells", 10, {"n": 1000, "shares": (0.6, 0.3, 0.1)}),
    "3 populations, 3 donors": (
        "the same in three donors with gene effects (sd 0.4)",
        10,
        {"n": 1000, "shares": (0.6, 0.3, 0.1), "batches": 3, "batch_sd": 0.4},
    ),
    "6 populations": ("40 to 5 %, 1,500 cells", 10, {"n": 1500, "shares": (0.4, 0.2, 0.15, 0.1, 0.1, 0.05)}),
    "rare": ("1 %: 100 of 10,000 cells, 50 marker genes", 10, {"n": 10_000, "shares": (0.99, 0.01)}),
}


def read_lines(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Read counts, cell line, singlet flag and gene names of a mixture of cell lines."""
    import anndata

    adata = anndata.read_h5ad(folder / name / f"{name}.h5ad")
    x = adata.X.toarray().astype(np.int32)
    line = adata.obs["cell_line_demuxlet"].astype(str).to_numpy()
    return x, line, (adata.obs["demuxlet_cls"] == "SNG").to_numpy(), adata.var_names.to_numpy().astype(str)


def permute(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Permute each gene over the cells: every gene keeps its distribution, no two go together."""
    return np.column_stack([rng.permutation(column) for column in x.T])


def cases(folder: Path | None, runs: int, wanted: tuple[str, ...]):
    """Yield case, description, seed, counts, truth, batch of the cases whose name begins as wanted."""
    for name, (what, most, options) in SIMULATED.items():
        for seed in range(min(runs, most) if name.startswith(wanted) else 0):
            x, group, batch = draw_counts(genes=2000, seed=seed, **options)
            yield name, what, seed, x, group, batch
    for seed in range(min(runs, 40) if "permuted, simulated".startswith(wanted) else 0):
        x, *_ = draw_counts(n=400, genes=1000, shares=(0.5, 0.5), seed=seed)
        yield (
            "permuted, simulated",
            "two populations, each gene permuted over the cells",
            seed,
            permute(x, np.random.default_rng(seed)),
            np.zeros(400),
            None,
        )
    if folder is None:
        return
    for name in SCMIX:
        x, line, singlet, _ = read_lines(folder, name)
        yield f"{name}, singlets", "three cell lines", 0, x[singlet], line[singlet], None
        yield f"{name}, all", "three cell lines and their doublets", 0, x, line, None
        for one in np.unique(line):
            rows = np.flatnonzero(singlet & (line == one))
            for seed in range(min(runs, 7)):
                rng = np.random.default_rng(seed)
                some = np.sort(rng.choice(rows, int(0.9 * len(rows)), replace=False))
                yield f"{name}, {one}", "90 % of the singlets of one line", seed, x[some], np.zeros(len(some)), None
        for seed in range(min(runs, 20)):
            mixed = permute(x[singlet][:, x.sum(0) > 20], np.random.default_rng(seed))
            yield (
                f"{name}, permuted",
                "three lines, each gene permuted over the cells",
                seed,
                mixed,
                np.zeros(len(mixed)),
                None,
            )


def measure(x: np.ndarray, truth: np.ndarray, batch: np.ndarray | None, seed: int) -> dict:
    """Run embed_cells and cluster_cells on a count matrix and compare with the truth."""
    x = x[:, x.sum(0) > 0]
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        clusters, overlap, record = find(x, batch=batch, seed=seed, path=folder)
        seconds = time.process_time() - start
        light = counts.read_light(Path(folder) / "embedding.msc.h5ad")
    plain = leiden_stability.leiden(
        leiden_stability.make_graph(light.obsp["connectivities"]), resolution=1.0, engine="leidenalg"
    )
    smallest = pd.Series(truth).value_counts().index[-1]
    best = leiden_stability.jaccard((truth == smallest).astype(int), clusters)[1] if len(set(truth)) > 1 else np.nan
    without = {}
    if len(set(batch if batch is not None else ())) > 1:
        with tempfile.TemporaryDirectory() as folder:
            apart, *_ = find(x, batch=batch, seed=seed, path=folder, method="none", n_boot=5)
        without = {"k_none": int(apart.max()) + 1, "ari_none": adjusted_rand_score(truth, apart)}
    return {
        "n_cells": len(x),
        "k_true": len(set(truth)),
        "k": int(clusters.max()) + 1,
        "ari": adjusted_rand_score(truth, clusters),
        "smallest_jaccard": best,
        "min_stability": overlap.min(),
        "k_leiden_1": int(plain.max()) + 1,
        "ari_leiden_1": adjusted_rand_score(truth, plain),
        "mixing_before": record["mixing_before"],
        "mixing_after": record["mixing_after"],
        "ilisi_before": record["ilisi_before"],
        "ilisi_after": record["ilisi_after"],
        "conservation": record["conservation"],
        **without,
        "method": record["method"],
        "cpu_s": seconds,
    }


def summarise(table: pd.DataFrame) -> str:
    """Write the results as a Markdown table, one row a case."""
    lines = [
        "| case | what | runs | true k | right k | k found | mean ARI | Leiden 1.0: k | Leiden 1.0: ARI | CPU s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for case, rows in table.groupby("case", sort=False):
        one = rows["k_true"].iloc[0] == 1
        ks = ", ".join(f"{k} ({n})" for k, n in rows["k"].value_counts().sort_index().items())
        lines.append(
            f"| {case} | {rows['what'].iloc[0]} | {len(rows)} | {rows['k_true'].iloc[0]} | "
            f"{(rows['k'] == rows['k_true']).mean():.0%} | {ks} | {'' if one else format(rows['ari'].mean(), '.3f')} | "
            f"{rows['k_leiden_1'].mean():.1f} | {'' if one else format(rows['ari_leiden_1'].mean(), '.3f')} | "
            f"{rows['cpu_s'].mean():.0f} |"
        )
    return "\n".join(lines)


def summarise_integration(table: pd.DataFrame) -> str:
    """Write what integration did to the cases with several donors as a Markdown table."""
    lines = [
        "| case | runs | mixing before | after | iLISI before | after | neighbours kept | ARI without | ARI with | "
        "right k without | right k with |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for case, rows in table[table["mixing_before"].notna()].groupby("case", sort=False):
        figures = ("mixing_before", "mixing_after", "ilisi_before", "ilisi_after", "conservation")
        one = rows["k_true"].iloc[0] == 1
        aris = ["" if one else f"{rows[key].mean():.3f}" for key in ("ari_none", "ari")]
        right = [f"{(rows[key] == rows['k_true']).mean():.0%}" for key in ("k_none", "k")]
        values = [f"{rows[key].mean():.2f}" for key in figures]
        lines.append(f"| {case} | {len(rows)} | {' | '.join([*values, *aris, *right])} |")
    return "\n".join(lines)


def main() -> None:
    """Run the cases asked for; rows of other cases stay."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=40, help="most runs of a case")
    parser.add_argument("--cases", default="", help="only cases that begin with one of these, separated by ;")
    parser.add_argument("--data", type=Path, help="folder of the real sets")
    parser.add_argument("--seconds", type=float, default=np.inf, help="start no further run after this time")
    options = parser.parse_args()
    wanted = tuple(options.cases.split(";")) if options.cases else ("",)
    begun, rows = time.monotonic(), []
    with threadpool_limits({"blas": 1}):
        for case, what, seed, x, truth, batch in cases(options.data, options.runs, wanted):
            if time.monotonic() - begun > options.seconds:
                break
            if not case.startswith(wanted):
                continue
            rows.append({"case": case, "what": what, "seed": seed, **measure(x, truth, batch, seed)})
            print(case, seed, {k: rows[-1][k] for k in ("k_true", "k", "ari", "k_leiden_1", "cpu_s")}, flush=True)
    table = pd.DataFrame(rows)
    if RESULTS.exists():
        old = pd.read_csv(RESULTS, sep="\t")
        table = pd.concat([old[~old["case"].isin(table.get("case", []))], table])
    table.to_csv(RESULTS, sep="\t", index=False, float_format="%.4g", lineterminator="\n")
    text = PAGE.read_text(encoding="utf-8")
    for name, content in (("table", summarise(table)), ("integration", summarise_integration(table))):
        before, rest = text.split(f"<!-- {name} -->\n")[0], text.split(f"<!-- end of {name} -->")[1]
        text = f"{before}<!-- {name} -->\n{content}\n<!-- end of {name} -->{rest}"
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
