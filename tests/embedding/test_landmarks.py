import numpy as np
import pandas as pd
from anndata import AnnData

from mscape.embedding import landmarks


def line(n=60):
    """Cells at 0, 1, 2, ... on a line, in another order than their names."""
    order = np.random.default_rng(0).permutation(n)
    rep = np.column_stack([order, np.zeros(n)]).astype(np.float32)
    light = AnnData(obs=pd.DataFrame(index=[f"cell{i:02d}" for i in order]), obsm={"X_pca": rep})
    light.uns["neighbors"] = {"params": {"n_neighbors": 4}}
    return light


def test_the_same_cells_are_drawn_in_any_order_and_some_in_any_case():
    light = line()
    drawn, some = landmarks.draw(light, 20, use_rep="X_pca", seed=3)
    assert len(drawn) == some.n_obs == 20
    assert (np.diff(drawn) > 0).all()
    assert (np.diff(some.obsp["distances"].indptr) == 3).all()
    turned = landmarks.draw(light[::-1].copy(), 20, use_rep="X_pca", seed=3)[1]
    assert set(turned.obs_names) == set(some.obs_names)
    left_out = np.setdiff1d(np.arange(60), drawn)[:1]
    assert left_out[0] in landmarks.draw(light, 20, use_rep="X_pca", keep=left_out, seed=3)[0]


def test_cells_between_landmarks_get_what_lies_between_and_landmarks_keep_theirs():
    rep = line().obsm["X_pca"]
    drawn = np.flatnonzero(rep[:, 0] % 3 == 0)
    given = rep[drawn, :1].astype(np.float64)
    found = landmarks.spread(rep, drawn, given)[:, 0]
    np.testing.assert_array_equal(found[drawn], given[:, 0])
    inner = (rep[:, 0] > 9) & (rep[:, 0] < 50)
    assert np.abs(found - rep[:, 0])[inner].max() < 1.5
    np.testing.assert_array_equal(found, landmarks.spread(rep, drawn, given, threads=2)[:, 0])
