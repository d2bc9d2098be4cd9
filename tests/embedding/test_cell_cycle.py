import numpy as np
import pandas as pd
import scipy.sparse as sp

from mscape.embedding import cell_cycle
from mscape.genes import registry as markers


def test_the_sets_are_found_in_the_registry_and_score_cycling_cells():
    registry = markers.load_markers().signatures
    genes = [*sorted({g for name in cell_cycle.SETS for g in registry[name]["genes"]}), "ACTB"]
    names, members = cell_cycle.find_sets(registry, pd.DataFrame(index=genes))
    assert [len(m) > 30 for m in members] == [True, True]
    assert set(names) <= set(genes)
    rate = np.ones((200, len(names)))
    rate[np.ix_(range(50), members[1])] = 5.0
    scores = cell_cycle.cycle_scores(sp.csr_matrix(np.log1p(np.random.default_rng(0).poisson(rate))), members)
    assert scores[:50, 1].min() > scores[50:, 1].max()
    assert abs(scores[:50, 0].mean()) < 0.5


def test_without_genes_the_scores_are_zero():
    scores = cell_cycle.cycle_scores(sp.csr_matrix((20, 0)), [np.arange(0), np.arange(0)])
    assert not scores.any()


def test_regression_removes_what_follows_the_cycle_and_nothing_else():
    rng = np.random.default_rng(0)
    scores, other = rng.normal(size=(300, 2)), rng.normal(size=300)
    rep = np.column_stack([scores[:, 0] + scores[:, 1] ** 2, other])
    rest = cell_cycle.without_cycle(rep, scores)
    assert abs(rest[:, 0]).max() < 1e-9
    assert np.corrcoef(rest[:, 1], other)[0, 1] > 0.98
