# The study, and what rules share. No rule is here; what a study is, is in mscape/run/study.py.
import os
import re
import sys
import time
from pathlib import Path

import snakemake.dag
import snakemake.dag
import snakemake.exceptions
from snakemake.exceptions import WorkflowError

WORKFLOW = Path(str(workflow.current_basedir)).parent
SCRIPTS = WORKFLOW / "scripts"
sys.path.append(str(SCRIPTS))
# Jobs inherit it. Memory that a thread frees goes back to its process instead of staying with the thread: a tenth less.
os.environ.setdefault("MALLOC_ARENA_MAX", "1")

from mscape import paths
from mscape.run import folder_lock, forked_steps, orderly_stop, progress, targets
from mscape.run.source_digest import digest_sources
from mscape.run.study import Study

CONFIG_FILE = Path((workflow.overwrite_configfiles or workflow.configfiles)[-1]).absolute()


def check_places() -> None:
    """Stop where the workflow cannot run: a name of its folder is a pattern, or no results can be written."""
    if re.search(r"\{[^{}]*\}", str(WORKFLOW)):
        raise WorkflowError(
            f"the workflow lies in {WORKFLOW.parent}, and Snakemake fills in braces. Rename that folder."
        )
    closed = [name for name in (".", "results", "logs", "data") if Path(name).exists() and not os.access(name, os.W_OK)]
    if closed:
        where = Path(closed[0]).absolute()
        raise WorkflowError(f"{where} cannot be written to. Give a folder that can: --directory <where results go>.")


def resource(name: str) -> str:
    """Path of a file in resources/, relative: a repository that is moved together with its results keeps them."""
    return os.path.relpath(paths.resource(name))


def code(step: str) -> str:
    """Digest of all that a step runs and of the resources that it reads by itself; it reruns when one of them changes."""
    return digest_sources(SCRIPTS / f"{step}.py", home=paths.HOME)


def usable_backend(wildcards):
    """The record of the card, without which nothing begins, and whose date means nothing; nothing on the CPU."""
    return ancient("results/backend.json") if STUDY.gpu else []


def known_targets() -> list[str]:
    """What a command can ask for by name: rules without wildcards, and the results."""
    return [rule.name for rule in workflow.rules if not rule.has_wildcards()] + list(STUDY.results(h5ad=True))


check_places()
if workflow.is_main_process:
    forked_steps.install(lambda: workflow.local_exec)
    orderly_stop.install()
    folder_lock.enter()
    snakemake.exceptions.LockException = folder_lock.FolderInUse
    snakemake.dag.MissingRuleException = targets.missing_target(known_targets)
STUDY = Study.load(dict(config), file=CONFIG_FILE, cores=workflow.cores)
STEPS = sorted(path.stem for path in SCRIPTS.glob("*.py"))
TEMPLATES = sorted(os.path.relpath(path) for path in paths.TEMPLATES.rglob("*.*") if path.suffix != ".rst")
HEAVY_ENV = f"../../envs/{STUDY['backend']}.yaml"


wildcard_constraints:
    dataset="|".join(map(re.escape, STUDY.datasets)),
    sample=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    scope="all|msc",


if STUDY.memory_mb:  # as --resources mem_mb=...: jobs run side by side only as far as they fit
    workflow.register_resource("mem_mb", STUDY.memory_mb)

# One line on the terminal per step; the hooks of the Snakefile say the first and the last.
PROGRESS = progress.Progress(STEPS, progress.read_typical(paths.resource("step_seconds.tsv")))
progress.watch(PROGRESS, dry_run=lambda: workflow.dryrun)
