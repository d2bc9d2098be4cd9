"""Work on the next parts of something while the caller is busy with this one."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


def ahead[Part, Result](
    function: Callable[[Part], Result], parts: Iterable[Part], *, threads: int = 1
) -> Iterator[Result]:
    """Apply a function to each part by threads that run ahead of the caller.

    Gains where the function lets other Python code run: reading by HDF5, products by BLAS.

    Parameters
    ----------
    function
        Called once a part.
    parts
        Taken one by one, by the caller's thread.
    threads
        Parts that are worked on beside the one that the caller has.

    Yields
    ------
    Results, in the order of the parts, whatever the number of threads.
    """
    waiting = deque()
    with ThreadPoolExecutor(threads) as pool:
        for part in parts:
            waiting.append(pool.submit(function, part))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
