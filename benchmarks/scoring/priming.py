"""Whether a stated priming took, on lots of known state.

Cord MSC primed with IFN-gamma, TNF-alpha and IL-1beta or not (GSE224190, 3 and 3, drawn as sums of counts), real lots
that were not primed (MSC of several donors, GSE181744; airway smooth muscle of four donors, GSE52778) with a priming
written on them, and simulated lots (a folder named by MSCAPE_SHARED_DATA, or ../shared/data). Run from the repository:

    python benchmarks/scoring/priming.py --write
"""

import argparse
import os
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "benchmarks" / "scoring")]

from trials import BONE, PRIMING, STEROID, load_contrasts  # noqa: E402

from mscape.data.reference_table import read_reference  # noqa: E402
from mscape.genes.names import GeneIndex  # noqa: E402
from mscape.genes.registry import load_markers  # noqa: E402
from mscape.scoring.priming import expected_genes, judge_priming  # noqa: E402
from mscape.simulation.model import draw_rates  # noqa: E402
from mscape.simulation.options import SimulateOptions  # noqa: E402
from mscape.simulation.sums import draw_sum  # noqa: E402

DOCUMENT, MARK = ROOT / "docs" / "benchmarks" / "scoring.md", "<!-- benchmarks/scoring/priming.py -->"
ANSWERS = ("yes", "partly", "no", "undecided")
KINDS = ("IFNG", "TNF", "IFNG+TNF", "hypoxia", "poly(I:C)")
LOTS = 40
COUNTS = 5_000_000  # of a lot that is drawn from published expression


def judge(sums, stated, names, donors=None):
    """Answers of the lots that state a priming."""
    lots = pd.DataFrame({"priming": stated, "donor_id": donors or [f"D{i}" for i in range(len(stated))]})
    lots.index = [f"L{i}" for i in range(len(stated))]
    names = np.asarray(names, dtype=str)
    index = GeneIndex(names, pd.Series("", index=names))
    table = judge_priming(np.asarray(sums), lots, index=index, names=names, measured=np.ones(len(names), bool))
    return table.loc[table["answer"] != "control", "answer"].tolist()


def draw(cpm, seed):
    """Draw sums of counts from expression, genes x samples, as samples x genes."""
    rng = np.random.default_rng(seed)
    return rng.poisson((cpm / cpm.sum(axis=0) * COUNTS).to_numpy().T)


def unprimed(sums, names):
    """Answers for each kind of each lot in turn against the others, none of which was primed."""
    found = []
    for kind in KINDS:
        for place in range(len(sums)):
            stated = ["none"] * len(sums)
            stated[place] = kind
            found += judge(sums, stated, names)
    return found


def real(data):
    """Yield a line and the answers for each set of real lots."""
    contrasts = load_contrasts(data)
    cpm, arm, _ = contrasts[PRIMING]
    sums, names = draw(cpm, 0), cpm.index
    for kind in KINDS:
        yield f"GSE224190 primed, stated {kind}", judge(sums, np.where(arm == 1, kind, "none"), names)
    controls = sums[arm == 0]
    yield "GSE224190 controls, each stated primed against the other two, all kinds", unprimed(controls, names)
    shuffled = []
    for chosen in combinations(range(6), 3):
        truth = arm[list(chosen)]
        if truth.sum() in (0, 3):
            continue
        stated = ["IFNG+TNF" if i in chosen else "none" for i in range(6)]
        shuffled += judge(sums, stated, names)
    yield "GSE224190 with permuted labels (controls hold primed lots), stated IFNG+TNF", shuffled
    cpm, arm, donor = contrasts[BONE]
    resting = cpm.loc[:, arm == 0]
    yield (
        f"GSE181744 MSC of {len(set(donor[arm == 0]))} donors, none primed, all kinds",
        unprimed(draw(resting, 1), cpm.index),
    )
    cpm, arm, donor = contrasts[STEROID]
    yield (
        f"GSE52778 muscle of {len(set(donor))} donors, none primed, all kinds",
        unprimed(draw(cpm.loc[:, arm == 0], 2), cpm.index),
    )
    same = [judge(draw(cpm, 2), np.where(arm == 1, kind, "none"), cpm.index, donor.tolist()) for kind in KINDS]
    yield "GSE52778 with dexamethasone, against the same donor, all kinds", [one for each in same for one in each]


def simulated():
    """Yield a line and the answers for each kind of simulated lots, one primed lot and its controls at a time."""
    rates = draw_rates(load_markers(), read_reference(ROOT / "resources" / "genes.tsv"), seed=1, genes=8000)
    names = rates.genes.index.to_numpy(dtype=str)
    for cells, umi in ((1000, 8000), (300, 3000)):
        for controls, paired in ((3, False), (1, True)):
            what = f"{cells} cells of {umi} UMI, {controls} control{'s' * (controls > 1)}"
            what += " of the same donor" if paired else " of other donors"
            found = {key: [] for key in ("primed", "half", "unprimed", "hypoxia", "poly(I:C)")}
            for i in range(LOTS):
                own = {"sample_id": f"L{i}", "donor_id": f"D{i}", "tissue": "bone marrow"}
                others = [
                    own | {"sample_id": f"C{i}_{j}"} | ({} if paired else {"donor_id": f"D{i}_{j}"})
                    for j in range(controls)
                ]
                base = [draw_sum(rates, lot, seed=2, options=_options(cells, umi, 0)) for lot in others]
                donors = [lot["donor_id"] for lot in (own, *others)]
                none = ["none"] * controls
                for key, share in (("primed", 0.8), ("half", 0.4), ("unprimed", 0)):
                    lot = draw_sum(rates, own, seed=3, options=_options(cells, umi, share))
                    found[key] += judge([lot, *base], ["IFNG+TNF", *none], names, donors)
                    if share == 0:
                        for kind in ("hypoxia", "poly(I:C)"):
                            raised = _raise(lot, names, expected_genes(kind), np.random.default_rng(i))
                            found[kind] += judge([raised, *base], [kind, *none], names, donors)
            yield f"80 % of cells licensed, stated IFNG+TNF; {what}", found["primed"]
            yield f"40 % licensed; {what}", found["half"]
            yield f"not licensed, stated IFNG+TNF; {what}", found["unprimed"]
            for kind in ("hypoxia", "poly(I:C)"):
                yield f"{kind}: its genes raised by 1.5 (sd 0.7) log2; {what}", found[kind]


def _options(cells, umi, licensed):
    return SimulateOptions(cells=cells, umi_median=umi, licensed_fraction=licensed)


def _raise(lot, names, genes, rng):
    """Multiply genes of a sum by drawn fold changes; the genes are the rule's own, so this shows power, not truth."""
    lot = lot.copy()
    here = np.flatnonzero(np.isin(names, genes))
    lot[here] = rng.poisson(lot[here] * 2 ** rng.normal(1.5, 0.7, here.size))
    return lot


def write_table(rows):
    """Set the answers as Markdown."""
    lines = ["| lots | n | " + " | ".join(ANSWERS) + " |", "|---|---|" + "---|" * len(ANSWERS)]
    for what, answers in rows:
        count = Counter(answers)
        lines.append(f"| {what} | {len(answers)} | " + " | ".join(str(count[a]) for a in ANSWERS) + " |")
    return "\n".join(lines)


def main():
    """Judge all lots, print the table, write it into the document if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks/scoring.md")
    options = parser.parse_args()
    data = Path(os.environ.get("MSCAPE_SHARED_DATA", ROOT.parent / "shared" / "data"))
    text = write_table([*real(data), *simulated()])
    print(text)
    if options.write:
        before, _, after = DOCUMENT.read_text(encoding="utf-8").split(MARK)
        DOCUMENT.write_text(f"{before}{MARK}\n\n{text}\n\n{MARK}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
