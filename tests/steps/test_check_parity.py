"""The comparison on a user's own cells: what it draws, what it catches, what it decides."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from cluster_cases import MARKERS, draw_counts, write_study
from toy_study import default_settings

import check_parity
from mscape import parity
from mscape.backends import active, gpu
from mscape.backends.contract import FUNCTIONS
from mscape.data import counts
from mscape.errors import UserError
from mscape.genes import registry
from mscape.scoring import methods

CPU = active.load("cpu")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two samples of 150 cells in two groups, with the names of the gate's and the signatures' genes."""
    content = registry.load_markers(MARKERS)
    genes = sorted(registry.all_marker_genes(content).union(*(one["genes"] for one in content.signatures.values())))
    x, _, batch = draw_counts(n=300, genes=len(genes), shares=(0.6, 0.4), batches=2, batch_sd=0.1)
    obs = {"dataset_id": "toy", "passage": "P3", "tissue": "bone marrow", "condition": "c", "sex": "unknown"}
    obs |= {"culture": "expanded", "pct_counts_mt": 3.0, "n_genes_by_counts": 900, "doublet_score": 0.1}
    return write_study(tmp_path_factory.mktemp("parity"), x, batch=batch, genes=genes, obs=obs)


def run(study, folder, candidate, monkeypatch, *, on_mismatch="stop", free=80e9):
    monkeypatch.setattr(active, "load", lambda name: CPU if name == "cpu" else candidate)
    monkeypatch.setattr(gpu, "card", lambda: {"free_gb": free / 1e9})
    settings = {name: default_settings(name) for name in ("embed", "gate", "score", "cluster")}
    params = SimpleNamespace(
        **settings,
        gpu={"on_mismatch": on_mismatch, "parity_cells": 200},
        organism="human",
        culture="expanded",
        seed=0,
        threads=1,
        report=folder / "parity.tsv",
    )
    given = SimpleNamespace(h5ad=study.counts, markers=MARKERS, panel_files=[], signature_files=[])
    check_parity.main(given, SimpleNamespace(json=folder / "parity.json"), params)
    return json.loads((folder / "parity.json").read_text()), pd.read_csv(folder / "parity.tsv", sep="\t")


def test_cells_are_drawn_in_proportion_and_small_samples_are_not_lost():
    samples = pd.Series(["big"] * 9000 + ["small"] * 900 + ["tiny"] * 30)
    chosen = check_parity.choose_cells(samples, 1000, seed=1)
    assert samples[chosen].value_counts().to_dict() == {"big": 906, "small": 91, "tiny": 30}
    assert (np.diff(chosen) > 0).all()
    assert np.array_equal(chosen, check_parity.choose_cells(samples, 1000, seed=1))


def test_the_sample_holds_the_counts_of_its_cells(study):
    cells = np.array([3, 4, 150, 299])
    some = check_parity.read_sample(study.counts, cells)
    whole = sp.vstack([block for _, _, block in counts.blocks(study.counts)])
    assert (whole[cells] != some.X).nnz == 0
    assert list(some.obs_names) == list(counts.read_obs(study.counts).index[cells])
    assert some.varm["measured"].to_numpy().all()


def test_a_backend_like_the_reference_passes(study, tmp_path, monkeypatch):
    record, table = run(study, tmp_path, CPU, monkeypatch)
    assert table["passed"].all(), table.to_string()
    assert set(table["function"]) == set(FUNCTIONS)
    assert record["cpu"] == []
    assert record["of"] == 300
    assert 190 <= record["cells"] <= 210
    assert len(record["rows"]) == len(table)
    with pytest.raises(UserError, match="GB on the card"):
        run(study, tmp_path, CPU, monkeypatch, free=1e9)


def test_injected_faults_are_caught_in_the_functions_that_have_them(study, tmp_path, monkeypatch):
    def shifted(*args, **null):
        scores, centre, spread = methods.score_block(*args, **null)
        return scores + 0.3, centre, spread

    def collapsed(graph, *, resolution, engine, seed):
        return np.arange(graph.vcount())

    candidate = replace(CPU, leiden=collapsed, scores=shifted)
    with pytest.raises(UserError, match=r"(?s)the GPU does not compute what the CPU computes.*leiden: communities"):
        run(study, tmp_path, candidate, monkeypatch)
    kept = pd.read_csv(tmp_path / "parity.tsv", sep="\t")
    assert set(kept.loc[~kept["passed"], "function"]) == {"leiden", "scores"}
    assert not (tmp_path / "parity.json").exists()


def decided(on_mismatch):
    rows = [
        parity.judge("pca", "r", 1.0, rule=parity.AT_LEAST, limit=0.99, meaning=""),
        parity.judge("umap", "r", 0.5, rule=parity.AT_LEAST, limit=0.9, meaning=""),
    ]
    return check_parity.decide(pd.DataFrame(rows), on_mismatch)


def test_a_mismatch_stops_is_only_reported_or_moves_the_function_to_the_cpu():
    with pytest.raises(UserError, match=r"in 1 of 2 measures:\n  umap: r is 0\.5, expected at least 0\.9"):
        decided("stop")
    assert decided("warn") == []
    assert decided("cpu") == ["umap"]
