"""Senescence genes chosen in some cultures, scored in cells drawn around cultures that had no part in the choice.

Fibroblasts at 16, 26 and 74 doublings, three cultures each (GSE63577). The candidates are the members of the two
senescence sets and all genes that were taken out of them. Of each doubling one culture is held out; in the six others
the candidates that move the stated way (FDR below 5 %, as in ``trials.py``) are kept; cells are drawn around the
held-out cultures and scored. All are one strain of foreskin fibroblasts: unseen cultures, not unseen donors. Run from
the repository:

    python benchmarks/scoring/unseen.py --write
"""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.metrics import roc_auc_score

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(Path(__file__).parent)]

import trials  # noqa: E402

from mscape.data import counts  # noqa: E402
from mscape.genes.names import GeneIndex  # noqa: E402
from mscape.genes.registry import Markers, load_markers  # noqa: E402
from mscape.scoring import control_genes, gene_sets, methods, null_sets  # noqa: E402
from mscape.scoring.consensus import GAINED, LOST, SIGNED  # noqa: E402

MARK = "<!-- benchmarks/scoring/unseen.py -->"
DEPTHS = (3_000, 10_000)
CELLS = 100  # drawn around each held-out culture


def candidates(markers: Markers) -> dict[str, tuple[list[str], int]]:
    """Members of both sets with those that were taken out, and the sign that each set states."""
    out = {name: trials.OUT[name][1].split() for name in (GAINED, LOST)}
    return {name: ([*markers.signatures[name]["genes"], *out[name]], sign) for name, sign in ((GAINED, 1), (LOST, -1))}


def choose(markers: Markers, tested: pd.DataFrame) -> Markers:
    """Keep the candidates that move the stated way; cycle genes stay out of the set of genes lost."""
    cycle = {gene for name in ("TIROSH_S", "TIROSH_G2M") for gene in markers.signatures[name]["genes"]}
    signatures = dict(markers.signatures)
    for name, (genes, sign) in candidates(markers).items():
        seen = tested.reindex(genes)
        kept = list(seen.index[(seen["padj"] < trials.LEVEL) & (sign * seen["change"] > 0)])
        signatures[name] = {**signatures[name], "genes": [gene for gene in kept if name == GAINED or gene not in cycle]}
    return replace(markers, signatures=signatures)


def draw_cells(profile: np.ndarray, depth: int, rng: np.random.Generator) -> np.ndarray:
    """Cells around a profile: multinomial draws with variation of each gene."""
    share = profile / profile.sum()
    return rng.multinomial(depth, rng.dirichlet(30_000 * (share + 1e-11), CELLS))


def score(block: sp.csr_matrix, names: np.ndarray, markers: Markers) -> np.ndarray:
    """Z of the signed senescence score in each cell."""
    logged = counts.lognorm(block, counts.totals(block))
    mean, seen = (np.asarray(x.mean(axis=0)).ravel() for x in (logged, logged > 0))
    sets, table = gene_sets.build_sets(markers, GeneIndex(names, None), names, np.ones(len(names), bool))
    reference = control_genes.make_background(mean, ~gene_sets.scored_genes(table, names), names)
    stats = null_sets.GeneStats.of(mean, seen, reference)
    weights = methods.matched_weights(sets, mean, reference)
    linear, square = null_sets.bin_weights(sets, stats)
    scores, centre, spread = methods.score_block(
        block, weights, reference, bins=stats.bins.of_pool, linear=linear, square=square
    )
    column = [genes.name for genes in sets].index(SIGNED)
    return ((scores - mean @ weights - centre) / spread)[:, column]


def held_out_rows(cpm: pd.DataFrame, old: np.ndarray) -> list[tuple[int, int, int, int, float]]:
    """Held-out culture, depth, genes gained and lost that were chosen without it, and AUROC of its cells."""
    markers, rows = load_markers(), []
    number = np.arange(cpm.shape[1]) % 3  # every third column: one culture of each doubling
    for held in range(3):
        chosen = choose(markers, trials.test_genes(cpm.loc[:, number != held], old[number != held], None))
        for depth in DEPTHS:
            rng = np.random.default_rng(held)
            blocks = [draw_cells(cpm.iloc[:, i].to_numpy(), depth, rng) for i in np.flatnonzero(number == held)]
            z = score(sp.csr_matrix(np.vstack(blocks).astype(np.int32)), cpm.index.to_numpy(dtype=str), chosen)
            auroc = roc_auc_score(np.repeat(old[number == held], CELLS), z)
            rows.append((held + 1, depth, *(len(chosen.signatures[name]["genes"]) for name in (GAINED, LOST)), auroc))
    return rows


def main() -> None:
    """Print the table, and write it into the document if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks/scoring.md")
    options = parser.parse_args()
    data = Path(os.environ.get("MSCAPE_SHARED_DATA", ROOT.parent / "shared" / "data"))
    cpm, old, _ = trials.load_contrasts(data)[trials.SENESCENCE]
    lines = ["| culture held out | counts a cell | genes gained | genes lost | AUROC |", "|---|---|---|---|---|"]
    lines += [
        f"| {held} | {depth:,} | {up} | {down} | {auroc:.3f} |"
        for held, depth, up, down, auroc in held_out_rows(cpm, old)
    ]
    text = "\n".join(lines)
    print(text)
    if options.write:
        before, _, after = trials.DOCUMENT.read_text(encoding="utf-8").split(MARK)
        trials.DOCUMENT.write_text(f"{before}{MARK}\n\n{text}\n\n{MARK}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
