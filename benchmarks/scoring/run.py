"""How far signature scores can be believed: null p-values, seed noise, power, what leaks in; beside other libraries.

Cells have the rates of a resting MSC in the built-in simulator and negative-binomial noise, so a difference between
sets or cells is there only where it was put in. Other libraries (pyucell, decoupler) are run if they are installed. Run
from the repository:

    python benchmarks/scoring/run.py --write
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(Path(__file__).parent)]

import cells  # noqa: E402
import others  # noqa: E402

from mscape.data import counts  # noqa: E402

DOCUMENT = ROOT / "docs" / "benchmarks" / "scoring.md"
MARK = "<!-- benchmarks/scoring/run.py -->"
DEPTHS = {"2k": 2_000, "20k": 20_000}
SIZES = (10, 30, 100, 200)
NAMES = {
    "matched": "**matched (primary)**",
    "z": "**matched, z**",
    "rank": "**rank**",
    "scanpy": "scanpy.tl.score_genes",
    "mean": "plain mean",
    "pyucell": "UCell (pyucell)",
    "aucell": "AUCell (decoupler)",
    "best": "likelihood ratio, rates known (the bound)",
}
FOLLOWED = (
    "**What random sets follow** (40 sets of 30 genes, before any trend is taken out). Depth: median |rho| with total "
    "counts, in brackets the share of sets with 0.1 or more. Lots and cycling cells: median shift of random sets in "
    "standard deviations of the cells, where none should be. Seed noise: standard deviation over seeds, same unit."
)
POWER = (
    "**Power**: AUROC of cells in which 30 genes are raised by 0.5 log2 (a tenth of the cells, 10,000 counts), by the "
    "genes' expression. Mean of 5 sets."
)


def all_methods(x, sets, scored) -> dict[str, np.ndarray]:
    """Scores of the same sets in the same cells by every method at hand."""
    found = {key: scored[key] for key in ("matched", "z", "rank")}
    found |= {"scanpy": others.by_scanpy(x, sets), "mean": others.by_plain_mean(x, sets)}
    found |= {"pyucell": others.by_pyucell(x, sets), "aucell": others.by_aucell(x, sets)}
    return {key: value for key, value in found.items() if value is not None}


def null_calibration(rates: np.ndarray, n_cells: int, n_sets: int, seed: int) -> list[str]:
    """P-values of random sets: one set, one cell, one p."""
    lines = [
        "| depth | genes in the set | KS distance | KS p | p < 0.05 | p < 0.01 |",
        "|---|---|---|---|---|---|",
    ]
    for label, depth in DEPTHS.items():
        rng = np.random.default_rng([seed, depth])
        x = cells.draw_cells(rates, n_cells, depth, rng)
        for size in SIZES:
            sets = cells.draw_sets(x, size, n_sets, rng)
            p = cells.score(x, sets, seed=seed)["p"][rng.integers(0, n_cells, n_sets), np.arange(n_sets)]
            test = stats.kstest(p, "uniform")
            lines.append(
                f"| {label} | {size} | {test.statistic:.3f} | {test.pvalue:.2f} | {(p < 0.05).mean():.3f} "
                f"| {(p < 0.01).mean():.3f} |"
            )
            print(lines[-1], flush=True)
    return lines


def depth_and_seed(rates: np.ndarray, n_cells: int, seed: int) -> list[str]:
    """Measure what random sets follow: depth within a lot, depth between lots, the cycle, the seed."""
    rows: dict[str, dict[str, str]] = {}
    for label, depth in DEPTHS.items():
        rng = np.random.default_rng([seed, depth, 1])
        x = cells.draw_cells(rates, n_cells, depth, rng)
        sets = cells.draw_sets(x, 30, 40, rng)
        methods = all_methods(x, sets, cells.score(x, sets, adjust=False))
        totals = counts.totals(x)
        for key, values in methods.items():
            rho = np.abs([stats.spearmanr(totals, column).statistic for column in values.T])
            rows.setdefault(key, {})[f"depth {label}"] = f"{np.median(rho):.3f} ({(rho >= 0.1).mean():.0%})"
        noise = [others.by_scanpy(x, sets[:10], seed=s) for s in range(8)]
        share = np.std(noise, axis=0, ddof=1).mean(axis=0) / np.std(noise[0], axis=0)
        rows["scanpy"][f"seed {label}"] = f"{np.median(share):.2f}"
    rng = np.random.default_rng([seed, 2])
    x = cells.sp.vstack([cells.draw_cells(rates, n_cells // 2, d, rng) for d in (5_000, 15_000)], format="csr")
    lots = np.repeat([0, 1], n_cells // 2)
    sets = cells.draw_sets(x, 30, 40, rng)
    for key, values in all_methods(x, sets, cells.score(x, sets, lots=lots, adjust=False)).items():
        shift = np.abs(values[lots == 1].mean(axis=0) - values[lots == 0].mean(axis=0)) / values[lots == 0].std(axis=0)
        rows[key]["lots"] = f"{np.median(shift):.2f}"
    fold = np.ones((n_cells, rates.size))
    cycling = np.arange(n_cells) % 6 == 0
    programme = rng.choice(cells.HELD_OUT, 300, replace=False)
    fold[np.ix_(cycling, programme)] = 6
    x = cells.draw_cells(rates, n_cells, 10_000, rng, fold=fold)
    sets = cells.draw_sets(x, 30, 40, rng, but=programme)
    for key, values in all_methods(x, sets, cells.score(x, sets, adjust=False)).items():
        gap = np.abs(values[cycling].mean(axis=0) - values[~cycling].mean(axis=0)) / values[~cycling].std(axis=0)
        rows[key]["cycle"] = f"{np.median(gap):.2f}"
    titles = ["method", "depth in a lot, 2k", "depth in a lot, 20k", "two lots, 5k and 15k", "cycling cells"]
    titles.append("seed noise, 2k / 20k")
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for key, row in rows.items():
        noise = f"{row['seed 2k']} / {row['seed 20k']}" if key == "scanpy" else "0 / 0"
        lines.append(
            f"| {NAMES[key]} | {row['depth 2k']} | {row['depth 20k']} | {row['lots']} | {row['cycle']} | {noise} |"
        )
    print("\n".join(lines), flush=True)
    return lines


def power(rates: np.ndarray, n_cells: int, seed: int, *, n_sets: int = 5, depth: int = 10_000) -> list[str]:
    """AUROC of sets raised by 0.5 log2 in a tenth of the cells."""
    header, rows, fold = [], {}, 2**0.5
    cpm = 1e6 * rates[: cells.HELD_OUT]
    for low, high in ((10, 50), (50, 150), (150, 400), (400, 3000)):
        rng = np.random.default_rng([seed, low, 3])
        pool = np.flatnonzero((cpm >= low) & (cpm < high))
        raised = np.arange(n_cells) % 10 == 0
        for _ in range(n_sets):
            genes = rng.choice(pool, min(30, pool.size), replace=False)
            change = np.ones((n_cells, rates.size))
            change[np.ix_(raised, genes)] = fold
            x = cells.draw_cells(rates, n_cells, depth, rng, fold=change)
            one = [cells.scoring.GeneSet("RAISED", genes, np.empty(0, dtype=np.int64))]
            found = all_methods(x, one, cells.score(x, one, adjust=False))
            found["best"] = cells.likelihood_ratio(x, rates, genes, fold)[:, None]
            for key, values in found.items():
                rows.setdefault(key, {}).setdefault(low, []).append(roc_auc_score(raised, values[:, 0]))
        header.append(f"{low}-{high} CPM ({pool.size} genes)")
        print(header[-1], {key: round(float(np.mean(row[low])), 3) for key, row in rows.items()}, flush=True)
    lines = ["| method | " + " | ".join(header) + " |", "|---" * (len(header) + 1) + "|"]
    return lines + [
        f"| {NAMES[key]} | " + " | ".join(f"{np.mean(auc):.3f}" for auc in row.values()) + " |"
        for key, row in rows.items()
    ]


def main() -> None:
    """Run all parts, print the tables, write them into the document if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=600)
    parser.add_argument("--sets", type=int, default=300, help="random sets for each null calibration")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="write the tables into docs/benchmarks/scoring.md")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="The 'future.infer_string' option is deprecated")  # anndata 0.13
    start = time.perf_counter()
    threadpool_limits(1, "blas")  # as in the workflow
    rates = cells.msc_rates()
    versions = {name: others.version(name) for name in ("scanpy", "pyucell", "decoupler")}
    used = ", ".join(f"{name} {v or 'not installed'}" for name, v in versions.items())
    parts = [
        f"{options.cells} cells (rates vary by {cells.DISPERSION**0.5:.2f} of themselves among like cells), "
        f"seed {options.seed}; {used}.",
        f"**Null p-values** ({options.sets} random sets a line, each in one cell drawn at random).",
        "\n".join(null_calibration(rates, options.cells, options.sets, options.seed)),
        FOLLOWED,
        "\n".join(depth_and_seed(rates, options.cells, options.seed)),
        POWER,
        "\n".join(power(rates, options.cells, options.seed)),
    ]
    text = "\n\n".join(parts)
    print(f"{time.perf_counter() - start:.0f} s")
    if options.write:
        before, _, after = DOCUMENT.read_text(encoding="utf-8").split(MARK)
        DOCUMENT.write_text(f"{before}{MARK}\n\n{text}\n\n{MARK}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
