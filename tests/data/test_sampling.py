"""Draws depend on names and not on the order in which things are given."""

import numpy as np

from mscape.data.sampling import generator, stable_order


def test_the_same_cells_come_first_in_any_order():
    names = np.array([f"cell{i}" for i in range(50)])
    shuffled = np.random.default_rng(0).permutation(names)
    assert list(names[stable_order(names)]) == list(shuffled[stable_order(shuffled)])
    assert list(names[stable_order(names)]) != list(names[stable_order(names, seed=1)])
    assert sorted(stable_order(names)) == list(range(50))


def test_a_name_has_a_stream_of_its_own():
    first = generator(0, "lot A").random(3)
    generator(0, "lot B").random(100)
    assert (generator(0, "lot A").random(3) == first).all()
    assert not np.isin(generator(0, "lot B").random(3), first).any()
    assert not np.isin(generator(1, "lot A").random(3), first).any()
