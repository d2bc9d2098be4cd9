"""Signature scores of a dataset: of cells, of lots, and what else each score follows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from anndata import AnnData

from mscape.data import counts
from mscape.data.tables import TABLES
from mscape.genes.names import GeneIndex
from mscape.genes.registry import SCORED
from mscape.scoring import consensus, control_genes, gene_sets, null_sets, priming, tables
from mscape.scoring.reference_cells import (
    FRAMES,
    agreement_map,
    choose_reference,
    confounders_of,
    lots_of_average,
    own_confounders,
)
from mscape.scoring.score import measure_genes, score_dataset

if TYPE_CHECKING:
    from mscape.data.counts import Source
    from mscape.genes.registry import Markers
    from mscape.scoring.options import ScoreOptions


@dataclass(frozen=True)
class Scores:
    """Scores of a dataset.

    Attributes
    ----------
    cells
        Without counts: ``obsm["score_*"]``, ``obs["phase"]``, and what was done in
        ``uns["mscape"]["score_signatures"]``.
    tables
        ``table`` of the signatures, ``summary`` of lots, ``confounders``, ``lots`` (states), ``genes`` of the sets,
        ``priming`` of lots where it is stated.
    """

    cells: AnnData
    tables: dict[str, pd.DataFrame]


def score_signatures(
    source: Source,
    calls: pd.Series,
    options: ScoreOptions,
    *,
    markers: Markers,
    organism: str = "human",
    seed: int = 0,
) -> Scores:
    """Score each signature in each cell, calibrated against random gene sets like it.

    Parameters
    ----------
    source
        Counts of all cells, with ``obs["lot_id"]``, ``var["gene_id"]`` and ``varm["measured"]``.
    calls
        ``isct_call`` of every cell: the MSC of each lot are the reference of its scores.
    options
        Settings.
    markers
        Registry with the signatures, the user's own among them.
    organism
        Species whose symbols the counts bear.
    seed
        Of the random gene sets.
    """
    settings = asdict(options)
    adata = counts.read_light(source)
    names, obs, lots = adata.var_names.to_numpy(dtype=str), adata.obs, adata.obs["lot_id"].astype(str)
    index = GeneIndex(names, adata.var["gene_id"].astype(str), organism=organism)
    measured = adata.varm["measured"].to_numpy(dtype=bool).all(axis=1)
    limits = {key: settings[key] for key in ("min_genes", "min_coverage")}
    sets, table = gene_sets.build_sets(markers, index, names, measured, **limits)

    cells = choose_reference(calls, lots, min_cells=settings["min_cells"])
    lot_names = np.unique(lots)
    groups = np.where(cells["reference"], np.searchsorted(lot_names, lots), lot_names.size)
    genes = measure_genes(source, groups, lot_names.size + 1)
    is_mt = pd.Series(names).str.upper().str.startswith("MT-").to_numpy()
    usable = measured & ~gene_sets.scored_genes(table, names) & ~is_mt
    average = lots_of_average(cells, lots, lot_names)
    mean, detection = (genes[key][:-1][average].mean(axis=0) for key in ("mean", "detection"))
    reference = control_genes.make_background(mean, usable, names, controls=settings["controls"])
    if reference is None and sets:
        table.loc[table["used"], "reason"] = f"fewer than {control_genes.MIN_POOL} genes to compare with"
        table["used"], sets = False, []

    columns = list(table.loc[table["use"].isin(SCORED), "id"])
    result = AnnData(obs=pd.DataFrame(index=obs.index))
    frames = {key: pd.DataFrame(np.nan, obs.index, columns, dtype=np.float32) for key in FRAMES}
    lots_found = dict.fromkeys(("z", "pvalue", "unit"), pd.DataFrame(np.nan, lot_names, columns))
    if sets and reference is not None:
        stats = null_sets.GeneStats.of(mean, detection, reference)
        scored = score_dataset(
            source, sets, reference, genes=genes, stats=stats, obs=obs, table=table, settings=settings, seed=seed
        )
        own = [s.name for s in sets]
        for key, frame in frames.items():
            frame[own] = scored.pop(key)
        table = table.merge(scored["depth"], on="id", how="left")
        if lot_names.size > 1:  # the average of one lot is the lot
            found = null_sets.score_lots(genes["mean"][:-1], scored["weights"], sets, stats, reference, seed=seed)
            frames_of_lots = (pd.DataFrame(values, lot_names, own).reindex(columns=columns) for values in found)
            lots_found = dict(zip(lots_found, frames_of_lots, strict=True))
    else:  # nothing was scored: nothing is known of depth and agreement
        table = table.reindex(columns=TABLES["signatures"].names)
    for key, frame in frames.items():
        result.obsm[f"score_{key}"] = frame
    p = frames["p"]
    result.obs["phase"] = consensus.call_phase(
        *(consensus.column_or_nan(p, key) for key in ("TIROSH_S", "TIROSH_G2M")), alpha=settings["alpha"]
    )

    related, adjusted = tables.relate_confounders(
        frames["z"].dropna(axis=1),
        confounders_of(obs, genes["totals"], frames["z"]),
        lots,
        reference=cells["reference"].to_numpy(),
        own=own_confounders(table),
        passage=pd.to_numeric(obs["passage"].astype(str).groupby(lots).first().str.lstrip("pP"), errors="coerce"),
    )
    summary = tables.summarise_lots(
        frames["matched"], frames["z"], lots, cells, lots_found=lots_found, adjusted=adjusted, seed=seed
    )
    rates = tables.tabulate_genes(
        markers,
        index,
        names,
        lot_counts=genes["counts"][:-1],
        lot_seen=genes["seen"][:-1],
        lot_n=genes["n"][:-1],
        lots=lot_names,
    )
    primed = priming.judge_priming(
        genes["counts"][:-1], priming.statements(obs, lot_names), index=index, names=names, measured=measured
    )
    result.uns["mscape"] = {
        "score_signatures": {
            "missing": table[table["id"].isin(columns) & ~table["used"]].set_index("id")["reason"].to_dict(),
            "senescence_agreement": agreement_map(frames["z"], lots),
            "parameters": {key: value for key, value in settings.items() if value is not None},
        }
    }
    return Scores(
        result,
        {
            "table": table,
            "summary": summary,
            "confounders": related,
            "lots": tables.summarise_programmes(result.obs, lots, cells, lots_found["z"]),
            "genes": rates,
            "priming": primed,
        },
    )
