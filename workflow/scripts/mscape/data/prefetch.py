"""Prefetch: compute the next item in a background thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


def ahead[Part, Result](function: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
    """Apply a function to each part by a thread that is one part ahead of the caller.

    Gains where the function lets other Python code run: reading by HDF5, products by BLAS.

    Parameters
    ----------
    function
        Called once a part.
    parts
        Taken one by one, by the caller's thread.

    Yields
    ------
    Results, in the order of the parts.
    """
    with ThreadPoolExecutor(1) as pool:
        this = None
        for part in parts:
            following = pool.submit(function, part)
            if this is not None:
                yield this.result()
            this = following
        if this is not None:
            yield this.result()
