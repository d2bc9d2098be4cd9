"""Tables are written in one format and read back as what they were; what does not fit is named with its place."""

import numpy as np
import pandas as pd
import pytest
import stage_tables

from mscape.data.table_io import parse_flags, read_table, write_table
from mscape.errors import UserError


def hidden(**changes):
    rows = {"lot_id": ["NA", "1e3"], "cluster": ["0", "1"], "gene": ["NT5E", "THY1"], "n_cells": [21103456, np.nan]}
    rows |= {"mean_count": [0.123456789, np.nan], "hidden_fraction": [0.5, np.nan], "lr": [1e-9, 2.0]}
    rows |= {"pvalue": [1.0, np.nan], "finding": ["none", "not_assessable"], "reason": [None, "fewer than 40 cells"]}
    return pd.DataFrame(rows | changes)


def test_the_file_is_written_in_one_format(tmp_path):
    write_table("hidden_mixture", hidden(), tmp_path / "hidden_mixture.tsv")
    assert (tmp_path / "hidden_mixture.tsv").read_bytes().decode().splitlines()[1:] == [
        "NA\t0\tNT5E\t21103456\t0.123457\t0.5\t1e-09\t1\tnone\t",
        "1e3\t1\tTHY1\t\t\t\t2\t\tnot_assessable\tfewer than 40 cells",
    ]


def test_names_that_look_like_numbers_or_gaps_stay_text(tmp_path):
    write_table("hidden_mixture", hidden(), tmp_path / "hidden_mixture.tsv")
    table = read_table(tmp_path / "hidden_mixture.tsv")
    assert list(table["lot_id"]) == ["NA", "1e3"]
    assert list(table["cluster"]) == ["0", "1"]
    assert table["reason"].iloc[0] == ""
    assert table["n_cells"].iloc[0] == 21103456
    assert np.isnan(table["n_cells"].iloc[1])


def test_whole_numbers_are_integers_where_none_is_missing(tmp_path):
    write_table("hidden_mixture", hidden(n_cells=[3, 4]), tmp_path / "hidden_mixture.tsv")
    assert read_table(tmp_path / "hidden_mixture.tsv")["n_cells"].dtype == np.int64


def test_columns_are_put_in_order_and_those_that_depend_on_the_data_before_the_last(tmp_path):
    frame = pd.DataFrame({"pass": [7], "low_counts": [3], "loaded": [10], "lot_id": ["L"], "sample_id": ["S"]})
    write_table("accounting", frame, tmp_path / "accounting.tsv")
    assert list(read_table(tmp_path / "accounting.tsv")) == ["sample_id", "lot_id", "loaded", "low_counts", "pass"]


def test_an_empty_table_has_all_columns(tmp_path):
    write_table("surface", pd.DataFrame(), tmp_path / "surface.tsv")
    assert list(read_table(tmp_path / "surface.tsv")) == stage_tables.TABLES["surface"].names


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"extra": 1}, "column 'extra' is unknown"),
        ({"lot_id": [1.0, 2.5]}, "column 'lot_id' is str but holds float64"),
        ({"lot_id": [True, False]}, "column 'lot_id' is str but holds bool"),
        ({"n_cells": [1.5, 2]}, "column 'n_cells' is int but holds numbers that are not whole"),
        ({"lr": ["much", 2]}, "column 'lr' is float but holds 'much', which is no number"),
    ],
)
def test_what_does_not_fit_is_named_with_the_place_to_mend_it(tmp_path, change, said):
    with pytest.raises(ValueError, match=f"table 'hidden_mixture': {said}.*mscape/data/tables.py"):
        write_table("hidden_mixture", hidden(**change), tmp_path / "x.tsv")


def test_a_missing_column_is_named_with_the_place_to_mend_it(tmp_path):
    with pytest.raises(ValueError, match=r"column 'lr' is missing.*TABLES\['hidden_mixture'\]"):
        write_table("hidden_mixture", hidden().drop(columns="lr"), tmp_path / "x.tsv")


def test_a_file_of_another_version_is_refused_with_the_step_to_run(tmp_path):
    (tmp_path / "paga.tsv").write_text("cluster_a\tcluster_b\tconnectivity\n0\t1\t0.5\n")
    with pytest.raises(UserError, match=r"column 'path' is missing.*rerun cluster_cells"):
        read_table(tmp_path / "paga.tsv")
    (tmp_path / "paga.tsv").write_text("cluster_a\tcluster_b\tconnectivity\tpath\n0\t1\t0.5\tperhaps\n")
    with pytest.raises(UserError, match="'path' is bool but holds 'perhaps', which is neither true nor false"):
        read_table(tmp_path / "paga.tsv")


def test_flags_are_read_however_they_were_written():
    assert parse_flags(pd.Series(["True", "false", "1", "no"])).tolist() == [True, False, True, False]
    gaps = parse_flags(pd.Series(["yes", ""]))
    assert gaps.dtype == "boolean"
    assert gaps.isna().tolist() == [False, True]
    with pytest.raises(ValueError, match="'2', which is neither true nor false"):
        parse_flags(pd.Series(["2"]))
