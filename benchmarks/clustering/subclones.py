"""Look whether two clusters of one cell line differ by whole chromosome arms, as subclones with other copy numbers do.

    python benchmarks/clustering/subclones.py FOLDER org.Hs.eg.sqlite [--line H1975]

FOLDER holds the mixtures of cell lines (GSE118767); the database gives the arm of each gene (see surface_proteins.py).
"""

import argparse
import sqlite3
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests" / "support"), str(Path(__file__).parent)]

from cluster_cases import run_embed, write_study  # noqa: E402
from run import SCMIX, read_lines  # noqa: E402

from mscape.clustering import gap_test, leiden_stability  # noqa: E402
from mscape.clustering.unimodality import hump_pvalue  # noqa: E402

RESOLUTIONS = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5)
ARMS = ("8q", "6p")


def find_split(x: np.ndarray) -> np.ndarray | None:
    """Two clusters that a gap sets apart, at the first resolution that shows them; None if none does."""
    with tempfile.TemporaryDirectory() as folder:
        light = run_embed(write_study(folder, x[:, x.sum(0) > 0]))
    data = gap_test.make_data(light.obsm["X_pca"], np.zeros(len(x), dtype=int))
    graph = leiden_stability.make_graph(light.obsp["connectivities"])
    for resolution in RESOLUTIONS:
        clusters, _ = gap_test.find_clusters(data, leiden_stability.leiden(graph, resolution=resolution))
        if clusters.max() == 1:
            return clusters
    return None


def read_arms(database: Path) -> pd.Series:
    """Chromosome arm of each gene, such as 8q, index = Ensembl id."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        query = (
            "select ensembl_id, cytogenetic_location from ensembl join cytogenetic_locations "
            "on ensembl._id = cytogenetic_locations._id"
        )
        table = pd.DataFrame(connection.execute(query), columns=["gene", "place"]).drop_duplicates("gene")
    return table.set_index("gene")["place"].str.extract(r"^((?:\d+|X)[pq])")[0]


def main() -> None:
    """Print the arms that differ most between both clusters, and how the scores of two arms are distributed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("database", type=Path)
    parser.add_argument("--line", default="H1975")
    options = parser.parse_args()
    arms = read_arms(options.database)
    for name in SCMIX:
        x, line, singlet, genes = read_lines(options.data, name)
        x = x[singlet & (line == options.line)]
        arm = arms.reindex(pd.Index(genes).str.split(".").str[0]).to_numpy()
        seen = (x > 0).mean(0) > 0.3
        logs = np.log1p(x / x.sum(1, keepdims=True) * 1e4)
        print(f"{name}, {options.line}: {len(x)} cells")
        clusters = find_split(x)
        if clusters is None:
            print("  no gap at any resolution")
        else:
            change = logs[clusters == 0].mean(0) - logs[clusters == 1].mean(0)
            table = pd.DataFrame({"arm": arm, "change": change})[seen].dropna().groupby("arm")["change"]
            table = table.agg(["mean", "std", "size"]).query("size > 30")
            table["z"] = table["mean"] / table["std"] * np.sqrt(table["size"])
            print(table.sort_values("z", key=np.abs).tail(6).round(2).to_string())
        scaled = (logs - logs.mean(0)) / np.maximum(logs.std(0), 1e-9)
        one, other = (scaled[:, seen & (arm == name)].mean(1) for name in ARMS)
        rho, p = np.corrcoef(one, other)[0, 1], hump_pvalue(one - other)
        print(f"  {ARMS[0]} and {ARMS[1]}: r = {rho:.2f}, one hump p = {p:.1e}")


if __name__ == "__main__":
    main()
