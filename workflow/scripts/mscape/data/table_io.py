"""Write and read stage tables as :mod:`mscape.data.tables` defines them: columns, types, one format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mscape.data.checksum import verify
from mscape.data.tables import TABLES, Column, Table
from mscape.errors import UserError

FLOATS = "%.6g"
FLAGS = {"true": True, "1": True, "1.0": True, "yes": True, "false": False, "0": False, "0.0": False, "no": False}
HOME = "mscape/data/tables.py"


def write_table(name: str, frame: pd.DataFrame, path: str | Path) -> None:
    """Write a stage table: tabs, a header, numbers with six digits, whole numbers in full, empty where missing.

    Parameters
    ----------
    name
        A key of `TABLES`.
    frame
        Its rows. An empty frame may lack columns.
    path
        The file.

    Raises
    ------
    ValueError
        If columns or types are not those of the table: each one, and where to add it. This is a fault of the program.
    """
    table = TABLES[name]
    faults, values = [], {}
    try:
        columns = _columns_of(table, list(frame.columns), whole=len(frame) > 0)
    except ValueError as error:
        columns = []
        faults.append(str(error))
    for column in columns:
        given = frame[column.name] if column.name in frame else pd.Series(index=frame.index, dtype=object)
        try:
            values[column.name] = _to_write(given, column.dtype)
        except ValueError as error:
            faults.append(f"column {column.name!r} is {column.dtype} but holds {error}")
    if faults:
        where = f"Columns are in TABLES[{name!r}] of {HOME}: mend it there, or where the table is made."
        msg = f"table {name!r}: {'; '.join(faults)}. {where}"
        raise ValueError(msg)
    pd.DataFrame(values, columns=[column.name for column in columns]).to_csv(
        path, sep="\t", index=False, float_format=FLOATS, lineterminator="\n"
    )


def read_table(path: str | Path, name: str = "") -> pd.DataFrame:
    """Read a stage table with the types of its columns.

    Text stays text, also where it looks like a number or like a missing value. Whole numbers and flags with gaps become
    float and nullable ``boolean``.

    Parameters
    ----------
    path
        The file.
    name
        A key of `TABLES`; the file's own name if not given.

    Raises
    ------
    mscape.errors.UserError
        If columns are missing or unknown, a value is not of its column's type, or the file is not as it was written.
    """
    table = TABLES[name or Path(path).stem]
    verify(path)
    try:
        raw = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, na_values=[])
        columns = _columns_of(table, list(raw.columns))
        return pd.DataFrame({column.name: _from_text(raw[column.name], column) for column in columns}, index=raw.index)
    except ValueError as error:
        msg = f"{path}: {error}. Delete the file and rerun {table.step}, which writes it."
        raise UserError(msg) from None


def parse_flags(values: pd.Series) -> pd.Series:
    """Read true and false, however they were written; missing stays missing.

    Returns
    -------
    ``bool``, or ``boolean`` where a value is missing.

    Raises
    ------
    ValueError
        With the first value that is neither.
    """
    if pd.api.types.is_bool_dtype(values) and not values.isna().any():
        return values.astype(bool)
    words = values.astype(object).where(values.notna(), "").astype(str).str.lower()
    wrong = words[~words.isin([*FLAGS, "", "nan"])]
    if len(wrong):
        msg = f"{wrong.iloc[0]!r}, which is neither true nor false"
        raise ValueError(msg)
    found = words.map(FLAGS)
    return found.astype(bool) if found.notna().all() else found.astype("boolean")


def _columns_of(table: Table, given: list[str], *, whole: bool = True) -> list[Column]:
    """Give the columns of a file in their order, those that depend on the data before the last.

    Raises
    ------
    ValueError
        If some are missing (unless not ``whole``), unknown or twice there.
    """
    faults = [f"column {name!r} is missing" for name in table.names if whole and name not in given]
    unknown = [name for name in given if name not in table.names]
    if not table.further:
        faults += [f"column {name!r} is unknown" for name in unknown]
    faults += [f"column {name!r} is there twice" for name in dict.fromkeys(given) if given.count(name) > 1]
    if faults:
        msg = ", ".join(faults)
        raise ValueError(msg)
    if not unknown or table.further is None:
        return list(table.columns)
    more = [Column(name, table.further.dtype, table.further.what) for name in unknown]
    return [*table.columns[:-1], *more, table.columns[-1]]


def _to_write(values: pd.Series, dtype: str) -> pd.Series:
    """Make values ready for the file.

    Raises
    ------
    ValueError
        With what the values are, if it is not what the column says.
    """
    if dtype == "bool":
        return parse_flags(values)
    if dtype == "str":
        named = pd.api.types.is_integer_dtype(values) or not pd.api.types.is_numeric_dtype(values)
        if not named and values.notna().any():
            msg = f"{values.dtype}"
            raise ValueError(msg)
        text = values.astype(object)
        return text.where(text.notna(), "").astype(str)
    numbers = _numbers(values)
    if dtype == "float":
        return numbers
    if not (numbers.isna() | (numbers == np.round(numbers))).all():
        msg = "numbers that are not whole"
        raise ValueError(msg)
    return numbers.astype("Int64")


def _from_text(values: pd.Series, column: Column) -> pd.Series:
    try:
        if column.dtype == "str":
            return values.astype(object)
        if column.dtype == "bool":
            return parse_flags(values)
        numbers = _numbers(values.where(values != "", None))
    except ValueError as error:
        msg = f"column {column.name!r} is {column.dtype} but holds {error}"
        raise ValueError(msg) from None
    return numbers.astype(np.int64) if column.dtype == "int" and numbers.notna().all() else numbers


def _numbers(values: pd.Series) -> pd.Series:
    """Read numbers as float.

    Raises
    ------
    ValueError
        With the first value that is none.
    """
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    wrong = values[numbers.isna() & values.notna()]
    wrong = wrong[wrong.astype(str).str.lower() != "nan"]
    if len(wrong):
        msg = f"{wrong.iloc[0]!r}, which is no number"
        raise ValueError(msg)
    return numbers
