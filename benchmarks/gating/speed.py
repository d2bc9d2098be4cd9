"""Time the gate: ``python benchmarks/gating/speed.py [--cells 100000] [--profile]``; needs no data.

Simulated lots of 10,000 cells with a tenth of contaminants and 3 % doublets. The clock starts after the neighbour
search of the embedding, as in the workflow, and stops when cells and lots are judged; memory is the whole process's.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import resource
import sys
import time
from pathlib import Path

REPO = Path(__file__).parents[2]
sys.path[:0] = [str(REPO / "workflow" / "scripts"), str(Path(__file__).parent)]
LOT = 10_000


def main() -> None:
    """Draw the cells, embed them, time the gate."""
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp
    from methods import Gate, embed
    from simulate import simulate

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    options = parser.parse_args()
    gate, few = Gate(REPO / "resources" / "markers.yaml"), {"T": 250, "Mono": 250, "B": 125, "HSPC": 125, "Endo": 250}
    lots, embedded = [], []
    for i in range(options.cells // LOT):
        lot = simulate(seed=i, depth=8000, rho=0.05, n_msc=LOT - sum(few.values()), contaminants=few)
        lot.truth["library"] = f"lot{i}"
        lots.append(lot)
        embedded.append(embed(lot, drop=gate.hidden_genes))
    cells = lots[0]
    cells.X = sp.vstack([lot.X for lot in lots], format="csr")
    cells.truth = pd.concat([lot.truth for lot in lots], ignore_index=True)
    cells.rho = dict.fromkeys(cells.truth["library"], 0.05)
    points, graph = np.vstack([p for p, _ in embedded]), sp.block_diag([g for _, g in embedded], format="csr")
    prepared = gate.prepare(cells)
    del lots, embedded
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    profile = cProfile.Profile(time.process_time) if options.profile else None
    wall, cpu = time.monotonic(), time.process_time()
    if profile:
        profile.enable()
    result = gate.judge_prepared(cells, points, graph, prepared, threads=options.threads)
    if profile:
        profile.disable()
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{len(points):,} cells, {result.calls['call'].value_counts().to_dict()}")
    print(f"{wall:.1f} s wall, {cpu:.1f} CPU s; peak {peak / 2**20:.2f} GB, before the gate {before / 2**20:.2f} GB")
    if profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits={"blas": 1}):
        main()
