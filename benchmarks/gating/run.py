"""Measure the gate: ``python benchmarks/gating/run.py --out DIR [--quick] [--parts ...] [--share 1/2] [--docs]``.

Each part is a list of data sets. The tables of a data set are written below DIR/points when it is done, and then left
alone: an interrupted run goes on where it stopped, and several processes can share the work (``--share 1/2`` beside
``--share 2/2``). When all are there, the tables are joined in DIR; with ``--docs`` they become the benchmark section of
docs/benchmarks/gating.md and its figures.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from functools import cache
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
PURE = ("pure", "hidden CD73", "hidden CD90")  # without contaminants
DEPTHS = (2000, 5000, 10_000, 20_000)


def shared_data() -> Path | None:
    """Folder of the public data, or None."""
    folder = Path(os.environ.get("MSCAPE_SHARED_DATA", REPO.parent / "shared" / "data"))
    return folder if (folder / "housman_ipsc_msc_osteo_pseudobulk").exists() else None


@cache
def gate(without: tuple[str, ...] = ()):
    """Make the gate once per process."""
    from methods import Gate

    return Gate(MARKERS, without=without)


@cache
def sources():
    """Read the public data once per process."""
    import semireal

    return semireal.load(shared_data())


def simulation_points(seeds: range, *, quick: bool) -> list[dict]:
    """Depth x ambient x negative subset; at one ambient fraction, pure cultures and hidden subsets."""
    return [
        {"depth": depth, "rho": rho, "subset": subset, "seed": seed}
        for depth, rho, subset, seed in itertools.product(
            (2000, 10_000) if quick else DEPTHS,
            (0.02, 0.10, 0.20),
            ("none", "distinct", *PURE),
            seeds,
        )
        if rho == 0.10 or subset not in PURE
    ]


def simulation(depth: int, rho: float, subset: str, seed: int) -> dict:
    """All methods on one simulated library, with the reliability of the probabilities."""
    import metrics
    import numpy as np
    import simulate
    from methods import all_methods

    cells = simulate.simulate(
        seed=seed,
        depth=depth,
        rho=rho,
        contaminants={} if subset in PURE else None,
        negative_fraction=0.0 if subset in ("none", "pure") else 0.2,
        negative_gene="THY1" if subset == "hidden CD90" else "NT5E",
        distinct=subset == "distinct",
    )
    calls, result = all_methods(cells, gate())
    markers = [*simulate.POSITIVE, *simulate.NEGATIVE]
    single = ~cells.truth["doublet"].to_numpy()
    p = result.p[:, result.evidence.features.columns(markers)][single].astype(float).ravel()
    y = cells.truth[[f"true_{g}" for g in markers]].to_numpy()[single].ravel()
    error, table = metrics.calibration(p, y)
    info = {"depth": depth, "rho": rho, "subset": subset, "seed": seed}
    rows = [info | {"method": method} | metrics.score_calls(cells.truth, call) for method, call in calls.items()]
    verdicts = result.table[result.table["criterion"].isin(["CD73", "CD90", "phenotype"])]
    verdicts = verdicts[["criterion", "estimate", "low", "high", "verdict", "reason", "max_hidden_fraction"]]
    truth = {"CD73": "true_NT5E", "CD90": "true_THY1"}
    verdicts["truth"] = [cells.truth[truth[c]].mean() if c in truth else np.nan for c in verdicts["criterion"]]
    found = set(result.hidden[result.hidden["finding"] == "hidden_mixture"]["gene"])
    verdicts["hidden_mixture"] = [truth.get(c, "").removeprefix("true_") in found for c in verdicts["criterion"]]
    return {"simulation": rows, "reliability": table.assign(**info, ece=error), "verdicts": verdicts.assign(**info)}


def semireal_points(seeds: range, *, quick: bool) -> list[dict]:
    """Depth x ambient."""
    depths = (5000,) if quick else DEPTHS
    return [{"depth": d, "rho": rho, "seed": seed} for d, rho, seed in itertools.product(depths, (0.02, 0.10), seeds)]


def semireal(depth: int, rho: float, seed: int) -> dict:
    """All methods on one semi-real data set; that of 10,000 UMI again at half the depth."""
    import metrics
    import semireal
    from methods import all_methods

    cells = semireal.build(sources(), seed=seed, depth=depth, rho=rho, half=1)
    calls, _ = all_methods(cells, gate())
    info = {"depth": depth, "rho": rho, "seed": seed}
    out = {"semireal": [info | {"method": m} | metrics.score_calls(cells.truth, c) for m, c in calls.items()]}
    if depth == 10_000:
        half = gate().run(semireal.thin(cells, share=0.5, seed=seed)).calls["call"].to_numpy()
        full = calls["gate"]
        flips = ((full == "pass") & (half == "fail")) | ((full == "fail") & (half == "pass"))
        lost = (full != "indeterminate") & (half == "indeterminate")
        found = (full == "indeterminate") & (half != "indeterminate")
        shares = {"flips": flips.mean(), "new_indeterminate": lost.mean(), "newly_determinate": found.mean()}
        positive = (cells.truth["phenotype"] == "positive").to_numpy()
        out["thinning"] = [info | shares | {"new_indeterminate_positive": lost[positive].mean()}]
    return out


def isolated_points(seeds: range, *, quick: bool) -> list[dict]:
    """Four cells of each kind among 1,600 to 3,000 MSC; and kinds whose panel is taken away."""
    cases = [("with panels", "", n_msc, 4) for n_msc in (1600, 3000)]
    cases += [("without its panel", kind, 1600, n) for kind in ("iPSC", "HUVEC") for n in (4, 60)]
    return [
        {"case": case, "kind": kind, "n_msc": n_msc, "number": number, "seed": seed}
        for (case, kind, n_msc, number), seed in itertools.product(cases[:1] if quick else cases, seeds)
    ]


def isolated(case: str, kind: str, n_msc: int, number: int, seed: int) -> dict:
    """Count the calls by kind in one data set of two donors."""
    import semireal

    without = {"": (), "iPSC": ("PLURIPOTENT",), "HUVEC": ("ENDOTHELIAL",)}[kind]
    cells = semireal.build(
        sources(),
        seed=seed,
        depth=5000,
        rho=0.05,
        n_msc=n_msc,
        contaminants={kind: number} if kind else dict.fromkeys(semireal.CONTAMINANTS, number),
        half=1,
        donors=("H1", "H2"),
    )
    call = gate(without).run(cells).calls["call"].to_numpy()
    single, rows = ~cells.truth["doublet"].to_numpy(), []
    for name in cells.truth["kind"].unique():
        own = single & (cells.truth["kind"] == name).to_numpy()
        if name == "MSC":
            own &= (cells.truth["phenotype"] == "positive").to_numpy()
        counts = {c: int((call[own] == c).sum()) for c in ("pass", "fail", "indeterminate")}
        rows.append({"case": case, "n_msc": n_msc, "seed": seed, "kind": name, "n": int(own.sum())} | counts)
    return {"isolated": rows}


def coverage_points(seeds: range, *, quick: bool) -> list[dict]:
    """Fifty lots for each data set that the grids have, in tens."""
    return [{"first": first} for first in range(0, 10 if quick else 50 * len(seeds), 10)]


def coverage(first: int) -> dict:
    """Intervals of the lot table against the truth, in ten lots of about 550 cells of random make-up."""
    import numpy as np
    import simulate

    rows = []
    for lot in range(first, first + 10):
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
        table = gate().run(cells, seed=lot).table.set_index("criterion")
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
    return {"coverage": rows}


PARTS = {
    "simulation": (simulation_points, simulation),
    "semireal": (semireal_points, semireal),
    "isolated": (isolated_points, isolated),
    "coverage": (coverage_points, coverage),
}


def save(folder: Path, tables: dict) -> None:
    """Write the tables of a point; the folder appears when it is whole."""
    import pandas as pd

    made = folder.with_name(f"{folder.name}.part{os.getpid()}")
    made.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        pd.DataFrame(table).to_csv(made / f"{name}.tsv", sep="\t", index=False, float_format="%.6g")
    made.rename(folder)


def join(out: Path, folders: list[Path]) -> None:
    """Join the tables of a part's points."""
    import pandas as pd

    for name in sorted({path.name for folder in folders for path in folder.glob("*.tsv")}):
        parts = [pd.read_csv(f / name, sep="\t", keep_default_na=False) for f in folders if (f / name).exists()]
        pd.concat(parts).to_csv(out / name, sep="\t", index=False)


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--quick", action="store_true", help="a few points of each grid")
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--seeds", type=int, default=4, help="data sets per point (and fifty lots each)")
    parser.add_argument("--first-seed", type=int, default=201)
    parser.add_argument("--share", default="1/1", help="which part of the data sets this process makes, as 1/2")
    parser.add_argument("--docs", action="store_true", help="write docs/benchmarks/gating.md and its figures")
    options = parser.parse_args()
    share, shares = (int(x) for x in options.share.split("/"))
    seeds = range(options.first_seed, options.first_seed + (1 if options.quick else options.seeds))
    for part in options.parts:
        list_points, measure = PARTS[part]
        if part in ("semireal", "isolated") and shared_data() is None:
            print(f"{part}: no data folder (MSCAPE_SHARED_DATA), left out")
            continue
        start, folders = time.process_time(), []
        for i, point in enumerate(list_points(seeds, quick=options.quick)):
            folders.append(
                options.out / "points" / "_".join([part, *(str(v).replace(" ", "-") for v in point.values())])
            )
            if i % shares == share - 1 and not folders[-1].exists():
                save(folders[-1], measure(**point))
        if all(folder.exists() for folder in folders):
            join(options.out, folders)
        print(f"{part}: {time.process_time() - start:.0f} CPU s", flush=True)
    if options.docs:
        import report

        report.write(options.out, REPO / "docs" / "benchmarks")


if __name__ == "__main__":
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits={"blas": 1}):
        main()
