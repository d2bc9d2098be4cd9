"""Damaged and hostile files: each guard holds, and whatever a library raises is one sentence that names the file."""

import io
import struct
import tarfile
import zipfile

import input_files as make
import numpy as np
import pandas as pd
import pytest

from mscape.errors import UserError
from mscape.io import formats
from mscape.io.formats import archives


def read(path):
    with formats.open_counts(path) as table:
        return list(table.rows())


def fault_of(path) -> str:
    """What is said of a file; "" if it can be read."""
    try:
        read(path)
    except UserError as error:
        return str(error)
    return ""


def refused(path, match):
    with pytest.raises(UserError, match=match) as caught:
        read(path)
    said = str(caught.value)
    assert "\n" not in said
    assert len(said.replace(str(path.parent), "")) <= 400


def tar(path, *members):
    """Archive of members (name, data), written as they are."""
    with tarfile.open(path, "w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


CSV = make.frame().to_csv().encode()


def test_an_archive_unpacks_to_no_more_than_its_budget(tmp_path, monkeypatch):
    path = tar(tmp_path / "a.tar", ("counts.csv", CSV))
    with pytest.raises(UserError, match="would unpack to more than 0 GiB"):
        archives.unpack(path, tmp_path / "to", max_bytes=len(CSV) - 1)
    monkeypatch.setattr(archives, "MAX_FILES", 1)
    (tmp_path / "to").mkdir(exist_ok=True)
    with pytest.raises(UserError, match="or 1 files"):
        archives.unpack(tar(tmp_path / "b.tar", ("a.csv", CSV), ("b.csv", CSV)), tmp_path / "to")


def test_links_in_a_zip_are_passed_over(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("passwd.csv")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("counts.csv", CSV)
    (tmp_path / "to").mkdir()
    archives.unpack(path, tmp_path / "to")
    assert [one.name for one in (tmp_path / "to").iterdir()] == ["counts.csv"]


def test_a_member_that_is_longer_than_announced_is_refused(tmp_path):
    with pytest.raises(UserError, match="a member is longer than announced"):
        archives._copy(io.BytesIO(b"12345"), io.BytesIO(), 4, tmp_path / "a.zip")


@pytest.mark.parametrize(
    "members",
    [
        [("", CSV)],
        [(".", CSV)],
        [("a" * 300 + ".csv", CSV)],
        [("a", CSV), ("a/b.csv", CSV)],
        [("a/b.csv", CSV), ("a", CSV)],
        [("a\0b.csv", CSV)],
    ],
)
def test_odd_names_of_members_end_in_a_sentence_or_are_read(tmp_path, members):
    path = tar(tmp_path / "a.tar", *members)
    said = fault_of(path)
    assert not said or str(path) in said


def test_an_h5ad_whose_shape_is_not_that_of_its_names_is_refused(tmp_path):
    import h5py

    path = make.h5ad(tmp_path / "a.h5ad", make.annotated())
    with h5py.File(path, "r+") as file:
        n_genes = len(make.SYMBOLS)
        file["X"].attrs["shape"] = np.array([len(make.BARCODES), n_genes + 1])
    refused(path, f"X is {len(make.BARCODES)} x {n_genes + 1}, but there are .* and {n_genes} gene names")


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_parquet_table_is_refused_in_a_sentence(tmp_path, seed):
    make.frame().rename_axis("gene").reset_index().to_parquet(tmp_path / "a.parquet", index=False)
    data, rng = bytearray((tmp_path / "a.parquet").read_bytes()), np.random.default_rng(seed)
    at = len(data) - 8 - int(rng.integers(struct.unpack("<I", data[-8:-4])[0]))  # in the description at its end
    data[at : at + 4] = rng.bytes(4)
    (tmp_path / "a.parquet").write_bytes(data)
    said = fault_of(tmp_path / "a.parquet")
    assert "\n" not in said
    if not said:
        got = np.vstack([block.toarray() for block in read(tmp_path / "a.parquet")])
        assert sorted(got.ravel()) == sorted(make.COUNTS.ravel())


@pytest.mark.parametrize(
    "data",
    [
        b"%%MatrixMarket matrix coordinate integer general\n2 2 1\n\xff\xfe 1 1\n",
        b"%%MatrixMarket matrix coordinate integer general\n2000000000 2000000000 4000000000000\n1 1 1\n",
        b"%%MatrixMarket matrix coordinate integer general\n-2 2 1\n1 1 1\n",
        b"%%MatrixMarket matrix coordinate integer general\n2 2 -1\n1 1 1\n",
        b"%%MatrixMarket matrix coordinate integer general\n2 2 1\n1 1 \0\n",
    ],
)
def test_matrix_market_that_lies_ends_in_a_sentence(tmp_path, data):
    make.tenx_folder(tmp_path / "a", zipped=False)
    (tmp_path / "a/matrix.mtx").write_bytes(data)
    refused(tmp_path / "a", "a")


def test_a_field_that_is_longer_than_any_is_refused_in_a_sentence(tmp_path):
    text = make.frame().to_csv().replace("CD99", "x" * 140_000)
    path = make.write_text(tmp_path / "a.csv", "gene," + "y" * 140_000 + "\n" + text)
    refused(path, "a.csv")


def test_a_folder_linked_into_itself_is_read_or_refused_in_a_sentence(tmp_path):
    make.tenx_folder(tmp_path / "a")
    (tmp_path / "a/again").symlink_to(tmp_path / "a")
    assert sum(block.sum() for block in read(tmp_path / "a")) == make.COUNTS.sum()
    (tmp_path / "b").mkdir()
    (tmp_path / "b/again").symlink_to(tmp_path / "b")
    refused(tmp_path / "b", "holds no counts")


def test_names_that_are_no_text_never_raise(tmp_path):
    frame = pd.DataFrame(make.COUNTS.T, index=[f"\0{name}\x01" for name in make.SYMBOLS], columns=make.BARCODES)
    said = fault_of(make.write_text(tmp_path / "a.csv", frame.to_csv()))
    assert not said or "a.csv" in said
