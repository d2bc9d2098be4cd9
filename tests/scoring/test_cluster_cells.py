import numpy as np
import pandas as pd
import pytest

from mscape.scoring import cluster_cells

CLUSTER = pd.Series(["0"] * 60 + ["1"] * 40)
PHASE = pd.Series(["G2M"] * 50 + ["G1"] * 10 + ["G1"] * 38 + ["S"] * 2)


def test_the_reference_is_the_largest_cluster_that_rests():
    assert cluster_cells.choose_reference(CLUSTER, PHASE) == "1"
    assert cluster_cells.choose_reference(CLUSTER, PHASE.where(CLUSTER == "0", "S")) == "0"  # none rests
    assert cluster_cells.choose_reference(CLUSTER[:0], PHASE[:0]) == ""


def test_a_cell_is_in_a_state_above_nine_tenths_of_the_resting_cells_of_its_own_lot():
    lot = pd.Series(["A", "B"] * 50)
    z = pd.DataFrame({"X": np.where(lot == "B", 100.0, 0.0) + np.arange(100) % 10})  # lot B is higher as a whole
    z.loc[CLUSTER == "0", "X"] += 20
    z["unscored"] = np.nan
    shares = cluster_cells.share_in_state(z, CLUSTER, lot, "1")
    assert shares.loc["0", "X"] == 1.0
    assert shares.loc["1", "X"] == pytest.approx(0.1, abs=0.1)
    assert shares["unscored"].isna().all()
    few = cluster_cells.share_in_state(z, CLUSTER, pd.Series([f"L{i % 10}" for i in range(100)]), "1")
    assert few["X"].isna().all()  # four resting cells a lot say nothing


def test_clusters_are_described_by_their_cells():
    identity = pd.Series(["T cell"] * 30 + ["NK cell"] * 10 + ["unresolved"] * 20 + ["MSC-like"] * 40)
    call = pd.Series(["fail"] * 40 + ["indeterminate"] * 20 + ["pass"] * 40)
    table = cluster_cells.describe_clusters(CLUSTER, PHASE, identity, call)
    assert table.loc["0", "lineage"] == "T cell"
    assert table.loc["0", "lineage_share"] == pytest.approx(0.5)
    assert table.loc["0", "failing"] == pytest.approx(40 / 60)
    assert table["passing"].tolist() == [0.0, 1.0]
    assert table.loc["0", "cycling"] == pytest.approx(50 / 60)
    assert table.loc["1", ["lineage", "lineage_share", "failing"]].tolist() == ["", 0.0, 0.0]
