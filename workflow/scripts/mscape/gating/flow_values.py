"""Flow cytometry of the lots, as the sample sheet gives it: columns ``flow_<marker>``, per cent of positive cells."""

from __future__ import annotations

import pandas as pd

PREFIX = "flow_"
UNSAID = ("", "unknown", "nan")
POSITIVE = ("CD73", "CD90", "CD105")  # a lot of MSC with 1 % or less of them is a lot given as fractions


def flow_markers(sheet: pd.DataFrame) -> list[str]:
    """List the markers that a sheet, or ``obs``, has a column of flow cytometry for."""
    return [column.removeprefix(PREFIX) for column in sheet.columns if column.startswith(PREFIX)]


def flow_faults(sheet: pd.DataFrame) -> list[str]:
    """List the values of flow cytometry that cannot be used.

    Parameters
    ----------
    sheet
        Sample sheet with ``lot_id``, text.

    Returns
    -------
    One sentence a fault: a value that is no per cent, two values for one lot, fractions in place of per cent.
    """
    faults = []
    for marker in flow_markers(sheet):
        column = PREFIX + marker
        given = sheet[["lot_id", column]].astype(str).drop_duplicates()
        given = given[~given[column].str.strip().isin(UNSAID)]
        value = pd.to_numeric(given[column], errors="coerce")
        wrong = ~value.between(0, 100)
        faults += [
            f"lot {lot}: {column} is {text!r}; expected the per cent of positive cells, 0 to 100 (empty where it was "
            "not measured)"
            for lot, text in given[wrong].itertuples(index=False)
        ]
        for lot, values in given[~wrong].groupby("lot_id")[column]:
            if len(values) > 1:
                faults.append(f"lot {lot}: its samples give {' and '.join(values)} for {column}; give one value a lot")
        if marker in POSITIVE and len(value) and not wrong.any() and value.max() <= 1:
            faults.append(f"{column}: no value is above 1; expected per cent (98.5 and not 0.985)")
    return faults


def read_flow(obs: pd.DataFrame) -> pd.DataFrame:
    """Read the flow cytometry of the lots from the metadata of their cells.

    Parameters
    ----------
    obs
        ``lot_id`` and columns ``flow_<marker>``, of which :func:`flow_faults` found no fault.

    Returns
    -------
    Fraction of positive cells, index = lot, one column a marker; NaN where it was not measured.
    """
    lots = obs.drop_duplicates("lot_id").set_index(obs.drop_duplicates("lot_id")["lot_id"].astype(str))
    values = {}
    for marker in flow_markers(obs):
        given = obs[["lot_id", PREFIX + marker]].astype(str).drop_duplicates()
        given = given[~given[PREFIX + marker].isin(UNSAID)].drop_duplicates("lot_id").set_index("lot_id")
        values[marker] = pd.to_numeric(given[PREFIX + marker]).reindex(lots.index) / 100
    return pd.DataFrame(values, index=lots.index)
