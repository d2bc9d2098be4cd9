"""Which side of a table is genes: by known names, forms of barcodes and headings; without evidence it is refused."""

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mscape.errors import UserError
from mscape.io.formats import text
from mscape.io.formats.orientation import Side, find_orientation

SYMBOLS = ["NT5E", "THY1", "ENG", "VIM", "ACTB", "COL1A1"]
ENTREZ = [str(n) for n in (4907, 7070, 2022, 7431, 60, 1277)]
HORSE = [f"LOC10005{n:04d}" for n in range(6)]
BARCODES = ["".join(random.Random(n).choices("ACGT", k=16)) for n in range(5)]
WELLS = ["P1_C3", "P1_C5", "P1_F2", "P1_F10", "P1_F11"]
NUMBERS = ["1", "2", "3", "4", "5"]
KINDS = [
    ("genes", SYMBOLS),
    ("genes", ENTREZ),
    ("genes", HORSE),
    ("cells", BARCODES),
    ("cells", WELLS),
    ("cells", NUMBERS),
]
SURE = [(genes, cells) for _, genes in KINDS[:3] for _, cells in KINDS[3:] if genes is SYMBOLS or cells is not NUMBERS]


def side(names, called=""):
    return Side(called=[called], names=[names])


@pytest.mark.parametrize(("genes", "cells"), SURE)
def test_names_of_one_side_are_evidence_both_ways_round(genes, cells, tmp_path):
    assert find_orientation(side(genes), side(cells), tmp_path)[0]
    assert not find_orientation(side(cells), side(genes), tmp_path)[0]


@pytest.mark.parametrize(
    ("called", "genes_in_rows"), [("gene", True), ("Entrez_ID", True), ("cell", False), ("CB", False)]
)
def test_a_heading_decides_where_no_name_is_known(called, genes_in_rows, tmp_path):
    assert find_orientation(side(ENTREZ, called), side(["a", "b"]), tmp_path)[0] is genes_in_rows


def test_wells_that_are_called_like_genes_are_no_genes(tmp_path):
    wells = [f"{row}{column}" for row in "ABCDEFGH" for column in range(1, 13)]  # C3, C5, C7, F2, F10 ... are genes
    assert not find_orientation(side(wells), side(ENTREZ), tmp_path)[0]


def test_a_heading_that_forms_of_barcodes_contradict_does_not_count(tmp_path):
    assert not find_orientation(side(BARCODES, "gene"), side(HORSE), tmp_path)[0]


@pytest.mark.parametrize("genes", [ENTREZ, HORSE])
@pytest.mark.parametrize("genes_in_rows", [True, False])
def test_a_table_without_evidence_is_refused_with_a_way_that_works(genes, genes_in_rows, tmp_path):
    counts = np.random.default_rng(0).poisson(2, (5, 6))
    frame = pd.DataFrame(counts, index=["donor1", "donor2", "x3", "x4", "x5"], columns=genes)
    frame = frame.T if genes_in_rows else frame
    frame.to_csv(tmp_path / "a.csv", index_label="")
    with pytest.raises(UserError, match=r"nothing shows whether rows .* or columns .* are genes"):
        text.read_text(tmp_path / "a.csv")

    frame.to_csv(tmp_path / "a.csv", index_label="gene" if genes_in_rows else "cell")
    table = text.read_text(tmp_path / "a.csv")
    assert list(table.features["name"]) == genes
    np.testing.assert_array_equal(np.vstack([block.toarray() for block in table.rows()]), counts)


def test_a_parquet_table_without_evidence_is_refused(tmp_path):
    frame = pd.DataFrame({"name": ["a1x", "a2x"], "4907": [1, 0], "7070": [3, 4]})
    frame.to_parquet(tmp_path / "a.parquet", index=False)
    with pytest.raises(UserError, match="nothing shows whether rows"):
        text.read_parquet(tmp_path / "a.parquet")


def test_cells_called_like_genes_are_counted_in_the_message():
    rows = Side(["", ""], [["NT5E", "THY1", "ENG", "PTPRC"]])
    columns = Side([], [["c1", "c2", "c3"]])
    with pytest.raises(UserError, match="100% and 67% of their names are known genes"):
        find_orientation(rows, columns, Path("table.csv"))
