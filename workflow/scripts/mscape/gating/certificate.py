"""Stability of a settled verdict of a lot: whether fewer of its cells, or fewer counts, give the same one.

Copies of the lot with fewer cells and thinned counts are judged as the lot was (:mod:`mscape.gating.lot_copies`). This
says what would have been said of fewer cells or counts of this lot, and nothing about more than were measured.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp

from mscape.data import counts
from mscape.data.tables import TABLES
from mscape.gating import lane_ambient
from mscape.gating.calibration import set_thresholds
from mscape.gating.gate_genes import ask_genes, measured_genes
from mscape.gating.lot_copies import LotCounts, Size, judge_copies
from mscape.gating.lots import MIN_CELLS
from mscape.gating.options import GateOptions
from mscape.genes.registry import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from anndata import AnnData

    from mscape.data.counts import Source

SHARES = (1.0, 0.5, 0.25, 0.125)  # of the cells, and of the counts
REPEATS = 4
SETTLED = ("meets", "fails")  # what settles an open verdict is n_cells_needed and median_counts_needed of gate.tsv
MAX_CELLS = 1000  # of a lot: copies of a larger one are drawn from as many of its cells
COLUMNS = TABLES["certificate"].names
VERDICTS = ("meets", "inconclusive", "fails", "not_assessable")


@dataclass(frozen=True)
class Gated:
    """What the gate found and used.

    Attributes
    ----------
    verdicts
        Lot -> verdict of its phenotype, as in ``gate.tsv``.
    thresholds
        CPM of each gene of the panel.
    options
        Settings of the gate.
    ambient_fraction
        Sample id -> ambient fraction or NaN.
    variable_genes, n_pcs, n_neighbors
        Of the embedding in which cells were pooled.
    """

    verdicts: dict[str, str]
    thresholds: dict[str, float]
    options: GateOptions
    ambient_fraction: dict[str, float]
    variable_genes: Sequence[str]
    n_pcs: int = 30
    n_neighbors: int = 15

    @classmethod
    def of(
        cls,
        table: pd.DataFrame,
        record: Mapping,
        embedding: AnnData,
        *,
        options: GateOptions,
        ambient_fraction: dict[str, float],
    ) -> Gated:
        """Collect it from the table and the record of the gate, and from the embedding's stage file."""
        overall = table[table["kind"] == "overall"]
        return cls(
            dict(zip(overall["lot_id"].astype(str), overall["verdict"].astype(str), strict=True)),
            {gene: float(cpm) for gene, cpm in record["thresholds_cpm"].items()},
            options,
            ambient_fraction,
            [str(gene) for gene in embedding.uns["mscape"]["embed_cells"]["highly_variable_genes"]],
            int(embedding.obsm["X_pca"].shape[1]),
            int(embedding.uns["neighbors"]["params"]["n_neighbors"]),
        )


def certify_dataset(
    source: Source,
    cells: AnnData,
    gated: Gated,
    *,
    markers: str | Path = REGISTRY,
    organism: str = "human",
    culture: str = "unknown",
    seed: int = 0,
) -> pd.DataFrame:
    """Judge smaller copies of each lot whose phenotype is settled: met or failed.

    Parameters
    ----------
    source
        Counts.
    cells
        The same cells without counts, as of :func:`mscape.gating.gate.gate_dataset`.
    gated
        What the gate found and used.
    markers, organism, culture
        As of the gate.
    seed
        Of the draws; a lot's copies do not depend on the other lots of the dataset but by the lane.

    Returns
    -------
    One row a lot and size of copies, columns of the table ``certificate``.
    """
    rows = []
    for lot, given in _read_lots(source, cells, gated, markers=markers, organism=organism, culture=culture):
        own = zlib.crc32(f"{seed} {lot}".encode())

        def judge(sizes: Sequence[Size], step: int, given: LotCounts = given, own: int = own) -> list[str]:
            return judge_copies(
                given,
                sizes,
                options=gated.options,
                n_pcs=gated.n_pcs,
                n_neighbors=gated.n_neighbors,
                seed=(own + step) % 2**32,
            )

        median = float(given.obs["total_counts"].median())
        tried = try_sizes(judge, gated.verdicts[lot], len(given.obs), median, drawn=given.drawn)
        rows += [{"lot_id": lot, "verdict": gated.verdicts[lot]} | row for row in tried]
    return pd.DataFrame(rows, columns=COLUMNS)


def try_sizes(
    judge: Callable[[Sequence[Size], int], list[str]],
    verdict: str,
    n_cells: int,
    median_counts: float,
    *,
    drawn: bool = False,
) -> list[dict]:
    """Judge copies of falling size, until the verdict is lost in some of them.

    First cells and counts are both halved, again and again; from the last size at which all copies keep the verdict,
    cells alone and counts alone. All cells with all counts are one copy, in which nothing is drawn: where it has
    another verdict than the gate gave among the other lots, nothing smaller is tried.

    Parameters
    ----------
    judge
        Verdicts of copies of a size; its second argument is another number for each call.
    verdict
        That the gate gave.
    n_cells, median_counts
        Of the cells that copies are drawn from.
    drawn
        Whether these are a part of the lot.

    Returns
    -------
    Rows without lot and verdict. ``held``: all copies of this size and of each larger one that was tried have the
    verdict.
    """
    rows: list[dict] = []

    def keeps(halved: tuple[int, int], repeats: int = REPEATS) -> bool:
        size = Size(round(n_cells * SHARES[halved[0]]), SHARES[halved[1]])
        if size.n_cells < MIN_CELLS:
            return False
        found = judge([size] * repeats, len(rows))
        row = {"n_cells": size.n_cells, "median_counts": median_counts * size.kept}
        row |= {"repeats": repeats, "kept": found.count(verdict)} | {v: found.count(v) for v in VERDICTS}
        rows.append(row)
        return row["kept"] == repeats

    smallest, halved = len(SHARES) - 1, 0
    if keeps((0, 0), REPEATS if drawn else 1):
        while halved < smallest and keeps((halved + 1, halved + 1)):
            halved += 1
        for fewer_cells in (True, False):
            for more in range(halved + 1, len(SHARES)):
                if not keeps((more, halved) if fewer_cells else (halved, more)):
                    break
    for row in rows:
        larger = [r for r in rows if r["n_cells"] >= row["n_cells"] and r["median_counts"] >= row["median_counts"]]
        row["held"] = all(r["kept"] == r["repeats"] for r in larger)
    return rows


def _read_lots(
    source: Source, cells: AnnData, gated: Gated, *, markers: str | Path, organism: str, culture: str
) -> Iterator[tuple[str, LotCounts]]:
    """Read what copies of each lot are made from, in one pass over the counts."""
    asked = ask_genes(cells, markers, gated.options, organism=organism, culture=culture)
    asked = replace(asked, panel=set_thresholds(asked.panel, gated.thresholds))
    genes = [*dict.fromkeys([*asked.names, *gated.variable_genes])]
    variable = pd.Index(genes).get_indexer(list(gated.variable_genes))
    lots = cells.obs["lot_id"].astype(str).to_numpy()
    settled = [lot for lot in pd.unique(lots) if gated.verdicts[lot] in SETTLED]
    if not settled:
        return
    chosen = {lot: _choose(np.flatnonzero(lots == lot), lot) for lot in settled}
    picked = np.zeros(len(lots), bool)
    picked[np.concatenate([*chosen.values()])] = True
    code, units = lane_ambient.lane_units(cells.obs)
    sums, parts = np.zeros((len(units), len(asked.names)), np.int64), []
    for start, stop, block in counts.blocks(source, genes=genes):
        of_asked = block[:, : len(asked.names)]
        sums += (counts.group_rows(code[start:stop], len(units)) @ of_asked).toarray()
        parts.append(block[picked[start:stop]])
    matrix = sp.vstack(parts, format="csr")
    place, measured = np.cumsum(picked) - 1, measured_genes(cells, asked.genes)
    totals = np.bincount(code, cells.obs["total_counts"].to_numpy(float), len(units))
    units = units.assign(batch=units["lane"].where(units["stated"], "unknown"), total_counts=totals)
    for lot, rows in chosen.items():
        other = ((units["lot_id"] != lot) & units["lane"].isin(units["lane"][units["lot_id"] == lot])).to_numpy()
        yield (
            lot,
            LotCounts(
                obs=cells.obs.iloc[rows],
                matrix=matrix[place[rows]],
                variable=variable,
                asked=asked,
                measured=measured[rows],
                others=units[other],
                sums=sp.csr_matrix(sums[other]),
                ambient_fraction=gated.ambient_fraction,
                drawn=int((lots == lot).sum()) > len(rows),
            ),
        )


def _choose(rows: np.ndarray, lot: str) -> np.ndarray:
    """Choose the cells of a lot that copies are made from."""
    if len(rows) <= MAX_CELLS:
        return rows
    return np.sort(np.random.default_rng(zlib.crc32(lot.encode())).choice(rows, MAX_CELLS, replace=False))
