"""How often lots are called outside of a reference: further lots of the same kind, and lots that differ.

Simulated: a study has rates of its own, 30 reference lots of one tissue and a donor each, and further lots; sums are
drawn without cells (``mscape.simulation.sums``). Lots of one kind vary in depth and in their shares of cycling,
osteogenic and senescent cells. Real: iPSC-derived MSC of four individuals against each other, and other cells against
them. Run from the repository:

    python benchmarks/reference/run.py --studies 200 --write
"""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests" / "support")]

from real_lots import read_real  # noqa: E402
from reference_cases import MARKERS, as_reference, join, simulated_lots, study_rates  # noqa: E402
from threadpoolctl import threadpool_limits  # noqa: E402

from mscape.reference.departure import lots_needed  # noqa: E402
from mscape.reference.options import ReferenceOptions  # noqa: E402
from mscape.reference.placing import depart, judge_lots  # noqa: E402
from mscape.stats import wilson_interval  # noqa: E402

DOCUMENT = ROOT / "docs" / "benchmarks" / "reference_lots.md"
MARK = "<!-- benchmarks/reference/run.py -->"
ALPHA, REFERENCE, CELLS = 0.05, 30, 500
KINDS = {  # kind of lot: how many a study, how it differs, what is asked of the share of alarms
    "of the same kind": (8, {}, ".03 to .07"),
    "primed (80 % of the cells)": (1, {"licensed_fraction": 0.8}, "1.0"),
    "of another tissue": (1, {"tissue": "another"}, "≥ .9"),
    "late passage (25 % senescent, 12 % cycling)": (1, {"senescent_fraction": 0.25, "cycling_fraction": 0.12}, "≥ .8"),
    "shallow (1,500 counts a cell)": (1, {"umi_median": 1500.0}, "≤ .1"),
}
FIRST_SEED = 1000  # the statistic was chosen on studies of seeds below


def draw_lot(rates: object, name: str, seed: int, rng: np.random.Generator, **given: object) -> object:
    """Draw a lot: what is not given varies as between lots of one kind."""
    drawn = {
        "umi_median": float(np.exp(rng.normal(np.log(8000), 0.25))),
        "cycling_fraction": float(np.clip(rng.normal(0.25, 0.06), 0.05, 0.6)),
        "osteogenic_fraction": float(np.clip(rng.normal(0.12, 0.04), 0, 0.4)),
        "senescent_fraction": float(np.clip(rng.normal(0.05, 0.02), 0, 0.4)),
    }
    return simulated_lots(rates, [name], seed=seed, cells=CELLS, **(drawn | given))


def judge_study(seed: int) -> list[dict]:
    """Draw a study and its reference, and place the further lots: one row a lot."""
    rates, rng = study_rates(seed=seed, genes=12_000), np.random.default_rng(seed)
    known = join(*(draw_lot(rates, f"R{n}", seed, rng) for n in range(REFERENCE)))
    rows = []
    for kind, (many, given, _) in KINDS.items():
        for n in range(many):
            lot = draw_lot(rates, f"{kind} {n}", seed, rng, **given)
            found = depart(lot, known, markers=MARKERS, seed=seed)
            rows.append({"kind": kind, "p": found.p, "by": found.by})
    return rows


def write_simulated(rows: pd.DataFrame, studies: int) -> str:
    """Set the shares of alarms as Markdown."""
    lines = [
        f"{studies} simulated studies of {REFERENCE} reference lots, alarm at p ≤ {ALPHA}: of {REFERENCE + 1} lots "
        f"only the one that departs farthest, a promised rate of 1/{REFERENCE + 1} = {1 / (REFERENCE + 1):.3f}.",
        "",
        "| lot | lots | alarms (95 % interval) | asked | by programmes, by genes |",
        "|---|---|---|---|---|",
    ]
    for kind, (_, _, asked) in KINDS.items():
        own = rows[rows["kind"] == kind]
        alarms = own["p"] <= ALPHA
        low, high = wilson_interval(alarms.sum(), len(own))
        by = own.loc[alarms, "by"].value_counts()
        lines.append(
            f"| {kind} | {len(own)} | {alarms.mean():.3f} ({low:.3f} to {high:.3f}) | {asked} | "
            f"{by.get('programmes', 0)}, {by.get('genes', 0)} |"
        )
    return "\n".join(lines)


def write_real(folder: Path) -> str:
    """Place real lots, and set them as Markdown."""
    msc, others = read_real(folder)
    lines = [
        f"Real lots: the reference is iPSC-derived MSC (GSE181744, {len(msc.names)} lots of four individuals), each of "
        f"which is placed among the others; an alarm at {ALPHA} takes {lots_needed(ALPHA)} lots, so none is given. "
        "Departure: the larger of its two measures over the largest of a reference lot.",
        "",
        "| lot | reference lots | p | smallest p | departure | largest z |",
        "|---|---|---|---|---|---|",
    ]
    for lot, known in [*((msc.take([name]), msc.drop(name)) for name in msc.names), *((o, msc) for o in others)]:
        found = depart(lot, known, markers=MARKERS)
        judged = judge_lots(lot, as_reference(known), ReferenceOptions(), markers=MARKERS)["reference_lots"].iloc[0]
        assert judged["place"] == "no promise", judged
        ratio = (found.measures[-1] / found.measures[:-1].max(axis=0)).max()
        n, top = len(known.names), judged["top"].partition(";")[0]
        lines.append(f"| {lot.names[0]} | {n} | {found.p:.2f} | {1 / (n + 1):.2f} | {ratio:.1f} | {top} |")
    return "\n".join(lines)


def main() -> None:
    """Judge all lots, print the tables, write them into the document if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--write", action="store_true", help="write the tables into docs/benchmarks/reference_lots.md")
    options = parser.parse_args()
    threadpool_limits(1, "blas")  # as in the workflow
    rows = [row for n in range(options.studies) for row in judge_study(FIRST_SEED + n)]
    text = write_simulated(pd.DataFrame(rows), options.studies)
    if "MSCAPE_SHARED_DATA" in os.environ:
        text += "\n\n" + write_real(Path(os.environ["MSCAPE_SHARED_DATA"]))
    print(text, f"\n{time.process_time():.0f} CPU s")
    if options.write:
        before, _, after = DOCUMENT.read_text(encoding="utf-8").split(MARK)
        DOCUMENT.write_text(f"{before}{MARK}\n\n{text}\n\n{MARK}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
