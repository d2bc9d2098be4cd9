"""How often smaller lots lose a verdict, beside what the certificate of a deep lot says.

A deep lot is drawn and judged, and its certificate made. Then fresh lots of each size that the certificate tried are
drawn from the same truth (other cells, that many, at that depth) and judged by embedding and gate of their own. What
the certificate promises at a size is the share of the copies that lost the verdict; what came is that share of the
fresh lots. Lots of the product's simulator, and, with the real profiles, lots of the generator of benchmarks/verdict.

    MSCAPE_SHARED_DATA=<real data> python benchmarks/gating/certificate.py --write
"""

import argparse
import os
import sys
import time
from dataclasses import replace
from functools import cache, partial
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "benchmarks" / "verdict")]

from mscape.data import counts, yaml_file  # noqa: E402
from mscape.data.reference_table import read_reference  # noqa: E402
from mscape.embedding.embed import embed_dataset  # noqa: E402
from mscape.embedding.options import EmbedOptions  # noqa: E402
from mscape.gating.certificate import SETTLED, Gated, certify_dataset  # noqa: E402
from mscape.gating.gate import gate_dataset  # noqa: E402
from mscape.gating.lot_copies import thin  # noqa: E402
from mscape.gating.options import GateOptions  # noqa: E402
from mscape.genes.names import GENES  # noqa: E402
from mscape.genes.registry import REGISTRY, load_markers  # noqa: E402
from mscape.quality.ambient import measure_ambient  # noqa: E402
from mscape.simulation.cells import draw_cells  # noqa: E402
from mscape.simulation.counts import draw_counts  # noqa: E402
from mscape.simulation.model import draw_rates  # noqa: E402
from mscape.simulation.options import SimulateOptions  # noqa: E402

DOCUMENT = ROOT / "docs" / "benchmarks" / "certificate.md"
MARK = "<!-- benchmarks/gating/certificate.py -->"
FRESH = 3  # lots of each size
TOLERANCE = 0.1
FEWEST = 5  # lots of a row of the table
yaml_file.read = cache(yaml_file.read)
MARKERS = load_markers()
# cells, counts a cell, contamination: from lots that barely pass to lots that clearly do or fail
SIMULATED = [
    *((900, depth, {}) for depth in (20_000, 30_000, 45_000, 60_000)),
    *((500, depth, {}) for depth in (40_000, 60_000, 80_000)),
    *((2000, depth, {}) for depth in (10_000, 20_000, 30_000)),
    *((900, 15_000, {kind: share}) for kind in ("T cell", "monocyte", "endothelial") for share in (0.04, 0.07, 0.15)),
    (900, 6000, {"B cell": 0.12}),
    (300, 15_000, {"T cell": 0.1}),
]
SECOND = {  # family of benchmarks/verdict/families.py: number of lots
    "good_deep": 5,
    "cord_gse199071": 2,
    "blood_mixed": 3,
    "without_marker": 3,
    "negative_part": 2,
    "sorted_mixed": 2,
}


def judge(matrix: sp.csr_matrix, genes: pd.Index) -> tuple[AnnData, Gated]:
    """Embed and gate one lot by itself."""
    obs = pd.DataFrame(index=[f"c{i}" for i in range(matrix.shape[0])])
    obs["lot_id"] = obs["sample_id"] = "lot"
    obs["batch"], obs["total_counts"] = "unknown", np.asarray(matrix.sum(axis=1)).ravel().astype(float)
    adata = AnnData(sp.csr_matrix(matrix), obs=obs, var=pd.DataFrame(index=genes))
    everyone = np.ones(len(obs), bool)
    found = measure_ambient(adata, obs["total_counts"].to_numpy(), everyone, organism="human", markers=REGISTRY)
    ambient = {"lot": float(found.fraction)}
    embedding = embed_dataset(adata, EmbedOptions(), markers=MARKERS)
    result = gate_dataset(
        adata, embedding, partial(counts.read_genes, adata), culture="expanded", ambient_fraction=ambient
    )
    record = result.record(obs["sample_id"])
    return adata, Gated.of(result.table, record, embedding, options=GateOptions(), ambient_fraction=ambient)


def simulator(number: int):
    """Give the genes of a simulated lot, and a function that draws it with some cells at a share of its depth."""
    cells, depth, contamination = SIMULATED[number]
    rates = draw_rates(MARKERS, read_reference(GENES), seed=1000 + number)

    def draw(name: str, n_cells: int, kept: float) -> sp.csr_matrix:
        lot = {"sample_id": name, "donor_id": "D", "tissue": "bone marrow", "sex": "female"}
        options = SimulateOptions(
            cells=n_cells, umi_median=depth * kept, contamination=contamination, damaged_fraction=0.0
        )
        truth = draw_cells(lot, seed=1000 + number, options=options)
        return sp.vstack([x for x, _ in draw_counts(truth, rates, lot, seed=1000 + number, options=options)], "csr")

    return pd.Index(rates.genes.index), cells, draw


def second(family, number: int, source):
    """Give the same for a lot of the other generator: one pool of cells, of which each lot takes others, thinned."""
    import generate

    rng = np.random.default_rng([7, number])
    (library, *others) = family.build(source, rng, number)
    assert not others, family.name
    size = sum(part.n for part in library.parts)
    pool = replace(library, parts=[replace(part, n=4 * part.n) for part in library.parts])
    lane = generate.draw_lane(source, [pool], seed=number)
    taken = 0

    def draw(name: str, n_cells: int, kept: float) -> sp.csr_matrix:
        nonlocal taken
        taken = taken if taken + n_cells <= lane.X.shape[0] else size  # the first are the deep lot's
        own = lane.X[taken : taken + n_cells]
        taken += n_cells
        return thin(own, np.asarray(own.sum(axis=1)).ravel(), kept, np.random.default_rng([number, taken]))[0]

    return pd.Index(lane.genes), size, draw


def compare(name: str, kind: str, genes: pd.Index, n_cells: int, draw) -> list[dict]:
    """Certify a deep lot, and judge fresh lots of each size that was tried."""
    adata, gated = judge(draw("deep", n_cells, 1.0), genes)
    verdict, start = gated.verdicts["lot"], time.process_time()
    if verdict not in SETTLED:
        return [{"lot": name, "generator": kind, "verdict": verdict}]
    table = certify_dataset(adata, adata, gated, culture="expanded")
    seconds, whole, rows = time.process_time() - start, table["median_counts"].max(), []
    for size in table.itertuples():
        if size.repeats == 1:
            rows.append({"kept": size.kept, "repeats": 1, "cells": 1.0, "counts": 1.0})
            continue
        kept = size.median_counts / whole
        fresh = [
            judge(draw(f"fresh {size.Index} {i}", size.n_cells, kept), genes)[1].verdicts["lot"] for i in range(FRESH)
        ]
        row = {"kept": size.kept, "repeats": size.repeats, "held": size.held, "n_cells": size.n_cells}
        row |= {"cells": size.n_cells / n_cells, "counts": kept, "same": fresh.count(verdict), "fresh": FRESH}
        rows.append(row)
    return [{"lot": name, "generator": kind, "verdict": verdict, "seconds": seconds} | row for row in rows]


def report(rows: pd.DataFrame, asked: int) -> str:
    """Write what was promised and what came, as Markdown; ``asked`` is the number of lots of a whole run."""
    open_ = rows[~rows["verdict"].isin(SETTLED)]
    rows["cells"] /= rows.groupby("lot")["cells"].transform("max")  # of the largest copies, 1,000 of a larger lot
    tried = rows.dropna(subset="fresh").copy()
    tried["promised"], tried["came"] = 1 - tried["kept"] / tried["repeats"], 1 - tried["same"] / tried["fresh"]
    of_lot = rows.groupby("lot").first()
    alone = rows[(rows["repeats"] == 1) & (rows["kept"] == 0)]
    settled = of_lot[of_lot["verdict"].isin(SETTLED)]
    met, failed = ((settled["verdict"] == verdict).sum() for verdict in SETTLED)
    lines = [
        f"{len(of_lot)} of {asked} lots, {len(settled)} with a settled phenotype ({met} met, {failed} failed); "
        f"{len(open_)} open ones have no certificate, and "
        f"{len(alone)} none because the copy of the whole lot was judged otherwise. {FRESH} fresh lots of each size. "
        f"A certificate took {settled['seconds'].median():.1f} CPU seconds (median; at most "
        f"{settled['seconds'].max():.1f}).",
        "",
        f"| sizes | lots | sizes tried | promised | came (95 % interval) | difference | within {TOLERANCE} |",
        "|---|---|---|---|---|---|---|",
    ]
    groups = {"all": tried["fresh"].notna()}
    groups |= {kind: tried["generator"] == kind for kind in tried["generator"].unique()}
    groups |= {f"verdict {verdict}": tried["verdict"] == verdict for verdict in SETTLED}
    of_cells, of_counts = tried["cells"].round(2), tried["counts"].round(2)
    all_cells, all_counts = tried["cells"] > 0.9, tried["counts"] > 0.9
    groups["1,000 cells of a larger lot, all counts"] = all_cells & all_counts
    for share in (0.5, 0.25, 0.125):
        fewer_cells, fewer_counts = of_cells.eq(round(share, 2)), of_counts.eq(round(share, 2))
        groups[f"{share:g} of the cells, all counts"] = fewer_cells & all_counts
        groups[f"all cells, {share:g} of the counts"] = all_cells & fewer_counts
        groups[f"{share:g} of both"] = fewer_cells & fewer_counts
    groups |= {"sizes at which it held": tried["held"] == 1, "at which it did not": tried["held"] == 0}
    for low, high in ((0, 0), (0.25, 0.25), (0.5, 0.5), (0.75, 0.75), (1, 1)):
        groups[f"promised {low:g}"] = tried["promised"].between(low, high)
    for title, which in groups.items():
        own = tried[which]
        if own["lot"].nunique() < FEWEST:
            continue
        promised, came = own["promised"].mean(), own["came"].mean()
        low, high = lot_interval(own)
        difference = came - promised
        cells = [title, own["lot"].nunique(), len(own), f"{promised:.2f}", f"{came:.2f} ({low:.2f} to {high:.2f})"]
        cells += [f"{difference:+.2f}", "yes" if abs(difference) <= TOLERANCE else "no"]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def lot_interval(own: pd.DataFrame) -> tuple[float, float]:
    """Interval of the share of fresh lots by a bootstrap over the deep ones, whose fresh lots are not independent."""
    rng = np.random.default_rng(0)
    lost, fresh = (own.assign(lost=own["fresh"] - own["same"]).groupby("lot")[of].sum() for of in ("lost", "fresh"))
    drawn = rng.integers(len(lost), size=(2000, len(lost)))
    shares = lost.to_numpy()[drawn].sum(axis=1) / fresh.to_numpy()[drawn].sum(axis=1)
    return tuple(np.quantile(shares, [0.025, 0.975]))


def main() -> None:
    """Draw, judge, compare; print the table and write it into the document if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks/certificate.md")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "certificate.tsv")
    parser.add_argument("--lots", type=int, default=100, help="at most so many of each generator")
    parser.add_argument("--resume", action="store_true", help="go on with the lots that --out does not hold yet")
    parser.add_argument("--minutes", type=float, help="begin no lot after so many CPU minutes")
    options = parser.parse_args()
    threadpool_limits(1)  # as in the workflow
    lots = [(f"simulated {n}", "simulator", partial(simulator, n)) for n in range(len(SIMULATED))][: options.lots]
    others = []
    if "MSCAPE_SHARED_DATA" in os.environ:
        import families
        import sources

        source = sources.load(options.out.parent / "verdict")
        known = {family.name: family for family in families.FAMILIES}
        asked = [(family, n) for family, number in SECOND.items() for n in range(number)]
        others = [(f"{name} {n}", "second generator", partial(second, known[name], n, source)) for name, n in asked]
    rng = np.random.default_rng(1)  # a run that is cut covers all kinds
    by_turns = zip_longest(*(sorted(some, key=lambda _: rng.random()) for some in (lots, others[: options.lots])))
    lots = [one for pair in by_turns for one in pair if one is not None]
    rows = pd.read_csv(options.out, sep="\t").to_dict("records") if options.resume else []
    done = {row["lot"] for row in rows}
    for name, kind, make in lots:
        if name in done or (options.minutes and time.process_time() > 60 * options.minutes):
            continue
        found = compare(name, kind, *make())
        rows += found
        print(name, found[0]["verdict"], f"{time.process_time():.0f} CPU s", flush=True)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).to_csv(options.out, sep="\t", index=False)
    text = report(pd.DataFrame(rows), len(lots))
    print(text)
    if options.write:
        before, _, after = DOCUMENT.read_text(encoding="utf-8").split(MARK)
        DOCUMENT.write_text(f"{before}{MARK}\n\n{text}\n\n{MARK}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
