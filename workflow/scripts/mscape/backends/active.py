"""Choose the backend of the heavy functions: the CPU reference, or RAPIDS on a GPU.

A step calls ``active().leiden(...)`` and knows nothing of where it runs. A backend is a table of functions, so that
single ones can be replaced by the reference (`compose`), and a test can put a wrong one in.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING

from mscape.backends.contract import FUNCTIONS, Backend
from mscape.data.json_file import read_json
from mscape.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


NAMES = ("cpu", "gpu")


def load(name: str) -> Backend:
    """Give the backend of a name.

    Raises
    ------
    mscape.errors.UserError
        If it is the GPU's and a package or a card is missing: which one, and what to do.
    """
    if name == "cpu":
        from mscape.backends import cpu

        return cpu.BACKEND
    if name == "gpu":
        from mscape.backends import gpu

        return gpu.load()
    msg = f"no backend {name!r}; there are {', '.join(NAMES)}."
    raise UserError(msg)


def compose(main: Backend, other: Backend, functions: Iterable[str]) -> Backend:
    """Give ``main`` with some functions of ``other`` in the place of its own."""
    taken = sorted(functions)
    if not taken:
        return main
    name = f"{main.name}, with {', '.join(taken)} of {other.name}"
    return dataclasses.replace(main, name=name, **{function: getattr(other, function) for function in taken})


def with_backend(main: Callable) -> Callable:
    """Make a step's ``main(input, output, params)`` run on the backend of ``params.backend`` and ``input.parity``."""

    @functools.wraps(main)
    def run(input, output, params) -> None:
        with using(backend_after_parity(params.backend, input.parity)):
            main(input, output, params)

    return run


def active() -> Backend:
    """Give the backend in use: the CPU reference unless `using` says otherwise."""
    return _ACTIVE.get() or load("cpu")


@contextlib.contextmanager
def using(backend: Backend) -> Iterator[Backend]:
    """Use a backend within a ``with`` block."""
    token = _ACTIVE.set(backend)
    try:
        yield backend
    finally:
        _ACTIVE.reset(token)


def backend_after_parity(name: str, parity: str | Path | None = None) -> Backend:
    """Give the backend that a step runs on, after what `check_parity` decided.

    Parameters
    ----------
    name
        Config key ``backend``.
    parity
        ``parity.json``: its ``cpu`` names the functions that the reference computes.
    """
    if name == "cpu":
        return load("cpu")
    decided = read_json(parity)["cpu"] if parity else []
    return compose(load(name), load("cpu"), decided) if set(decided) != set(FUNCTIONS) else load("cpu")


_ACTIVE: contextvars.ContextVar[Backend | None] = contextvars.ContextVar("mscape_backend", default=None)
