"""Let SIGTERM stop a run at any moment: Snakemake's handler of it waits for a lock that its own thread may hold."""

from __future__ import annotations

import _thread
import functools
from typing import TYPE_CHECKING, Any

from snakemake.scheduling.job_scheduler import JobScheduler

if TYPE_CHECKING:
    from collections.abc import Callable


def install() -> None:
    """Let Snakemake handle SIGTERM in another thread than the one that the signal interrupts."""
    JobScheduler.exit_gracefully = in_other_thread(JobScheduler.exit_gracefully)


def in_other_thread(handler: Callable[..., None]) -> Callable[..., None]:
    """Make a signal handler that returns at once and leaves its work to a new thread.

    A handler runs in the main thread, between two of its instructions. A lock that the main thread holds there is not
    released before the handler returns: if the handler waits for it, both wait for ever. ``threading.Thread`` takes
    locks to start, ``_thread`` none.
    """

    @functools.wraps(handler)
    def begin(*args: Any) -> None:
        _thread.start_new_thread(handler, args)

    return begin
