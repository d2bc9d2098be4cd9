"""What the bound of silent cells rests on and what it needs: ``python benchmarks/gating/silent.py``.

1. How often a pure simulated lot has a bound of 20 % or less, by mean count of the marker and number of cells.
2. How much the rates of genes vary in the single cells of three cell lines (sc_mixology, GSE118767, CEL-seq2 with UMI):
   quantiles of the squared coefficient of variation beyond counting noise, by rate.
   ``mscape.gating.hidden_subset_bound`` takes the calmest tenth of the genes as the least that a marker varies.
"""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
from run import shared_data

from mscape.gating.hidden_subset_bound import non_expressing_upper_bound

EDGES = [10, 20, 50, 100, 200, 500, 1000, 2000]
LOTS = 40


def needed_cells() -> pd.DataFrame:
    """Share of pure lots with a bound of 20 % or less; the marker varies by 0.3, at least 0.2 is known of it."""
    rows = []
    for mean, n_cells in ((0.16, 2500), (0.16, 5000), (0.16, 20_000), (0.6, 300), (0.6, 600), (0.6, 2000), (1.6, 300)):
        bounds = []
        for seed in range(LOTS):
            rng = np.random.default_rng(seed)
            expected = mean * rng.lognormal(0, 0.4, n_cells)
            x = rng.poisson(expected * rng.gamma(1 / 0.3, 0.3, n_cells))
            bounds.append(non_expressing_upper_bound(x, expected, 0.02 * expected, min_dispersion=0.2))
        rows.append({"mean count": mean, "cells": n_cells, "median bound": np.median(bounds)})
        rows[-1]["share up to 20 %"] = np.mean(np.array(bounds) <= 0.2)
    return pd.DataFrame(rows)


def dispersions() -> pd.DataFrame:
    """Dispersion of each gene in each cell line, with the information that it is from."""
    cells = anndata.read_h5ad(shared_data() / "scmix_sc_celseq2" / "scmix_sc_celseq2.h5ad")
    cells = cells[(cells.obs["demuxlet_cls"] == "SNG").to_numpy()]
    rows = []
    for line in sorted(cells.obs["cell_line"].unique()):
        X = cells[(cells.obs["cell_line"] == line).to_numpy()].X.toarray().astype(float)
        totals = X.sum(axis=1, keepdims=True)
        rate = X.sum(axis=0) / totals.sum()
        mean = totals * rate
        information = np.maximum((mean**2).sum(axis=0), 1e-12)
        found = ((X - mean) ** 2 - mean).sum(axis=0) / information
        rows.append(pd.DataFrame({"line": line, "cpm": rate * 1e6, "dispersion": found, "information": information}))
    return pd.concat(rows).query("information > 30")


def main() -> None:
    """Print the tables."""
    print(needed_cells().round(2).to_string(index=False))
    if shared_data() is None:
        return
    table = dispersions()
    by = table.groupby(pd.cut(table["cpm"], EDGES), observed=True)["dispersion"]
    print(by.quantile([0.1, 0.25, 0.5, 0.75]).unstack().round(2).assign(genes=by.size()).to_string())
    for line, part in table[table["information"] >= 400].groupby("line"):
        print(f"{line}: a tenth of the well measured genes vary less than {part['dispersion'].quantile(0.1):.3f}")


if __name__ == "__main__":
    main()
