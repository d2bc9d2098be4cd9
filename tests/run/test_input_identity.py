"""A file that is another than before has another identity, at any date and size; one that is not has the same."""

import os
import shutil

import numpy as np
import pytest

from mscape.errors import UserError
from mscape.run import input_identity
from mscape.run.input_identity import identify_input


def put(path, data: bytes, date: int = 1_000_000_000):
    """Write a file; the next call reads it as another run of Snakemake does."""
    input_identity._content.cache_clear()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (date, date))
    return path


@pytest.mark.parametrize("data", [b"five!", b"longer"])
def test_content_decides_where_date_and_size_do_not(tmp_path, data):
    folder = put(tmp_path / "lot/matrix.mtx.gz", b"seven").parent
    put(folder / "genes.tsv", b"A\n")
    before = identify_input(folder), identify_input(folder / "matrix.mtx.gz")
    put(folder / "matrix.mtx.gz", data)
    after = identify_input(folder), identify_input(folder / "matrix.mtx.gz")
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_a_small_input_that_was_copied_or_touched_is_the_same(tmp_path):
    folder = put(tmp_path / "lot/matrix.mtx.gz", b"seven").parent
    before = identify_input(folder)
    shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copyfile)
    os.utime(folder / "matrix.mtx.gz")
    put(folder / ".DS_Store", b"of a file browser")
    assert identify_input(folder) == before == identify_input(tmp_path / "copy")


def test_of_a_large_file_the_date_counts_and_pieces_of_its_content(tmp_path):
    data = np.random.default_rng(0).bytes(input_identity.WHOLE + 1000)
    path = put(tmp_path / "a.h5ad", data)
    same_date = identify_input(path)
    put(path, data[:-1] + bytes([data[-1] ^ 1]))
    assert identify_input(path) != same_date
    put(path, data, date=900_000_000)
    assert identify_input(path) != same_date
    put(path, data)
    assert identify_input(path) == same_date


def test_what_is_not_there_has_none(tmp_path):
    assert input_identity.identify_inputs([tmp_path / "a", tmp_path]) == ["", identify_input(tmp_path)]


def test_a_folder_linked_into_itself_is_named(tmp_path):
    put(tmp_path / "lot/matrix.mtx", b"x")
    (tmp_path / "lot/again").symlink_to(tmp_path / "lot")
    with pytest.raises(UserError, match=r"lot/again is a link to a folder that it lies in"):
        identify_input(tmp_path / "lot")
