"""Guards of inputs and files, what is left when each is removed, and the tests that must notice.

A guard that is taken away without any test failing is one that a later change can lose.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import BinaryIO


@dataclass(frozen=True)
class Guard:
    """A function that refuses or corrects, what stands in its place when it is removed, and the tests that hold it."""

    name: str
    module: str
    function: str
    removed: Callable[..., Any]
    tests: tuple[str, ...]


def first(value: Any, *_: Any, **__: Any) -> Any:
    """Give back what was given."""
    return value


def said(*, value: Any) -> Callable[..., Any]:
    """Make a function that always says the same."""
    return lambda *_, **__: value


def summed(parts: Iterable[tuple[str, Any]], _: Any) -> Any:
    """Add up matrices."""
    return sum(part for _, part in parts)


def joined(name: str, folder: Path, _: Path) -> Path:
    """Put a name behind a folder."""
    return folder / name


def copied(source: BinaryIO, sink: BinaryIO, *_: Any) -> None:
    """Copy to the end."""
    sink.write(source.read())


FORMATS, DATA = "mscape.io.formats", "mscape.data"
ODD, LOAD, FETCH = "tests/io/test_odd_inputs.py", "tests/steps/test_load_counts.py", "tests/steps/test_fetch_sample.py"
SHEET, CONFIG, YAML = "tests/run/test_sheet.py", "tests/run/test_config.py", "tests/data/test_yaml_file.py"
SPARSE = "tests/data/test_sparse_arrays.py"
NOTHING = said(value=None)
ROWS: tuple[tuple[str, str, Callable[..., Any], str, str], ...] = (
    # guard, its function, what is left of it, file of tests, which of them
    ("values are counts", f"{FORMATS}.count_table:why_not_counts", said(value=""), LOAD, "bad_input and decimal"),
    (
        "whole numbers vary as counts do",
        f"{FORMATS}.evidence:why_no_counts",
        said(value=""),
        ODD,
        "rounded or presence",
    ),
    ("a sum of genes is no gene", f"{FORMATS}.evidence:features_no_genes", said(value={}), ODD, "row and sums"),
    ("a column of sums is no cell", f"{FORMATS}.evidence:cells_no_cells", said(value={}), ODD, "column and sums"),
    ("a sum of cells is no cell", f"{FORMATS}.evidence:rival_cell", NOTHING, ODD, "sum and cells and folder"),
    ("antibodies and metadata are no genes", f"{FORMATS}.evidence:kind_by_name", said(value=""), ODD, "antibodies"),
    ("copies are no parts", f"{FORMATS}.count_table:sum_parts", summed, ODD, "equal"),
    (
        "orientation by evidence",
        f"{FORMATS}.orientation:find_orientation",
        said(value=(True, "")),
        "tests/io/formats/test_orientation.py",
        "without_evidence",
    ),
    ("pointers of sparse files", f"{DATA}.sparse_arrays:check_pointers", first, SPARSE, "refused"),
    ("positions of sparse files", f"{DATA}.sparse_arrays:check_indices", first, SPARSE, "refused"),
    (
        "HDF5 leads nowhere",
        f"{FORMATS}.hdf5_guard:find_fault",
        said(value=""),
        "tests/io/formats/test_hdf5_guard.py",
        "leads_out",
    ),
    ("members of archives stay inside", f"{FORMATS}.archives:_place", joined, LOAD, "bad_input and climbs"),
    (
        "members are as long as announced",
        f"{FORMATS}.archives:_copy",
        copied,
        "tests/io/test_hostile_files.py",
        "longer_than_announced",
    ),
    (
        "stage files are as written",
        f"{DATA}.checksum:_verify",
        cache(NOTHING),
        "tests/data/test_checksum.py",
        "flipped",
    ),
    ("keys given twice", f"{DATA}.yaml_file:repeated_keys", said(value=[]), CONFIG, "given_twice"),
    ("finite numbers", f"{DATA}.yaml_file:not_finite", said(value=[]), YAML, "odd_files"),
    (
        "configs that run code",
        f"{DATA}.yaml_file:program_keys",
        said(value=[]),
        "tests/run/test___main__.py",
        "workflow_refuses",
    ),
    ("names of columns of the sheet", "mscape.run.sheet:column_faults", said(value=[]), SHEET, "faults"),
    ("columns that are results", "mscape.run.sheet:is_reserved", said(value=False), SHEET, "results"),
    ("braces in files of settings", "mscape.run.config:_braces", said(value=[]), CONFIG, "braces"),
    ("addresses are shown without logins", "mscape.io.download.urls:shown", first, FETCH, "shown_or_kept"),
    ("redirects lead not inside", "mscape.io.download.transfer:_is_private", said(value=False), FETCH, "redirect"),
    ("empty droplets", "load_counts:refuse_empty_droplets", NOTHING, LOAD, "unfiltered"),
    ("formulas in tables", "export_tables:guard", first, "tests/steps/test_export_tables.py", "spreadsheet"),
)
GUARDS = tuple(
    Guard(name, *place.split(":"), removed, (file, "-k", which)) for name, place, removed, file, which in ROWS
)


class Remover:
    """Plugin of pytest that takes a guard away wherever it was imported, once the tests are collected."""

    def __init__(self, guard: Guard):
        self.guard = guard

    def pytest_collection_finish(self) -> None:
        """Put what is left in its place."""
        guard = self.guard
        whole = getattr(import_module(guard.module), guard.function)
        for module in list(sys.modules.values()):
            if getattr(module, "__dict__", {}).get(guard.function) is whole:
                setattr(module, guard.function, guard.removed)


def is_noticed(guard: Guard) -> bool:
    """Run the tests of a guard without it, in a process of their own, and say whether one fails.

    Raises
    ------
    RuntimeError
        If the tests could not be run.
    """
    child = os.fork()
    if not child:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        os._exit(
            int(pytest.main(["-q", "-x", "-n0", "-p", "no:cacheprovider", *guard.tests], plugins=[Remover(guard)]))
        )
    outcome = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if outcome not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED} and outcome >= 0:
        msg = f"{guard.name}: pytest ended with {outcome}"
        raise RuntimeError(msg)
    return outcome != pytest.ExitCode.OK  # a signal is noticed as well
