"""Sparse files whose positions or pointers are wrong are refused in one sentence: no other counts, no crash."""

import shutil

import h5py
import input_files as make
import numpy as np
import pytest
import scipy.sparse as sp
from input_files import COUNTS

from mscape.errors import UserError
from mscape.io import formats
from mscape.io.read import read_counts

CASES = 40  # of each kind of file
ODD = [-1, -(10**6), 0, 5, 11, 12, 13, 60, 10**6, 2**31, 2**40]


def layered(path):
    adata = make.annotated(make.logged())
    adata.layers["counts"] = sp.csr_matrix(COUNTS)
    return make.h5ad(path, adata)


KINDS = {
    "h5ad csr": (lambda path: make.h5ad(path, make.annotated(sp.csr_matrix(COUNTS))), "X"),
    "h5ad csc": (lambda path: make.h5ad(path, make.annotated(sp.csc_matrix(COUNTS))), "X"),
    "h5ad layer": (
        layered,
        "layers/counts",
    ),
    "10x h5": (make.tenx_h5, "matrix"),
}


def read(path):
    with formats.open_counts(path) as table:
        return sp.vstack(list(table.rows())).toarray()


def damage(path, place, rng) -> None:
    """Set one or two numbers of the pointers or positions to something else, or shorten an array."""
    with h5py.File(path, "r+") as file:
        group = file[place]
        key = rng.choice(["indices", "indptr"])
        values = group[key][:].astype("i8")
        if rng.random() < 0.1:
            values = values[:-1]
        else:
            for _ in range(rng.integers(1, 3)):
                values[rng.integers(len(values))] = rng.choice(
                    [-1, -(10**6), 0, 5, 11, 12, 13, 60, 10**6, 2**31, 2**40]
                )
        attributes = dict(group[key].attrs)
        del group[key]
        group[key] = values
        group[key].attrs.update(attributes)


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_positions_never_give_other_counts_than_the_arrays_say(kind, tmp_path):
    build, place = KINDS[kind]
    whole = build(tmp_path / "whole.h5")
    np.testing.assert_array_equal(read(whole), COUNTS)
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(CASES):
        shutil.copyfile(whole, tmp_path / "case.h5")
        damage(tmp_path / "case.h5", place, rng)
        with h5py.File(tmp_path / "case.h5") as file:
            indices, indptr, n = (file[place][key][:] for key in ("indices", "indptr", "data"))
        csc = kind == "h5ad csc"
        rows, columns = COUNTS.shape[::-1] if csc else COUNTS.shape
        sound = len(indptr) == rows + 1 and len(indices) == len(n) and indptr[0] == 0 and indptr[-1] == len(n)
        sound = sound and (np.diff(indptr) >= 0).all() and indices.min() >= 0 and indices.max() < columns
        try:
            got = read(tmp_path / "case.h5")
        except UserError:
            refused += 1
            continue
        assert sound
        build_matrix = sp.csc_matrix if csc else sp.csr_matrix
        np.testing.assert_array_equal(got, build_matrix((n, indices, indptr), shape=COUNTS.shape).toarray())
    assert refused > CASES / 2


@pytest.mark.parametrize("place", ["X/indices", "X/indptr"])
def test_a_zarr_store_is_checked(place, tmp_path):
    import zarr

    path = make.zarr_store(tmp_path / "a.zarr")
    store = zarr.open_group(str(path), mode="r+")
    values = store[place][:]
    values[3] = 10**6
    store[place][:] = values
    with pytest.raises(UserError, match=r"a\.zarr is damaged"):
        read(path)


def test_a_whole_file_that_lacks_a_part_is_not_called_damaged(tmp_path):
    path = make.tenx_h5(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        del file["matrix/features/id"]
    with pytest.raises(UserError, match=r"a\.h5 lacks 'id', without which its counts cannot be read"):
        read(path)


def test_h5seurat_is_checked(tmp_path):
    matrix = sp.csr_matrix(COUNTS)
    path = tmp_path / "a.h5seurat"
    with h5py.File(path, "w") as file:
        file.attrs["active.assay"] = "RNA"
        file["cell.names"] = np.array(make.BARCODES, "S")
        group = file.create_group("assays/RNA/counts")
        file["assays/RNA/features"] = np.array(make.SYMBOLS, "S")
        group.attrs["dims"] = COUNTS.shape[::-1]
        group["data"], group["indptr"] = matrix.data, matrix.indptr
        group["indices"] = np.where(np.arange(matrix.nnz) == 3, 10**6, matrix.indices)
    with pytest.raises(UserError, match="values are at positions 0 to 1,000,000, but there are"):
        read(path)


LARGE = 2**31 - 1


def test_sums_that_no_count_can_hold_are_refused():
    from mscape.io.formats.count_table import sum_counts, sum_twins

    one = sp.csr_matrix(np.array([[LARGE, 0], [0, 3]], dtype=np.int32))
    with pytest.raises(UserError, match=r"the largest value is 4\.29e\+09"):
        sum_counts([one, one], "a.h5ad")
    twice = sp.csr_matrix((np.array([LARGE, LARGE, 3], dtype=np.int32), [0, 0, 1], [0, 2, 3]), shape=(2, 2))
    with pytest.raises(UserError, match=r"the largest value is 4\.29e\+09"):
        sum_twins(twice.copy(), "a.h5ad")
    twice.data[:] = [4, 5, 3]
    assert sum_twins(twice, "a.h5ad").toarray().tolist() == [[9, 0], [0, 3]]


def test_rows_of_one_gene_whose_sum_no_count_can_hold_are_refused(tmp_path):
    rows = ["gene,c1,c2,c3", f"VIM,{LARGE},4,5", f"VIM,{LARGE},4,5", "THY1,1,2,3", "NT5E,1,2,3"]
    path = make.write_text(tmp_path / "a.csv", "\n".join(rows) + "\n")
    with pytest.raises(UserError, match=r"the sum of the rows of one gene \(VIM\): .*the largest value is 4\.29e\+09"):
        read_counts(path)
