"""Read a table of orthologs, so that genes of another species bear the names of their human counterparts."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

import pandas as pd

from mscape.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = ("gene", "human")


def read_orthologs(path: Path) -> dict[str, str]:
    """Read the pairs of one gene with one.

    A gene with several human counterparts, or several genes with one, does not represent it: a set that asks for the
    human gene would get another gene's counts, or a sum of several. They are left out.

    Parameters
    ----------
    path
        Tab-separated, with a header: ``gene`` (symbol or Ensembl id as in the counts) and ``human`` (symbol). A row for
        the symbol and another one for the id of the same gene are welcome. Other columns are not read.

    Returns
    -------
    Human symbol by name of the gene.

    Raises
    ------
    mscape.errors.UserError
        If it is missing, has other columns, or holds no pair.
    """
    if not path.is_file():
        msg = f"{path}: no such table of orthologs. Its path in the config is relative to the config file."
        raise UserError(msg)
    table = _read_rows(path)
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        msg = (
            f"{path}: column {missing[0]!r} is missing; there are {', '.join(table.columns)}. Name them gene and human."
        )
        raise UserError(msg)
    pairs = table[list(COLUMNS)].apply(lambda column: column.str.strip())
    pairs = pairs[(pairs != "").all(axis=1)].drop_duplicates()
    ids = pairs["gene"].str.match(r"^ENS[A-Z]*G\d{6,}")
    several = pd.concat([_several(pairs[ids]), _several(pairs[~ids])]).sort_index()
    pairs = pairs[~several.reindex(pairs.index)]
    if pairs.empty:
        msg = f"{path} holds no gene with exactly one human counterpart. Give a table of 1:1 orthologs."
        raise UserError(msg)
    return dict(zip(pairs["gene"], pairs["human"], strict=True))


def _read_rows(path: Path) -> pd.DataFrame:
    """Read the table as it is written: no quotes, and no comments but lines that begin with #.

    Raises
    ------
    mscape.errors.UserError
        If it is no text, or with the first row that is not as wide as the header.
    """
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).decode("utf-8-sig")
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        msg = f"{path} is not a tab-separated table ({error}). Save it as text with the columns gene and human."
        raise UserError(msg) from error
    numbered = enumerate(text.splitlines(), start=1)
    rows = [(number, line.split("\t")) for number, line in numbered if line.strip() and not line.startswith("#")]
    if not rows:
        msg = f"{path} is not a tab-separated table (it is empty). Save it as text with the columns gene and human."
        raise UserError(msg)
    (_, header), *body = rows
    uneven = next((number for number, row in body if len(row) != len(header)), None)
    if uneven is not None:
        msg = f"{path}: line {uneven} has more or fewer fields than the header, {len(header)}. Separate them with tabs."
        raise UserError(msg)
    return pd.DataFrame([row for _, row in body], columns=[name.strip() for name in header], dtype=str)


def _several(pairs: pd.DataFrame) -> pd.Series:
    """Say which pairs are not of one with one, among symbols or among ids."""
    return pairs["gene"].duplicated(keep=False) | pairs["human"].duplicated(keep=False)
