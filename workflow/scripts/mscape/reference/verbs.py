"""The public functions ``mscape.reference.build`` and ``mscape.reference.judge``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from anndata import AnnData

from mscape import in_memory
from mscape.genes.registry import load_markers
from mscape.reference.folder import Reference, read_folder, write_folder
from mscape.reference.lots import Lots, list_attributes, list_good, sum_lots
from mscape.reference.options import ReferenceOptions
from mscape.reference.placing import judge_lots, place_attributes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


def build(
    adata: AnnData,
    folder: str | Path,
    *,
    name: str,
    lots: Sequence[str] = (),
    organism: str = "human",
    lot_key: str = "lot_id",
    sample_key: str = "sample_id",
    layer: str | None = None,
    simulated: bool = False,
) -> Reference:
    """Write a reference of lots that new lots can be judged against, without a count of any single cell.

    Parameters
    ----------
    adata
        Raw counts, gated (:func:`mscape.gate`); the numbers of its passports are taken up where they were written
        (:func:`mscape.passport`). ``obs`` with ``tissue``, ``assay`` and ``donor_id`` makes strata possible.
    folder
        Where to write.
    name
        Of the reference, as sentences say it.
    lots
        Ids of the lots to take; if not given, all that their passports do not fail. One lot a donor: lots count as
        independent.
    organism, lot_key, sample_key, layer
        As of :func:`mscape.gate`.
    simulated
        Whether the cells were simulated; every sentence about the reference then says so.

    Returns
    -------
    The reference, as :func:`mscape.reference.folder.read_folder` gives it.

    Raises
    ------
    mscape.errors.UserError
        If the cells were not gated, a lot is not there, or none is left.
    """
    summed = _sums(adata, organism=organism, lot_key=lot_key, sample_key=sample_key, layer=layer)
    summed = summed.choose(lots or list_good(summed, _passports(adata)))
    return write_folder(summed, folder, name=name, organism=organism, simulated=simulated)


def judge(
    lots: AnnData | Lots,
    reference: str | Path | Reference,
    *,
    organism: str = "human",
    lot_key: str = "lot_id",
    sample_key: str = "sample_id",
    layer: str | None = None,
    options: ReferenceOptions | None = None,
    seed: int = 0,
) -> dict[str, pd.DataFrame]:
    """Say where lots lie among the lots of a reference.

    Parameters
    ----------
    lots
        Raw counts, gated (:func:`mscape.gate`), or sums of lots (:class:`mscape.reference.lots.Lots`).
    reference
        Folder of a reference, or one that was read.
    organism, lot_key, sample_key, layer
        As of :func:`mscape.gate`.
    options
        Settings (config section ``reference``).
    seed
        Of the thinning to one depth.

    Returns
    -------
    ``reference_lots`` (one row a lot: inside, outside or no promise, with p and a sentence), ``reference_signatures``
    (z against the reference lots) and ``reference_attributes`` (percentiles and prediction intervals of the passport's
    numbers; empty without passports).

    Raises
    ------
    mscape.errors.UserError
        If there is no such reference, it is damaged, or the cells were not gated.
    """
    options = options or ReferenceOptions()
    known = reference if isinstance(reference, Reference) else read_folder(reference)
    if isinstance(lots, AnnData):
        lots = _sums(lots, organism=organism, lot_key=lot_key, sample_key=sample_key, layer=layer)
    tables = judge_lots(lots, known, options, markers=load_markers(), seed=seed)
    return tables | {"reference_attributes": place_attributes(lots.attributes, lots.about, known, options)}


def _sums(adata: AnnData, *, organism: str, lot_key: str, sample_key: str, layer: str | None) -> Lots:
    calls = in_memory.calls_of(adata)
    source = in_memory.counts_of(adata, layer=layer, sample_key=sample_key, lot_key=lot_key, organism=organism)
    summed = sum_lots(source, calls.reindex(source.obs_names), markers=load_markers(), organism=organism)
    return replace(summed, attributes=list_attributes(_passports(adata)))


def _passports(adata: AnnData) -> list[dict]:
    return json.loads(adata.uns["mscape"].get("passport", "[]"))
