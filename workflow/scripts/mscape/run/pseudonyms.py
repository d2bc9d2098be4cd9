"""Codes in place of the names of donors, samples and lots, put in where the sheets are read.

Every step, file and page after that sees the codes only; which name is behind a code is in one table in the folder of
the run, beside ``results`` and not in it.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mscape.data.state_file import write_whole
from mscape.errors import UserError
from mscape.io.download.urls import is_remote
from mscape.run.config import list_missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pandas as pd

KEY = Path("pseudonyms.tsv")
KINDS = {"sample_id": "sample", "lot_id": "lot", "donor_id": "donor"}  # column of the sheet -> word of its codes
LEAST_LENGTH = 3  # characters of a name from which on other texts are searched for it
CHOOSING = (
    "member",
    "cells",
)  # columns that name samples or donors within a file: searched for the shortest names, too
MOST_LINES = 20  # of a message
_FORMATS = re.compile(r"(\.(h5ad|h5|loom|zarr|mtx|csv|tsv|txt|parquet|tar|tgz|zip|gz|bz2|xz))+$", re.IGNORECASE)


class Pseudonyms:
    """Codes of names.

    Parameters
    ----------
    key
        Table of names and codes; names that have a code there keep it, and new ones are added.
    sheets
        Bytes of the sample sheets, by dataset. New codes follow from them, so that the same study in another folder
        has the same codes, and whoever tries names has to guess the whole sheets with them.

    Raises
    ------
    mscape.errors.UserError
        If the table is damaged.
    """

    def __init__(self, key: Path, sheets: Mapping[str, bytes]) -> None:
        self.key, self.codes = key, _read(key)
        self._secret = hashlib.sha256(b"\0".join(sheets[name] for name in sorted(sheets))).digest()

    def code(self, kind: str, name: str) -> str:
        """Give the code of a name; what is unknown stays unknown."""
        if name == "unknown":
            return name
        if (kind, name) not in self.codes:
            digest = hmac.new(self._secret, f"{kind}\0{name}".encode(), "sha256").hexdigest()
            longer = (f"{kind}-{digest[:length]}" for length in range(8, len(digest)))
            self.codes[kind, name] = next(code for code in longer if code not in self.codes.values())
        return self.codes[kind, name]

    def conceal(self, dataset: str, sheet: pd.DataFrame) -> pd.DataFrame:
        """Put codes into a sheet, and links of the codes' names in place of paths.

        Parameters
        ----------
        dataset
            Its name.
        sheet
            As :func:`mscape.run.config.read_sheet` gives it.

        Raises
        ------
        mscape.errors.UserError
            If counts are downloaded: whoever has the address can look up whose they are.
        """
        if remote := [row.sample_id for row in sheet.itertuples() if is_remote(row.path)]:
            msg = (
                f"{dataset}: report.pseudonyms is for files of this machine, but the path of {', '.join(remote)} is an "
                "address, which says by itself whose cells they are. Take report.pseudonyms out."
            )
            raise UserError(msg)
        sheet = sheet.copy()
        for column, kind in KINDS.items():
            sheet[column] = [self.code(kind, name) for name in sheet[column]]
        links = [
            Path("data", dataset, sample, "counts" + (found[0] if (found := _FORMATS.search(path)) else ""))
            for sample, path in zip(sheet["sample_id"], sheet["path"], strict=True)
        ]
        for link, path in zip(links, sheet["path"], strict=True):
            _link(link, Path(path))
        sheet["path"] = list(map(str, links))
        return sheet.set_index("sample_id", drop=False)

    def names(self, least: int = LEAST_LENGTH) -> list[str]:
        """Names of some length, that texts are searched for, the longest first."""
        found = {name for _, name in self.codes if len(name) >= least}
        return sorted(found, key=lambda name: (-len(name), name))

    def save(self) -> None:
        """Write the table if it lacks a code; nobody but the owner can read it."""
        if self.codes != _read(self.key):
            text = io.StringIO()
            table = csv.writer(text, dialect="excel-tab", lineterminator="\n")
            table.writerows([("kind", "id", "code"), *((*pair, code) for pair, code in self.codes.items())])
            write_whole(self.key, text.getvalue())
            self.key.chmod(0o600)


def conceal_study(resolved: dict[str, Any], sheets: dict[str, pd.DataFrame], folder: Path) -> list[str]:
    """Put codes into the config and the sheets of all datasets with ``report.pseudonyms``.

    Simulated lots keep their names, from which their cells are drawn.

    Parameters
    ----------
    resolved
        The config with all defaults; changed in place.
    sheets
        Sample sheet of each dataset; changed in place.
    folder
        Where the config file is.

    Returns
    -------
    The names that are behind the codes.

    Raises
    ------
    mscape.errors.UserError
        If a name would be shown all the same, or a file of counts is not there.
    """
    asked = {
        name: one for name, one in resolved["datasets"].items() if one["report"]["pseudonyms"] and "simulate" not in one
    }
    if not asked:
        return []
    if labeled := [name for name, one in asked.items() if "annotations" in one]:
        msg = (
            f"{', '.join(labeled)}: annotations name samples as the sheet does, and cannot be used together with "
            "report.pseudonyms. Take one of them out."
        )
        raise UserError(msg)
    if missing := list_missing({name: sheets[name] for name in asked}):
        raise UserError("\n".join(missing))
    codes = Pseudonyms(KEY, {name: (folder / one["samples"]).read_bytes() for name, one in asked.items()})
    for name, one in asked.items():
        sheets[name] = codes.conceal(name, sheets[name])
        one["reference"]["lots"] = [codes.code(KINDS["lot_id"], lot) for lot in one["reference"]["lots"]]
    study = {key: resolved[key] for key in ("title", "license")}
    for name, one in asked.items():
        refuse_names(name, {**study, **one, "sheet": sheets[name].to_dict("list")}, codes.names())
        choosing = {column: list(sheets[name][column]) for column in CHOOSING if column in sheets[name]}
        refuse_names(name, {"sheet": choosing}, codes.names(least=1))
    codes.save()
    return codes.names()


def find_names(texts: Iterable[str], names: list[str]) -> Iterator[tuple[str, str]]:
    """Find names in texts, as words of their own, regardless of their case.

    Parameters
    ----------
    texts
        To search.
    names
        To search for.

    Yields
    ------
    The text and the first of the names that it holds.
    """
    if not names:
        return
    any_name = re.compile(rf"(?<![^\W_])({'|'.join(map(re.escape, names))})(?![^\W_])", re.IGNORECASE)
    for text in texts:
        if found := any_name.search(text):
            yield text, found[1]


def refuse_names(where: str, texts: Mapping[str, Any], names: list[str]) -> None:
    """Stop where a text that is shown holds a name that is to be concealed.

    Parameters
    ----------
    where
        For the message.
    texts
        Settings or columns; of those that hold others, these.
    names
        To be concealed.

    Raises
    ------
    mscape.errors.UserError
        With the first places.
    """
    given: dict[str, str] = {}
    for place, text in _flatten(texts):
        given.setdefault(text, place)
    faults = [f"{given[text]}: {text!r} holds {name!r}" for text, name in find_names(given, names)]
    if faults:
        more = [f"and {len(faults) - MOST_LINES} more"] if len(faults) > MOST_LINES else []
        lines = "\n".join(f"  - {fault}" for fault in faults[:MOST_LINES] + more)
        msg = (
            f"{where}: with report.pseudonyms no text may hold the name of a donor, sample or lot, because it would be "
            f"shown; rename these, or take report.pseudonyms out:\n{lines}"
        )
        raise UserError(msg)


def _flatten(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Give all texts of nested settings, keys among them, with their places."""
    if isinstance(value, dict):
        for key, one in value.items():
            inner = f"{place}.{key}" if place else str(key)
            yield inner, str(key)
            yield from _flatten(one, inner)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _flatten(one, place)
    elif value is not None and not isinstance(value, bool | int | float):
        yield place, str(value)


def _link(link: Path, target: Path) -> None:
    """Let a link lead to the counts; one that does stays as it is, since its date is that of an input."""
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink() and link.readlink() == target:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def _read(key: Path) -> dict[tuple[str, str], str]:
    if not key.exists():
        return {}
    try:
        rows = csv.DictReader(io.StringIO(key.read_text(encoding="utf-8")), dialect="excel-tab", strict=True)
        return {(row["kind"], row["id"]): row["code"] for row in rows}
    except (ValueError, KeyError, csv.Error) as error:
        msg = (
            f"{key.absolute()} is not the table of codes that a run with report.pseudonyms wrote ({error!r}). Put a "
            "copy of it back; without one delete it and the results, whose codes may change."
        )
        raise UserError(msg) from error
