"""Stands in for rapids-singlecell 0.18 and cuML where there is no card: their signatures, computed on the CPU.

A test device: it holds what mscape does around the libraries against their signatures (an argument that they do not
know is a TypeError), and says nothing of what a card computes.
"""

from types import SimpleNamespace

import numpy as np
import scipy.sparse as sp
from sklearn.neighbors import NearestNeighbors

from mscape.backends import cpu
from mscape.clustering import leiden_stability


class OnCard(np.ndarray):
    """An array that has to be brought home with ``get``, as CuPy's."""

    def get(self):
        return np.asarray(self)


def on_card(array) -> OnCard:
    return np.asarray(array).view(OnCard)


def harmony_integrate(
    adata,
    key,
    *,
    basis="X_pca",
    adjusted_basis=None,
    dtype=np.float32,
    flavor="harmony2",
    max_iter_harmony=10,
    random_state=0,
):
    corrected = cpu.harmony(adata.obsm[basis], adata.obs[key], seed=random_state)
    adata.obsm[adjusted_basis or f"{basis}_harmony"] = corrected.astype(dtype)


def umap(adata, *, maxiter=None, init_pos="auto", random_state=0, copy=False):
    cpu.umap(adata, epochs=maxiter, start=init_pos, seed=random_state)


def leiden(
    adata,
    resolution=1.0,
    *,
    random_state=0,
    theta=1.0,
    key_added="leiden",
    adjacency=None,
    n_iterations=100,
    use_weights=True,
    dtype="float32",
):
    assert dtype in {"float32", "float64"}
    assert (adjacency != adjacency.T).nnz == 0
    graph = leiden_stability.make_graph(sp.csr_matrix(adjacency))
    labels = cpu.leiden(graph, resolution=resolution, seed=random_state)
    adata.obs[key_added] = labels.astype(str)
    adata.obs[key_added] = adata.obs[key_added].astype("category")


class Neighbors:
    """cuML's NearestNeighbors: scikit-learn's interface; a point is its own first neighbour."""

    def __init__(self, *, n_neighbors, algorithm):
        assert algorithm == "brute"
        self.model = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute")

    def fit(self, X):
        assert X.dtype == np.float32
        self.model.fit(X)
        return self

    def kneighbors(self, X):
        return tuple(on_card(part) for part in self.model.kneighbors(X))


rsc = SimpleNamespace(
    __version__="0.18.1",
    pp=SimpleNamespace(harmony_integrate=harmony_integrate),
    tl=SimpleNamespace(umap=umap, leiden=leiden),
)
