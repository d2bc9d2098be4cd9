"""What a run says at the terminal."""

from __future__ import annotations

import io
import logging
from types import SimpleNamespace

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from mscape.run import progress


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def event(kind, **fields):
    record = logging.LogRecord("snakemake.logging", logging.INFO, "", 0, "", None, None)
    record.__dict__.update(event=kind, **fields)
    return record


@pytest.fixture
def run(tmp_path):
    """Two quick steps and one that takes eight times as long, begun at time 0."""
    stream, clock = io.StringIO(), Clock()
    listener = progress.Progress(
        {"load", "cluster"}, {"load": 1.0, "cluster": 8.0}, logs=tmp_path, stream=stream, clock=clock
    )
    listener.handle(event(LogEvent.RUN_INFO, stats={"load": 2, "cluster": 1, "all": 1, "total": 4}))
    listener.begin([".snakemake/log/x.log"])
    return SimpleNamespace(listener=listener, clock=clock, stream=stream, folder=tmp_path)


def start(run, job, rule, **wildcards):
    fields = {"jobid": job, "rule_name": rule, "wildcards": wildcards}
    run.listener.handle(event(LogEvent.JOB_INFO, **fields))


def last(run):
    return run.stream.getvalue().splitlines()[-1]


def test_steps_are_counted_without_rules_that_only_gather(run):
    assert last(run) == "mscape: 3 steps to do; logs of the steps: logs/; whole log: .snakemake/log/x.log"
    start(run, 9, "all")
    assert "all" not in last(run)


def test_a_finished_step_says_its_place_its_time_and_the_time_left(run):
    start(run, 1, "load", dataset="demo", sample="A")
    assert last(run) == "[   0:00]         started load demo A"
    run.clock.now = 6.0
    run.listener.handle(event(LogEvent.JOB_FINISHED, job_id=1))
    # one of ten units of work took 6 s, so the nine that are left take 54 s
    assert last(run) == "[   0:06]     1/3 done    load demo A in 0:06; about 0:54 left"


def test_no_time_left_is_told_before_a_tenth_of_the_work_or_at_the_end(run):
    run.listener.all_work = 100.0
    start(run, 1, "load")
    run.listener.handle(event(LogEvent.JOB_FINISHED, job_id=1))
    assert "left" not in last(run)
    for job, rule in ((2, "load"), (3, "cluster")):
        start(run, job, rule)
        run.listener.handle(event(LogEvent.JOB_FINISHED, job_id=job))
    assert "3/3" in last(run)
    assert "left" not in last(run)


def test_benchmarks_of_an_earlier_run_go_before_the_typical_seconds(tmp_path):
    for name, seconds in (("load/demo/A", 3), ("load/demo/B", 5), ("render_index", 2)):
        path = tmp_path / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\th:m:s\n{seconds}\t0:00:00\n")
    listener = progress.Progress({"load"}, {"load": 100.0, "cluster": 8.0}, logs=tmp_path)
    listener.handle(event(LogEvent.RUN_INFO, stats={"load": 2}))
    assert listener.expected == {"load": 4.0, "cluster": 8.0, "render_index": 2.0}


def failed(run, **fields):
    log = run.folder / "gate.log"
    log.write_text("12:00 INFO mscape: reading\n12:01 ERROR mscape: No gene of the panel.\nTraceback\n")
    fields = {"jobid": 1, "rule_name": "load", "log": [str(log)]} | fields
    run.listener.handle(event(LogEvent.JOB_ERROR, **fields))
    return str(log)


def test_a_failed_step_names_its_log(run):
    start(run, 1, "load", dataset="demo")
    log = failed(run, aux={})
    assert last(run) == f"[   0:00]         FAILED  load demo (details: {log})"


def test_a_step_that_failed_on_another_machine_says_why(run):
    start(run, 1, "load", dataset="demo")
    failed(run, aux={"external_jobid": "77"})
    assert "FAILED  load demo: No gene of the panel. (details: " in last(run)


def test_of_a_group_of_jobs_the_one_that_failed_says_why(run):
    start(run, 1, "load", sample="A")
    log = run.folder / "a.log"
    log.write_text("12:01 ERROR mscape: No cells.\n")
    jobs = [
        {"rule_name": "load", "jobid": 1, "log": [str(log)]},
        {"rule_name": "cluster", "jobid": 2, "log": ["no.log"]},
    ]
    run.listener.handle(event(LogEvent.GROUP_ERROR, job_error_info=jobs, aux_logs=["slurm.log"]))
    for job in jobs:  # as Snakemake says them, one by one, after the group
        run.listener.handle(event(LogEvent.JOB_ERROR, aux={}, **job))
    assert run.stream.getvalue().count("FAILED") == 1
    assert last(run) == f"[   0:00]         FAILED  load A: No cells. (details: {log}, slurm.log)"


def test_the_terminal_keeps_what_is_not_said_otherwise(run):
    shown = io.StringIO()
    terminal = logging.StreamHandler(shown)
    terminal.name = "DefaultStreamHandler"
    logger = logging.getLogger("snakemake.logging")
    before, logger.handlers, logger.propagate = logger.handlers, [terminal], False
    logger.setLevel(logging.INFO)
    plan = [False]
    try:
        progress.watch(run.listener, dry_run=lambda: plan[0])
        logger.info("chatter")
        logger.info("rule x", extra={"event": LogEvent.JOB_INFO, "jobid": 1, "rule_name": "x", "wildcards": {}})
        logger.error("Missing input files")
        plan[0] = True
        logger.info("This was a dry-run")
    finally:
        logger.handlers, logger.propagate = before, True
    assert shown.getvalue() == "Missing input files\nThis was a dry-run\n"


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (67, "1:07"), (3765, "1:02:45")])
def test_time_spans(seconds, text):
    assert progress.clock_text(seconds) == text


def test_every_step_has_its_typical_seconds(root):
    typical = progress.read_typical(root / "resources/step_seconds.tsv")
    scripts = {path.stem for path in (root / "workflow/scripts").glob("*.py")}
    assert set(typical) <= scripts
    assert {"embed_cells", "cluster_cells", "score_signatures", "enrich_clusters"} <= set(typical)


@pytest.mark.parametrize(
    "text", ["", "\0\0", "s\th:m:s\nNA\tx\n", "s\th:m:s\n-1\tx\nnan\tx\ninf\tx\n", b"\xff\xfe\n", 'a\t"\n']
)
def test_a_damaged_benchmark_never_stops_a_run(tmp_path, text):
    (tmp_path / "load").mkdir()
    (tmp_path / "load/a.tsv").write_text("s\th:m:s\n3.5\t0:00:03\n")
    (tmp_path / "load/b.tsv").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert progress.read_benchmarks(tmp_path) == {"load": 3.5}


def test_a_step_that_was_killed_is_explained(run):
    log = run.folder / "cluster.log"
    log.write_text("2026-11-26 10:00:00,000 INFO mscape: step begun\n")
    fields = {"rule_name": "cluster", "jobid": 3, "log": [str(log)], "aux": {}}
    start(run, 3, "cluster", dataset="demo")
    run.listener.handle(event(LogEvent.JOB_ERROR, **fields))
    assert "\nmscape cluster: it was killed from outside, mostly because memory ran out. Set memory_gb" in (
        run.stream.getvalue()
    )
    log.unlink()  # a job may be killed before its step begins: then Snakemake says so
    start(run, 4, "cluster", dataset="demo")
    words = "Command 'python x.py' died with <Signals.SIGKILL: 9>."
    run.listener.handle(logging.LogRecord("snakemake.logging", logging.ERROR, "", 0, words, None, None))
    run.listener.handle(event(LogEvent.JOB_ERROR, **fields | {"jobid": 4}))
    assert run.stream.getvalue().count("it was killed from outside") == 2
    log.write_text("2026-11-26 10:00:01,000 ERROR mscape: x has no cells.\n")
    assert not progress.was_killed([str(log)])
    assert not progress.was_killed([])
