"""The public verbs: functions on an AnnData with raw counts, as scanpy's.

Each verb prepares the counts in the same way (:func:`mscape.in_memory.counts_of`), calls the function that the
workflow's step calls, and writes what it found into the AnnData. Cells that quality control leaves out (``obs["qc"]``
other than ``pass``) take no part, as in the workflow; their columns stay empty.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from mscape import in_memory
from mscape.clustering.annotations import choose_labels
from mscape.clustering.cluster import cluster_dataset
from mscape.clustering.options import ClusterOptions
from mscape.comparison.compare import compare_lots
from mscape.comparison.composition import count_shares
from mscape.comparison.options import CompareOptions
from mscape.data import counts
from mscape.data.tables import TABLES
from mscape.embedding.embed import embed_dataset
from mscape.embedding.options import EmbedOptions
from mscape.embedding.umap import compute_umap
from mscape.errors import UserError
from mscape.gating.certificate import Gated, certify_dataset
from mscape.gating.gate import gate_dataset
from mscape.gating.options import GateOptions
from mscape.gating.scope import analyzed_cells
from mscape.genes.registry import load_markers
from mscape.passports.document import gather_evidence, judge_lots
from mscape.passports.options import PassportOptions
from mscape.passports.passport import find_limits
from mscape.passports.reference_rules import relate_scores
from mscape.quality.merge import account
from mscape.quality.options import QcOptions
from mscape.quality.qc import qc_sample
from mscape.reference.verbs import judge as judge_reference
from mscape.scoring.dataset import score_signatures
from mscape.scoring.options import ScoreOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from anndata import AnnData

    from mscape.passports.rules import LotEvidence
    from mscape.reference.folder import Reference


def read(path: str | Path, *, organism: str = "human", genome: str = "", member: str = "", cells: str = "") -> AnnData:
    """Read raw counts of one sample from a file or folder of any known maker.

    Parameters
    ----------
    path
        10x folder or h5, h5ad, loom, zarr, Matrix Market, a table as text or parquet, or an archive of one of them.
    organism
        Species of the cells: ``human``, ``mouse`` or ``other``.
    genome, member, cells
        Which genome, which matrix of a folder or archive, and which barcodes, where there are several.

    Returns
    -------
    Raw integer counts as CSR in ``X``, one row a barcode, one column a gene by its current symbol; ``var["gene_id"]``;
    what was read and left out in ``uns["mscape"]["load_counts"]``.

    Raises
    ------
    mscape.errors.UserError
        If there are no readable counts: what was found and what to do.
    """
    from mscape.io.read import read_counts

    return read_counts(path, organism=organism, genome=genome, member=member, cells=cells)


def qc(
    adata: AnnData,
    *,
    organism: str = "human",
    sample_key: str = "sample_id",
    layer: str | None = None,
    options: QcOptions | None = None,
    seed: int = 0,
) -> None:
    """Measure the quality of each cell and mark those outside of their sample's limits; none is dropped.

    Parameters
    ----------
    adata
        Raw counts.
    organism
        Species of the cells.
    sample_key
        Column of ``obs`` with the sample; all cells are one sample where there is no such column.
    layer
        Layer with the raw counts; found if not given (:func:`mscape.in_memory.counts_of`).
    options
        Settings (config section ``qc``).
    seed
        Of the simulated doublets.

    Sets
    ----
    obs["total_counts"], obs["n_genes_by_counts"], obs["pct_counts_mt"]
        As scanpy defines them.
    obs["doublet_score"], obs["predicted_doublet"], obs["low_quality_group"]
        Score and call of simulated doublets; groups of probably dying cells.
    obs["qc"]
        ``pass`` or the first reason against.
    uns["mscape"]["qc"]
        Limits, ambient fraction, doublets, sex, cells of the other sex and notes of each sample; ``accounting``, one
        row a sample.

    Raises
    ------
    mscape.errors.UserError
        If ``adata`` holds no raw counts.
    """
    source = in_memory.counts_of(adata, layer=layer, sample_key=sample_key, organism=organism, passing=False)
    samples = source.obs["sample_id"].astype(str)
    found, summaries = [], {}
    for sample in samples.unique():
        cells, summaries[sample] = qc_sample(
            source[(samples == sample).to_numpy()].copy(),
            options or QcOptions(),
            organism=organism,
            stated_sex=str(source.obs.get("sex", pd.Series(["unknown"])).iloc[0]),
            seed=seed,
        )
        found.append(cells)
    table = pd.concat(found).loc[adata.obs_names]
    for column in table:
        adata.obs[column] = table[column].astype("category") if column == "qc" else table[column]
    rows = source.obs.groupby("sample_id", observed=True).first().assign(sample_id=lambda x: x.index)
    accounting = account(dict(zip(samples.unique(), found, strict=True)), rows.to_dict("index"))
    in_memory.note(adata, "qc", {"samples": summaries, "accounting": accounting})


def embed(
    adata: AnnData,
    *,
    organism: str = "human",
    sample_key: str = "sample_id",
    layer: str | None = None,
    options: EmbedOptions | None = None,
    key_added: str = "X_pca",
    umap: bool = False,
    seed: int = 0,
    threads: int = 1,
) -> None:
    """Embed all cells without the genes that the gate judges by: what the gate pools neighbors on.

    Parameters
    ----------
    adata
        Raw counts.
    organism, sample_key, layer, seed
        As of :func:`qc`.
    options
        Settings (config section ``embed``).
    key_added
        Slot of ``obsm`` for the components.
    umap
        Whether ``obsm["X_umap"]`` is computed too.
    threads
        Of the neighbor search; no result depends on it.

    Sets
    ----
    obsm["X_pca"]
        Principal components; NaN for cells that quality control leaves out.
    obsp["distances"], obsp["connectivities"], uns["neighbors"]
        The neighbor graph, as scanpy's.
    uns["mscape"]["embed"]
        What was done and why.

    Raises
    ------
    mscape.errors.UserError
        If ``adata`` holds no raw counts, or fewer than three genes vary.
    """
    source = in_memory.counts_of(adata, layer=layer, sample_key=sample_key, organism=organism)
    options = options or EmbedOptions()
    light = embed_dataset(source, options, markers=load_markers(), organism=organism, seed=seed, threads=threads)
    in_memory.put_obsm(adata, light, "X_pca", key_added)
    for key in ("distances", "connectivities"):
        adata.obsp[key] = in_memory.expand_graph(adata, light, key)
    adata.uns["neighbors"] = light.uns["neighbors"]
    if umap:
        light.obsm["X_umap"] = compute_umap(
            light, max_map_cells=options.max_map_cells, umap_epochs=options.umap_epochs, seed=seed, threads=threads
        )
        in_memory.put_obsm(adata, light, "X_umap", "X_umap")
    in_memory.note(adata, "embed", light.uns["mscape"]["embed_cells"] | {"key_added": key_added})


def gate(
    adata: AnnData,
    *,
    panel: str = "auto",
    organism: str = "human",
    culture: str = "unknown",
    lot_key: str = "lot_id",
    sample_key: str = "sample_id",
    layer: str | None = None,
    use_rep: str | None = None,
    options: GateOptions | None = None,
    seed: int = 0,
    threads: int = 1,
    copy: bool = False,
) -> AnnData | None:
    """Call each cell against the ISCT markers by the rates of its neighborhood, and judge each lot.

    The answer is transcript-level concordance with the ISCT phenotype (Dominici 2006, doi:10.1080/14653240600855905).

    Parameters
    ----------
    adata
        Raw counts.
    panel
        Panel of the registry; ``auto`` chooses by organism, culture and tissue.
    organism, culture
        Species of the cells; ``expanded``, ``fresh`` or ``unknown``.
    lot_key, sample_key
        Columns of ``obs`` with lot and sample; all cells are one where there is no such column.
    layer
        Layer with the raw counts; found if not given.
    use_rep
        Embedding in ``obsm`` to pool neighbors on, with ``obsp["connectivities"]`` of it. Without it the one of
        :func:`embed` is used, and computed where it is missing. It must not contain the markers themselves.
    options
        Settings (config section ``gate``); its ``panel`` gives way to ``panel``.
    seed
        Of clusters, bootstrap and tests.
    threads
        Of the neighbor search; no result depends on it.
    copy
        Return a copy and leave ``adata`` as it is.

    Returns
    -------
    None, or the copy.

    Sets
    ----
    obs["isct_call"], obs["isct_reason"], obs["isct_identity"], obs["isct_p_<GENE>"]
        ``pass``, ``fail`` or ``indeterminate``; the reason code (:func:`mscape.explain`); a name; the probability that
        the gene's rate is above its threshold.
    obsm["isct_pool_size"], obsm["isct_exposure"]
        Cells pooled for each marker, and the counts of all genes that they hold; DataFrames, one column a marker.
    uns["mscape"]["gate"]
        ``table`` (criteria of each lot), ``contaminants``, ``hidden``, ``flow_agreement`` (where ``obs`` has columns
        ``flow_<marker>``), and the panel, thresholds and ``params``.

    Raises
    ------
    mscape.errors.UserError
        If there are no raw counts, or the panel is not known.
    """
    if copy:
        adata = adata.copy()
    options = replace(options or GateOptions(), panel=panel) if panel != "auto" else options or GateOptions()
    if use_rep is None and "embed" not in adata.uns.get("mscape", {}):
        embed(adata, organism=organism, sample_key=sample_key, layer=layer, seed=seed, threads=threads)
    source = in_memory.counts_of(adata, layer=layer, sample_key=sample_key, lot_key=lot_key, organism=organism)
    rep = use_rep or str(adata.uns["mscape"]["embed"]["key_added"])
    embedding = in_memory.embedding_of(adata, source, rep)
    summaries = adata.uns["mscape"].get("qc", {}).get("samples", {})
    result = gate_dataset(
        source,
        embedding,
        partial(counts.read_genes, source),
        options=options,
        organism=organism,
        culture=culture,
        ambient_fraction={sample: one["ambient_fraction"] for sample, one in summaries.items()},
        seed=seed,
        threads=threads,
    )
    in_memory.put_obs(adata, result.obs(source.obs_names))
    for key, frame in result.obsm(source.obs_names).items():
        adata.obsm[key] = frame.reindex(adata.obs_names)
    record = result.record(source.obs["sample_id"]) | {
        "table": result.table,
        "contaminants": result.contaminants,
        "hidden": result.hidden,
        "flow_agreement": result.flow_agreement,
        "params": {
            "organism": organism,
            "culture": culture,
            "lot_key": lot_key,
            "sample_key": sample_key,
            "use_rep": rep,
            "seed": seed,
        },
    }
    in_memory.note(adata, "gate", record)
    return adata if copy else None


def certify(
    adata: AnnData, *, layer: str | None = None, options: GateOptions | None = None, seed: int = 0
) -> pd.DataFrame:
    """Say with how few of its cells and counts a lot's verdict is the same, by copies of it that are judged again.

    Only a phenotype that is met or failed is tried. The answer is about fewer cells and counts than were measured.

    Parameters
    ----------
    adata
        Raw counts, gated (:func:`gate`) on the embedding of :func:`embed`.
    layer
        As of :func:`gate`.
    options
        Settings of the gate, as they were given to it.
    seed
        Of the draws.

    Returns
    -------
    One row a lot and size of copies: ``lot_id verdict n_cells median_counts repeats kept held meets inconclusive fails
    not_assessable``; ``held``: all copies of this size and of each larger one have the lot's verdict.

    Sets
    ----
    uns["mscape"]["certify"]
        The same table, which :func:`passport` reads.

    Raises
    ------
    mscape.errors.UserError
        If the cells were not gated, or pooled on another embedding than that of :func:`embed`.
    """
    in_memory.calls_of(adata)
    done, given = adata.uns["mscape"], adata.uns["mscape"]["gate"]["params"]
    if given["use_rep"] != done.get("embed", {}).get("key_added"):
        msg = f"the cells were pooled on obsm[{given['use_rep']!r}]; smaller copies need mscape.embed(adata)."
        raise UserError(msg)
    keys = {key: given[key] for key in ("organism", "lot_key", "sample_key")}
    source = in_memory.counts_of(adata, layer=layer, **keys)
    embedding = in_memory.embedding_of(adata, source, given["use_rep"])
    embedding.uns = {"neighbors": adata.uns["neighbors"], "mscape": {"embed_cells": done["embed"]}}
    samples = done.get("qc", {}).get("samples", {})
    gated = Gated.of(
        done["gate"]["table"],
        done["gate"],
        embedding,
        options=options or GateOptions(panel=str(done["gate"]["panel"])),
        ambient_fraction={sample: one["ambient_fraction"] for sample, one in samples.items()},
    )
    table = certify_dataset(source, source, gated, organism=given["organism"], culture=given["culture"], seed=seed)
    in_memory.note(adata, "certify", table)
    return table


def cluster(
    adata: AnnData,
    *,
    organism: str = "human",
    sample_key: str = "sample_id",
    layer: str | None = None,
    labels: str | None = None,
    key_added: str = "leiden",
    embed_options: EmbedOptions | None = None,
    options: ClusterOptions | None = None,
    seed: int = 0,
    threads: int = 1,
) -> None:
    """Cluster the MSC at the resolution that resampling supports, on an embedding of their own.

    Parameters
    ----------
    adata
        Raw counts, gated (:func:`gate`).
    organism, sample_key, layer, seed, threads
        As of :func:`embed`.
    labels
        Column of ``obs`` with labels of your own that take the place of clusters; their stability is not measured, and
        cells without a label are in none.
    key_added
        Column of ``obs`` for the clusters.
    embed_options, options
        Settings (config sections ``embed`` and ``cluster``); ``options.labels`` gives way to ``labels``.

    Sets
    ----
    obs["leiden"], obs["leiden_stable"], obs["dpt_pseudotime"]
        Cluster (or label), whether resampling finds it again (not for labels), and pseudotime; missing for cells that
        are not clustered.
    obsm["X_pca_msc"]
        Components of the clustered cells; NaN for the others.
    uns["mscape"]["cluster"]
        ``stability``, ``resolutions``, ``paga``, ``heterogeneity``, and what was done.

    Raises
    ------
    mscape.errors.UserError
        If the cells were not gated, there is no such column, or no clustered cell has a label.
    """
    in_memory.calls_of(adata)
    source = in_memory.counts_of(adata, layer=layer, sample_key=sample_key, organism=organism)
    options, markers = options or ClusterOptions(), load_markers()
    options = replace(options, labels=labels) if labels is not None else options
    own = None if options.labels is None else choose_labels(adata.obs, options.labels, where="adata.obs")
    chosen = analyzed_cells(adata.obs.loc[source.obs_names, ["isct_call", "isct_reason"]])
    light = embed_dataset(
        source,
        embed_options or EmbedOptions(),
        chosen=chosen,
        cells=options.cells,
        min_cells=options.min_cells,
        markers=markers,
        organism=organism,
        seed=seed,
        threads=threads,
    )
    found = cluster_dataset(source, light, options, markers=markers, organism=organism, labels=own, seed=seed)
    in_memory.put_obs(adata, found.cells.obs.rename(columns={"leiden": key_added}))
    in_memory.put_obsm(adata, light, "X_pca", "X_pca_msc")
    tables = {name: getattr(found, name) for name in ("stability", "resolutions", "paga", "heterogeneity")}
    in_memory.note(adata, "cluster", found.cells.uns["mscape"]["cluster_cells"] | tables | {"key_added": key_added})


def score(
    adata: AnnData,
    *,
    organism: str = "human",
    lot_key: str = "lot_id",
    sample_key: str = "sample_id",
    layer: str | None = None,
    options: ScoreOptions | None = None,
    seed: int = 0,
) -> None:
    """Score each signature in each cell, calibrated against random gene sets like it.

    Parameters
    ----------
    adata
        Raw counts, gated (:func:`gate`): the MSC of each lot are the reference of its scores.
    organism, lot_key, sample_key, layer, seed
        As of :func:`gate`.
    options
        Settings (config section ``score``).

    Sets
    ----
    obsm["score_matched"], obsm["score_rank"], obsm["score_scanpy"], obsm["score_z"], obsm["score_p"]
        Scores of three methods, calibrated z and p; DataFrames, one column a signature.
    obs["phase"]
        Cell-cycle phase.
    uns["mscape"]["score"]
        Tables: ``table`` of the signatures, ``summary`` and states of ``lots``, ``confounders``, ``genes``, and
        ``priming`` of lots where ``obs`` has such a column.

    Raises
    ------
    mscape.errors.UserError
        If the cells were not gated, or quality control did not measure them.
    """
    calls = in_memory.calls_of(adata)
    in_memory.need_measured(adata, "score")
    source = in_memory.counts_of(adata, layer=layer, sample_key=sample_key, lot_key=lot_key, organism=organism)
    options = options or ScoreOptions()
    found = score_signatures(
        source,
        calls.reindex(source.obs_names),
        options,
        markers=load_markers(extra=options.signature_files),
        organism=organism,
        seed=seed,
    )
    in_memory.put_obs(adata, found.cells.obs)
    for key, frame in found.cells.obsm.items():
        adata.obsm[key] = frame.reindex(adata.obs_names)
    in_memory.note(adata, "score", found.cells.uns["mscape"]["score_signatures"] | found.tables)


def compare(
    adata: AnnData,
    *,
    organism: str = "human",
    lot_key: str = "lot_id",
    sample_key: str = "sample_id",
    layer: str | None = None,
    options: CompareOptions | None = None,
) -> pd.DataFrame:
    """Compare lots in scores, genes and cluster shares, with the donor as the unit.

    Parameters
    ----------
    adata
        Raw counts, clustered and scored; ``obs`` with ``donor_id`` and the factors, such as ``condition``.
    organism, lot_key, sample_key, layer
        As of :func:`gate`.
    options
        Settings (config section ``compare``).

    Returns
    -------
    One row a contrast and feature: ``contrast kind feature estimate low high n_reference n_other pvalue pvalue_adj
    note statistic unit``.

    Sets
    ----
    uns["mscape"]["compare"]
        The same table as ``contrasts``, and ``composition``.

    Raises
    ------
    mscape.errors.UserError
        If the cells were not clustered and scored.
    """
    done = adata.uns.get("mscape", {})
    missing = [name for name in ("cluster", "score") if name not in done]
    if missing:
        msg = f"mscape.compare needs {' and '.join(f'mscape.{name}(adata)' for name in missing)} first."
        raise UserError(msg)
    source = in_memory.counts_of(adata, layer=layer, sample_key=sample_key, lot_key=lot_key, organism=organism)
    options = options or CompareOptions()
    leiden = adata.obs[[str(done["cluster"]["key_added"])]].set_axis(["leiden"], axis=1).dropna()
    found = compare_lots(source, leiden, adata.obsm[f"score_{options.score}"], in_memory.calls_of(adata), options)
    in_memory.note(adata, "compare", {"contrasts": found.contrasts, "composition": found.composition})
    return found.contrasts


def passport(
    adata: AnnData,
    *,
    reference: str | Path | Reference | None = None,
    options: PassportOptions | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Judge each lot: a verdict, value, interval, reason and next action per attribute.

    What was not computed is NOT ASSESSABLE.

    Parameters
    ----------
    adata
        Measured by :func:`qc` and gated; attributes of clusters and scores need :func:`cluster` and :func:`score`.
    reference
        Reference of lots (:func:`mscape.reference.build`) that the lots are placed in: their programmes are then
        relative to its lots, and not to those of ``adata``.
    options
        Settings (config section ``passport``).
    seed
        Of the thinning to one depth, with a reference.

    Returns
    -------
    One row a lot and attribute: ``lot_id attribute title verdict value low high unit n reason next_action weight``;
    the first row of a lot is its ``verdict``.

    Sets
    ----
    uns["mscape"]["passport"]
        The records of the lots as JSON, in the form of ``passports.json``.

    Raises
    ------
    mscape.errors.UserError
        If the cells were not gated, quality control did not measure them, or the reference is none or damaged.
    """
    in_memory.calls_of(adata)
    in_memory.need_measured(adata, "passport")
    placed = None if reference is None else _place(adata, reference, seed=seed)
    records = judge_lots(_evidence(adata, placed), options or PassportOptions())
    in_memory.note(adata, "passport", json.dumps(records))
    return _attributes(records)


NOT_RUN = ("stability", "composition", "signature_scores", "signatures", "priming")  # tables that may not be there


def _place(adata: AnnData, reference: str | Path | Reference, *, seed: int) -> dict[str, pd.DataFrame]:
    """Place the lots in a reference, as they were gated."""
    given = adata.uns["mscape"]["gate"]["params"]
    keys = {key: given[key] for key in ("organism", "lot_key", "sample_key")}
    return judge_reference(adata, reference, **keys, seed=seed)


def _evidence(adata: AnnData, placed: Mapping[str, pd.DataFrame] | None = None) -> Iterator[LotEvidence]:
    """Gather what the verbs found about each lot, and its place in a reference."""
    done = adata.uns["mscape"]
    gate_record, qc_record = done["gate"], done.get("qc", {})
    params = gate_record["params"]
    lot_key, sample_key = params["lot_key"], params["sample_key"]
    cells = in_memory.metadata(adata.obs, sample_key, lot_key)
    if "qc" in adata.obs:
        cells = cells[(adata.obs["qc"] == "pass").to_numpy()]
    samples = cells["sample_id"].astype(str)
    tables = {name: pd.DataFrame(columns=[one.name for one in TABLES[name].columns]) for name in NOT_RUN}
    tables |= {
        "gate": gate_record["table"],
        "contaminants": gate_record["contaminants"],
        "hidden_mixture": gate_record["hidden"],
        "flow_agreement": gate_record["flow_agreement"],
    }
    if "certify" in done:
        tables["certificate"] = done["certify"]
    if qc_record:
        lots = cells.groupby("sample_id", observed=True)["lot_id"].first().astype(str)
        tables["accounting"] = qc_record["accounting"].assign(lot_id=lambda x: x["sample_id"].map(lots))
    else:
        size = samples.value_counts(sort=False)
        lots = cells.groupby(samples, observed=True)["lot_id"].first().astype(str)
        tables["accounting"] = pd.DataFrame(
            {"sample_id": size.index, "lot_id": lots[size.index].to_numpy(), "loaded": size.to_numpy()}
        )
    if "cluster" in done:
        leiden = adata.obs.loc[cells.index, str(done["cluster"]["key_added"])]
        clustered = leiden.notna()
        tables["composition"] = count_shares(cells["lot_id"][clustered].astype(str), leiden[clustered].astype(str))
        tables["stability"] = done["cluster"]["stability"]
    if "score" in done:
        tables["signature_scores"] = done["score"]["summary"]
        tables["signatures"] = done["score"]["table"]
        tables["priming"] = done["score"]["priming"]
        if placed:
            tables["signature_scores"] = relate_scores(tables["signature_scores"], placed["reference_signatures"])
    whole = in_memory.metadata(adata.obs, sample_key, lot_key)  # doublets that were taken out were scored, too
    of = whole["sample_id"].astype(str)
    looked_at = "doublet_score" in whole and "predicted_doublet" in whole
    scored = whole["doublet_score"].notna() if looked_at else pd.Series(data=False, index=whole.index)
    doubtful = whole["predicted_doublet"].astype(bool) if looked_at else scored
    return gather_evidence(
        tables,
        cells,
        scored=scored.groupby(of).sum().to_dict(),
        doublets=doubtful.groupby(of).sum().to_dict(),
        ambient={sample: one["ambient_fraction"] for sample, one in qc_record.get("samples", {}).items()},
        limits=find_limits(gate_record),
        places=placed["reference_lots"].set_index("lot_id").to_dict("index") if placed else None,
        organism=params["organism"],
        culture=params["culture"],
        quality=qc_record.get("samples", {}),
    )


def _attributes(records: list[dict]) -> pd.DataFrame:
    """One row a lot and attribute, the lot's verdict first."""
    columns = ["title", "verdict", "value", "low", "high", "unit", "n", "reason", "next_action", "weight"]
    rows = []
    for record in records:
        whole = {"title": "Verdict", "verdict": record["verdict"], "reason": record["verdict_reason"]}
        rows.append({"lot_id": record["lot_id"], "attribute": "verdict", **whole})
        for attribute in record["attributes"]:
            own = {column: attribute[column] for column in columns}
            rows.append({"lot_id": record["lot_id"], "attribute": attribute["name"], **own})
    return pd.DataFrame(rows, columns=["lot_id", "attribute", *columns])
