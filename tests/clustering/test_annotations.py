"""A user's own labels: which cell each line names, what is refused, and what each lot holds."""

import numpy as np
import pandas as pd
import pytest

from mscape.clustering.annotations import choose_labels, count_labels, match_labels, name_cells
from mscape.errors import UserError
from mscape.stats import wilson_interval

QC = {
    "A": pd.DataFrame({"qc": ["pass", "pass", "low_counts", "pass"]}, index=["A_AC-1", "A_GT-1", "A_TT-1", "A_CC-1"]),
    "B": pd.DataFrame({"qc": ["pass", "pass"]}, index=["B_AC-1", "B_GG-1"]),
}
CELLS = name_cells(QC)


def lines(text, *columns):
    """A table as the sheet reader gives it: text, index = line numbers."""
    rows = [row.split() for row in text.strip().splitlines()]
    rows = [["" if field == "." else field for field in row] for row in rows]
    return pd.DataFrame(rows, columns=list(columns), index=range(2, len(rows) + 2), dtype=str)


def test_a_cell_is_named_by_its_barcode_or_by_its_name_in_the_results():
    found = match_labels(lines("GT-1 x\nB_AC-1 y\nA_AC-1 x\nGG-1 z", "barcode", "cell_type"), CELLS)
    assert found.cells["cell_type"].to_dict() == {"A_AC-1": "x", "A_GT-1": "x", "B_AC-1": "y", "B_GG-1": "z"}
    assert list(found.cells.index) == ["A_AC-1", "A_GT-1", "B_AC-1", "B_GG-1"]  # the order of the cells
    assert found.record == {"n_lines": 4, "n_matched": 4, "n_unmatched": 0, "n_left_out": 0}


def test_the_sample_decides_between_equal_barcodes():
    found = match_labels(lines("A AC-1 x\nB AC-1 y\nB B_GG-1 z", "sample_id", "barcode", "cell_type"), CELLS)
    assert found.cells["cell_type"].to_dict() == {"A_AC-1": "x", "B_AC-1": "y", "B_GG-1": "z"}


def test_a_name_of_another_sample_is_no_match():
    table = lines("A GT-1 x\nA CC-1 x\nA B_GG-1 z", "sample_id", "barcode", "cell_type")
    found = match_labels(table, CELLS)
    assert "B_GG-1" not in found.cells.index
    assert found.record["n_unmatched"] == 1


def test_what_was_not_found_or_left_out_is_counted_and_no_label_is_missing():
    table = lines("GT-1 x a\nTT-1 x a\nCC-1 . NA\nGG-1 . b\nNN-1 y b", "barcode", "cell_type", "state")
    found = match_labels(table, CELLS)
    assert found.record == {"n_lines": 5, "n_matched": 4, "n_unmatched": 1, "n_left_out": 1}
    assert list(found.cells.index) == ["A_GT-1", "B_GG-1"]  # A_TT-1 is left out by quality control, A_CC-1 has no label
    assert found.cells["cell_type"].isna().tolist() == [False, True]
    assert list(found.cells["state"].cat.categories) == ["a", "b"]


def refused(table, **given):
    with pytest.raises(UserError) as error:
        match_labels(table, CELLS, **given)
    return str(error.value)


def test_all_faults_are_said_at_once():
    said = refused(
        lines("AC-1 x . p\nGT-1 x . p\nA_GT-1 y . p", "barcode", "tissue", "empty", "fine"), taken={"tissue"}
    )
    assert "it has 4 faults" in said
    assert "column 'tissue' is one of the sample sheet; rename it, e.g. 'my_tissue'" in said
    assert "column 'empty' holds no label" in said
    assert (
        "1 line with a barcode of more than one sample (first: 'AC-1', in A and B); give the column 'sample_id'" in said
    )
    assert "1 cell on more than one line (first: 'A_GT-1', lines 3 and 4)" in said


def test_labels_of_other_cells_are_refused_with_both_spellings():
    said = refused(lines("GT-1 x\nAAAC x\nAAAG y", "barcode", "cell_type"))
    assert "1 of 3 lines name a cell of this dataset, and 50% are asked for" in said
    assert "'AC-1' with sample_id 'A', or as 'A_AC-1'" in said
    assert "the first line without a cell has 'AAAC'" in said


def test_half_of_the_lines_are_enough():
    assert match_labels(lines("GT-1 x\nAAAC x", "barcode", "cell_type"), CELLS).record["n_unmatched"] == 1


def test_barcodes_of_several_samples_are_the_only_fault_where_all_lines_have_them():
    said = refused(lines("AC-1 x\nAC-1 y", "barcode", "cell_type"))
    assert "it has 1 fault:" in said


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (lines("AC-1 x", "cell", "cell_type"), "column 'barcode' is missing; there are 'cell', 'cell_type'"),
        (lines("GT-1", "barcode"), "there is no column of labels beside 'barcode'"),
        (lines("", "barcode", "cell_type"), "it has a header and no cells"),
    ],
)
def test_a_table_without_what_it_takes_is_refused(table, fault):
    assert fault in refused(table)


def test_a_column_of_free_text_is_no_kind_of_label():
    cells = name_cells({"A": pd.DataFrame({"qc": "pass"}, index=[f"A_{i}" for i in range(150)])})
    table = pd.DataFrame({"barcode": map(str, range(150)), "remark": map(str, range(150))}, index=range(2, 152))
    with pytest.raises(UserError, match="column 'remark' holds 150 labels, and groups are at most 100"):
        match_labels(table, cells)


def test_shares_are_of_the_cells_with_a_label():
    labels = pd.DataFrame({"cell_type": pd.Categorical(["x", "x", "y", None])}, index=["a", "b", "c", "d"])
    lots = pd.Series(["L1", "L1", "L1", "L1", "L2"], index=["a", "b", "c", "d", "e"])
    table = count_labels(labels, lots).set_index("label")
    low, high = wilson_interval(np.array([2]), np.array([3]))
    assert table.loc["x", ["lot_id", "n_cells", "n_annotated", "n_lot"]].tolist() == ["L1", 2, 3, 4]
    assert table.loc["x", ["fraction", "low", "high"]].tolist() == pytest.approx([2 / 3, low.item(), high.item()])
    assert "L2" not in set(table["lot_id"])  # nothing is said of a lot without labels


def test_labels_that_take_the_place_of_clusters_are_a_column_of_groups():
    obs = pd.DataFrame({"cell_type": ["x", None, "NA", "y"]}, index=list("abcd"))
    assert choose_labels(obs, "cell_type", where="the table").to_dict() == {"a": "x", "d": "y"}
    with pytest.raises(
        UserError, match=r"cluster\.labels is 'kind', and the table has no such column; there are 'cell_t"
    ):
        choose_labels(obs, "kind", where="the table")
    many = pd.DataFrame({"id": map(str, range(101))})
    with pytest.raises(UserError, match="holds 101 labels, and groups are at most 100"):
        choose_labels(many, "id", where="the table")
