"""What a lot holds besides MSC-like cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mscape.data.tables import TABLES
from mscape.stats import wilson_interval

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = TABLES["contaminants"].names
UNEXPLAINED = "unexplained"


def contaminant_table(lots: pd.Series, calls: pd.DataFrame) -> pd.DataFrame:
    """Count what each lot holds besides MSC-like cells, with Wilson intervals.

    Parameters
    ----------
    lots
        Lot of each cell.
    calls
        Columns ``call``, ``reason`` and ``identity``.

    Returns
    -------
    ``COLUMNS``. Cells that fail by their markers only are named "stromal" or "unresolved". Cells that pass as MSC and
    look like another stromal kind are counted with their call. A population that no panel names and that lacks the
    stroma's matrix is one row "unexplained", whose call is "unexplained" too, regardless of its markers. Other
    indeterminate cells are not counted.
    """
    size = lots.value_counts()
    call = calls["call"].where(calls["identity"] != UNEXPLAINED, UNEXPLAINED)
    kept = call.isin(["fail", UNEXPLAINED]) | (call == "pass") & (calls["identity"] != "MSC-like")
    found = calls.loc[kept, ["identity"]].assign(call=call[kept], lot_id=lots.to_numpy()[kept.to_numpy()])
    table = found.groupby(["lot_id", "identity", "call"], observed=True).size().rename("n_cells").reset_index()
    total = table["lot_id"].map(size).to_numpy(float)
    low, high = wilson_interval(table["n_cells"].to_numpy(float), total)
    table["fraction"], table["low"], table["high"] = table["n_cells"] / total, low, high
    table = table.sort_values(["lot_id", "n_cells"], ascending=[True, False], kind="stable").reset_index(drop=True)
    return table[COLUMNS]
