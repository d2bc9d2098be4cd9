"""Chunks that are missing from a file or store are not read as zeros in silence."""

import shutil

import h5py
import input_files as make
import numpy as np
import pytest
from input_files import COUNTS

from mscape.errors import UserError
from mscape.io import formats
from mscape.io.formats.chunks import missing_chunks


def read(path):
    with formats.open_counts(path) as table:
        return list(table.rows())


def test_missing_chunks_are_counted(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        half = file.create_dataset("half", shape=(10, 4), dtype="i4", chunks=(4, 4))
        half[:8] = 1
        assert missing_chunks(half) == (1, 3)
        assert missing_chunks(file.create_dataset("none", shape=(10,), dtype="i4")) == (1, 1)
        assert missing_chunks(file.create_dataset("whole", data=np.zeros(10))) == (0, 1)
        assert missing_chunks(file.create_dataset("empty", shape=(0,), dtype="i4", chunks=(4,), maxshape=(None,))) == (
            0,
            0,
        )


@pytest.mark.parametrize("part", ["X/data", "X/indices", "obs/_index/values", "var/_index/values"])
def test_a_chunk_that_was_not_copied_is_not_read_as_zeros(part, tmp_path):
    path = make.zarr_store(tmp_path / "a.zarr")
    shutil.rmtree(path / part / "c")
    with pytest.raises(UserError, match=r"1 of 1 chunks of .* missing"):
        read(path)


@pytest.mark.filterwarnings("ignore:Consolidated metadata")
@pytest.mark.parametrize(("shards", "lost"), [(None, 3), ((6, 6), 1)])
def test_chunks_of_a_dense_store_that_are_read_as_zeros_are_said(shards, lost, tmp_path):
    import zarr

    path = make.zarr_store(tmp_path / "a.zarr")
    shutil.rmtree(path / "X")
    counts = np.where(COUNTS == 0, 1, COUNTS)  # no chunk of zeros, which zarr would leave out
    store = zarr.open_group(str(path), mode="r+", use_consolidated=False)
    store.create_array("X", data=counts.astype("f4"), chunks=(3, 3), shards=shards)
    zarr.consolidate_metadata(str(path))
    with formats.open_counts(path) as table:
        assert table.warnings == []
    files = sorted(one for one in (path / "X/c").rglob("*") if one.is_file())
    for one in files[:lost]:
        one.unlink()
    with formats.open_counts(path) as table:
        assert len(table.warnings) == 1
        assert table.warnings[0].startswith(f"{lost} of {len(files)} chunks of X are not in the file")


@pytest.mark.parametrize(
    ("build", "place"), [(make.tenx_h5, "matrix"), (lambda path: make.h5ad(path, make.annotated()), "X")]
)
def test_a_file_whose_writer_stopped_is_not_read_as_zeros(build, place, tmp_path):
    path = build(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        group = file[place]
        values, attributes = group["data"][:], dict(group["data"].attrs)
        del group["data"]
        group.create_dataset("data", shape=values.shape, dtype=values.dtype, chunks=(8,))[:8] = values[:8]
        group["data"].attrs.update(attributes)
    with pytest.raises(UserError, match=rf"is incomplete: \d+ of \d+ chunks of {place}/data are missing"):
        read(path)
