import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from cluster_cases import draw_counts, run_embed, write_study
from sklearn.metrics import silhouette_score

import compute_umap
from mscape.data import counts
from mscape.embedding import umap

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
pytestmark = pytest.mark.workflow  # compiles umap's functions


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    x, group, _ = draw_counts(n=500, genes=600, shares=(0.6, 0.4), fold=6.0)
    study = write_study(tmp_path_factory.mktemp("maps"), x, calls=["pass"] * 400 + ["fail"] * 100)
    for scope in ("all", "msc"):
        run_embed(study, scope=scope)
    study.group = group
    return study


def test_a_map_is_written_and_populations_lie_apart(study):
    settings = {"max_map_cells": 50_000, "umap_epochs": 100, "n_hvg": 2000}
    for embedding, n in ((study.embedding_all, 500), (study.embedding_msc, 400)):
        path = study.folder / "map.h5ad"
        params = SimpleNamespace(settings=settings, seed=0, threads=1)
        compute_umap.main(SimpleNamespace(h5ad=embedding), SimpleNamespace(h5ad=path), params)
        light = counts.read_light(path)
        assert light.obsm["X_umap"].shape == (n, 2)
        assert light.uns["mscape"]["compute_umap"]["n_laid_out"] == n
        assert silhouette_score(light.obsm["X_umap"], study.group[:n]) > 0.5


def test_of_many_cells_some_are_laid_out_and_the_others_placed_among_them(study):
    light = counts.read_light(study.embedding_all)
    placed = umap.compute_umap(light, max_map_cells=200, umap_epochs=100)
    assert np.isfinite(placed).all()
    assert silhouette_score(placed, study.group) > 0.5
    np.testing.assert_array_equal(placed, umap.compute_umap(light, max_map_cells=200, umap_epochs=100, threads=2))


def map_alone(study, function):
    """Map by a function of the script, in a process of its own; whether pynndescent is compiled there, and the map."""
    path = study.folder / f"map.{function}.h5ad"
    code = f"""
import sys; sys.path.insert(0, {str(SCRIPTS)!r})
import types
import compute_umap
source, map = (types.SimpleNamespace(h5ad=path) for path in ({str(study.embedding_all)!r}, {str(path)!r}))
settings = {{"max_map_cells": 1000, "umap_epochs": 20}}
compute_umap.{function}(source, map, types.SimpleNamespace(settings=settings, seed=0, threads=1))
from pynndescent.distances import euclidean
print(not isinstance(euclidean, types.FunctionType))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.strip(), counts.read_light(path).obsm["X_umap"]


def test_a_job_skips_the_compilation_of_a_search_that_it_never_makes_and_draws_the_same_map(study):
    compiled, xy = map_alone(study, "main")
    skipped, of_job = map_alone(study, "job")
    assert (compiled, skipped) == ("True", "False")
    np.testing.assert_array_equal(of_job, xy)
