"""Judge lots whose right verdict is known: ``python benchmarks/verdict/run.py [--quick] [--families A B] [--lots N]``.

The lots are drawn by ``generate.py`` after the rules in ``families.py``; ``product.py`` judges them. A result is kept
below ``--out``, named by the digests of the generator, the lot's family and number, and of the product's code, so
that an interrupted run goes on where it stopped and a change of code runs all again. The tables are printed and
written to ``--out``; with ``--docs`` they become the section of docs/benchmarks/verdict.md between its markers.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
HERE = Path(__file__).parent
REPO = HERE.parents[1]
sys.path.insert(0, str(HERE))


@cache
def lot_digest() -> str:
    """Digest of the generator."""
    code = b"".join((HERE / f"{name}.py").read_bytes() for name in ("sources", "generate", "families", "evaluate"))
    code += (HERE / "kept_genes.txt").read_bytes()
    return hashlib.sha256(code).hexdigest()[:16]


def run_lot(task: tuple[str, int, str]) -> dict:
    """Draw a lane, judge its first lot, compare with the truth; from the cache where it was done before."""
    family_name, number, out = task
    import evaluate
    import families
    import generate
    import numpy as np
    import product
    import sources

    path = result_path(family_name, number, out)
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    start = time.process_time()
    family = next(f for f in families.FAMILIES if f.name == family_name)
    source = sources.load(Path(out))
    seed = int(hashlib.sha256(f"{family_name} {number}".encode()).hexdigest()[:8], 16)
    rng = np.random.default_rng(seed)
    libraries = family.build(source, rng, number)
    lane = generate.draw_lane(source, libraries, seed=seed + 1)
    lot = libraries[0].name
    drawn = time.process_time()
    found = product.judge_lane(lane, judged=[lot])[lot]
    record = evaluate.compare(
        family, number, lane.truth[lane.truth["library"] == lot].reset_index(drop=True), lane, found
    )
    record["seconds"] = {"draw": round(drawn - start, 2), "judge": round(time.process_time() - drawn, 2)}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".part{os.getpid()}")
    part.write_text(json.dumps(record, default=float), encoding="utf-8")
    part.rename(path)
    return record


def run_in_time(task: tuple[str, int, str], *, end: float | None) -> dict | None:
    """Run a lot, or None after the end of the time, where it was not done before."""
    done = result_path(*task).exists()
    return run_lot(task) if done or end is None or time.monotonic() < end else None


def result_path(family: str, number: int, out: str) -> Path:
    """File of a lot's result."""
    import product

    return Path(out) / f"{lot_digest()}-{product.digest()}" / f"{family}-{number:03d}.json"


def missing_sources(family, source) -> list[str]:
    """Name what a family needs and the data folder lacks."""
    there = [*source.profiles, *source.overlays, *source.cells]
    return [need for need in family.needs if not any(need in name for name in there)]


def main() -> None:
    """Run the families that are asked for."""
    import families
    import product
    import report
    import sources

    names = [f.name for f in families.FAMILIES]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few lots of each family (about 75)")
    parser.add_argument("--families", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--lots", type=int, help="at most so many lots of a family")
    parser.add_argument("--minutes", type=float, help="begin no lot after so many minutes; what is done is reported")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=REPO / "benchmarks" / "results" / "verdict")
    parser.add_argument("--docs", action="store_true", help="write the tables of docs/benchmarks/verdict.md")
    options = parser.parse_args()
    source = sources.load(options.out)
    if source is None:
        sys.exit("No data folder: set MSCAPE_SHARED_DATA.")
    tasks, skipped = [], {}
    for family in families.FAMILIES:
        if family.name not in options.families:
            continue
        if lacking := missing_sources(family, source):
            skipped[family.name] = lacking
            print(f"{family.name}: skipped, no {', '.join(lacking)} in the data folder")
            continue
        lots = min(family.quick if options.quick else family.lots, options.lots or family.lots)
        tasks += [(family.name, number, str(options.out)) for number in range(lots)]
    tasks.sort(key=lambda task: task[1])  # one lot of each family after the other: a run that is cut covers them all
    start = time.monotonic()
    end = start + 60 * options.minutes if options.minutes else None
    records = []
    with ProcessPoolExecutor(options.jobs) as pool:
        late = partial(run_in_time, end=end)
        for record in pool.map(late, tasks) if options.jobs > 1 else map(late, tasks):
            if record is None:
                continue
            records.append(record)
            mark = " ".join(record["wrong"]) or "ok"
            print(
                f"{record['family']}-{record['number']:03d} {record['side']:4} {record['verdict']:14} {mark}",
                flush=True,
            )
    records.sort(key=lambda record: (names.index(record["family"]), record["number"]))
    print(f"{len(records)} of {len(tasks)} lots, {time.monotonic() - start:.0f} s, code {product.digest()}\n")
    text = report.write(records, skipped, options.out, asked=len(tasks))
    print(text)
    if options.docs:
        report.into_docs(text, REPO / "docs" / "benchmarks" / "verdict.md")


if __name__ == "__main__":
    main()
