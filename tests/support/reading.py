"""Read a sample as a run and the check do, in one go."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from input_files import KNOWN

from load_counts import refuse_no_counts
from mscape.checks import inspect
from mscape.checks.findings import judge
from mscape.io import formats

if TYPE_CHECKING:
    from pathlib import Path

PANEL = ("NT5E", "THY1", "ENG", "PTPRC", "CD34")


def examine(path: Path, row: dict, *, scratch: Path, organism: str = "human") -> SimpleNamespace:
    """Read all counts of a sample, shape (n_cells, n_genes), its names and what is found; raise as a run does."""
    given = {"member": "", "cells": "", "parts": "", "genome": ""} | row
    with formats.open_counts(
        path, member=given["member"], cells=given["cells"], parts=given["parts"], known=KNOWN, scratch=scratch
    ) as table:
        watched = inspect.Watched(table, KNOWN, organism=organism, genome=given["genome"], parts=given["parts"])
        blocks = list(watched.blocks())
        counts = sp.vstack(blocks).toarray() if blocks else np.zeros((0, 0))
        facts = watched.facts(counts.sum(axis=1))
    refuse_no_counts(facts, path)
    return SimpleNamespace(
        counts=counts,
        genes=facts.genes,
        barcodes=list(table.barcodes),
        facts=facts,
        findings=judge(facts, given, organism=organism, panel=PANEL),
    )
