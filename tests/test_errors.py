"""Faults of the disk become one sentence; other errors are not explained."""

import errno

import pytest

from mscape.errors import explain_files


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "x", "results/a.h5ad"), "results/a.h5ad could not be written: the disk is full"),
        (OSError(errno.EDQUOT, "x"), "the results could not be written: your share of the disk is used up"),
        (PermissionError(errno.EACCES, "x", "out"), "out may not be touched"),
        (RuntimeError("write failed: filename = 'b.h5ad', file descriptor = 5, errno = 28"), "b.h5ad could not be"),
        (ValueError("errno"), ""),
        (None, ""),
    ],
)
def test_a_fault_of_the_disk_is_explained(error, said):
    found = explain_files(error)
    assert found.startswith(said)
    assert bool(found) == bool(said)


def test_the_cause_of_an_error_is_found():
    outer = RuntimeError("x")
    outer.__cause__ = OSError(errno.ENOSPC, "x", "c.h5ad")
    assert explain_files(outer).startswith("c.h5ad could not be written")
