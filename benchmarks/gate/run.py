"""Measure the gate: ``python benchmarks/gate/run.py --out DIR [--quick] [--parts ...] [--docs]``.

Each part writes a table into DIR; parts that are there already are kept, so that an interrupted run can go on. With
``--docs`` the tables become the benchmark section of docs/gate.md and docs/figures/gate_*.svg.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

REPO = Path(__file__).parents[2]
sys.path[:0] = [str(REPO / "workflow" / "scripts"), str(Path(__file__).parent)]
MARKERS = REPO / "resources" / "markers.yaml"
GENES = {
    "CD73": ["NT5E"],
    "CD90": ["THY1"],
    "CD105": ["ENG"],
    "CD45": ["PTPRC"],
    "CD34": ["CD34"],
    "CD14|CD11b": ["CD14", "ITGAM"],
    "CD79a|CD19": ["CD79A", "CD19"],
    "HLA-DR": ["HLA-DRA"],
}


def shared_data() -> Path | None:
    """Folder of the public data, or None."""
    folder = Path(os.environ.get("MSCAPE_SHARED_DATA", REPO.parent / "shared" / "data"))
    return folder if (folder / "housman_ipsc_msc_osteo_pseudobulk").exists() else None


def simulation_grid(quick: bool, seeds: range):
    """Depth x ambient x negative subset; all methods, probabilities kept for the calibration."""
    import metrics
    import numpy as np
    import pandas as pd
    import simulate
    from methods import Gate, all_methods

    gate, rows, reliability = Gate(MARKERS), [], []
    markers = [*simulate.POSITIVE, *simulate.NEGATIVE]
    for depth in (2000, 10_000) if quick else (2000, 5000, 10_000, 20_000):
        for rho in (0.02, 0.10, 0.20):
            for subset in ("none", "distinct", "alike CD73", "alike CD90"):
                if subset.startswith("alike") and rho != 0.10:
                    continue
                kept = []
                for seed in seeds:
                    cells = simulate.simulate(
                        seed=seed,
                        depth=depth,
                        rho=rho,
                        negative_fraction=0.0 if subset == "none" else 0.2,
                        negative_gene="THY1" if subset == "alike CD90" else "NT5E",
                        distinct=subset == "distinct",
                    )
                    calls, result = all_methods(cells, gate)
                    single = ~cells.truth["doublet"].to_numpy()
                    p = result.p[:, result.evidence.features.columns(markers)][single].astype(float).ravel()
                    y = cells.truth[[f"true_{g}" for g in markers]].to_numpy()[single].ravel()
                    kept.append((p, y))
                    gene = "CD90" if subset == "alike CD90" else "CD73"
                    row = result.table.set_index("criterion").loc[gene]
                    found = (result.hidden["finding"] == "hidden_mixture").any()
                    info = {"depth": depth, "rho": rho, "subset": subset, "seed": seed}
                    for method, call in calls.items():
                        rows.append(info | {"method": method} | metrics.score_calls(cells.truth, call))
                    gate_row = rows[-len(calls)]
                    gate_row |= {"verdict": row["verdict"], "reason": row["reason"], "hidden_mixture": found}
                    gate_row |= {"estimate": row["estimate"], "truth": cells.truth[f"true_{GENES[gene][0]}"].mean()}
                p, y = (np.concatenate(x) for x in zip(*kept, strict=True))
                error, table = metrics.calibration(p, y)
                reliability.append(table.assign(depth=depth, rho=rho, subset=subset, ece=error))
    return {"simulation": pd.DataFrame(rows), "reliability": pd.concat(reliability)}


def semireal_grid(quick: bool, seeds: range):
    """Depth x ambient on semi-real cells, and each of them again at half the depth (5k and 10k UMI)."""
    import metrics
    import pandas as pd
    import semireal
    from methods import Gate, all_methods

    gate, sources, rows, thinned = Gate(MARKERS), semireal.load(shared_data()), [], []
    for depth in (5000,) if quick else (2000, 5000, 10_000, 20_000):
        for rho in (0.02, 0.10):
            for seed in seeds:
                cells = semireal.build(sources, seed=seed, depth=depth, rho=rho, half=1)
                calls, _ = all_methods(cells, gate)
                info = {"depth": depth, "rho": rho, "seed": seed}
                rows += [info | {"method": m} | metrics.score_calls(cells.truth, c) for m, c in calls.items()]
                if depth == 10_000 and rho == 0.10:
                    half = gate.run(semireal.thin(cells, share=0.5, seed=seed)).calls["call"].to_numpy()
                    full = calls["gate"]
                    flips = ((full == "pass") & (half == "fail")) | ((full == "fail") & (half == "pass"))
                    lost = (full != "indeterminate") & (half == "indeterminate")
                    thinned.append(info | {"flips": flips.mean(), "new_indeterminate": lost.mean()})
    return {"semireal": pd.DataFrame(rows), "thinning": pd.DataFrame(thinned)}


def isolated(quick: bool, seeds: range):
    """Four cells of each kind among 1,600 to 3,000 MSC; and kinds whose panel is taken away."""
    import pandas as pd
    import semireal
    from methods import Gate

    sources, rows = semireal.load(shared_data()), []
    few = dict.fromkeys(semireal.CONTAMINANTS, 4)
    cases = [("with panels", few, (), 1600), ("with panels", few, (), 3000)]
    cases += [("without its panel", {"iPSC": n}, ("PLURIPOTENT",), 1600) for n in (4, 60)]
    cases += [("without its panel", {"HUVEC": n}, ("ENDOTHELIAL",), 1600) for n in (4, 60)]
    for name, contaminants, without, n_msc in cases[:1] if quick else cases:
        for seed in seeds:
            gate = Gate(MARKERS, without=without)
            cells = semireal.build(
                sources,
                seed=seed,
                depth=5000,
                rho=0.05,
                n_msc=n_msc,
                contaminants=contaminants,
                half=1,
                donors=("H1", "H2"),
            )
            call = gate.run(cells).calls["call"].to_numpy()
            single = ~cells.truth["doublet"].to_numpy()
            for kind in cells.truth["kind"].unique():
                rows_of = single & (cells.truth["kind"] == kind).to_numpy()
                if kind == "MSC":
                    rows_of &= (cells.truth["phenotype"] == "positive").to_numpy()
                rows.append(
                    {"case": name, "n_msc": n_msc, "seed": seed, "kind": kind, "n": int(rows_of.sum())}
                    | {c: int((call[rows_of] == c).sum()) for c in ("pass", "fail", "indeterminate")}
                )
    return {"isolated": pd.DataFrame(rows)}


def coverage(quick: bool, seeds: range):
    """Intervals of the lot table against the truth, in lots of about 550 cells of random make-up."""
    import numpy as np
    import pandas as pd
    import simulate
    from methods import Gate

    gate, rows = Gate(MARKERS), []
    for lot in range(10 if quick else 50 * len(seeds)):
        rng = np.random.default_rng(10_000 + lot)
        contaminants = dict(zip(("T", "Mono", "B", "Endo"), rng.integers(0, 16, 4).tolist(), strict=True))
        cells = simulate.simulate(
            seed=20_000 + lot,
            depth=rng.choice([4000, 8000, 15_000]),
            rho=0.05,
            n_msc=500,
            contaminants=contaminants,
            negative_fraction=rng.choice([0, 0.05, 0.15, 0.3]),
        )
        table = gate.run(cells, seed=lot).table.set_index("criterion")
        for criterion, row in table.iterrows():
            if criterion == "phenotype":
                truth = (cells.truth["phenotype"] == "positive").mean()
            else:
                truth = cells.truth[[f"true_{g}" for g in GENES[criterion]]].any(axis=1).mean()
            covered = row["low"] - 1e-9 <= truth <= row["high"] + 1e-9
            rows.append(
                {"lot": lot, "criterion": criterion, "truth": truth, "estimate": row["estimate"]}
                | {"low": row["low"], "high": row["high"], "covered": covered, "verdict": row["verdict"]}
            )
    return {"coverage": pd.DataFrame(rows)}


PARTS = {
    "simulation": simulation_grid,
    "semireal": semireal_grid,
    "isolated": isolated,
    "coverage": coverage,
}


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--quick", action="store_true", help="a few points of each grid")
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument(
        "--seeds", type=int, default=2, help="data sets per point (and fifty lots each for the intervals)"
    )
    parser.add_argument("--first-seed", type=int, default=101)
    parser.add_argument("--docs", action="store_true", help="write the section of docs/gate.md and its figures")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    seeds = range(options.first_seed, options.first_seed + (1 if options.quick else options.seeds))
    for part in options.parts:
        if (options.out / f"{part}.tsv").exists():
            continue
        if part in ("semireal", "isolated") and shared_data() is None:
            print(f"{part}: no data folder (MSCAPE_SHARED_DATA), left out")
            continue
        start = time.monotonic()
        for name, table in PARTS[part](options.quick, seeds).items():
            table.to_csv(options.out / f"{name}.tsv", sep="\t", index=False, float_format="%.6g")
        print(f"{part}: {time.monotonic() - start:.0f} s", flush=True)
    if options.docs:
        import report

        report.write(options.out, REPO / "docs")


if __name__ == "__main__":
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits={"blas": 1}):
        main()
