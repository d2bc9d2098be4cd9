"""Score every signature in every cell, calibrated against random gene sets, and say what each score also follows."""

import numpy as np
import pandas as pd
from anndata import AnnData

from mscape import backend, background, confounding, consensus, contract, counts, genesets, nulls, step
from mscape import score_tables as tables
from mscape.markers import SCORED, GeneIndex, load_markers
from mscape.score_passes import CORRELATED_CELLS, GROWS_WITH_CYCLE, measure_genes, score_dataset

CONFOUNDERS = {
    "S phase": "TIROSH_S",
    "G2/M phase": "TIROSH_G2M",
    "dissociation stress": "MSC_DISSOCIATION_STRESS",
    "hypoxia": "HALLMARK_HYPOXIA",
}
FRAMES = ("matched", "rank", "scanpy", "z", "p")


def choose_reference(isct_call: pd.Series, lots: pd.Series, *, min_cells: int = 50) -> pd.DataFrame:
    """Choose the cells that stand for each lot: its MSC, or all cells that do not fail where MSC are too few.

    Parameters
    ----------
    isct_call
        pass, fail or indeterminate of each cell.
    lots
        Lot of each cell.
    min_cells
        MSC that a lot needs.

    Returns
    -------
    Per cell: ``reference`` (bool) and ``cells`` (what stands for its lot: ``MSC``, ``not failing``, ``all``).
    """
    call, lot = isct_call.astype(str), lots.astype(str)
    enough = (call == "pass").groupby(lot).transform("sum") >= min_cells
    spared = (call != "fail").groupby(lot).transform("any")
    cells = np.select([enough, spared], ["MSC", "not failing"], "all")
    reference = np.select([enough, spared], [call == "pass", call != "fail"], True)
    return pd.DataFrame({"reference": reference.astype(bool), "cells": cells}, index=isct_call.index)


def confounders_of(obs: pd.DataFrame, totals: np.ndarray, z: pd.DataFrame) -> pd.DataFrame:
    """Gather what the scores may follow: depth, mitochondrial fraction, cycle, stress, hypoxia."""
    table = pd.DataFrame({"log depth": np.log(np.maximum(totals, 1))}, index=obs.index)
    table["mitochondrial fraction"] = obs["pct_counts_mt"].astype(float)
    for name, signature in CONFOUNDERS.items():
        if signature in z:
            table[name] = z[signature].astype(float)
    return table


def agreement_map(z: pd.DataFrame, lots: pd.Series) -> pd.DataFrame:
    """Correlate the senescence scorers and the cycle with each other: Spearman within lots, signatures x signatures."""
    names = [*consensus.SENESCENCE.values(), "MSC_SENESCENCE_DOWN", "TIROSH_S", "TIROSH_G2M"]
    names = [name for name in names if name in z and z[name].notna().all()]
    some = nulls.stable_order(z.index)[:CORRELATED_CELLS]
    values, codes = z[names].to_numpy()[some], lots.astype("category").cat.codes.to_numpy()[some]
    return pd.DataFrame(confounding.within_lot_rho(values, values, codes), index=names, columns=names)


def own_confounders(table: pd.DataFrame) -> dict[str, set[str]]:
    """Name for each signature the confounders that it measures itself."""
    own = {signature: {name} for name, signature in CONFOUNDERS.items()}
    for signature in table.loc[table["axis"] == GROWS_WITH_CYCLE, "id"]:
        own[signature] = {"S phase", "G2/M phase", "log depth"}
    return own


def main(input, output, params):
    """Score the cells of a dataset, calibrate the scores, and write them with their tables."""
    settings, seed = params.settings, params.seed
    adata = contract.read(input.h5ad, "counts")
    names, obs, lots = adata.var_names.to_numpy(dtype=str), adata.obs, adata.obs["lot_id"].astype(str)
    markers = load_markers(input.markers, extra=settings["signature_files"])
    index = GeneIndex(names, adata.var["gene_id"].astype(str), organism=params.organism)
    measured = adata.varm["measured"].to_numpy(dtype=bool).all(axis=1)
    limits = {key: settings[key] for key in ("min_genes", "min_coverage")}
    sets, table = genesets.build_sets(markers, index, names, measured, **limits)

    call = counts.read_obs(input.gate)["isct_call"].reindex(obs.index)
    cells = choose_reference(call, lots, min_cells=settings["min_cells"])
    lot_names = np.unique(lots)
    groups = np.where(cells["reference"], np.searchsorted(lot_names, lots), lot_names.size)
    genes = measure_genes(input.h5ad, groups, lot_names.size + 1)
    is_mt = pd.Series(names).str.upper().str.startswith("MT-").to_numpy()
    usable = measured & ~genesets.scored_genes(table, names) & ~is_mt
    mean = genes["mean"][:-1].mean(axis=0)
    reference = background.make_background(mean, usable, names, controls=settings["controls"])
    if reference is None and sets:
        table.loc[table["used"], "reason"] = f"fewer than {background.MIN_POOL} genes to compare with"
        table["used"], sets = False, []

    columns = list(table.loc[table["use"].isin(SCORED), "id"])
    result = AnnData(obs=pd.DataFrame(index=obs.index))
    frames = {key: pd.DataFrame(np.nan, obs.index, columns, dtype=np.float32) for key in FRAMES}
    lots_found = dict.fromkeys(("z", "pvalue", "unit"), pd.DataFrame(np.nan, lot_names, columns))
    if sets:
        scored = score_dataset(input.h5ad, sets, reference, genes, obs, table, settings=settings, seed=seed)
        own = [s.name for s in sets]
        for key, frame in frames.items():
            frame[own] = scored.pop(key)
        table = table.merge(scored["depth"], on="id", how="left")
        if lot_names.size > 1:  # the average of one lot is the lot
            found = nulls.score_lots(genes["mean"][:-1], scored["weights"], sets, scored["stats"], reference, seed=seed)
            frames_of_lots = (pd.DataFrame(values, lot_names, own).reindex(columns=columns) for values in found)
            lots_found = dict(zip(lots_found, frames_of_lots, strict=True))
    for key, frame in frames.items():
        result.obsm[f"score_{key}"] = frame
    p = frames["p"]
    result.obs["phase"] = consensus.call_phase(
        *(consensus.column_or_nan(p, key) for key in ("TIROSH_S", "TIROSH_G2M")), alpha=settings["alpha"]
    )
    result.obs["senescence_state"] = consensus.call_senescence(p, result.obs["phase"].array, alpha=settings["alpha"])

    related, adjusted = tables.relate_confounders(
        frames["z"].dropna(axis=1),
        confounders_of(obs, genes["totals"], frames["z"]),
        lots,
        cells["reference"].to_numpy(),
        own_confounders(table),
        pd.to_numeric(obs["passage"].astype(str).groupby(lots).first().str.lstrip("pP"), errors="coerce"),
    )
    summary = tables.summarise_lots(frames["matched"], frames["z"], lots, cells, lots_found, adjusted, seed=seed)
    rates = tables.tabulate_genes(
        markers, index, names, genes["counts"][:-1], genes["seen"][:-1], genes["n"][:-1], lot_names
    )
    result.uns["mscape"] = {
        "score_programs": {
            "missing": table[table["id"].isin(columns) & ~table["used"]].set_index("id")["reason"].to_dict(),
            "senescence_agreement": agreement_map(frames["z"], lots),
            "parameters": {key: value for key, value in settings.items() if value is not None},
        }
    }
    written = {
        "table": table,
        "summary": summary,
        "confounders": related,
        "lots": tables.summarise_programmes(result.obs, lots, cells, lots_found["z"]),
        "genes": rates,
    }
    for key, content in written.items():
        content.to_csv(getattr(output, key), sep="\t", index=False, float_format="%.6g")
    counts.write(result, output.h5ad)


if "snakemake" in globals():
    step.run(backend.steered(main), snakemake)
