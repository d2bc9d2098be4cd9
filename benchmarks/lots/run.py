"""Lots against lots: error rates and power of control charts, of equivalence, and of several datasets together.

How often control charts alarm while nothing changes and find a drift; how often the equivalence test errs and what
donors can show; how often pooled intervals cover.

All series are simulated: normal lots, for which the rates are promised, and lots of heavier tails, of skew, and
fractions of cells, for which they are not. Run from the repository:

    python benchmarks/lots/run.py --write
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import stats

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from mscape.comparison.equivalence import ALPHA, power_of_equivalence  # noqa: E402
from mscape.comparison.meta import pool  # noqa: E402
from mscape.tracking import charts  # noqa: E402
from mscape.tracking.lots import transform  # noqa: E402
from mscape.tracking.options import TrackOptions  # noqa: E402

DOCUMENT = ROOT / "docs" / "benchmarks" / "lots.md"
HISTORIES = (5, 8, 12, 20, 30)
NEW = 15  # lots after the history
CELLS = 1000
OPTIONS = TrackOptions()


def draw_normal(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw what the promise is made for."""
    return rng.normal(size=shape)


def draw_heavy(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw Student's t with five degrees of freedom."""
    return rng.standard_t(5, size=shape)


def draw_skewed(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw a gamma of shape 4: skewness 1."""
    return rng.gamma(4, size=shape)


def draw_fractions(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw shares of 1,000 cells about 2 %, beta-binomial, as the charts judge them."""
    share = rng.binomial(CELLS, rng.beta(8, 392, size=shape)) / CELLS
    return transform(share, "fraction of cells", np.full(shape, float(CELLS)))


KINDS: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "normal": draw_normal,
    "heavy tails (t, 5 df)": draw_heavy,
    "skewed (gamma, shape 4)": draw_skewed,
    "fractions (beta-binomial, 2 % of 1,000 cells)": draw_fractions,
}


def first_alarms(alarms: np.ndarray) -> float:
    """Give the share of lots that alarm among those with no alarm before."""
    before = (np.cumsum(alarms, axis=1) - alarms) > 0
    return float(alarms[~before].mean())


def measure_alarms(kind: str, n: int, series: int, seed: int) -> list[float]:
    """Give alarms of limits of 3 SD, of the predictive limits, and first alarms and warnings of the EWMA, per lot."""
    rng = np.random.default_rng([seed, n, list(KINDS).index(kind)])
    values = KINDS[kind](rng, (series, n + NEW))
    chart = charts.draw_chart(values, min_history=n, false_alarms=OPTIONS.false_alarms)
    past = values[:, :n]
    plain = np.abs(values[:, n] - past.mean(axis=1)) > 3 * past.std(axis=1, ddof=1)
    ewma = np.abs(chart.ewma[:, n:])
    rates = [first_alarms(ewma > charts.ewma_limit(x)) for x in (OPTIONS.false_alarms, OPTIONS.drift_warnings)]
    return [float(plain.mean()), float(chart.beyond[:, n].mean()), *rates]


def measure_drift(series: int, seed: int) -> list[str]:
    """Give how often a drift of one standard deviation over ten lots is found by the fifteenth, after 20 lots."""
    rng = np.random.default_rng([seed, 99])
    steps = np.arange(1, NEW + 1) / 10
    ramps = {
        "none": 0 * steps,
        "1 SD within 10 lots, then constant": np.minimum(steps, 1),
        "1 SD in 10 lots, going on": steps,
    }
    noise = rng.normal(size=(series, 20 + NEW))
    lines = []
    for name, ramp in ramps.items():
        values = noise + np.concatenate([np.zeros(20), ramp])
        found = [
            charts.find_alarms(values, start=20, rate=rate, false_alarms=OPTIONS.false_alarms).any(axis=1).mean()
            for rate in (OPTIONS.false_alarms, OPTIONS.drift_warnings)
        ]
        lines.append(f"| {name} | {found[0]:.3f} | {found[1]:.3f} | {best_power(ramp):.2f} |")
    return lines


def best_power(ramp: np.ndarray) -> float:
    """Give the power of the best test there is at the alarms allowed over all new lots, both sides.

    It knows shape and size of the drift and the standard deviation, estimates the mean before it, and decides once,
    after the last lot (Neyman and Pearson).
    """
    allowed = 1 - (1 - OPTIONS.false_alarms) ** NEW
    information = (ramp**2).sum() - ramp.sum() ** 2 / (20 + NEW)
    if information == 0:
        return allowed
    return float(stats.norm.sf(stats.norm.isf(allowed / 2) - np.sqrt(information)))


def write_charts(series: int, seed: int) -> str:
    """Set the tables of the control charts as Markdown."""
    lines = [
        f"{series:,} simulated series a line, seed {seed}. Limits: share of the first new lots beyond them. EWMA: "
        f"first alarms and warnings per lot over {NEW} new lots.",
        "",
        "| lots are | lots of history | mean ± 3 SD | predictive limits (0.0027) | EWMA, alarm (0.0027) | "
        f"EWMA, warning ({OPTIONS.drift_warnings:g}) |",
        "|---|---|---|---|---|---|",
    ]
    for kind in KINDS:
        for n in HISTORIES:
            rates = measure_alarms(kind, n, series, seed)
            lines.append(f"| {kind} | {n} | " + " | ".join(f"{rate:.4f}" for rate in rates) + " |")
    lines += [
        "",
        "Normal lots, 20 of history: share of series in which limits or EWMA find a drift by the 15th new lot. Best: a "
        "test that knows size and shape of the drift and the standard deviation, and decides once, with the same false "
        "alarms allowed over 15 lots.",
        "",
        "| drift | found by an alarm | found by alarm or warning | best test at the alarm's rate |",
        "|---|---|---|---|",
        *measure_drift(series // 2, seed),
    ]
    return "\n".join(lines)


def write_equivalence(series: int, seed: int) -> str:
    """Set size and power of the equivalence test as Markdown, simulated and as the power table gives them."""
    rng = np.random.default_rng([seed, 7])
    lines = [
        f"{series:,} simulated comparisons a line, seed {seed}; donors' differences are normal with SD 1.",
        "",
        "| donors | margin, SD | true difference | EQUIVALENT, simulated | EQUIVALENT, power table |",
        "|---|---|---|---|---|",
    ]
    for n in (3, 4, 6, 10):
        for margin, difference in ((1, 1.0), (2, 2.0), (1, 0.0), (2, 0.0), (2, 1.0)):
            drawn = rng.normal(difference, 1, size=(series, n))
            room = (margin - np.abs(drawn.mean(axis=1))) / (drawn.std(axis=1, ddof=1) / np.sqrt(n))
            found = (stats.t.sf(room, n - 1) < ALPHA).mean()
            said = power_of_equivalence(n, margin, difference=difference)
            lines.append(f"| {n} | {margin} | {difference:g} | {found:.3f} | {said:.3f} |")
    return "\n".join(lines)


def pool_studies(k: int, tau: float, runs: int, rng: np.random.Generator) -> tuple[float, float]:
    """Give how often the interval covers an effect of 1, and how often permuted studies have p < 0.05."""
    covered = wrong = 0
    for _ in range(runs):
        donors = rng.integers(3, 6, k)
        arms = [(rng.normal(size=n), rng.normal(size=n) + 1 + tau * rng.normal()) for n in donors]
        dealt = [np.split(rng.permutation(np.concatenate(pair)), 2) for pair in arms]
        whole, permuted = (
            pool(
                np.array([b.mean() - a.mean() for a, b in pairs]),
                np.array([(a.var(ddof=1) + b.var(ddof=1)) / len(a) for a, b in pairs]),
            )
            for pairs in (arms, dealt)
        )
        covered += whole.low <= 1 <= whole.high
        wrong += permuted.pvalue < 0.05
    return covered / runs, wrong / runs


def write_meta(series: int, seed: int) -> str:
    """Set coverage and false positives of the meta-analysis as Markdown."""
    runs = series // 20
    lines = [
        f"{runs:,} simulated meta-analyses a line, seed {seed}; donors have SD 1, studies have effects of mean 1.",
        "",
        "| studies | SD of effects between studies | 95 % interval covers | permuted: p < 0.05 |",
        "|---|---|---|---|",
    ]
    for k in (3, 4, 5, 6):
        for tau in (0.0, 0.5, 1.0):
            cover, wrong = pool_studies(k, tau, runs, np.random.default_rng([seed, k, int(10 * tau)]))
            lines.append(f"| {k} | {tau:g} | {cover:.3f} | {wrong:.3f} |")
    return "\n".join(lines)


TABLES = {"charts": write_charts, "equivalence": write_equivalence, "meta": write_meta}


def main() -> None:
    """Measure, print, write into the document if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--write", action="store_true", help="write the tables into docs/benchmarks/lots.md")
    options = parser.parse_args()
    for name in options.tables:
        text = TABLES[name](options.series, options.seed)
        print(text, flush=True)
        if options.write:
            mark = f"<!-- benchmarks/lots/run.py {name} -->"
            before, _, after = DOCUMENT.read_text(encoding="utf-8").split(mark)
            DOCUMENT.write_text(f"{before}{mark}\n\n{text}\n\n{mark}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
