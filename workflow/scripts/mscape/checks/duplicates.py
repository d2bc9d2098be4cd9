"""Find samples that are the same sample twice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd

from mscape.checks.findings import Finding

if TYPE_CHECKING:
    from mscape.checks.inspect import Facts


def same_cells(samples: dict[str, Facts]) -> list[tuple[str, Finding]]:
    """Find samples that share cells: the same file twice, or one sample split over two rows.

    Droplet barcodes come from one list, so that a few per cent of them are shared by chance; cells are the
    same where barcodes and totals agree.
    """
    found = []
    tables = {
        name: pd.Series(one.totals, index=[_bare(b) for b in one.barcodes[: one.totals.size]])
        for name, one in samples.items()
    }
    tables = {name: table[~table.index.duplicated()] for name, table in tables.items() if len(table)}
    names = list(tables)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            common = tables[first].index.intersection(tables[second].index)
            smaller = min(len(tables[first]), len(tables[second]))
            if len(common) < max(5, 0.2 * smaller):
                continue
            equal = float((tables[first][common] == tables[second][common]).mean())
            same = equal > 0.5
            found.append(
                (
                    second,
                    Finding(
                        check="same cells",
                        level="error" if same else "warning",
                        found=f"{len(common):,} of {smaller:,} barcodes are also in {first}, "
                        f"{equal:.0%} with equal counts",
                        expected="other cells in each sample",
                        next_step="the same file seems to be given twice: correct the path or member of one row"
                        if same
                        else "nothing, if barcodes are just numbers; else check that the files were not mixed up",
                    ),
                )
            )
    return found


def _bare(barcode: str) -> str:
    """Barcode without the number of the run that aggregation appends."""
    return re.sub(r"-\d+$", "", str(barcode))
