"""Read one sample's counts from any format: raw integers, unique symbols, known ids."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from mscape.checks import inspect
from mscape.checks.findings import judge_reading
from mscape.data import counts
from mscape.data.fingerprint import MatrixDigest
from mscape.data.reference_table import read_reference
from mscape.errors import UserError
from mscape.genes.orthologs import read_orthologs
from mscape.io import formats
from mscape.io.formats.samples_in_file import SUFFIX
from mscape.run.pseudonyms import refuse_names
from mscape.run.step import run

logger = logging.getLogger("mscape")


def name_cells(barcodes: np.ndarray, sample: str) -> tuple[pd.Index, int]:
    """Make cell names unique over samples and within the sample.

    Parameters
    ----------
    barcodes
        As given.
    sample
        Goes before each barcode.

    Returns
    -------
    Names ``<sample>_<barcode>``, a repeated barcode with ``.2``, ``.3``, ... behind it; and how many were
    repeated.
    """
    series = pd.Series(np.asarray(barcodes, dtype=str))
    number = series.groupby(series).cumcount()
    repeated = number > 0
    names = sample + "_" + series.where(~repeated, series + "." + (number + 1).astype(str))
    return pd.Index(names.to_numpy(dtype=str), dtype=str), int(repeated.sum())


def refuse_empty_droplets(totals: np.ndarray, path: str) -> None:
    """Stop if most barcodes are empty droplets.

    Raises
    ------
    mscape.errors.UserError
        If there are more barcodes than a run can have cells and most hold hardly a count.
    """
    if inspect.looks_unfiltered(totals, len(totals)):
        msg = (
            f"{path} holds {len(totals):,} barcodes, {np.mean(totals < 100):.0%} of them with fewer than 100 counts: "
            "an unfiltered matrix with empty droplets. Give the filtered one (filtered_feature_bc_matrix), or call "
            "cells first, e.g. with CellBender or DropletUtils::emptyDrops."
        )
        raise UserError(msg)


def refuse_no_counts(facts: inspect.Facts, path: Path) -> None:
    """Stop if the numbers are no counts, features no genes, or a column no cell.

    Raises
    ------
    mscape.errors.UserError
        With the first such finding.
    """
    for finding in judge_reading(facts):
        if finding.level == "error":
            msg = f"{path}: {finding.found}; expected {finding.expected}. {finding.next_step.capitalize()}."
            raise UserError(msg)


def refuse_columns(facts: inspect.Facts, path: Path) -> None:
    """Stop if a column of the file names samples or donors, because a finding would show its values.

    Raises
    ------
    mscape.errors.UserError
        With the columns.
    """
    if columns := [repr(name) for name, _ in facts.several if name != SUFFIX]:
        msg = (
            f"{path}: column {', '.join(columns)} names samples or donors, and findings would show its values. With "
            "report.pseudonyms give a file of its own for each sample, or take the column out."
        )
        raise UserError(msg)


def main(input, output, params):
    """Write raw.h5ad of one sample; ``input.orthologs`` is empty where the cells are human or mouse cells.

    ``params``: ``sample``, ``dataset``, ``format``, ``organism``, and from the sheet, "" where it does not say:
    ``member`` (which matrix of a folder or archive), ``genome`` (which of several), ``cells`` (which barcodes
    of a file that holds several samples) and ``parts`` (which of a gene's molecules to sum); ``concealed``, names that
    no cell may bear.
    """
    path = Path(str(input.path))
    target = Path(str(output.h5ad))
    known = read_reference(input.genes)
    orthologs = read_orthologs(Path(str(input.orthologs))) if input.orthologs else None
    with formats.open_counts(
        path,
        format=params.format,
        member=params.member,
        cells=params.cells,
        parts=params.parts,
        known=known,
        scratch=target.parent,
    ) as table:
        if len(table.barcodes) == 0:
            msg = f"{path} holds no cells. Give the matrix that has them."
            raise UserError(msg)
        watched = _watch(
            table,
            known,
            path,
            organism=params.organism,
            genome=params.genome,
            orthologs=orthologs,
            parts=params.parts,
        )
        genes = watched.genes
        refuse_names(str(path), {"cells": list(table.barcodes), "notes": table.notes}, params.concealed)
        names, repeated = name_cells(table.barcodes, params.sample)
        notes = table.notes + genes.notes
        if repeated:
            notes.append(f"{repeated:,} barcodes occur more than once and were numbered: several samples in one file?")
        digest = MatrixDigest((*names, *genes.var.index))
        counts.append(
            target,
            digest.watch(watched.blocks()),
            obs=pd.DataFrame(index=names),
            var=genes.var,
            uns={
                "mscape": {
                    "load_counts": {
                        "path": str(path),
                        "dataset": params.dataset,
                        "sample": params.sample,
                        "format": table.format,
                        "assay": table.chemistry,
                        "organism": params.organism,
                        "n_cells": len(names),
                        "n_genes": len(genes.var),
                        "excluded_features": genes.excluded,
                        "summed_genes": len(genes.summed),
                        "repeated_barcodes": repeated,
                        "notes": notes,
                    }
                }
            },
        )
    total = np.concatenate(digest.totals)
    if not total.any():
        msg = f"{path} holds {len(names):,} cells and not one count. Give the matrix that has them."
        raise UserError(msg)
    refuse_empty_droplets(total, str(path))
    facts = watched.facts(total)
    refuse_no_counts(facts, path)
    if params.concealed:
        refuse_columns(facts, path)
    counts.add_notes(target, "load_counts", {"digest": digest.hexdigest(), "facts": inspect.pack(facts)})
    for note in notes:
        logger.info("%s: %s", params.sample, note)
    logger.info("%s: %d cells, %d genes, %s", params.sample, len(names), len(genes.var), table.format)


def _watch(table, known, path, **options):
    try:
        return inspect.Watched(table, known, **options)
    except UserError as error:
        msg = str(error) if str(path) in str(error) else f"{path}: {error}"
        raise UserError(msg) from error


if "snakemake" in globals():
    run(main, snakemake)
