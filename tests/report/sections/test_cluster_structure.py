from types import SimpleNamespace

import pandas as pd

from mscape.report.sections import cluster_structure


def dataset(tables=None, **stages):
    return SimpleNamespace(tables=tables or {}, stage=lambda name, step: stages.get(step, {}))


def test_figures_of_the_integration_are_said_before_and_after():
    record = {"batch_key": "donor_id", "method": "harmony", "integration_reason": "3 donors mix too little"}
    record |= {"mixing_before": 0.05, "mixing_after": 0.9, "ilisi_before": 0.0, "ilisi_after": 0.8, "conservation": 0.7}
    found = cluster_structure.structure(dataset(embed_cells=record | {"warning": "it may have removed biology"}))[
        "integration"
    ]
    assert found[0] == "Batches (donor_id): method harmony; 3 donors mix too little."
    assert "Mixing 0.05 before and 0.9 after; ilisi 0 before and 0.8 after" in found[1]
    assert "0.7 of the neighbourhoods within batches kept" in found[1]
    assert found[2] == "it may have removed biology"


def test_one_batch_needs_no_words_and_a_regressed_cycle_has_figures():
    record = {"batch_key": "", "regress_cell_cycle": True, "cycle_before": 0.31, "cycle_after": 0.0}
    (sentence,) = cluster_structure.structure(dataset(embed_cells=record))["integration"]
    assert "explained 0.31 of the variance before and 0 after" in sentence
    assert cluster_structure.structure(dataset())["integration"] == []


def test_tables_show_what_their_files_hold():
    lots = pd.DataFrame({"lot_id": ["A", "all"], "index": ["entropy", "explained_by_donor_id"], "value": [0.5, 0.2]})
    paths = pd.DataFrame({"cluster_a": ["0"], "cluster_b": ["1"], "connectivity": [0.01], "path": [False]})
    said = "no pseudotime: there is one cluster, so no path between clusters"
    found = cluster_structure.structure(
        dataset({"heterogeneity": lots, "paga": paths, "surface": lots.iloc[:0]}, cluster_cells={"pseudotime": said})
    )
    assert [row[1].text for row in found["heterogeneity"].rows] == [
        "entropy of its sub-populations, bits",
        "variance explained by donor id",
    ]
    assert found["paths"].rows[0][3].text == "no"
    assert found["surface"] is None
    assert found["names"] is None
    assert found["pseudotime"] == said
