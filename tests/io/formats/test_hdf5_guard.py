"""HDF5 files that lead to other files, or whose names never end, are refused in a sentence."""

import h5py
import input_files as make
import numpy as np
import pytest

from mscape.errors import UserError
from mscape.io import formats
from mscape.io.formats import hdf5_guard


def read(path):
    with formats.open_counts(path) as table:
        return [block.toarray() for block in table.rows()]


@pytest.fixture
def secret(tmp_path):
    (tmp_path / "passwd").write_bytes(b"root:x:0:0" * 20)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = np.ones((12, 60), "u1")
    return tmp_path


def external_link(file, folder):
    file["X"] = h5py.ExternalLink(str(folder / "other.h5"), "/data")


def external_group(file, folder):
    file["uns/a"] = h5py.ExternalLink("../../elsewhere.h5", "/")


def external_storage(file, folder):
    file.create_dataset("X", (2, 3), "u1", external=[(str(folder / "passwd"), 0, 6)])


def virtual(file, folder):
    layout = h5py.VirtualLayout((12, 60), "u1")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "data", (12, 60))
    file.create_virtual_dataset("X", layout)


@pytest.mark.parametrize("way", [external_link, external_group, external_storage, virtual])
def test_what_leads_out_of_the_file_is_refused_in_a_sentence(way, secret):
    path = make.h5ad(secret / "a.h5ad", make.annotated())
    with h5py.File(path, "r+") as file:
        if way is not external_group:
            del file["X"]
        way(file, secret)
    with pytest.raises(
        UserError, match=r"a\.h5ad takes /(X|uns/a) from another file \('.*'\)\. Give a file that holds"
    ):
        read(path)


def test_links_within_the_file_are_followed(tmp_path):
    path = make.h5ad(tmp_path / "a.h5ad", make.annotated())
    with h5py.File(path, "r+") as file:
        file["layers/counts"] = h5py.SoftLink("/X")
        file["again"] = file["/"]  # a group that holds itself
    assert sum(map(np.sum, read(path))) == make.COUNTS.sum()


@pytest.mark.parametrize(
    ("work", "said"),
    [
        ("while True: pass", "its names cannot be read to their end within 1 s"),
        ("os.kill(os.getpid(), 9)", "reading its names ends the process that does it"),
    ],
)
def test_names_that_never_end_or_crash_are_refused_in_a_sentence(tmp_path, monkeypatch, work, said):
    monkeypatch.setattr(hdf5_guard, "SECONDS", 1.0)
    monkeypatch.setattr(hdf5_guard, "find_fault", lambda path: exec(work, {"os": hdf5_guard.os}))
    with pytest.raises(UserError, match=rf"a\.h5ad is damaged: {said}"):
        read(make.h5ad(tmp_path / "a.h5ad", make.annotated()))


def test_without_a_child_the_file_is_looked_through_here(secret, monkeypatch):
    def no_memory():
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(hdf5_guard.os, "fork", no_memory)
    path = make.h5ad(secret / "a.h5ad", make.annotated())
    assert sum(map(np.sum, read(path))) == make.COUNTS.sum()
    with h5py.File(path, "r+") as file:
        external_group(file, secret)
    with pytest.raises(UserError, match="takes /uns/a from another file"):
        read(path)


def test_zeros_in_a_heap_of_names_end_in_a_sentence(tmp_path, monkeypatch):
    """What a power cut leaves; libhdf5 2.0 loops over a heap whose objects have no length."""
    monkeypatch.setattr(hdf5_guard, "SECONDS", 2.0)
    data = bytearray(make.h5ad(tmp_path / "a.h5ad", make.annotated()).read_bytes())
    at = data.index(b"GCOL")
    data[at + 16 + 64 : at + 16 + 2000] = bytes(2000 - 64)
    (tmp_path / "a.h5ad").write_bytes(data)
    with pytest.raises(UserError) as caught:
        read(tmp_path / "a.h5ad")
    assert "\n" not in str(caught.value)
