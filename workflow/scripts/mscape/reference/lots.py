"""What a reference keeps of a lot: sums of counts over its cells, and how deep they were sequenced; no single cell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.comparison.pseudobulk import measured_in_lots
from mscape.data import counts, sampling
from mscape.errors import UserError
from mscape.gating.lots import MIN_CELLS
from mscape.genes.names import GeneIndex
from mscape.genes.registry import all_marker_genes
from mscape.passports.reference_rules import REFERENCE_ATTRIBUTES
from mscape.passports.rules import FAIL
from mscape.scoring.options import ScoreOptions
from mscape.scoring.reference_cells import choose_reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mscape.data.counts import Source
    from mscape.genes.registry import Markers

BLOCKS = 20  # parts of a lot's cells, by name, whose spread is the sampling error of the lot's sums
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
CURVE = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)  # counts of a lot at which its genes are counted
ATTRIBUTES = ["lot_id", "attribute", "title", "unit", "value"]
# Numbers that depend on the other lots of the study are not kept: these attributes, and those of these groups.
RELATIVE, COMMON = {one.name for one in REFERENCE_ATTRIBUTES}, ("structure",)
METADATA = ("donor_id", "tissue", "passage", "condition", "assay", "batch", "sex", "disease", "suspension_type")


@dataclass(frozen=True)
class Lots:
    """Lots as a reference keeps them.

    Attributes
    ----------
    about
        Index = lot id; the sheet's metadata as text, ``n_cells`` (summed), ``cells`` (which of the lot: ``MSC``, ``not
        failing``, ``all``), ``total_counts`` (of these cells, all genes).
    sums
        Counts of the registry's genes, shape (n_lots, n_genes); NaN where a lot's samples did not measure the gene.
    depth
        Quantiles of the counts of a cell (``counts_q05`` ...), and the genes expected among so many counts of the lot
        (``genes_at_100000`` ...); NaN for more counts than the lot has. Shape (n_lots, n_points).
    attributes
        Numbers of the passport, long: ``lot_id attribute title unit value``.
    blocks
        Sums of parts of the cells, shape (n_lots, ``BLOCKS``, n_genes), and their totals in ``block_totals``; None in a
        lot that was read from a reference.
    """

    about: pd.DataFrame
    sums: pd.DataFrame
    depth: pd.DataFrame
    attributes: pd.DataFrame
    blocks: np.ndarray | None = None
    block_totals: np.ndarray | None = None

    @property
    def names(self) -> list[str]:
        """Ids of the lots."""
        return list(self.about.index)

    def take(self, names: Sequence[str]) -> Lots:
        """Give some of the lots, in this order."""
        rows = self.about.index.get_indexer(list(names))
        return replace(
            self,
            about=self.about.iloc[rows],
            sums=self.sums.iloc[rows],
            depth=self.depth.iloc[rows],
            attributes=self.attributes[self.attributes["lot_id"].isin(list(names))],
            blocks=None if self.blocks is None else self.blocks[rows],
            block_totals=None if self.block_totals is None else self.block_totals[rows],
        )

    def drop(self, name: str) -> Lots:
        """Give all lots but one."""
        return self.take([one for one in self.names if one != name])

    def choose(self, names: Sequence[str]) -> Lots:
        """Give the lots of these names.

        Raises
        ------
        mscape.errors.UserError
            If a lot is not there: each one, and which there are.
        """
        missing = [name for name in names if name not in self.about.index]
        if missing:
            msg = (
                f"reference.lots names {', '.join(missing)}, expected lots of at least {MIN_CELLS} cells that pass "
                f"quality control; there are: {', '.join(self.names) or 'none'}."
            )
            raise UserError(msg)
        return self.take(names)


def sum_lots(source: Source, calls: pd.Series, *, markers: Markers, organism: str = "human") -> Lots:
    """Sum the counts of each lot over the cells that represent it.

    The cells are those that scores are calibrated on (:func:`mscape.scoring.reference_cells.choose_reference`). A lot
    of fewer than ``mscape.gating.lots.MIN_CELLS`` of them is left out: its sums would say too much of single cells.

    Parameters
    ----------
    source
        Counts of all cells, with ``obs["lot_id"]``, ``obs["sample_id"]``, ``var["gene_id"]`` and ``varm["measured"]``.
    calls
        ``isct_call`` of every cell.
    markers
        Registry: its signatures and panels name the genes that are kept.
    organism
        Species whose symbols the counts bear.

    Returns
    -------
    The lots, without attributes.
    """
    adata = counts.read_light(source)
    obs, names = adata.obs, adata.var_names.to_numpy(dtype=str)
    lots = obs["lot_id"].astype(str)
    chosen = choose_reference(calls.reindex(obs.index), lots, min_cells=ScoreOptions().min_cells)
    size = chosen["reference"].groupby(lots).transform("sum")
    used = (chosen["reference"] & (size >= MIN_CELLS)).to_numpy()
    lot_names = list(dict.fromkeys(lots[used]))
    code = np.where(used, pd.Index(lot_names).get_indexer(lots), -1)
    found, _ = GeneIndex(names, adata.var["gene_id"].astype(str), organism=organism).resolve(registry_genes(markers))
    columns = pd.Index(names).get_indexer(list(found.values()))

    whole, blocks, per_cell = _add_up(source, code, len(lot_names), columns=columns, cells=obs.index)
    of_genes = blocks[:, :, :-1]
    measured = measured_in_lots(adata.varm["measured"], obs, lot_names)[:, columns]
    sums = np.where(measured, of_genes.sum(axis=1).astype(float), np.nan)
    about = obs[used].groupby(lots[used], sort=False, observed=True).first().reindex(lot_names)
    about = about.reindex(columns=list(METADATA)).astype(object).fillna("unknown").astype(str)
    about["n_cells"] = np.bincount(code[used], minlength=len(lot_names))
    about["cells"] = chosen["cells"][used].groupby(lots[used], sort=False).first().reindex(lot_names)
    about["total_counts"] = whole.sum(axis=1)
    depth = [_depth(whole[row], per_cell[code == row]) for row in range(len(lot_names))]
    index = pd.Index(lot_names, name="lot_id", dtype=object)
    return Lots(
        about=about.set_axis(index),
        sums=pd.DataFrame(sums, index, list(found)),
        depth=pd.DataFrame(depth, index, columns=depth_points()),
        attributes=pd.DataFrame(columns=ATTRIBUTES),
        blocks=of_genes,
        block_totals=blocks[:, :, -1],
    )


def list_attributes(passports: Sequence[dict]) -> pd.DataFrame:
    """List the numbers of passports, but for those that are relative to the other lots of a study.

    Parameters
    ----------
    passports
        Records of lots, as ``passports.json`` holds them.

    Returns
    -------
    ``lot_id attribute title unit value``.
    """
    rows = [
        (record["lot_id"], one["name"], one["title"], one["unit"], float(one["value"]))
        for record in passports
        for one in record["attributes"]
        if one["value"] is not None and one["name"] not in RELATIVE and one["group"] not in COMMON
    ]
    return pd.DataFrame(rows, columns=ATTRIBUTES)


def list_good(lots: Lots, passports: Sequence[dict]) -> list[str]:
    """Name the lots that their passports do not fail."""
    failed = {record["lot_id"] for record in passports if record["verdict"] == FAIL}
    return [name for name in lots.names if name not in failed]


def registry_genes(markers: Markers) -> list[str]:
    """Every human gene of a scored signature, a gate panel or a lineage panel: what a reference keeps sums of."""
    scored = {gene for entry in markers.scored().values() for gene in entry["genes"]}
    return sorted(scored | all_marker_genes(markers))


def depth_points() -> list[str]:
    """Columns of ``Lots.depth``."""
    return [f"counts_q{round(100 * q):02d}" for q in QUANTILES] + [f"genes_at_{n}" for n in CURVE]


def _add_up(
    source: Source, code: np.ndarray, n_lots: int, *, columns: np.ndarray, cells: pd.Index
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read the counts once.

    Returns
    -------
    Sums of all genes by lot; of ``columns`` and, last, of all genes together, by lot and block; all counts by cell.
    """
    block_of = np.zeros(len(cells), np.int64)
    for lot in range(n_lots):  # by the names of its own cells, so that other lots do not matter
        inside = np.flatnonzero(code == lot)
        block_of[inside[sampling.stable_order(cells[inside])]] = np.arange(inside.size) % BLOCKS
    part = np.where(code >= 0, code * BLOCKS + block_of, -1)
    whole: np.ndarray | None = None
    blocks = np.zeros((n_lots * BLOCKS, len(columns) + 1), np.int64)
    per_cell = np.zeros(len(cells), np.int64)
    for start, stop, block in counts.blocks(source):
        per_cell[start:stop] = counts.totals(block)
        by_lot = counts.group_rows(code[start:stop], n_lots)
        by_part = counts.group_rows(part[start:stop], n_lots * BLOCKS)
        block = block.astype(np.int64)
        summed = (by_lot @ block).toarray()
        whole = summed if whole is None else whole + summed
        blocks[:, :-1] += (by_part @ block[:, columns]).toarray()
        blocks[:, -1] += by_part @ per_cell[start:stop]
    assert whole is not None  # a stage file has cells
    return whole, blocks.reshape(n_lots, BLOCKS, -1), per_cell


def _depth(sums: np.ndarray, per_cell: np.ndarray) -> list[float]:
    """Quantiles of the counts of a cell, and genes expected among so many counts of the lot (Hurlbert 1971)."""
    total = sums.sum()
    share = [n / total if n <= total else np.nan for n in CURVE]
    genes = [float((1 - (1 - part) ** sums[sums > 0]).sum()) for part in share]
    return [*np.quantile(per_cell, QUANTILES), *genes]
