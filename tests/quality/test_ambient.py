"""Ambient share of two lineages in one sample."""

import numpy as np
import pytest

from mscape.quality.ambient import estimate_ambient

GROUPS = {"STROMAL": "stromal", "T_CELL": "haematopoietic"}


def draw(rho, n=(800, 200), seed=0):
    """Panel counts of stromal and T cells with a share of ambient RNA."""
    rng = np.random.default_rng(seed)
    totals = rng.integers(3000, 9000, sum(n)).astype(float)
    own = {"STROMAL": np.repeat([0.02, 0.0], n), "T_CELL": np.repeat([0.0, 0.003], n)}
    pooled = {name: (rate * totals).sum() / totals.sum() for name, rate in own.items()}
    panels = {name: rng.poisson(totals * ((1 - rho) * own[name] + rho * pooled[name])) for name in own}
    return panels, totals


@pytest.mark.parametrize("rho", [0.0, 0.02, 0.05, 0.1, 0.2])
def test_the_share_is_found(rho):
    panels, totals = draw(rho)
    found = estimate_ambient(panels, GROUPS, totals)
    assert found.fraction == pytest.approx(rho, abs=0.01 + 0.15 * rho)
    assert "STROMAL in" in found.source


def test_a_pure_culture_does_not_tell():
    panels, totals = draw(0.05, n=(1000, 0))
    found = estimate_ambient(panels, GROUPS, totals)
    assert np.isnan(found.fraction)
    assert found.source.startswith("not assessable: fewer than two groups")


def test_one_lineage_that_leaks_biology_does_not_raise_the_share():
    panels, totals = draw(0.05)
    rng = np.random.default_rng(1)
    panels["OSTEOBLAST"] = rng.poisson(totals * np.repeat([0.004, 0.0015], (800, 200)))
    found = estimate_ambient(panels, GROUPS | {"OSTEOBLAST": "stromal"}, totals)
    assert found.fraction == pytest.approx(0.05, abs=0.02)


def test_lineages_that_share_rna_are_no_ambient_share():
    rng = np.random.default_rng(2)
    totals = np.full(400, 20_000.0)
    panels = {
        "EPITHELIAL": rng.poisson(totals * np.repeat([0.010, 0.0048], 200)),
        "STROMAL": rng.poisson(totals * np.repeat([0.0048, 0.010], 200)),
    }
    groups = {"EPITHELIAL": "epithelial", "STROMAL": "stromal"}
    found = estimate_ambient(panels, groups, totals)
    assert np.isnan(found.fraction)
