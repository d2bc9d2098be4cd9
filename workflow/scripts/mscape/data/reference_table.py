"""Read reference tables, such as those of ``resources/`` or one that a user gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path


def read_reference(path: str | Path) -> pd.DataFrame:
    """Read a tab-separated table, compressed or not: all text, lines that begin with # left out."""
    return pd.read_csv(path, sep="\t", comment="#", dtype=str, keep_default_na=False)
