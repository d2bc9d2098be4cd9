"""Find what keeps the matched score from the likelihood bound: equal weights, or the logarithm.

Only the genes of the set and their controls are drawn, so that many sets take seconds. Thirty genes are raised by 0.5
log2 in a tenth of 600 cells of 10,000 counts. Run from the repository:

    python benchmarks/scoring/limits.py --write
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(Path(__file__).parent)]

import cells  # noqa: E402

DOCUMENT = ROOT / "docs" / "benchmarks" / "scoring.md"
MARK = "<!-- benchmarks/scoring/limits.py -->"
POOLS = ((10, 50), (50, 150), (150, 400), (400, 3000), (100, 3000), (200, 3000))
N_CELLS, DEPTH, SIZE, FOLD, CONTROLS = 600, 10_000, 30, 2**0.5, 100
NAMES = {
    "matched": "matched: log values over controls, equal weights",
    "weighted": "the same, genes weighted by precision",
    "residual": "Pearson residuals of a negative binomial, dispersion known",
    "bound": "likelihood ratio, rates and dispersion known (the bound)",
}


def draw(totals: np.ndarray, rates: np.ndarray, rng: np.random.Generator, fold: np.ndarray | float = 1.0) -> np.ndarray:
    """Draw negative-binomial counts, shape (n_cells, n_genes)."""
    mu = np.outer(totals, rates) * fold
    return rng.poisson(rng.gamma(1 / cells.DISPERSION, mu * cells.DISPERSION))


def one_set(rates: np.ndarray, genes: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """AUROC of each way to sum up a set in the same cells."""
    raised = np.arange(N_CELLS) % 10 == 0
    totals = DEPTH * rng.lognormal(0, 0.3, N_CELLS)
    x = draw(totals, rates[genes], rng, np.where(raised, FOLD, 1.0)[:, None])
    logged = np.log1p(x / totals[:, None] * 1e4)
    others, over = np.arange(cells.HELD_OUT, rates.size), np.empty_like(logged)
    for column, gene in enumerate(genes):
        near = others[np.argsort(np.abs(rates[others] - rates[gene]))[:CONTROLS]]
        controls = np.log1p(draw(totals, rates[near], rng) / totals[:, None] * 1e4)
        over[:, column] = logged[:, column] - controls.mean(axis=1)
    linear = np.expm1(logged)
    slope = (linear / (1 + linear)).mean(axis=0)  # how far a small rise of the rate moves the log value
    expected = np.outer(totals, x.sum(axis=0) / totals.sum())
    scores = {
        "matched": over.mean(axis=1),
        "weighted": over @ (slope / logged.var(axis=0)),
        "residual": ((x - expected) / (1 + cells.DISPERSION * expected)).sum(axis=1),
        "bound": cells.log_ratio(x, np.outer(totals, rates[genes]), FOLD),
    }
    return {key: roc_auc_score(raised, value) for key, value in scores.items()}


def main() -> None:
    """Measure each pool of genes, print the table, write it into the document if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=16, help="sets for each range of expression")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks/scoring.md")
    options = parser.parse_args()
    rates = cells.msc_rates()
    cpm = 1e6 * rates[: cells.HELD_OUT]
    header, found = [], {key: [] for key in NAMES}
    for low, high in POOLS:
        rng, pool = np.random.default_rng([options.seed, low, high]), np.flatnonzero((cpm >= low) & (cpm < high))
        made = [one_set(rates, rng.choice(pool, SIZE, replace=False), rng) for _ in range(options.sets)]
        header.append(f"{low}-{high} CPM ({pool.size} genes)")
        for key, row in found.items():
            row.append(f"{np.mean([one[key] for one in made]):.3f}")
    lines = ["| AUROC | " + " | ".join(header) + " |", "|---" * (len(header) + 1) + "|"]
    lines += [f"| {NAMES[key]} | " + " | ".join(row) + " |" for key, row in found.items()]
    print("\n".join(lines))
    if options.write:
        before, _, after = DOCUMENT.read_text(encoding="utf-8").split(MARK)
        table = "\n".join(lines)
        DOCUMENT.write_text(f"{before}{MARK}\n\n{table}\n\n{MARK}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
