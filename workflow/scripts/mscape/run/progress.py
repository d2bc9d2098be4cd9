"""Progress on the terminal: one line per step that starts, ends or fails, with the time left.

Snakemake logs events to which its logger plugins listen; this listens to the same ones. Snakemake's own file,
``.snakemake/log/*.log``, keeps everything.
"""

from __future__ import annotations

import contextlib
import csv
import logging
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, TextIO

from snakemake_interface_logger_plugins.common import LogEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

BEGUN, DONE = " INFO mscape: step begun", " INFO mscape: step done"  # lines of every step's log
SIGNAL = "died with <Signals.SIGKILL"  # Snakemake's words
KILLED = (
    "it was killed from outside, mostly because memory ran out. Set memory_gb in the config to what the machine can "
    "give, or free memory, then run again: it goes on here."
)
FIRST_ESTIMATE = 0.1  # share of the expected work that must be done before the time left is printed
SPOKEN = {LogEvent.RUN_INFO, LogEvent.RESOURCES_INFO, LogEvent.JOB_INFO, LogEvent.JOB_STARTED, LogEvent.JOB_FINISHED}
SPOKEN |= {LogEvent.JOB_ERROR, LogEvent.SHELLCMD, LogEvent.PROGRESS, LogEvent.GROUP_INFO, LogEvent.GROUP_ERROR}


class Progress(logging.Handler):
    """Handler of Snakemake's events.

    Parameters
    ----------
    steps
        Names of the rules that do work; others, such as ``all``, only gather files.
    typical
        Seconds of a job by rule, in a run of any size: only their ratios matter.
    logs
        Folder of the rules' logs; benchmarks of earlier runs lie there and go before ``typical``.
    stream
        Where the lines go.
    clock
        Gives the time in seconds.
    """

    def __init__(
        self,
        steps: Collection[str],
        typical: dict[str, float],
        *,
        logs: Path = Path("logs"),
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        super().__init__(logging.INFO)
        self.steps, self.clock = set(steps), clock
        self.stream = stream or sys.stderr
        self.logs, self.expected = logs, typical
        self.jobs: dict[int, tuple[str, str, float]] = {}  # rule, name, start
        self.killed = False  # whether Snakemake just said that a job was killed
        self.reported: set[int] = set()  # jobs of a group whose error is printed
        self.begun: float | None = None
        self.done = self.total = 0
        self.work = self.all_work = 0.0

    def begin(self, logfiles: list[str]) -> None:
        """Say how much there is to do; the run starts now."""
        self.begun = self.clock()
        where = f"; whole log: {logfiles[0]}" if logfiles else ""
        self.say(f"mscape: {self.total} step{'s' if self.total != 1 else ''} to do; logs of the steps: logs/{where}")

    def end(self, message: str) -> None:
        """Say the last line of the run; nothing that is only informative follows."""
        self.say(f"\nmscape: {message}")
        self.begun = None

    def say(self, line: str) -> None:
        """Write a line at once."""
        self.stream.write(line + "\n")
        self.stream.flush()

    def emit(self, record: Any) -> None:
        """Take a log record of Snakemake, whose attributes depend on its event; what is no event of a job passes by."""
        event = getattr(record, "event", None)
        if SIGNAL in f"{record.msg} {record.args} {record.__dict__.get('exception', '')}":
            self.killed = True  # the error of the job itself follows
        if event == LogEvent.RUN_INFO:
            self.expected = self.expected | read_benchmarks(self.logs)  # not before: jobs make this object too
            counts = {rule: n for rule, n in record.stats.items() if rule in self.steps}
            self.total = sum(counts.values())
            self.all_work = sum(n * self._seconds(rule) for rule, n in counts.items())
        elif self.begun is None:
            return
        elif event == LogEvent.JOB_INFO and record.rule_name in self.steps:
            name = " ".join([record.rule_name, *map(str, record.wildcards.values())])
            self.jobs[record.jobid] = (record.rule_name, name, self.clock())
            self._line("started", name)
        elif event == LogEvent.JOB_FINISHED and record.job_id in self.jobs:
            rule, name, start = self.jobs.pop(record.job_id)
            self.done += 1
            self.work += self._seconds(rule)
            self._line("done", f"{name} in {clock_text(self.clock() - start)}{self._left()}")
        elif event == LogEvent.JOB_ERROR and record.jobid in self.reported:
            self.reported.discard(record.jobid)
        elif event == LogEvent.JOB_ERROR:
            # a job here has said its fault at this terminal itself, one on another machine has not
            self._fail(record.rule_name, record.jobid, record.log, say=bool(record.aux))
        elif event == LogEvent.GROUP_ERROR:  # of all jobs of the group; errors of the single jobs follow
            faulty = [job for job in record.job_error_info if any(map(read_fault, job["log"]))]
            for job in faulty or record.job_error_info:
                self._fail(job["rule_name"], job["jobid"], [*job["log"], *record.aux_logs], say=True)
            self.reported = {job["jobid"] for job in record.job_error_info}

    def _fail(self, rule: str, job: int, logs: list[str], *, say: bool) -> None:
        _, name, _ = self.jobs.pop(job, (rule, rule, 0.0))
        if self.killed or was_killed(logs):
            self.killed = False
            self.say(f"\nmscape {rule}: {KILLED}\n  (details: {', '.join(logs)})")
        said = "".join(f": {text}" for text in map(read_fault, logs) if text) if say else ""
        self._line("FAILED", f"{name}{said} (details: {', '.join(logs)})")

    def _seconds(self, rule: str) -> float:
        return self.expected.get(rule) or median(self.expected.values())

    def _elapsed(self) -> float:
        """Seconds since the run began; 0 before."""
        return 0.0 if self.begun is None else self.clock() - self.begun

    def _line(self, what: str, text: str) -> None:
        elapsed = clock_text(self._elapsed())
        place = f"{self.done}/{self.total}" if what == "done" else ""
        self.say(f"[{elapsed:>7}] {place:>7} {what:7} {text}")

    def _left(self) -> str:
        """Time left: as long per unit of expected work as the run took so far."""
        left = self.all_work - self.work
        if self.done >= self.total or self.work < FIRST_ESTIMATE * self.all_work:
            return ""
        return f"; about {clock_text(self._elapsed() * left / self.work)} left"


def read_benchmarks(logs: Path) -> dict[str, float]:
    """Median seconds of a job by rule, from the benchmarks that earlier runs left; a damaged one is passed over."""
    seconds: dict[str, list[float]] = {}
    for path in logs.rglob("*.tsv"):
        rule = path.relative_to(logs).parts[0].removesuffix(".tsv")
        with contextlib.suppress(OSError, ValueError, csv.Error):  # only the time left hangs on it
            lines = path.read_text(encoding="utf-8").splitlines()
            rows = [float(row["s"]) for row in csv.DictReader(lines, delimiter="\t") if row.get("s")]
            seconds.setdefault(rule, []).extend(value for value in rows if 0 <= value < float("inf"))
    return {rule: median(values) for rule, values in seconds.items() if values}


def read_typical(path: Path) -> dict[str, float]:
    """Seconds of a job by rule, from a table with the columns ``rule`` and ``seconds``."""
    with path.open(encoding="utf-8") as file:
        rows = csv.DictReader((line for line in file if not line.startswith("#")), delimiter="\t")
        return {row["rule"]: float(row["seconds"]) for row in rows}


def read_fault(log: str) -> str:
    """Give the sentence with which a step stopped, from its log; "" where there is none."""
    path = Path(log)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    return next((line.partition(" ERROR mscape: ")[2] for line in reversed(lines) if " ERROR mscape: " in line), "")


def was_killed(logs: Iterable[str]) -> bool:
    """Say whether a step ended without a word: its log was begun, and says neither a fault nor that it is done."""
    texts = [Path(log).read_text(encoding="utf-8", errors="replace") for log in logs if Path(log).is_file()]
    return bool(texts) and all(BEGUN in text and " ERROR mscape: " not in text and DONE not in text for text in texts)


def clock_text(seconds: float) -> str:
    """Write a time span, such as 0:07 or 1:02:45."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def watch(progress: Progress, *, dry_run: Callable[[], bool]) -> None:
    """Listen to this process's run, and keep from the terminal what `progress` says in its own words.

    Parameters
    ----------
    progress
        The listener.
    dry_run
        Whether the run only plans; then the terminal shows all.
    """
    logger = logging.getLogger("snakemake.logging")
    terminal = [handler for handler in logger.handlers if handler.name == "DefaultStreamHandler"]
    if not terminal:  # another display was asked for with --logger
        return

    def is_new(record: logging.LogRecord) -> bool:
        event = getattr(record, "event", None)
        plain = event is None and record.levelno <= logging.INFO and progress.total > 0
        return dry_run() or not (plain or event in SPOKEN)

    for handler in terminal:
        handler.addFilter(is_new)
    logger.addHandler(progress)
