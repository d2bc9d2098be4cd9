"""Arrays of a sparse matrix are checked before compiled code sees them: faulty ones are refused, sound ones kept."""

import numpy as np
import pytest
import scipy.sparse as sp

from mscape.data import checksum, counts
from mscape.data.sparse_arrays import check_matrix
from mscape.errors import UserError

MATRIX = sp.csr_matrix(np.array([[1, 0, 2], [0, 0, 0], [0, 3, 4], [5, 0, 0]], dtype=np.int32))


@pytest.mark.parametrize("encoding", ["csr", "csc"])
@pytest.mark.parametrize("dtype", ["i4", "i8", "u4", "u8"])
def test_sound_arrays_are_kept(encoding, dtype):
    matrix = MATRIX.asformat(encoding)
    got = check_matrix(
        matrix.data, matrix.indices.astype(dtype), matrix.indptr.astype(dtype), (4, 3), encoding=encoding, path="a.h5ad"
    )
    np.testing.assert_array_equal(got.toarray(), MATRIX.toarray())


@pytest.mark.parametrize(
    ("key", "place", "value", "said"),
    [
        ("indptr", 0, 1, "its rows begin at 1"),
        ("indptr", 0, -1, "its rows begin at -1"),
        ("indptr", 4, 6, "and end at 6 of 5 values"),
        ("indptr", 2, 5, "a row ends before it begins"),
        ("indptr", 2, 10**6, "a row ends before it begins"),
        ("indptr", 2, -5, "a row ends before it begins"),
        ("indices", 1, 3, "values are at positions 0 to 3, but there are 3"),
        ("indices", 1, -1, "values are at positions -1 to 2, but there are 3"),
        ("indices", 1, 2**40, "but there are 3"),
    ],
)
def test_faulty_arrays_are_refused_with_what_is_wrong(key, place, value, said):
    arrays = {"data": MATRIX.data, "indices": MATRIX.indices.astype("i8"), "indptr": MATRIX.indptr.astype("i8")}
    arrays[key][place] = value
    with pytest.raises(UserError, match=rf"^a\.h5ad is damaged: .*{said}"):
        check_matrix(**arrays, shape=(4, 3), encoding="csr", path="a.h5ad")


@pytest.mark.parametrize("change", [{"data": MATRIX.data[:-1]}, {"indptr": MATRIX.indptr[:-1]}, {"indptr": np.ones(5)}])
def test_arrays_of_wrong_length_or_kind_are_refused(change):
    arrays = {"data": MATRIX.data, "indices": MATRIX.indices, "indptr": MATRIX.indptr} | change
    with pytest.raises(UserError, match="is damaged"):
        check_matrix(**arrays, shape=(4, 3), encoding="csr", path="a.h5ad")


@pytest.mark.parametrize(("key", "place", "value"), [("indices", 5, 10**6), ("indptr", 3, 10**6), ("indptr", 3, -5)])
def test_a_stage_file_is_checked_too(tmp_path, toy_counts, key, place, value):
    import h5py
    import hdf5plugin  # noqa: F401  registers the compression of stage files

    adata = toy_counts()
    counts.append(tmp_path / "raw.h5ad", [adata.X], obs=adata.obs, var=adata.var)
    with h5py.File(tmp_path / "raw.h5ad", "r+") as file:
        values = file["X"][key][:]
        values[place] = value
        file["X"][key][:] = values
    checksum.close_with_checksum(tmp_path / "raw.h5ad")
    with pytest.raises(UserError, match=r"raw\.h5ad is damaged"):
        list(counts.blocks(tmp_path / "raw.h5ad"))
