"""Say which verdicts, calls, clusters and scores differ from an earlier run, and what was changed."""

import sys
from pathlib import Path

import pandas as pd

from mscape.data.table_io import write_table
from mscape.diffing.diff import Difference, diff
from mscape.diffing.effects import were_compared
from mscape.errors import UserError
from mscape.report.statement import Number, Part, render_statement
from mscape.report.tables import from_frame
from mscape.run import step

KINDS = {  # kind of a result: (its heading, what a row says)
    "dataset": ("Datasets", "Datasets that only one of the runs has."),
    "verdict": ("Verdicts", "Lots and attributes with another verdict."),
    "attribute": ("Attributes", "Attributes whose 95 % intervals do not overlap between the runs."),
    "call": ("Calls", "Cells that the gate calls otherwise, by lot; absent: not among the cells of that run."),
    "cluster": (
        "Clusters",
        "Clusters matched one to one by their cells. A Jaccard index of 1 is the same set of cells; numbers of "
        "clusters alone are no change.",
    ),
    "score": ("Scores", "Largest shift of a cell in each signature, in standard deviations of the earlier scores."),
}
EFFECT_COLUMNS = (
    ("dataset", "Dataset", "text", ""),
    ("lot_id", "Lot", "text", ""),
    ("item", "What", "text", ""),
    ("before", "Before", "text", ""),
    ("after", "After", "text", ""),
    ("size", "Size", "number", ""),
    ("unit", "Unit", "text", ""),
    ("causes", "Recorded differences upstream", "text", ""),
    ("note", "Note", "text", ""),
)
CAUSE_COLUMNS = (
    ("item", "What differs", "text", ""),
    ("kind", "Kind", "text", ""),
    ("dataset", "Dataset", "text", ""),
    ("before", "Before", "text", ""),
    ("after", "After", "text", ""),
    ("reaches", "Results computed from it", "text", ""),
)


def describe(found: Difference) -> str:
    """Say in one sentence whether verdicts changed, and what was changed."""
    causes = found.causes.drop_duplicates(["kind", "item"])
    named = ", ".join(f"{one.kind} {one.item}" for one in causes.head(3).itertuples())
    more = f" and {len(causes) - 3} more" if len(causes) > 3 else ""
    changed = f"Changed: {named}{more}." if len(causes) else "The records of both runs are the same."
    lots = found.verdicts.drop_duplicates(["dataset", "lot_id"])
    n = len(found.verdicts)
    verdicts = f"{n} verdict{'s' * (n != 1)} of {len(lots)} lot{'s' * (len(lots) != 1)} changed" if n else ""
    return f"{verdicts or 'No verdict changed'}. {changed}"


def write_page(found: Difference, params: object) -> str:
    """Write the page: verdicts first, what was changed, then each kind of result."""
    effects = found.effects
    compared = effects[were_compared(effects)]
    differences = [
        from_frame(found.causes, id="causes", caption="Differences between the records", columns=CAUSE_COLUMNS)
    ]
    same = ["Config, sample sheet, inputs, code and versions are recorded as the same."]
    any_cause = len(found.causes) > 0
    parts = [Part("What was changed", [] if any_cause else same, tables=differences if any_cause else [])]
    for kind, (title, what) in KINDS.items():
        rows = compared[compared["kind"] == kind]
        skipped = effects[(effects["kind"] == kind) & ~effects.index.isin(compared.index)]
        text = [what if len(rows) else "Nothing of this kind changed."] if not len(skipped) else []
        text += [f"{one.dataset}: {one.note}" for one in skipped.itertuples()]
        tables = [from_frame(rows, id=kind, caption=title, columns=EFFECT_COLUMNS)] if len(rows) else []
        parts.append(Part(title, text, tables=tables))
    moved = int(pd.to_numeric(compared.loc[compared["kind"] == "call", "size"]).sum())
    numbers = [
        Number(str(len(found.verdicts)), "verdicts changed", "of lots and attributes"),
        Number(str(moved), "cells called otherwise"),
        Number(str(len(found.causes.drop_duplicates(["kind", "item"]))), "recorded differences"),
    ]
    return render_statement(
        kind="comparison of runs",
        title=params.title,
        statement=describe(found),
        numbers=numbers,
        parts=parts,
        simulated=params.simulated,
    )


def main(input, output, params):
    """Compare, write page and tables, which are kept in any case; stop if a verdict changed.

    ``params``: ``against`` and ``results`` (folders), ``page``, ``effects`` and ``causes`` (paths), ``title``,
    ``simulated``.
    """
    if not params.against:
        msg = (
            "there is nothing to compare with. Name the folder of an earlier run: snakemake diff --config against=DIR."
        )
        raise UserError(msg)
    found = diff(params.results, Path(params.against).absolute())
    write_table("diff", found.effects, params.effects)
    write_table("diff_causes", found.causes, params.causes)
    Path(params.page).write_text(write_page(found, params), encoding="utf-8")
    if len(found.verdicts):
        msg = f"{describe(found)} All of it is in {params.page} and {params.effects}."
        raise UserError(msg)
    sys.stderr.write(f"\nmscape diff: {describe(found)}\n")


if "snakemake" in globals():
    step.run(main, snakemake)
