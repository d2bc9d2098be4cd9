"""A file that holds several samples is seen as that, and one of them can be chosen by a column of the file."""

import input_files as make
import numpy as np
import pandas as pd
import pytest
from lots import make_lot
from maker_files import named
from reading import examine

from mscape.errors import UserError

BASES = str.maketrans("0123", "ACGT")
DONORS = ["D1", "D2", "D3", "D10"]


def donors(n):
    return [DONORS[i * len(DONORS) // n] for i in range(n)]


def anndata_file(path, column, values, write=lambda adata, path: adata.write_h5ad(path)):
    adata = make_lot(0).annotated(make_lot(0).sparse)
    adata.obs[column] = values(adata.n_obs)
    write(adata, path)
    return path


def store(adata, path):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the writer, about its own format versions
        adata.write_zarr(path)


def warned(got):
    return [one for one in got.findings if one.check == "several samples"]


COLUMNS = {
    "text": ("a.h5ad", "donor_id", donors),
    "categories": ("a.h5ad", "orig.ident", lambda n: pd.Categorical(donors(n))),
    "numbers": ("a.h5ad", "Batch", lambda n: [int(name[1:]) for name in donors(n)]),
    "categories of numbers": ("a.h5ad", "patient", lambda n: pd.Categorical([int(name[1:]) for name in donors(n)])),
    "zarr": ("a.zarr", "sample_id", donors),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_that_names_samples_is_a_warning_and_chooses_cells(kind, tmp_path):
    name, column, values = COLUMNS[kind]
    write = store if name.endswith("zarr") else lambda adata, path: adata.write_h5ad(path)
    path = anndata_file(tmp_path / name, column, values, write)
    lot = make_lot(0)
    whole = examine(path, {}, scratch=tmp_path)
    (finding,) = warned(whole)
    assert finding.level == "warning"
    assert finding.found.startswith(f"{column} has 4 values: ")
    wanted = str(values(len(lot.barcodes))[-1])
    one = examine(path, {"cells": f"{column}={wanted}"}, scratch=tmp_path)
    rows = [i for i, value in enumerate(map(str, values(len(lot.barcodes)))) if value == wanted]
    assert one.barcodes == [lot.barcodes[i] for i in rows]
    np.testing.assert_array_equal(one.counts, whole.counts[rows])
    assert warned(one) == []


def test_columns_that_divide_the_cells_in_one_way_are_one_finding(tmp_path):
    adata = make_lot(0).annotated(make_lot(0).sparse)
    adata.obs["orig.ident"] = donors(adata.n_obs)
    adata.obs["Patient"] = [f"p{name}" for name in donors(adata.n_obs)]
    adata.obs["batch"] = [f"b{i % 2}" for i in range(adata.n_obs)]
    path = make.h5ad(tmp_path / "a.h5ad", adata)
    assert [one.found for one in warned(examine(path, {}, scratch=tmp_path))] == [
        "orig.ident has 4 values: D1, D10, D2, ...",
        "batch has 2 values: b0, b1",
    ]


def test_the_suggested_choice_works(tmp_path):
    path = anndata_file(tmp_path / "a.h5ad", "donor_id", donors)
    (finding,) = warned(examine(path, {}, scratch=tmp_path))
    assert finding.next_step.endswith("such as donor_id=D1")
    assert len(examine(path, {"cells": "donor_id=D1"}, scratch=tmp_path).barcodes) == len(make_lot(0).barcodes) // 4
    both = examine(path, {"cells": "donor_id=D1|donor_id=D2"}, scratch=tmp_path)
    assert len(both.barcodes) == len(make_lot(0).barcodes) // 2
    assert [one.found for one in warned(both)] == ["donor_id has 2 values: D1, D2"]


def test_barcodes_of_several_libraries_are_a_warning(tmp_path):
    n = len(make_lot(0).barcodes)
    lot = named(make_lot(0), lambda i: f"{np.base_repr(i, 4).zfill(16).translate(BASES)}-{1 + i // (n // 2)}")
    path = make.h5ad(tmp_path / "a.h5ad", lot.annotated(lot.sparse))
    (finding,) = warned(examine(path, {}, scratch=tmp_path))
    assert finding.found == "end of the barcode has 2 values: -1, -2"
    one = examine(path, {"cells": "*-2"}, scratch=tmp_path)
    assert len(one.barcodes) == n // 2
    assert warned(one) == []


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("donor_id", lambda n: ["D1"] * n),
        ("sample_id", lambda n: [f"cell {i}" for i in range(n)]),  # names cells
        ("leiden", donors),
        ("donor_id", lambda n: ["D1"] * (n - 1) + [""]),
    ],
)
def test_a_file_of_one_sample_is_no_finding(column, values, tmp_path):
    assert warned(examine(anndata_file(tmp_path / "a.h5ad", column, values), {}, scratch=tmp_path)) == []


def test_a_choice_that_finds_nothing_says_what_there_is(tmp_path):
    path = anndata_file(tmp_path / "a.h5ad", "donor_id", donors)
    with pytest.raises(UserError, match=r"no cell has 'donor_id=D7'; donor_id is D1, D10, D2 and so on"):
        examine(path, {"cells": "donor_id=D7"}, scratch=tmp_path)
    with pytest.raises(UserError, match=r"has no column 'donor' by which to choose cells; there are: donor_id\."):
        examine(path, {"cells": "donor=D1"}, scratch=tmp_path)
    loom = make.loom(tmp_path / "a.loom")
    with pytest.raises(UserError, match=r"has no column 'donor'"):
        examine(loom, {"cells": "donor=D1"}, scratch=tmp_path)
