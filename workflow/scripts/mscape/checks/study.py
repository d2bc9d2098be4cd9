"""Check all samples of a study before any work."""

from __future__ import annotations

import logging
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from mscape.checks import inspect
from mscape.checks.duplicates import same_cells
from mscape.checks.findings import Finding, judge
from mscape.clustering.annotations import SAMPLE, match_labels, name_cells
from mscape.data.tables import TABLES
from mscape.errors import UserError
from mscape.genes.orthologs import read_orthologs
from mscape.io import formats
from mscape.io.download import transfer, urls
from mscape.io.download.urls import is_remote

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

COLUMNS = TABLES["check"].names
LEVELS = ["error", "warning", "note"]
PANEL = "isct2006"
READING = TABLES["inputs"].names
FEW_SHARED, HARDLY_SHARED = 0.8, 0.3  # share of the genes of the smaller of two samples that the other has too
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
            parts=_given(row, "parts"),
            known=known,
            scratch=scratch,
        ) as table:
            facts = inspect.look(
                table,
                known,
                organism=organism,
                genome=_given(row, "genome"),
                orthologs=table_of_orthologs,
                parts=_given(row, "parts"),
            )
    except UserError as error:
        what, _, advice = str(error).partition(". ")
        return None, [Finding(check="readable", level="error", found=what, next_step=advice)]
    return facts, judge(facts, row, organism=organism, panel=panel)


def check_genes(genes: dict[str, pd.Index]) -> list[tuple[str, Finding]]:
    """Find samples of one dataset that share few genes with the others, so that few could be compared.

    Parameters
    ----------
    genes
        Names of the genes of each sample.
    """
    found: list[tuple[str, Finding]] = []
    if len(genes) < 2:
        return found
    most = max(genes, key=lambda name: sum(len(genes[name].intersection(other)) for other in genes.values()))
    for name, mine in genes.items():
        shared = len(mine.intersection(genes[most]))
        smaller = max(1, min(len(mine), len(genes[most])))
        if name == most or shared >= FEW_SHARED * smaller:
            continue
        wrong = shared < HARDLY_SHARED * smaller
        own = ", ".join(map(str, mine.difference(genes[most], sort=False)[:3]))
        fault = Finding(
            check="shared genes",
            level="error" if wrong else "warning",
            found=f"{shared:,} of {smaller:,} genes are also in {most}; only here: {own}",
            expected="the same genes in all samples of a dataset",
            next_step="name the genes of all samples in one way (annotation, spelling), or make two datasets of them",
        )
        found.append((name, fault))
    return found


def review(
    facts: dict[str, inspect.Facts], rows: dict[str, dict], *, dataset: str, organism: str, panel: set[str]
) -> pd.DataFrame:
    """Judge the samples of a dataset that were read, one by one and together.

    Parameters
    ----------
    facts, rows
        What was seen of each sample, and its row of the sheet.
    dataset, organism, panel
        Name of the dataset, species of its cells, genes of the gate.

    Returns
    -------
    Table with a row a finding, errors first; columns ``COLUMNS``.
    """
    found = [(name, one) for name in facts for one in judge(facts[name], rows[name], organism=organism, panel=panel)]
    found += check_pairs(rows) + same_cells(facts) + check_genes({name: one.genes for name, one in facts.items()})
    return _as_table([(dataset, name, one) for name, one in found])


def describe_reading(facts: dict[str, inspect.Facts], files: dict[str, str]) -> pd.DataFrame:
    """Say in words what was read of each sample: file, program, matrix and why, what was left out, names, species.

    Parameters
    ----------
    facts
        What was seen of each sample.
    files
        Path of each.

    Returns
    -------
    One row a sample; columns ``READING``.
    """
    rows = []
    for name, one in facts.items():
        out = [
            f"{n:,} {kind} ({one.excluded_share.get(kind, 0):.1%} of the counts)" for kind, n in one.excluded.items()
        ]
        rows.append(
            {
                "sample_id": name,
                "file": "/".join(Path(files[name]).parts[-2:]),
                "format": one.format,
                "maker": one.maker or "not known",
                "matrix": one.matrix or "the only one",
                "why": one.why or "the only one",
                "cells": len(one.barcodes),
                "genes": len(one.genes),
                "counts": int(one.totals.sum()),
                "named_by": one.ids,
                "rewritten": "; ".join(one.rewrites) or "nothing",
                "left_out": "; ".join([*out, *one.warnings]) or "nothing",
                "species": f"{one.species}{'' if one.sure_species else ' by its symbols'}",
            }
        )
    return pd.DataFrame(rows, columns=READING)


def check_remote(text: str, *, reached: dict[str, str]) -> list[Finding]:
    """Check that the addresses of a sample are understood and answer; a host that did not is asked once."""
    findings = []
    for address in urls.split_paths(text):
        try:
            url = urls.resolve(address)
            host = urllib.parse.urlsplit(url).hostname or ""
            if host in reached:
                msg = f"{urls.shown(url)} cannot be reached: {reached[host]}"
                raise UserError(msg)
            size = transfer.probe(url)
            found = f"{urls.shown(address)} answers" + (f", {size / 1e6:,.0f} MB" if size >= 0 else "")
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


def check_labels(
    given: pd.DataFrame | UserError, facts: dict[str, inspect.Facts], rows: dict[str, dict]
) -> list[tuple[str, Finding]]:
    """Match a user's own labels with the cells that were read.

    Parameters
    ----------
    given
        The table of labels, or why it cannot be read.
    facts, rows
        What was seen of each sample of the dataset, and its row of the sheet.
    """
    of_samples = {
        name: pd.DataFrame({"qc": "pass"}, index=pd.Index([f"{name}_{barcode}" for barcode in one.barcodes]).unique())
        for name, one in facts.items()
    }
    try:
        if isinstance(given, UserError):
            raise given
        match_labels(given, name_cells(of_samples), taken=set().union(*rows.values()) - {SAMPLE})
    except UserError as error:
        said = " ".join(str(error).split())
        return [("annotations", Finding(check="labels", level="error", found=said, next_step="correct the table"))]
    return []


def check_study(
    samples: list[dict],
    known: pd.DataFrame,
    panel: set[str],
    *,
    scratch: Path,
    labels: Mapping[str, pd.DataFrame | UserError] | None = None,
) -> tuple[pd.DataFrame, dict[str, dict[str, float]]]:
    """Check all samples.

    Parameters
    ----------
    samples
        One a sample: ``dataset``, ``organism``, ``orthologs`` (path of a table, or ""), ``row`` (of the sheet) and
        ``fetched`` (folder of a downloaded sample, or "").
    known, panel, scratch
        Gene table, genes of the gate, place to unpack archives.
    labels
        Dataset -> a user's own labels of its cells, or why they cannot be read; matched once all samples can be read.

    Returns
    -------
    findings
        Table with a row a finding, errors first within each dataset; columns ``COLUMNS``.
    sizes
        Dataset -> sample -> counts that are not zero, of the samples that can be read.
    """
    found, sizes = [], {}
    reached: dict[str, str] = {}
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
        pairs = check_pairs(rows) + same_cells(facts) + check_genes({name: one.genes for name, one in facts.items()})
        if labels and dataset in labels and len(facts) == len(rows):
            pairs += check_labels(labels[dataset], facts, rows)
        found += [(dataset, name, finding) for name, finding in pairs]
    return _as_table(found), sizes


def _as_table(found: list[tuple[str, str, Finding]]) -> pd.DataFrame:
    rows = [(*where, f.level, f.check, f.found, f.expected, f.next_step) for *where, f in found]
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["level"] = pd.Categorical(table["level"], categories=LEVELS, ordered=True)
    return table.sort_values(["dataset", "level", "sample"], kind="stable", ignore_index=True)


def genes_of_gate(markers: dict) -> set[str]:
    """Genes that the gate asks for, from ``resources/markers.yaml``."""
    gate = markers["panels"][PANEL]
    return {*gate["positive"], *(gene for group in gate["negative"].values() for gene in group)}


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
