"""Coverage of the bound on a hidden subset, and what it rests on: ``python benchmarks/gating/hidden_subset.py``.

1. How often the bound covers a hidden subset of known size and place, in counts that are drawn by other rules than
   those of ``mscape.gating.hidden_subset_bound``, and how large it is in pure lots.
2. How much the rates of genes vary in the single cells of three cell lines (sc_mixology, GSE118767, CEL-seq2 with UMI):
   quantiles of the squared coefficient of variation beyond counting noise, by rate. The bound takes the dispersion of a
   marker from genes of comparable rate.
"""

from __future__ import annotations

import argparse

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp
from run import shared_data

from mscape.gating import hidden_subset_bound as bound

EDGES = [10, 20, 50, 100, 200, 500, 1000, 2000]
SETTINGS = {
    "log-normal dispersions": {},
    "dispersion falls with rate": {"falling": True},
    "latent programs": {"programs": True},
}
PLACES = ((0.0, "evenly"), (0.1, "evenly"), (0.2, "in one cluster"), (0.3, "90 % of one cluster"))
N_GENES = 100


def draw_lot(rng, n_cells, mean, share, place, *, falling=False, programs=False):
    """Draw a marker with a silent subset, and other genes, in three clusters of cells of very different size.

    Returns
    -------
    Counts of the marker, total counts, cluster, silent cells, counts of the other genes (CSC).
    """
    cluster = np.sort(rng.choice(3, n_cells))
    total = rng.lognormal(0, 0.7, n_cells)
    total *= 1e4 / total.mean()
    states = rng.normal(0, 1, (n_cells, 3))
    silent = np.zeros(n_cells, bool)
    if place == "evenly":
        silent = rng.random(n_cells) < share
    elif place == "in one cluster":
        largest = np.flatnonzero(cluster == np.bincount(cluster).argmax())
        silent[rng.choice(largest, min(int(share * n_cells), len(largest)), replace=False)] = True
    else:
        first = np.flatnonzero(cluster == 0)
        silent[rng.choice(first, int(0.9 * len(first)), replace=False)] = True

    def gene(mean, silent):
        dispersion = np.clip(rng.lognormal(np.log(0.25), 0.7), 0.05, 2)
        if falling:
            dispersion = np.clip(0.55 * (mean / 0.1) ** -0.45 * rng.lognormal(0, 0.4), 0.02, 2)
        rate = mean / 1e4 * rng.lognormal(0, 0.2, 3)[cluster] * rng.gamma(1 / dispersion, dispersion, n_cells)
        if programs:
            state = np.exp(states @ (rng.normal(0, 0.25, 3) * (rng.random(3) < 0.3)))
            rate *= state / state.mean()
        return rng.poisson(total * np.where(silent, 2e-8, rate))

    marker = gene(mean, silent)
    none = np.zeros(n_cells, bool)
    means = np.exp(rng.uniform(np.log(mean / 3), np.log(mean * 8), N_GENES))
    return marker, total, cluster, silent, sp.csc_matrix(np.column_stack([gene(m, none) for m in means]))


def bound_of(marker, total, cluster, others) -> float:
    """Bound of one drawn lot."""
    genes, rate = bound.measure_reference(others, total, cluster), marker.sum() / total.sum()
    fits = [
        bound.fit_cluster(bound.classify(marker[own], total[own], total[own] * 5e-7, 0.0))
        for own in (cluster == c for c in np.unique(cluster))
    ]
    curve = bound.profile_total(fits, np.bincount(cluster), genes.dispersion_prior(rate), genes.between_clusters(rate))
    return bound.upper_bound(curve)


def coverage(n_lots: int) -> pd.DataFrame:
    """Coverage and size of the bound by setting, place of the subset, cells and mean count."""
    rows = []
    for setting, options in SETTINGS.items():
        for share, place in PLACES:
            for n_cells in (600, 2000):
                for mean in (0.5, 1, 2, 4):
                    found = []
                    for lot in range(n_lots):
                        rng = np.random.default_rng([lot, n_cells, int(mean * 10), int(share * 100)])
                        marker, total, cluster, silent, others = draw_lot(rng, n_cells, mean, share, place, **options)
                        found.append((bound_of(marker, total, cluster, others), silent.mean()))
                    limit, truth = np.transpose(found)
                    rows.append({"counts": setting, "silent": share, "where": place, "cells": n_cells, "mean": mean})
                    rows[-1] |= {"covered": np.mean(limit >= truth), "median bound": np.median(limit)}
                    rows[-1] |= {"up to 20 %": np.mean(limit <= 0.2)}
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lots", type=int, default=40, help="lots a point")
    print(coverage(parser.parse_args().lots).round(3).to_string(index=False))
    if shared_data() is None:
        return
    table = dispersions()
    by = table.groupby(pd.cut(table["cpm"], EDGES), observed=True)["dispersion"]
    print(by.quantile([0.1, 0.25, 0.5, 0.75]).unstack().round(2).assign(genes=by.size()).to_string())
    for line, part in table[table["information"] >= 400].groupby("line"):
        print(f"{line}: a tenth of the well measured genes vary less than {part['dispersion'].quantile(0.1):.3f}")


if __name__ == "__main__":
    main()
