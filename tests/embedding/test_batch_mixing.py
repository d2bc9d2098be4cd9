import numpy as np
import pytest

from mscape.embedding import batch_mixing

CENTRES = np.array([[0, 0], [12, 0], [0, 12]])


def draw(kinds_a, kinds_b, *, n=300, shift=50.0, seed=0):
    """Two batches of given populations, far apart, and the same laid over each other by mean."""
    rng = np.random.default_rng(seed)
    kinds = np.concatenate([rng.choice(kinds_a, n), rng.choice(kinds_b, n)])
    batch = np.repeat(["a", "b"], n)
    rep = np.hstack([CENTRES[kinds], np.zeros((2 * n, 6))]) + rng.normal(size=(2 * n, 8))
    rep[batch == "b", -1] += shift
    return rep, batch, kinds


def test_centring_moves_batches_and_nothing_within_them():
    rep, batch, _ = draw([0, 1], [0, 1])
    centred = batch_mixing.centre_batches(rep, batch)
    for name in "ab":
        np.testing.assert_allclose(centred[batch == name].mean(0), rep.mean(0), atol=1e-9)
        np.testing.assert_allclose(
            centred[batch == name] - centred[batch == name][0], rep[batch == name] - rep[batch == name][0], atol=1e-9
        )


def test_the_same_populations_have_the_same_places():
    rep, batch, _ = draw([0, 1, 2], [0, 1, 2])
    assert batch_mixing.same_places(rep, batch_mixing.centre_batches(rep, batch), batch) == pytest.approx(1, abs=0.05)


def test_populations_of_one_batch_laid_over_those_of_another_are_seen():
    rep, batch, kinds = draw([0, 1], [0, 2])
    forced = rep - CENTRES[kinds] @ np.eye(2, 8) - 50 * np.outer(batch == "b", np.eye(8)[7])
    forced[:, 1] += 12 * (kinds > 0)  # the private populations in one place
    assert batch_mixing.same_places(rep, forced, batch) < 0.6


def test_batches_without_a_region_in_common_cannot_be_compared():
    rep, batch, _ = draw([0, 1], [0, 1])
    assert np.isnan(batch_mixing.same_places(rep, rep, batch))
