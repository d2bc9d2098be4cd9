from types import SimpleNamespace

import pandas as pd
import pytest
from anndata import AnnData

from annotate_cells import main
from mscape.data import counts
from mscape.data.table_io import read_table
from mscape.errors import UserError

ROWS = [{"sample_id": "A", "lot_id": "L1", "tissue": "fat"}, {"sample_id": "B", "lot_id": "L1", "tissue": "fat"}]


def annotate(folder, text):
    for sample in "AB":
        obs = pd.DataFrame(
            {"qc": pd.Categorical(["pass", "pass", "high_mt"])},
            index=[f"{sample}_{b}" for b in ("AC-1", "GT-1", "TT-1")],
        )
        counts.write(AnnData(obs=obs), folder / f"{sample}.h5ad")
    (folder / "cells.csv").write_text(text, encoding="utf-8")
    input = SimpleNamespace(annotations=folder / "cells.csv", qc=[folder / "A.h5ad", folder / "B.h5ad"])
    output = SimpleNamespace(h5ad=folder / "annotations.h5ad", table=folder / "annotations.tsv")
    main(input, output, SimpleNamespace(rows=ROWS))
    return counts.read_light(output.h5ad), read_table(output.table)


def test_labels_and_their_shares_are_those_of_the_table(tmp_path):
    text = 'sample_id,barcode,cell type\nA,AC-1,stroma\nB,AC-1,stroma\nB,GT-1,"T, cell"\nB,TT-1,stroma\nB,NN-1,stroma\n'
    light, table = annotate(tmp_path, text)
    assert light.obs["cell type"].to_dict() == {"A_AC-1": "stroma", "B_AC-1": "stroma", "B_GT-1": "T, cell"}
    record = light.uns["mscape"]["annotate_cells"]
    assert record == {
        "n_lines": 5, "n_matched": 4, "n_unmatched": 1, "n_left_out": 1, "n_cells": 4, "n_annotated": 3
    }  # fmt: skip
    table = table.set_index("label")
    assert table.loc["stroma", ["annotation", "lot_id", "n_cells", "n_annotated", "n_lot"]].tolist() == [
        *("cell type", "L1"),
        *(2, 3, 4),
    ]
    assert table.loc["T, cell", "fraction"] == pytest.approx(1 / 3, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("barcode;isct_call\nGT-1;x\n", "column 'isct_call' is the name of a result"),
        ("barcode;leiden\nGT-1;x\n", "column 'leiden' is the name of a result"),
        ("sample_id;barcode;tissue\nA;GT-1;x\n", "column 'tissue' is one of the sample sheet"),
        ("barcode;cell_type\nGT-1;x\n", "barcode of more than one sample"),
        ("barcode;cell_type\nGT-1\n", "line 2 has 1 fields, the header 2"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_and_nothing_is_written(tmp_path, text, said):
    with pytest.raises(UserError, match=r"cells\.csv") as error:
        annotate(tmp_path, text)
    assert said in str(error.value)
    assert not (tmp_path / "annotations.h5ad").exists()
