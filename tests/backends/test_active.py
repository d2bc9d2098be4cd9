"""The contract of the heavy functions, for each backend that is here; what a missing one says."""

import json
import re
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import rapids_stand_in
import scipy.sparse as sp
from anndata import AnnData

from mscape.backends import active
from mscape.backends import gpu as backend_gpu
from mscape.backends.contract import Backend
from mscape.clustering import leiden_stability
from mscape.embedding import batch_mixing, neighbor_search, pca_neighbors
from mscape.errors import UserError
from mscape.gating import pooling
from mscape.scoring import control_genes, methods, null_sets


def stand_in() -> Backend:
    """The GPU's functions over a stand-in of RAPIDS, and over numpy for CuPy."""
    rsc = rapids_stand_in.rsc
    return Backend(
        name="gpu (stand-in)",
        pca=partial(backend_gpu.pca, np),
        knn=partial(backend_gpu.knn, rapids_stand_in.Neighbors),
        umap=partial(backend_gpu.umap, rsc),
        harmony=partial(backend_gpu.harmony, rsc),
        leiden=partial(backend_gpu.leiden, rsc),
        pooled=partial(backend_gpu.pooled, np),
        scores=partial(backend_gpu.scores, (np, sp)),
    )


def gpu() -> Backend:
    try:
        return active.load("gpu")
    except UserError as error:
        pytest.skip(str(error))


@pytest.fixture(
    params=[lambda: active.load("cpu"), stand_in, pytest.param(gpu, marks=pytest.mark.gpu)],
    ids=["cpu", "stand-in", "gpu"],
)
def one(request) -> Backend:
    return request.param()


@pytest.fixture(scope="module")
def cells() -> AnnData:
    """Three groups of 60 cells in 12 dimensions, far apart, with their graph."""
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 12, (3, 12))
    adata = AnnData(obs=pd.DataFrame({"group": np.repeat([0, 1, 2], 60)}, index=[f"c{i}" for i in range(180)]))
    adata.obsm["X_pca"] = (centres[adata.obs["group"]] + rng.normal(0, 1, (180, 12))).astype(np.float32)
    pca_neighbors.add_neighbors(adata, use_rep="X_pca")
    return adata


def test_components_are_those_of_the_singular_values(one):
    X = sp.random(80, 30, density=0.4, random_state=1, format="csr", dtype=np.float32)
    blocks = (X[start : start + 30] for start in range(0, 80, 30))
    axes, mean, ratio = (one.pca or pca_neighbors.principal_axes)(blocks, 30, 5)
    dense = X.toarray().astype(float)
    _, s, vt = np.linalg.svd(dense - dense.mean(axis=0), full_matrices=False)
    assert np.allclose(np.abs(axes.T), np.abs(vt[:5]), atol=1e-6)
    assert np.allclose(mean, dense.mean(axis=0))
    assert np.allclose(ratio, s[:5] ** 2 / (s**2).sum())


def test_neighbours_are_the_nearest_other_cells_in_order(one, cells):
    rep = cells.obsm["X_pca"]
    distance, near, search = (one.knn or neighbor_search.nearest)(rep, 6, max_exact_cells=180, threads=1)
    true = np.linalg.norm(rep[:, None].astype(float) - rep[None], axis=2)
    np.fill_diagonal(true, np.inf)
    assert search == "exact"
    assert np.array_equal(near, np.argsort(true, axis=1)[:, :6])
    assert np.allclose(distance, np.sort(true, axis=1)[:, :6], atol=1e-6)


def test_a_cell_with_twins_is_still_not_its_own_neighbour(one):
    rep = np.zeros((8, 3), dtype=np.float32)
    rep[5:] = 9
    distance, near, _ = (one.knn or neighbor_search.nearest)(rep, 2, max_exact_cells=8, threads=1)
    assert not (near == np.arange(8)[:, None]).any()
    assert (distance == 0).all()


def test_the_map_keeps_groups_apart(one, cells):
    flat = one.umap(cells.copy(), epochs=100, start=cells.obsm["X_pca"][:, :2], seed=0)
    assert flat.shape == (180, 2)
    near = neighbor_search.nearest(flat, 10)[1]
    group = cells.obs["group"].to_numpy()
    assert (group[near] == group[:, None]).mean() > 0.95


def test_harmony_mixes_two_batches_of_the_same_cells(one):
    rng = np.random.default_rng(0)
    batch = pd.Series(np.repeat(["a", "b"], 300))
    rep = rng.normal(0, 6, (3, 8))[np.arange(600) % 3] + rng.normal(0, 1, (600, 8))
    rep[300:, 0] += 3
    corrected = one.harmony(rep, batch, seed=0, threads=1)
    before, after = (batch_mixing.mixing(part, batch.to_numpy()) for part in (rep, corrected))
    assert before < 0.6
    assert after > 0.95


def test_communities_are_the_groups(one, cells):
    graph = leiden_stability.make_graph(cells.obsp["connectivities"])
    labels = one.leiden(graph, resolution=0.1, engine="igraph", seed=0)
    assert pd.crosstab(labels, cells.obs["group"].to_numpy()).gt(0).sum().sum() == 3


def test_the_gate_finds_the_same_neighbours(one):
    points = np.random.default_rng(2).normal(size=(400, 10)).astype(np.float32)
    find = one.pooled or pooling.neighbours
    parts = list(find(points, 20))
    expected = np.vstack([index for _, index in pooling.neighbours(points, 20)])
    assert parts[0][0].start == 0
    assert parts[-1][0].stop == 400
    assert np.array_equal(np.vstack([index for _, index in parts]), expected)


def test_scores_and_their_null_moments_are_the_same(one, toy_counts):
    block = toy_counts(n_cells=30, n_genes=300, mean=1.5).X
    names = np.array([f"G{i}" for i in range(300)])
    mean = np.random.default_rng(0).gamma(2, 1, 300)
    reference = control_genes.make_background(mean, np.arange(300) >= 20, names, controls=20)
    sets = [methods.GeneSet("a", np.arange(8), np.arange(8, 12)), methods.GeneSet("b", np.arange(12, 20), np.array([]))]
    stats = null_sets.GeneStats.of(mean, np.full(300, 0.5), reference)
    linear, square = null_sets.bin_weights(sets, stats)
    given = block, methods.matched_weights(sets, mean, reference), reference
    null = {"bins": stats.bins.of_pool, "linear": linear, "square": square}
    found = (one.scores or methods.score_block)(*given, **null)
    for values, expected in zip(found, methods.score_block(*given, **null), strict=True):
        assert values.dtype == np.float32
        assert np.allclose(values, expected, atol=1e-5)


def test_without_rapids_the_gpu_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(backend_gpu.importlib.util, "find_spec", lambda name: None if name != "cupy" else object())
    with pytest.raises(UserError, match=r"not installed here: cudf, cugraph, cuml, rapids_singlecell\. Use the env"):
        active.load("gpu")


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (RuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected"), "CUDA can use: cudaErrorNoDevice"),
        (0, "finds no card"),
    ],
)
def test_without_a_card_the_gpu_says_so(monkeypatch, count, said):
    def getDeviceCount():
        if isinstance(count, Exception):
            raise count
        return count

    cupy = SimpleNamespace(cuda=SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=getDeviceCount)))
    monkeypatch.setattr(backend_gpu.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(backend_gpu.importlib, "import_module", lambda name: cupy)
    with pytest.raises(UserError, match=said):
        active.load("gpu")


def test_work_that_the_card_cannot_hold_is_refused_with_both_numbers():
    need = backend_gpu.needed_bytes(1_000_000)
    assert need == pytest.approx(1e9 + 1.5 * 1e6 * (2 * 30 + 3 * 100) * 8)  # Harmony is the largest
    backend_gpu.require_memory(need, 80e9)
    with pytest.raises(UserError, match=r"needs about 5\.3 GB on the card .* and 4\.0 GB are free"):
        backend_gpu.require_memory(need, 4e9)


def test_one_community_for_each_cell_is_refused_as_a_fault():
    backend_gpu.refuse_collapse(np.arange(200) % 20, resolution=1.0)
    with pytest.raises(UserError, match=r"200 communities for 200 cells at resolution 0\.3: a known fault"):
        backend_gpu.refuse_collapse(np.arange(200), resolution=0.3)


def test_single_functions_are_taken_from_the_reference(tmp_path, monkeypatch):
    fake, cpu = stand_in(), active.load("cpu")
    mixed = active.compose(fake, cpu, ["leiden", "scores"])
    assert mixed.leiden is cpu.leiden
    assert mixed.scores is None
    assert mixed.pca is fake.pca
    assert active.compose(fake, cpu, ["knn"]).knn is None
    assert mixed.name == "gpu (stand-in), with leiden, scores of cpu"

    monkeypatch.setattr(active, "load", lambda name: cpu if name == "cpu" else fake)
    decided = tmp_path / "parity.json"
    decided.write_text(json.dumps({"cpu": ["leiden"]}))
    assert active.backend_after_parity("gpu", decided).leiden is cpu.leiden
    assert active.backend_after_parity("gpu", decided).umap is fake.umap
    assert active.backend_after_parity("cpu", []) is cpu


def test_the_reference_is_active_outside_a_block_and_after_an_error():
    with pytest.raises(ValueError, match="inside"), active.using(stand_in()) as used:  # noqa: PT012
        assert active.active() is used
        msg = "inside"
        raise ValueError(msg)
    assert active.active().name == "cpu"


def test_no_step_imports_scanpy_or_rapids_itself(root):
    allowed = {
        "cpu.py": {"scanpy"},
        "gpu.py": {"cupy", "cuml", "rapids_singlecell", "cugraph", "cudf"},
    }
    pattern = re.compile(r"^\s*(?:import|from)\s+(scanpy|rapids_singlecell|cupyx?|cuml|cugraph|cudf)\b", re.M)
    for file in (root / "workflow/scripts").rglob("*.py"):
        found = set(pattern.findall(file.read_text()))
        assert found <= allowed.get(file.name, set()), file
