"""Run one step: log to the rule's file, fix the threads, report an error in one sentence."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import sys
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

from mscape.data import checksum
from mscape.errors import UserError, explain_files
from mscape.paths import PACKAGE
from mscape.run.watchdog import limit_minutes, watched

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

logger = logging.getLogger("mscape")
LONGEST = 400  # characters of a refusal on the terminal
LISTING = {"check_inputs"}  # rules whose message is the list that was asked for


def run(main: Callable[..., None], snakemake: Any) -> None:
    """Call a step's ``main(input, output, params)`` as Snakemake's job.

    Messages and warnings go to the rule's log. BLAS is held to one thread, because the order of its sums, and so the
    last digits of a result, would follow the number of threads; OpenMP and numba loops get the job's threads.

    Parameters
    ----------
    main
        The step. ``params`` holds the rule's params and ``threads``.
    snakemake
        The object that Snakemake puts into a ``script:``.

    Raises
    ------
    SystemExit
        With status 1 after any error. The terminal shows one line, the log the traceback; outputs already written are
        removed, so that nothing half-written is left behind.
    """
    rule, log = snakemake.rule, Path(str(snakemake.log[0]))
    _log_to(log)
    logger.info("step begun")  # by these two lines a step that was killed is known
    os.environ.setdefault("MPLBACKEND", "Agg")
    _expect_own_package(log, rule, snakemake)
    params = SimpleNamespace(**dict(snakemake.params.items()), threads=snakemake.threads)
    runtime = getattr(getattr(snakemake, "resources", None), "runtime", None)
    try:
        with watched(rule, log, limit_minutes(runtime)), _threads(snakemake.threads):
            for path in _files_of(snakemake.input):
                checksum.verify(path)
            main(snakemake.input, snakemake.output, params)
        checksum.record(snakemake.output)
        logger.info("step done")
    except UserError as error:
        _stop(rule, str(error), log, snakemake.output)
    except Exception as error:  # noqa: BLE001  every error ends here, is logged with its traceback, and stops the run
        _stop(rule, explain_files(error) or f"{type(error).__name__}: {error}", log, snakemake.output)
    if main.__module__ == "__main__":  # a script of Snakemake's, of which nothing is left to do
        _leave()


def _leave() -> NoReturn:
    """End the process once its exit handlers have run: to take the libraries apart costs half a second of each job."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _files_of(given: Any) -> list[Path]:
    """Files of a job's inputs, without folders and, in tests, without values that are no paths."""
    return [Path(path) for path in given if isinstance(path, str | Path) and Path(path).is_file()]


def _expect_own_package(log: Path, rule: str, snakemake: Any) -> None:
    """Stop if another mscape than this workflow's is imported: its numbers would be taken for this version's."""
    folder = getattr(snakemake, "scriptdir", None)
    if folder and (Path(folder) / PACKAGE.name).is_dir() and Path(folder).resolve() != PACKAGE.parent:
        msg = (
            f"the package mscape was imported from {PACKAGE}, not from this workflow ({folder}). "
            "Uninstall mscape from the environment that runs the workflow, or run the workflow it belongs to."
        )
        _stop(rule, msg, log, [])


def _log_to(log: Path) -> None:
    """Send messages and warnings of this process to the rule's log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(log, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.root.addHandler(handler)
    logging.root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)

    def take(record: logging.LogRecord) -> bool:
        handler.handle(record)
        return False

    logging.getLogger("anndata").addFilter(take)  # it would write to the terminal by itself


def _threads(threads: int) -> AbstractContextManager[Any]:
    """Hold BLAS to one thread and let OpenMP and numba use the job's."""
    os.environ["NUMBA_NUM_THREADS"] = str(threads)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(limits={"blas": 1, "openmp": threads})
    return limits


def shorten(message: str, *, whole: bool = True) -> str:
    """Cut a message to what a terminal should show; the log holds all of it.

    Parameters
    ----------
    message
        One line or several.
    whole
        Whether all lines together are held to ``LONGEST`` characters, or each of them.
    """
    lines = [_cut(line, LONGEST) for line in message.split("\n")]
    if not whole:
        return "\n".join(lines)
    shown: list[str] = []
    more = "  and {} more in the log"
    for number, line in enumerate(lines):
        left = LONGEST - len("\n".join(shown)) - 1 - (len(more) if number < len(lines) - 1 else 0)
        if shown and len(line) > left:
            return "\n".join([*shown, more.format(len(lines) - number)])
        shown.append(line)
    return "\n".join(shown)


def _cut(line: str, longest: int) -> str:
    """Cut a line behind a word, if it is too long."""
    return line if len(line) <= longest else line[: longest - 4].rsplit(" ", 1)[0] + " ..."


def _stop(rule: str, message: str, log: Path, output: list[str]) -> NoReturn:
    for path in map(Path, output):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    logging.raiseExceptions = False  # a full disk takes no log either, which needs no traceback on the terminal
    logger.error("%s\n%s", message, traceback.format_exc())
    shown = shorten(f"mscape {rule}: {message}", whole=rule not in LISTING)
    sys.stderr.write(f"\n{shown}\n  (details: {log})\n")
    sys.exit(1)
