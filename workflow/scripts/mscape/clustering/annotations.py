"""A user's own labels of cells: matched with the cells of the dataset, or refused with everything that is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.comparison.composition import count_shares
from mscape.data.tables import TABLES
from mscape.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable

BARCODE, SAMPLE = "barcode", "sample_id"
MISSING = ("", "NA", "NaN", "nan")  # what R and pandas write where a cell has no label
MIN_MATCHED = 0.5  # of the lines; fewer are the labels of other cells, or of cells that are named in another way
MAX_LABELS = 100  # a column with more of them holds no groups
COLUMNS = TABLES["annotations"].names


@dataclass(frozen=True)
class Annotations:
    """Labels of a dataset's cells.

    Attributes
    ----------
    cells
        One row a cell that passes quality control and has a label, index = cell names; a categorical column a kind of
        label, missing where the cell has none of that kind.
    record
        ``n_lines``, ``n_matched``, ``n_unmatched`` (lines without a cell), ``n_left_out`` (lines of cells that quality
        control leaves out).
    """

    cells: pd.DataFrame
    record: dict[str, int]


def name_cells(qc: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """List the cells of all samples as an annotation may name them.

    Parameters
    ----------
    qc
        ``obs`` of each sample's quality file, by sample; cells are named ``<sample>_<barcode>``.

    Returns
    -------
    One row a cell, those that quality control leaves out included: ``sample_id barcode passes``, index = cell names.
    """
    parts = [
        pd.DataFrame(
            {
                SAMPLE: sample,
                BARCODE: obs.index.str.removeprefix(f"{sample}_"),
                "passes": (obs["qc"].astype(str) == "pass").to_numpy(),
            },
            index=obs.index,
        )
        for sample, obs in qc.items()
    ]
    return pd.concat(parts)


def match_labels(table: pd.DataFrame, cells: pd.DataFrame, *, taken: Iterable[str] = ()) -> Annotations:
    """Give each cell its labels.

    A line names a cell by its barcode as the sample's file has it, or by its name in the results
    (``<sample>_<barcode>``). Nothing is guessed: no suffix is added or taken away.

    Parameters
    ----------
    table
        Text, index = line numbers: ``barcode``, ``sample_id`` where barcodes are in several samples, and one column a
        kind of label. Empty and ``NA`` are no label.
    cells
        From :func:`name_cells`.
    taken
        Names of columns that cells have already.

    Raises
    ------
    mscape.errors.UserError
        With every fault: columns missing or taken, barcodes of several samples, cells on two lines, columns without a
        label or with more than 100, fewer than half of the lines matched.
    """
    kinds = [column for column in table if column not in (BARCODE, SAMPLE)]
    faults = _column_faults(table, kinds, set(taken))
    if BARCODE not in table or table.empty:
        raise UserError(_said(faults or ["it has a header and no cells"]))
    place, several = _find(table, cells)
    if several.any():
        first = table.loc[several, BARCODE].iloc[0]
        samples = " and ".join(cells.loc[cells[BARCODE] == first, SAMPLE].iloc[:2])
        faults.append(
            f"{_lines(several)} with a barcode of more than one sample (first: {first!r}, in {samples}); "
            f"give the column {SAMPLE!r} too"
        )
    found = place[place >= 0]
    if twice := int(found.duplicated().sum()):
        cell = found[found.duplicated(keep=False)]
        lines = " and ".join(map(str, cell.index[cell == cell.iloc[0]][:2]))
        faults.append(
            f"{twice} cell{'s' * (twice > 1)} on more than one line (first: {cells.index[cell.iloc[0]]!r}, lines "
            f"{lines}); keep one line a cell"
        )
    matched = len(found) + int(several.sum())
    if matched < MIN_MATCHED * len(table):
        other = table.loc[(place < 0) & ~several, BARCODE].iloc[0]
        faults.append(
            f"{matched} of {len(table)} lines name a cell of this dataset, and {MIN_MATCHED:.0%} are asked for: cells "
            f"are named as {cells[BARCODE].iloc[0]!r} with sample_id {cells[SAMPLE].iloc[0]!r}, or as "
            f"{cells.index[0]!r}; the first line without a cell has {other!r}. Write barcodes as the counts have them"
        )
    if faults:
        raise UserError(_said(faults))
    labels = table.loc[found.index, kinds].set_axis(cells.index[found])
    labels = labels.mask(labels.isin(MISSING))
    passes = cells["passes"].to_numpy()[found]
    kept = labels[passes & labels.notna().any(axis=1).to_numpy()]
    kept = kept.loc[cells.index[cells.index.isin(kept.index)]]
    record = {
        "n_lines": len(table),
        "n_matched": len(found),
        "n_unmatched": len(table) - len(found),
        "n_left_out": int((~passes).sum()),
    }
    return Annotations(kept.apply(lambda column: column.astype("category")), record)


def choose_labels(obs: pd.DataFrame, column: str, *, where: str) -> pd.Series:
    """Choose the labels that take the place of clusters.

    Parameters
    ----------
    obs
        Labels of cells, a column a kind.
    column
        One of them (``cluster.labels``).
    where
        What ``obs`` is, for the message.

    Returns
    -------
    Text, index = cells that have a label.

    Raises
    ------
    mscape.errors.UserError
        If there is no such column, or it holds no groups.
    """
    if column not in obs:
        msg = f"cluster.labels is {column!r}, and {where} has no such column; there are {', '.join(map(repr, obs))}."
        raise UserError(msg)
    labels = obs[column].dropna().astype(str)
    labels = labels[~labels.isin(MISSING)]
    if labels.nunique() > MAX_LABELS:
        msg = f"column {column!r} of {where} holds {labels.nunique()} labels, and groups are at most {MAX_LABELS}."
        raise UserError(msg)
    return labels


def count_labels(labels: pd.DataFrame, lots: pd.Series) -> pd.DataFrame:
    """Count the labels of each lot.

    Parameters
    ----------
    labels
        ``cells`` of :class:`Annotations`.
    lots
        Lot of every cell that passes quality control, index = cell names.

    Returns
    -------
    One row a kind of label, lot and label: ``annotation lot_id label n_cells fraction low high n_annotated n_lot``;
    the fraction is of the lot's cells with a label of this kind, with Wilson's 95 % interval.
    """
    sizes, tables = lots.value_counts(), []
    for kind, column in labels.items():
        own = column.dropna().astype(str)
        if own.empty:
            continue
        table = count_shares(lots.loc[own.index], own).rename(columns={"cluster": "label"})
        table["n_annotated"] = table.groupby("lot_id")["n_cells"].transform("sum")
        tables.append(table.assign(annotation=kind, n_lot=table["lot_id"].map(sizes)))
    return pd.concat(tables, ignore_index=True)[COLUMNS] if tables else pd.DataFrame(columns=COLUMNS)


def _find(table: pd.DataFrame, cells: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Place of each line's cell, -1 where there is none; and whether its barcode is one of several samples."""
    whole = cells.index.get_indexer(table[BARCODE])
    if SAMPLE in table:
        pairs = pd.MultiIndex.from_frame(cells[[SAMPLE, BARCODE]])
        place = pairs.get_indexer(pd.MultiIndex.from_frame(table[[SAMPLE, BARCODE]]))
        agrees = (whole >= 0) & (cells[SAMPLE].to_numpy()[whole] == table[SAMPLE].to_numpy())
        place = np.where(place >= 0, place, np.where(agrees, whole, -1))
        several = np.zeros(len(table), dtype=bool)
    else:
        repeated = cells[BARCODE].duplicated(keep=False)
        once = pd.Series(np.flatnonzero(~repeated), index=cells.loc[~repeated, BARCODE])
        place = np.where(whole >= 0, whole, once.reindex(table[BARCODE]).fillna(-1).to_numpy(dtype=int))
        several = (place < 0) & table[BARCODE].isin(cells.loc[repeated, BARCODE]).to_numpy()
    return pd.Series(place, index=table.index), pd.Series(several, index=table.index)


def _column_faults(table: pd.DataFrame, kinds: list[str], taken: set[str]) -> list[str]:
    faults = []
    there = ", ".join(map(repr, table.columns))
    if BARCODE not in table:
        faults.append(f"column {BARCODE!r} is missing; there are {there}")
    if not kinds:
        faults.append(f"there is no column of labels beside {there}; add one, such as 'cell_type'")
    for kind in kinds:
        n = table.loc[~table[kind].isin(MISSING), kind].nunique()
        if kind in taken:
            faults.append(f"column {kind!r} is one of the sample sheet; rename it, e.g. 'my_{kind}'")
        if n == 0 and len(table):
            faults.append(f"column {kind!r} holds no label; fill it in, or take it out")
        if n > MAX_LABELS:
            faults.append(f"column {kind!r} holds {n} labels, and groups are at most {MAX_LABELS}; take it out")
    return faults


def _lines(chosen: pd.Series) -> str:
    n = int(chosen.sum())
    return f"{n} line{'s' * (n > 1)}"


def _said(faults: list[str]) -> str:
    return "\n".join([f"it has {len(faults)} fault{'s' * (len(faults) > 1)}:", *(f"  - {fault}" for fault in faults)])
