"""Check all samples of a study before any work."""

from __future__ import annotations

import logging
import urllib.parse
from pathlib import Path

import pandas as pd

from mscape.checks import inspect
from mscape.checks.duplicates import same_cells
from mscape.checks.findings import Finding, judge
from mscape.errors import UserError
from mscape.genes.orthologs import read_orthologs
from mscape.io import formats
from mscape.io.download import transfer, urls
from mscape.io.download.urls import is_remote

logger = logging.getLogger(__name__)

COLUMNS = ["dataset", "sample", "level", "check", "found", "expected", "next_step"]
LEVELS = ["error", "warning", "note"]
PANEL = "isct2006"
LONGEST = 5  # rules that the forecast names on the terminal


def check_file(
    path: Path, row: dict, known: pd.DataFrame, *, organism: str, orthologs: str, panel: set[str], scratch: Path
):
    """Check one sample that is here; ``orthologs`` is the path of a table, or "".

    Returns
    -------
    What was seen (None if it cannot be read) and the findings.
    """
    try:
        table_of_orthologs = read_orthologs(Path(orthologs)) if orthologs else None
        with formats.open_counts(
            path,
            format=_given(row, "format") or "auto",
            member=_given(row, "member"),
            cells=_given(row, "cells"),
            known=known,
            scratch=scratch,
        ) as table:
            facts = inspect.look(
                table, known, organism=organism, genome=_given(row, "genome"), orthologs=table_of_orthologs
            )
    except UserError as error:
        what, _, advice = str(error).partition(". ")
        return None, [Finding(check="readable", level="error", found=what, next_step=advice)]
    return facts, judge(facts, row, organism=organism, panel=panel)


def check_remote(text: str, *, reached: dict[str, str]) -> list[Finding]:
    """Check that the addresses of a sample are understood and answer; a host that did not is asked once."""
    findings = []
    for address in urls.split_paths(text):
        try:
            url = urls.resolve(address)
            host = urllib.parse.urlsplit(url).netloc
            if host in reached:
                msg = f"{url} cannot be reached: {reached[host]}"
                raise UserError(msg)
            size = transfer.probe(url)
            found = f"{address} answers" + (f", {size / 1e6:,.0f} MB" if size >= 0 else "")
            findings.append(Finding(check="download", level="note", found=f"{found}; it is not downloaded yet"))
        except UserError as error:
            what, _, advice = str(error).partition(". ")
            if "cannot be reached: " in what:
                reached[host] = str(error).partition("cannot be reached: ")[2]
            findings.append(Finding(check="download", level="error", found=what, next_step=advice))
    return findings


def check_pairs(rows: dict[str, dict]) -> list[tuple[str, Finding]]:
    """Find rows that name the same file, member and cells."""
    seen: dict[tuple, str] = {}
    found = []
    for name, row in rows.items():
        key = (row["path"], *(_given(row, column) for column in ("member", "genome", "cells")))
        if key in seen:
            fault = Finding(
                check="same path",
                level="error",
                found=f"the same path as {seen[key]}",
                expected="one row for each sample",
                next_step="correct the path, or name the sample's files in the column 'member'",
            )
            found.append((name, fault))
        seen.setdefault(key, name)
    return found


def check_study(
    samples: list[dict], known: pd.DataFrame, panel: set[str], *, scratch: Path
) -> tuple[pd.DataFrame, dict[str, dict[str, float]]]:
    """Check all samples.

    Parameters
    ----------
    samples
        One a sample: ``dataset``, ``organism``, ``orthologs`` (path of a table, or ""), ``row`` (of the sheet) and
        ``fetched`` (folder of a downloaded sample, or "").
    known, panel, scratch
        Gene table, genes of the gate, place to unpack archives.

    Returns
    -------
    findings
        Table with a row a finding, errors first within each dataset; columns ``COLUMNS``.
    sizes
        Dataset -> sample -> counts that are not zero, of the samples that can be read.
    """
    found, reached, sizes = [], {}, {}
    for dataset in dict.fromkeys(one["dataset"] for one in samples):
        mine = [one for one in samples if one["dataset"] == dataset]
        rows = {one["row"]["sample_id"]: one["row"] for one in mine}
        facts = {}
        for one in mine:
            name, text, fetched = one["row"]["sample_id"], one["row"]["path"], one["fetched"]
            logger.info("%s: %s", dataset, name)
            if (is_remote(text) and not fetched) or (fetched and not Path(fetched).exists()):
                found += [(dataset, name, finding) for finding in check_remote(text, reached=reached)]
                continue
            facts[name], findings = check_file(
                Path(fetched or text),
                one["row"],
                known,
                organism=one["organism"],
                orthologs=one["orthologs"],
                panel=panel,
                scratch=scratch,
            )
            found += [(dataset, name, finding) for finding in findings]
        facts = {name: one for name, one in facts.items() if one is not None}
        seen = {name: one for name, one in facts.items() if len(one.detected)}
        if seen:
            sizes[dataset] = {name: len(one.barcodes) * float(one.detected.mean()) for name, one in seen.items()}
        pairs = check_pairs(rows) + same_cells(facts)
        found += [(dataset, name, finding) for name, finding in pairs]
    rows = [(*where, f.level, f.check, f.found, f.expected, f.next_step) for *where, f in found]
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["level"] = pd.Categorical(table["level"], categories=LEVELS, ordered=True)
    return table.sort_values(["dataset", "level", "sample"], kind="stable", ignore_index=True), sizes


def describe(table: pd.DataFrame) -> str:
    """Say errors and warnings in lines for the terminal."""
    lines = []
    for level in ("error", "warning"):
        for one in table[table["level"] == level].itertuples():
            expected = f"; expected {one.expected}" if one.expected else ""
            advice = one.next_step[:1].upper() + one.next_step[1:]
            lines.append(f"  {level}: {one.dataset}/{one.sample}: {one.check}: {one.found}{expected}. {advice}")
    return "\n".join(lines)


def _given(row: dict, key: str) -> str:
    value = str(row.get(key, "") or "")
    return "" if value == "unknown" else value
