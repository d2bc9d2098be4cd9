"""How much a lot's passport changes when other lots are judged beside it.

A simulated study of seven lots that differ (licensed, late, with T cells, shallow, osteogenic, two of one kind) is
judged whole and in random subsets, each from the embedding on. Every attribute of every lot is compared with the same
lot's in the whole study: the verdict, and its reason word by word and number by number. Run from the repository:

    python benchmarks/passports/companions.py --subsets 50 --write
"""

import argparse
import logging
import re
import sys
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests" / "support")]

from reference_cases import as_reference, join, simulated_lots, study_rates  # noqa: E402
from threadpoolctl import threadpool_limits  # noqa: E402

import mscape as ms  # noqa: E402
from mscape.reference.folder import Reference  # noqa: E402
from mscape.simulation.cells import draw_cells  # noqa: E402
from mscape.simulation.counts import draw_counts  # noqa: E402
from mscape.simulation.options import SimulateOptions  # noqa: E402

DOCUMENT = ROOT / "docs" / "benchmarks" / "companions.md"
MARK = "<!-- benchmarks/passports/companions.py -->"
SEED, GENES, CELLS, COUNTS, KNOWN = 5, 6000, 400, 10_000.0, 20
LOTS = {
    "plain 1": {},
    "plain 2": {},
    "licensed": {"licensed_fraction": 0.8},
    "late": {"senescent_fraction": 0.4, "cycling_fraction": 0.05},
    "T cells": {"contamination": {"T cell": 0.08}},
    "shallow": {"umi_median": 3000.0},
    "osteogenic": {"osteogenic_fraction": 0.6},
}
THIS_STUDY = "this study"  # what a sentence says that is relative to the lots beside
NUMBER = re.compile(r"[<>]? ?[+-]?\d[\d,.]*%?")
KINDS = {
    "same": "same words, same numbers",
    "numbers": "same words, other numbers",
    "this study": 'other words, which say "of this study"',
    "words": "other words",
    "verdict": "another verdict, neither of them FAIL",
    "turned": "to or from FAIL",
}


def draw_lot(rates: object, name: str, number: int) -> anndata.AnnData:
    """Draw the counts of a lot."""
    lot = {"sample_id": name, "donor_id": name, "tissue": "bone marrow"}
    options = SimulateOptions(**{"cells": CELLS, "umi_median": COUNTS} | LOTS[name])
    truth = draw_cells(lot, seed=SEED + number, options=options)
    counts = sp.vstack([block for block, _ in draw_counts(truth, rates, lot, seed=SEED + number, options=options)])
    obs = pd.DataFrame(index=[f"{name}_{cell}" for cell in range(counts.shape[0])])
    obs = obs.assign(**lot, lot_id=name, condition="control")
    return anndata.AnnData(counts.tocsr(), obs=obs, var=rates.genes[["gene_id"]])


def judge(lots: list[anndata.AnnData], reference: Reference) -> dict[str, pd.DataFrame]:
    """Judge lots as one study, among themselves and against a reference."""
    study = anndata.concat(lots, merge="same")
    ms.qc(study)
    ms.embed(study)
    ms.gate(study, culture="expanded")
    ms.cluster(study)
    ms.score(study)
    tables = {"this study": ms.passport(study), "a reference": ms.passport(study, reference=reference)}
    return {name: table.set_index(["lot_id", "attribute"]) for name, table in tables.items()}


def change(now: pd.Series, whole: pd.Series) -> str:
    """Name the kind of change between two answers."""
    if now["verdict"] == whole["verdict"] and now["reason"] == whole["reason"]:
        return "same"
    if THIS_STUDY in now["reason"] + whole["reason"]:
        return "this study"
    if now["verdict"] != whole["verdict"]:
        return "turned" if "FAIL" in {now["verdict"], whole["verdict"]} else "verdict"
    return "numbers" if NUMBER.sub("#", now["reason"]) == NUMBER.sub("#", whole["reason"]) else "words"


def inside(now: pd.Series, whole: pd.Series) -> float:
    """Say whether a value lies in the interval of the same lot in the whole study; NaN without one."""
    low, value, high = (pd.to_numeric(one) for one in (whole["low"], now["value"], whole["high"]))
    return np.nan if pd.isna([low, value, high]).any() else float(low - 1e-9 <= value <= high + 1e-9)


def compare(subsets: int) -> pd.DataFrame:
    """Judge the whole study and random subsets: one row a subset, lot, attribute and what scores are relative to."""
    rates = study_rates(seed=SEED, genes=GENES)
    lots = {name: draw_lot(rates, name, number) for number, name in enumerate(LOTS)}
    known = join(*(simulated_lots(rates, [f"R{n}"], seed=n, umi_median=COUNTS) for n in range(KNOWN)))
    reference, rng, rows = as_reference(known), np.random.default_rng(SEED), []
    whole = judge(list(lots.values()), reference)
    for number in range(subsets):
        names = rng.choice(list(LOTS), rng.integers(1, len(LOTS)), replace=False)
        for relative, table in judge([lots[name] for name in names], reference).items():
            for key, now in table.iterrows():
                before = whole[relative].loc[key]
                row = {"subset": number, "relative": relative, "attribute": key[1], "title": now["title"]}
                rows.append(row | {"kind": change(now, before), "inside": inside(now, before)})
        print(f"subset {number + 1} of {subsets}: {', '.join(names)}", file=sys.stderr, flush=True)
    return pd.DataFrame(rows)


def write(rows: pd.DataFrame) -> str:
    """Set the table as Markdown: attributes of the study, then those that a reference makes others."""
    lines = [
        f"{rows['subset'].nunique()} random subsets of {len(LOTS)} simulated lots ({CELLS} cells, {COUNTS:,.0f} counts "
        f"a cell; one of 3,000), no batch stated; scores relative to this study, and to a simulated reference of "
        f"{KNOWN} lots. Last column: values that lie in the interval of the same lot in the whole study.",
        "",
        f"| attribute | relative to | answers | {' | '.join(KINDS.values())} | values in the interval |",
        f"|{'---|' * (len(KINDS) + 4)}",
    ]
    shown = rows[(rows["relative"] == "this study") | rows["title"].isin(_relative(rows))]
    for (title, relative), own in shown.groupby(["title", "relative"], sort=False):
        counts = own["kind"].value_counts().reindex(list(KINDS), fill_value=0)
        known = own["inside"].dropna()
        share = f"{known.mean():.3f} of {len(known)}" if len(known) else "no interval"
        lines.append(f"| {title} | {relative} | {len(own)} | {' | '.join(map(str, counts))} | {share} |")
    return "\n".join(lines)


def _relative(rows: pd.DataFrame) -> set[str]:
    """Titles of attributes that a reference makes others."""
    kinds = {relative: own.groupby("title")["kind"].agg(list) for relative, own in rows.groupby("relative")}
    by_study, by_reference = kinds["this study"], kinds["a reference"]
    return set(by_study.index[by_study != by_reference.reindex(by_study.index)])


def main() -> None:
    """Run the subsets, print the table, and write it to the document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subsets", type=int, default=50)
    parser.add_argument("--write", action="store_true", help=f"write the table to {DOCUMENT.relative_to(ROOT)}")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    with threadpool_limits(1):
        rows = compare(given.subsets)
    table = write(rows)
    print(table)
    if given.write:
        before, _, after = DOCUMENT.read_text().split(MARK)
        DOCUMENT.write_text(f"{before}{MARK}\n{table}\n{MARK}{after}")


if __name__ == "__main__":
    main()
