"""Donor-label permutation: how often tests of donors and tests of cells call a difference that is not there.

Donors differ, the arms do not: donors are dealt to two arms at random, then a tenth of the genes is changed in one arm.
Printed are the share of untouched features with p < 0.05, the empirical false discovery rate at 5 % (Benjamini and
Hochberg) and the share of changed features found. A second table has donors that differ in other ways (programmes that
many genes share, heavy tails, one arm that varies more, arms of unequal size), and limma-trend by its formulas beside
the test of the product. Run from the repository:

    python benchmarks/comparison/run.py --replicates 20 --write
"""

import argparse
import logging
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from mscape.comparison import composition, linear_model, moderated_t, pseudobulk  # noqa: E402
from mscape.comparison import design as designs  # noqa: E402
from mscape.comparison.contrasts import Contrast  # noqa: E402
from mscape.comparison.design import Design  # noqa: E402
from mscape.stats import adjust_pvalues  # noqa: E402

DOCUMENT = ROOT / "docs" / "benchmarks" / "comparison.md"
MARK = "<!-- benchmarks/comparison/run.py -->"
N_GENES, CELLS, RAISED, FOLD = 800, 150, 0.1, 2.0
LEVEL = 0.05
DONORS = (
    "independent, SD 0.3",
    "gene by gene, SD 0.1 to 0.8",
    "three shared programmes, heavy tails",
    "SD 0.15 in one arm, 0.6 in the other",
)
ARMS = ((3, 3), (4, 4), (6, 6), (3, 6), (6, 3))


def deal_donors(n_per_arm: int, rng: np.random.Generator) -> tuple[np.ndarray, Design]:
    """Permute donors over two arms."""
    arm = rng.permutation(np.repeat([0, 1], n_per_arm))
    lots = pd.DataFrame(
        {
            "donor_id": [f"D{i:02d}" for i in range(len(arm))],
            "condition": np.where(arm == 1, "primed", "control"),
            "n_cells": CELLS,
        },
        index=[f"L{i:02d}" for i in range(len(arm))],
    )
    return arm, designs.build_design(lots, Contrast("condition", "control", "primed"))


def simulate_cells(arm: np.ndarray, donor_sd: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Negative-binomial cells of donors that differ by ``donor_sd`` (log scale); a tenth of the genes changed in arm 1.

    Returns
    -------
    Counts, shape (n_donors, n_cells, n_genes), and which genes were raised.
    """
    base = rng.lognormal(0, 1.2, N_GENES)
    base *= 3000 / base.sum()
    raised = rng.random(N_GENES) < RAISED
    fold = np.where(raised, np.where(rng.random(N_GENES) < 0.5, FOLD, 1 / FOLD), 1)
    counts = np.empty((len(arm), CELLS, N_GENES), dtype=np.int32)
    for donor, side in enumerate(arm):
        rate = base * rng.lognormal(0, donor_sd, N_GENES) * (fold if side == 1 else 1)
        size = rng.lognormal(0, 0.4, (CELLS, 1))
        counts[donor] = rng.poisson(rate * size * rng.gamma(5, 0.2, (CELLS, N_GENES)))
    return counts, raised


def judge_genes(n_per_arm: int, donor_sd: float, rng: np.random.Generator) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """P-values of genes by method, and which were raised."""
    arm, design = deal_donors(n_per_arm, rng)
    counts, raised = simulate_cells(arm, donor_sd, rng)
    flat = counts.reshape(-1, N_GENES)
    logs = np.log1p(flat / flat.sum(axis=1, keepdims=True) * 1e4)
    side = np.repeat(arm, CELLS) == 1
    units = counts.sum(axis=1).astype(np.int64)[
        np.argsort([design.mix.index.get_loc(f"D{i:02d}") for i in range(len(arm))])
    ]
    names = np.array([f"G{i}" for i in range(N_GENES)])
    tested = pseudobulk.compare_genes(units, design, genes=names, totals=units.sum(axis=1))
    trend = limma_trend(pseudobulk.log_expression(units, units.sum(axis=1)), design)
    logcpm = linear_model.fit_linear(pseudobulk.log_cpm(units, units.sum(axis=1)), design)
    return {
        "genes, cells: Wilcoxon": (stats.mannwhitneyu(logs[side], logs[~side]).pvalue, raised),
        "genes, cells: t-test": (stats.ttest_ind(logs[side], logs[~side], equal_var=False).pvalue, raised),
        "genes, donors: limma-trend": (trend, raised),
        "genes, **donors: moderated t, trends by arm**": (tested["pvalue"].to_numpy(), raised),
        "genes, donors: linear model of log CPM": (logcpm["pvalue"].to_numpy(), raised),
    }


def limma_trend(values: np.ndarray, design: Design) -> np.ndarray:
    """P-values of limma-trend (eBayes with trend=TRUE): one trend of the variance for both arms."""
    X, column = design.matrix.to_numpy(), design.matrix.columns.get_loc(design.coefficient)
    fit = linear_model.fit_columns(values, X, column, np.ones(values.shape))
    variance, df = moderated_t.squeeze((fit.residual**2).sum(axis=0) / design.df, float(design.df), values.mean(axis=0))
    return 2 * stats.t.sf(np.abs(fit.estimate) / np.sqrt(variance * (fit.lever**2).sum(axis=0)), df)


def donor_effects(kind: str, arm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Log rates of donors beside the average, shape (n_donors, n_genes)."""
    shape = (len(arm), N_GENES)
    shared = rng.normal(0, 1, (len(arm), 3)) @ rng.normal(0, 1, (3, N_GENES))
    if kind == "independent, SD 0.3":
        return rng.normal(0, 0.3, shape)
    if kind == "gene by gene, SD 0.1 to 0.8":
        return rng.normal(0, 0.3 * rng.lognormal(0, 0.4, N_GENES), shape)
    if kind == "three shared programmes, heavy tails":
        return 0.2 * shared + 0.2 * rng.standard_t(4, shape) / np.sqrt(2)
    return np.where(arm == 1, 0.6, 0.15)[:, None] * rng.normal(size=shape)


def judge_donors(kind: str, sizes: tuple[int, int], rng: np.random.Generator) -> dict:
    """P-values of the product's test and of limma-trend on sums of unequal numbers of cells and depths."""
    arm = rng.permutation(np.repeat([0, 1], sizes))
    lots = pd.DataFrame(
        {"donor_id": [f"D{i:02d}" for i in range(len(arm))], "condition": np.where(arm == 1, "primed", "control")},
        index=[f"L{i:02d}" for i in range(len(arm))],
    ).assign(n_cells=CELLS)
    design = designs.build_design(lots, Contrast("condition", "control", "primed"))
    base = rng.lognormal(0, 1.2, N_GENES)
    raised = rng.random(N_GENES) < RAISED
    fold = np.where(raised, np.where(rng.random(N_GENES) < 0.5, FOLD, 1 / FOLD), 1)
    cells = np.maximum(rng.lognormal(np.log(CELLS), 0.6, len(arm)), 25)[:, None]
    rate = base / base.sum() * np.exp(donor_effects(kind, arm, rng)) * np.where(arm[:, None] == 1, fold, 1)
    rate = rate * cells * rng.lognormal(np.log(3000), 0.4, (len(arm), 1))
    counts = rng.poisson(rate * rng.gamma(5 * cells, 1 / (5 * cells), rate.shape))
    units = counts[[lots.index.get_loc(lot) for lot in design.mix.columns[design.mix.to_numpy().argmax(axis=1)]]]
    names = np.array([f"G{i}" for i in range(N_GENES)])
    tested = pseudobulk.compare_genes(units, design, genes=names, totals=units.sum(axis=1))
    trend = limma_trend(pseudobulk.log_expression(units, units.sum(axis=1)), design)
    return {"moderated t": (tested["pvalue"].to_numpy(), raised), "limma-trend": (trend, raised)}


def power_at(runs: list[dict], method: str, level: float = LEVEL) -> float:
    """Share of changed features found at the threshold of p at which the true FDR over all runs is ``level``."""
    p, raised = (np.concatenate([run[method][i] for run in runs]) for i in (0, 1))
    order = np.argsort(p)
    found = np.cumsum(raised[order])
    allowed = np.flatnonzero(1 - found / np.arange(1, len(p) + 1) <= level)
    return found[allowed[-1]] / raised.sum() if allowed.size else 0.0


def judge_scores(n_per_arm: int, donor_sd: float, rng: np.random.Generator) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """P-values of 400 scores with cell noise 1 and donor noise ``donor_sd``; a tenth raised by 1."""
    n = 400
    arm, design = deal_donors(n_per_arm, rng)
    raised = rng.random(n) < RAISED
    cells = np.maximum(rng.lognormal(np.log(CELLS), 0.7, len(arm)).astype(int), 20)
    donor = rng.normal(0, donor_sd, (len(arm), n)) + np.where(raised & (arm == 1)[:, None], 1.0, 0)
    values = [centre + rng.normal(0, 1, (k, n)) for centre, k in zip(donor, cells, strict=True)]
    means = np.array([v.mean(axis=0) for v in values])
    variance = np.array([v.var(axis=0, ddof=1) / len(v) for v in values])
    order = [design.mix.index.get_loc(f"D{i:02d}") for i in range(len(arm))]
    fit = linear_model.fit_linear(means[np.argsort(order)], design, variance=variance[np.argsort(order)])
    one, other = (np.concatenate([v for v, side in zip(values, arm, strict=True) if side == s]) for s in (0, 1))
    return {
        "scores, cells: t-test": (stats.ttest_ind(other, one, equal_var=False).pvalue, raised),
        "scores, **donors: weighted linear model**": (fit["pvalue"].to_numpy(), raised),
    }


def judge_shares(n_per_arm: int, donor_sd: float, rng: np.random.Generator) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """P-values of the shares of 8 clusters, repeated 40 times; the first cluster's odds raised three times."""
    parts, cell_parts, raised = [], [], np.tile(np.arange(8) == 0, 40)
    for _ in range(40):
        arm, design = deal_donors(n_per_arm, rng)
        logits = rng.normal(0, 0.6, 8) + rng.normal(0, donor_sd, (len(arm), 8))
        logits[arm == 1, 0] += np.log(3)
        share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        table = np.array([rng.multinomial(CELLS * 4, row) for row in share])
        order = np.argsort([design.mix.index.get_loc(f"D{i:02d}") for i in range(len(arm))])
        values, variance = composition.centred_log_ratio(table[order]), composition.clr_variance(table[order])
        parts.append(linear_model.fit_linear(values, design, variance=variance, relative=True)["pvalue"].to_numpy())
        pooled = np.array([table[arm == s].sum(axis=0) for s in (0, 1)])
        rest = pooled.sum(axis=1, keepdims=True) - pooled
        cell_parts += [stats.chi2_contingency([pooled[:, j], rest[:, j]]).pvalue for j in range(8)]
    return {
        "shares, cells: chi-squared": (np.array(cell_parts), raised),
        "shares, **donors: CLR linear model**": (np.concatenate(parts), raised),
    }


def measure(runs: list[dict[str, tuple[np.ndarray, np.ndarray]]]) -> pd.DataFrame:
    """Error rates of each method over replicates."""
    rows = []
    for method in runs[0]:
        null, fdp, power = [], [], []
        for run in runs:
            p, raised = run[method]
            known = ~np.isnan(p)
            found = np.nan_to_num(adjust_pvalues(p), nan=1.0) < LEVEL
            null.append((p[known & ~raised] < LEVEL).mean())
            fdp.append((found & ~raised).sum() / max(found.sum(), 1))
            power.append(found[raised].mean())
        error = np.std(fdp, ddof=1) / np.sqrt(len(fdp)) if len(fdp) > 1 else np.nan
        rows.append(
            {"method": method, "null": np.mean(null), "fdr": np.mean(fdp), "se": error, "power": np.mean(power)}
        )
    return pd.DataFrame(rows)


def write_table(results: list[tuple[int, float, pd.DataFrame]], replicates: int, seed: int) -> str:
    """Set the results as Markdown."""
    lines = [
        f"{replicates} permutations a line, seed {seed}; {N_GENES} genes, {CELLS} cells a donor, a tenth of the "
        f"features changed ({FOLD:g}-fold up or down for genes, 1 standard deviation of cells for scores, three-fold "
        "odds for one share).",
        "",
        "| donors per arm | donor SD | method | null p < 0.05 | empirical FDR at 0.05 (± s.e.) | changed found |",
        "|---|---|---|---|---|---|",
    ]
    for n, sd, table in results:
        lines += [
            f"| {n} | {sd:g} | {row.method} | {row.null:.3f} | {row.fdr:.3f} ± {row.se:.3f} | {row.power:.2f} |"
            for row in table.itertuples()
        ]
    return "\n".join(lines)


def write_donors(results: list[tuple[str, tuple[int, int], list[dict]]], replicates: int) -> str:
    """Set the second table as Markdown."""
    lines = [
        f"Sums of cells of donors that differ otherwise, {replicates} permutations a line; cells a donor vary "
        "(log-normal, SD 0.6), so do depths. Found at FDR 0.05: the share found where p is cut at a true FDR of 0.05 "
        "over all runs, which compares two tests that keep different levels.",
        "",
        "| donors differ | arms | null p < 0.05 | FDR (± s.e.) | found | found at FDR 0.05 | limma-trend: null | FDR | "
        "found | found at FDR 0.05 |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for kind, sizes, runs in results:
        own, trend = measure(runs).itertuples()
        at = [power_at(runs, row.method) for row in (own, trend)]
        lines.append(
            f"| {kind} | {sizes[0]} and {sizes[1]} | {own.null:.3f} | {own.fdr:.3f} ± {own.se:.3f} | {own.power:.2f} | "
            f"{at[0]:.2f} | {trend.null:.3f} | {trend.fdr:.3f} | {trend.power:.2f} | {at[1]:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the grid, print the table, write it into the document if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--donors", type=int, nargs="+", default=[3, 5])
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks/comparison.md")
    options = parser.parse_args()
    logging.getLogger().setLevel(logging.ERROR)
    start, results = time.perf_counter(), []
    threadpool_limits(1, "blas")  # as in the workflow; the matrices are small
    for n in options.donors:
        for sd in (0.15, 0.4):
            for kind, test in enumerate((judge_genes, judge_scores, judge_shares)):
                seeds = [
                    np.random.default_rng([options.seed, n, int(sd * 100), kind, r]) for r in range(options.replicates)
                ]
                results.append((n, sd, measure([test(n, sd, rng) for rng in seeds])))
                print(results[-1][2].assign(donors=n, sd=sd).to_string(header=False), flush=True)
    others, replicates = [], 4 * options.replicates
    for i, kind in enumerate(DONORS):
        for sizes in ARMS:
            seeds = [np.random.default_rng([options.seed, i, *sizes, r]) for r in range(replicates)]
            others.append((kind, sizes, [judge_donors(kind, sizes, rng) for rng in seeds]))
    text = write_table(results, options.replicates, options.seed) + "\n\n" + write_donors(others, replicates)
    print(text, f"\n{time.perf_counter() - start:.0f} s")
    if options.write:
        before, _, after = DOCUMENT.read_text(encoding="utf-8").split(MARK)
        DOCUMENT.write_text(f"{before}{MARK}\n\n{text}\n\n{MARK}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
