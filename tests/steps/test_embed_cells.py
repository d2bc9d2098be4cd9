import hashlib

import numpy as np
import pandas as pd
import pytest
from cluster_cases import draw_counts, run_embed, write_study

from mscape.data import counts
from mscape.embedding import embed
from mscape.errors import UserError
from mscape.genes import registry as markers


def digest(path):
    light = counts.read_light(path)
    parts = [np.ascontiguousarray(light.obsm[key]).tobytes() for key in sorted(light.obsm)]
    parts += [light.obsp[key].data.tobytes() + light.obsp[key].indices.tobytes() for key in sorted(light.obsp)]
    return hashlib.sha256(b"".join(parts)).hexdigest()


@pytest.fixture
def study(tmp_path):
    x, _, batch = draw_counts(n=240, genes=600, shares=(0.7, 0.3), batches=2, batch_sd=0.2)
    calls = ["pass"] * 200 + ["fail"] * 40
    return write_study(tmp_path, x, batch=batch, calls=calls)


def test_the_msc_scope_holds_the_cells_that_pass(study):
    light = run_embed(study)
    record = light.uns["mscape"]["embed_cells"]
    assert light.n_obs == 200
    assert light.X is None
    assert light.obs.shape[1] == 0
    assert record["cells"] == "msc"
    assert record["reason"] == "200 of 240 cells pass the gate or are left open by it"
    assert light.obsp["connectivities"].shape == (200, 200)
    assert record["batch_key"] == "donor_id"


def test_open_cells_without_a_sign_of_another_kind_stay(tmp_path):
    x, *_ = draw_counts(n=240, genes=300, shares=(0.5, 0.5))
    calls = ["pass"] * 100 + ["indeterminate"] * 100 + ["fail"] * 40
    reasons = [""] * 100 + ["LOW_EXPOSURE"] * 60 + ["POOL_MIXED"] * 20 + ["UNEXPLAINED"] * 20 + ["NEG_CD45"] * 40
    light = run_embed(write_study(tmp_path, x, calls=calls, reasons=reasons))
    assert list(light.obs_names) == [f"cell{i}" for i in range(160)]


def test_too_few_msc_mean_all_cells_with_the_reason(study):
    light = run_embed(study, cluster={"min_cells": 201})
    assert light.n_obs == 240
    assert light.uns["mscape"]["embed_cells"]["cells"] == "all"
    assert "fewer than 201" in light.uns["mscape"]["embed_cells"]["reason"]
    assert run_embed(study, cluster={"cells": "all"}).n_obs == 240


def test_before_the_gate_its_genes_are_left_out_and_batches_stay(tmp_path):
    x, *_ = draw_counts(n=150, genes=300, shares=(0.5, 0.5), markers=150, fold=6.0)
    panel = sorted(markers.all_marker_genes(markers.load_markers()))[:40]
    study = write_study(tmp_path, x, genes=panel + [f"G{i}" for i in range(260)])
    light = run_embed(study, scope="all", n_hvg=250)
    record = light.uns["mscape"]["embed_cells"]
    assert not set(record["highly_variable_genes"]) & set(panel)
    assert record["n_gate_genes_left_out"] == 40
    assert record["method"] == "none"


def test_genes_that_a_sample_did_not_measure_are_left_out():
    measured = pd.DataFrame({"s1": [True, True, True], "s2": [True, False, True]}, index=["A", "B", "CD34"])
    allowed, numbers = embed.allowed_genes(pd.DataFrame(index=measured.index), measured, {"CD34"})
    assert allowed.tolist() == [True, False, False]
    assert numbers == {"n_not_measured_everywhere": 1, "n_gate_genes_left_out": 1}


def test_the_result_is_the_same_for_any_number_of_threads(study):
    from threadpoolctl import threadpool_limits

    digests = set()
    for threads in (1, 2):
        with threadpool_limits({"blas": 1, "openmp": threads}):
            run_embed(study, threads=threads)
        digests.add(digest(study.embedding_msc))
    assert len(digests) == 1


def test_thirty_cells_of_one_sample_are_enough(tmp_path):
    study = write_study(tmp_path, draw_counts(n=30, genes=200)[0])
    light = run_embed(study)
    assert light.obsm["X_pca"].shape == (30, 29)
    assert light.uns["mscape"]["embed_cells"]["integration_reason"] == "one batch: nothing to integrate"


def test_samples_without_a_gene_in_common_are_refused(tmp_path):
    study = write_study(tmp_path, np.zeros((40, 30), dtype=np.int32) + np.eye(40, 30, dtype=np.int32) * 0 + 1)
    with pytest.raises(UserError, match="genes vary"):
        run_embed(study)


def test_the_cycle_can_be_regressed(tmp_path):
    registry = markers.load_markers().signatures
    cycling = [g for name in ("TIROSH_S", "TIROSH_G2M") for g in registry[name]["genes"]]
    genes = list(dict.fromkeys(cycling)) + [f"G{i}" for i in range(300)]
    rng = np.random.default_rng(0)
    rate = np.ones((200, len(genes)))
    rate[:60, : len(genes) - 300] = 6.0
    study = write_study(tmp_path, rng.poisson(rate), genes=genes)
    first = [
        abs(np.corrcoef(np.arange(200) < 60, run_embed(study, regress_cell_cycle=r).obsm["X_pca"][:, 0])[0, 1])
        for r in (False, True)
    ]
    assert first[0] > 0.9
    assert first[1] < 0.3
