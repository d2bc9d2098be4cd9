"""Compare the results of a run with those of an earlier one: what changed, and which recorded difference reaches it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from mscape.data.json_file import read_json
from mscape.data.tables import TABLES
from mscape.diffing import causes as of_runs
from mscape.diffing.effects import ABSENT, find_effects, were_compared
from mscape.diffing.runs import find_datasets

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = TABLES["diff"].names
UNKNOWN_CAUSE = "no recorded difference reaches this"


@dataclass(frozen=True)
class Difference:
    """What two runs differ in.

    Attributes
    ----------
    effects
        Table ``diff``: one row a result that changed, with the causes that can reach it.
    causes
        Table ``diff_causes``: one row a difference of config, sheet, inputs, code or versions.
    """

    effects: pd.DataFrame
    causes: pd.DataFrame

    @property
    def verdicts(self) -> pd.DataFrame:
        """Those rows of ``effects`` that are verdicts of lots or attributes."""
        return self.effects[self.effects["kind"].isin(["verdict", "dataset"])]


def diff(results: str | Path, against: str | Path) -> Difference:
    """Compare the results of a run with those of an earlier one.

    A cause is a difference between the records of the runs (``run.json``) that lies upstream of the result; where
    several do, all are named, because the records cannot part them.

    Parameters
    ----------
    results
        Folder of the run, its ``results``, or one dataset of them.
    against
        The same of the earlier run. Datasets are matched by name; two folders of one dataset each are matched as they
        are.

    Returns
    -------
    Difference
        Changed results and their causes; both tables are empty for two runs that are the same.

    Raises
    ------
    mscape.errors.UserError
        If there is no finished run in one of the folders, or a file of it is damaged.
    """
    after, before = find_datasets(results), find_datasets(against)
    if len(after) == len(before) == 1:
        before = dict(zip(after, before.values(), strict=True))
    effects, causes = [], []
    for name in sorted(after.keys() | before.keys()):
        if name not in after or name not in before:
            said = {"before": "there" if name in before else ABSENT, "after": "there" if name in after else ABSENT}
            effects.append(pd.DataFrame([{"dataset": name, "kind": "dataset", "item": name} | said]))
            continue
        records = [read_json(folder / "run.json") for folder in (before[name], after[name])]
        found = of_runs.find_causes(*records, dataset=name)
        causes.append(found)
        effects.append(name_causes(find_effects(before[name], after[name]), found).assign(dataset=name))
    return Difference(_stack(effects, COLUMNS), _stack(causes, of_runs.COLUMNS))


def name_causes(effects: pd.DataFrame, causes: pd.DataFrame) -> pd.DataFrame:
    """Add to each changed result the differences that can reach it, ``kind: item`` separated by semicolons."""
    named = {
        kind: "; ".join(
            f"{cause.kind}: {cause.item}" for cause in causes.itertuples() if kind in cause.reaches.split(";")
        )
        for kind in of_runs.RESULTS
    }
    return effects.assign(
        causes=effects["kind"].map(named).replace("", UNKNOWN_CAUSE).where(were_compared(effects), "")
    )


def _stack(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    full = [table.reindex(columns=columns).astype(object) for table in tables if len(table)]
    return pd.concat(full, ignore_index=True) if full else pd.DataFrame(columns=columns)
