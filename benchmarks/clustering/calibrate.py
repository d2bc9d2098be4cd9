"""Simulate the null of mscape.clustering.unimodality: print quantiles of the one-hump distance of uniform samples."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow" / "scripts"))
from mscape.clustering import unimodality


def table(n_samples: int = 20_000, seed: int = 0) -> np.ndarray:
    """Quantiles of the distance, shape (sizes, tail probabilities)."""
    rng = np.random.default_rng(seed)
    rows = []
    for size in unimodality.SIZES:
        samples = n_samples
        distances = [unimodality.hump_distance(rng.random(size)) for _ in range(samples)]
        rows.append(np.quantile(distances, 1 - unimodality.TAIL))
    return np.array(rows)


if __name__ == "__main__":
    for size, row in zip(unimodality.SIZES, table(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000), strict=True):
        print(f"        [{', '.join(f'{value:.4f}' for value in row)}],  # {size}")
