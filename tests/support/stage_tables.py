"""Write stage tables for tests: the columns that a test does not care about are filled, unknown ones are refused."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mscape.data.table_io import write_table
from mscape.data.tables import TABLES

EMPTY = {"str": "", "int": 0, "float": np.nan, "bool": False}


def fill(name: str, rows: list[dict] | list[list] | pd.DataFrame, columns: str = "") -> pd.DataFrame:
    """Make a whole stage table of some of its columns; ``columns`` names those of rows given as lists."""
    frame = pd.DataFrame(rows, columns=columns.split() or None)
    absent = [column for column in TABLES[name].columns if column.name not in frame]
    return frame.assign(**{column.name: EMPTY[column.dtype] for column in absent})


def write(name: str, path, rows, columns: str = "") -> None:
    """Write a stage table from some of its columns."""
    write_table(name, fill(name, rows, columns), path)
