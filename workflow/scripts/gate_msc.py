"""Judge each cell and each lot by the rates of the ISCT markers in its neighbourhood, and name what is no MSC."""

import logging
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
from anndata import AnnData

from mscape import (
    backend,
    counts,
    gate_calibrate,
    gate_calls,
    gate_groups,
    gate_intervals,
    gate_lots,
    gate_mixture,
    gate_panels,
    gate_pools,
    gate_posterior,
    gate_silent,
    step,
)

logger = logging.getLogger(__name__)
N_REFERENCE = 600  # genes, evenly spaced in the feature table, by which the variability of one population is judged
RULE_VERSION = "rate-gate 1.1"
NOT_OF_CELLS = ("panel", "panel_files", "calibrate_from", "resolution")  # settings that main uses itself


def gate_cells(
    adata: AnnData,
    features: gate_panels.Features,
    panel: gate_panels.Panel,
    lineages: list[gate_panels.Lineage],
    points: np.ndarray,
    clusters: np.ndarray,
    *,
    ambient_fraction: dict | None = None,
    membership=None,
    reference=None,
    min_probability: float = 0.9,
    max_neighbours: int = 300,
    min_neighbours: int = 8,
    exposure_positive: float = 20.0,
    exposure_negative: float = 12.0,
    exposure_lineage: float = 6.0,
    dispersion: float = 0.3,
    default_ambient: float = 0.05,
    min_depth: float = 1000,
    min_determinate: float = 0.5,
    hidden_min_mean_count: float = 3.0,
    max_hidden: float = 0.2,
    n_bootstrap: int = 400,
    seed: int = 0,
    threads: int = 1,
) -> SimpleNamespace:
    """Call the cells and judge the lots.

    Parameters
    ----------
    adata
        ``obs`` with ``sample_id lot_id total_counts`` and, where known, ``predicted_doublet``. Left as it is.
    features, panel, lineages
        What to judge by.
    points, clusters
        Embedding without gate and lineage genes (n_cells, n_dims) and clusters on it (n_cells,). Cells pool inside
        their cluster and lot, so that a lot's answer does not depend on which other lots are in the study.
    ambient_fraction
        Sample id -> ambient fraction or NaN.
    membership
        Share of each cell's graph neighbours in each cluster, sparse (n_cells, n_clusters).
    reference
        Counts of other genes, CSR (n_cells, n_genes), which tell how much the rates of one population vary.
    threads
        Of the neighbour search; no result depends on it.

    Returns
    -------
    ``calls`` (call, reason, identity), ``p`` (n_cells, n_features), ``table``, ``contaminants``, ``hidden``,
    ``evidence``, ``panel``.

    The other options are the keys of the config section ``gate``.
    """
    obs = adata.obs
    totals = np.maximum(obs["total_counts"].to_numpy(float), 1)
    lots, libraries = obs["lot_id"].astype(str).to_numpy(), obs["sample_id"].astype(str).to_numpy()
    groups = pd.factorize(pd.MultiIndex.from_arrays([lots, clusters]), sort=True)[0]
    rho = gate_groups.ambient_fractions(libraries, ambient_fraction or {}, default_ambient)
    ambient = gate_groups.ambient_rates(features, totals, libraries)
    thresholds = gate_posterior.background(features.tau, ambient, rho[:, None])
    pooling = {
        "max_neighbours": max_neighbours,
        "min_neighbours": min_neighbours,
        "exposure_positive": exposure_positive,
        "exposure_negative": exposure_negative,
        "exposure_lineage": exposure_lineage,
        "threads": threads,
    }
    pools, _ = gate_pools.pool(points, groups, totals, features, thresholds, **pooling)
    median = pd.Series(totals).groupby(lots).transform("median").to_numpy()
    doublet = obs["predicted_doublet"].to_numpy(bool) if "predicted_doublet" in obs else np.zeros(len(obs), bool)
    evidence = gate_calls.Evidence(
        panel=panel,
        lineages=lineages,
        features=features,
        totals=totals,
        pools=pools,
        rho=rho,
        ambient=ambient,
        dispersion=gate_posterior.dispersion_within(features, totals, groups, default=dispersion)[groups],
        doublet=doublet,
        deep_enough=median >= min_depth,
        lots=pd.factorize(lots)[0],
        clusters=clusters,
        membership=membership,
    )
    groups = gate_groups.regroup(
        evidence,
        points,
        groups,
        thresholds,
        min_probability=min_probability,
        dispersion=dispersion,
        **pooling,
    )
    calls, p = gate_calls.call_cells(evidence, min_probability=min_probability)
    lineage_fail = (calls["call"].eq("fail") & calls["reason"].str.startswith(("LINEAGE_", "NEG_"))).to_numpy()
    hidden, alive = gate_mixture.find_hidden_mixtures(
        evidence, lots, clusters, exclude=lineage_fail, min_mean_count=hidden_min_mean_count, seed=seed
    )
    if (hidden["finding"] == "hidden_mixture").any():
        evidence.alive = alive
        calls, p = gate_calls.call_cells(evidence, min_probability=min_probability)
    rows = []
    for lot in pd.unique(lots):
        cells = np.flatnonzero(lots == lot)
        found = hidden[(hidden["lot_id"] == lot) & (hidden["finding"] == "hidden_mixture")]
        rows += gate_lots.judge_lot(
            lot,
            cells,
            evidence,
            p,
            calls,
            *gate_intervals.blocks_of(points, groups, cells),
            hidden=set(found["gene"]),
            bounds=gate_silent.lot_bounds(cells[~lineage_fail[cells]], evidence, p, groups, reference),
            min_probability=min_probability,
            min_determinate=min_determinate,
            min_depth=min_depth,
            max_hidden=max_hidden,
            n_bootstrap=n_bootstrap,
            seed=seed,
        )
    table = pd.DataFrame(rows)[gate_lots.CRITERIA_COLUMNS]
    contaminants = gate_lots.contaminant_table(pd.Series(lots), calls)
    return SimpleNamespace(
        calls=calls, p=p, table=table, contaminants=contaminants, hidden=hidden, evidence=evidence, panel=panel
    )


def read_inputs(path: str, embedding_path: str) -> tuple[AnnData, AnnData]:
    """Read what the gate needs of the two stage files, and check that they hold the same cells."""
    cells, embedding = counts.read_light(path), counts.read_light(embedding_path)
    if not cells.obs_names.equals(embedding.obs_names):
        msg = f"{embedding_path} holds other cells than {path}; run embed_cells again."
        raise step.UserError(msg)
    return cells, embedding


def measured_genes(cells: AnnData, genes: list[str]) -> np.ndarray:
    """Is each gene in the feature table of each cell's sample? Shape (n_cells, n_genes)."""
    if "measured" not in cells.varm:
        return np.ones((cells.n_obs, len(genes)), bool)
    table = pd.DataFrame(cells.varm["measured"], index=cells.var_names)
    table = table.loc[genes].astype(bool)
    samples = cells.obs["sample_id"].astype(str)
    return table.T.reindex(samples.unique()).fillna(True).astype(bool).loc[samples].to_numpy()


def main(input, output, params):
    """Read counts and embedding, call the cells, write the stage file and three tables."""
    settings = params.settings
    cells, embedding = read_inputs(input.h5ad, input.embedding)
    panels, entries = gate_panels.read_markers(input.markers, settings["panel_files"])
    tissues = cells.obs["tissue"].astype(str).unique() if "tissue" in cells.obs else []
    organism, seed = params.organism, params.seed
    panel_id = gate_panels.choose_panel(
        panels, settings["panel"], organism=organism, culture=params.culture, tissues=tissues
    )
    panel = gate_panels.make_panel(panel_id, panels[panel_id])
    if panel.organism != organism:
        logger.warning("Panel %s is for %s, the data are %s: no verdict is given.", panel_id, panel.organism, organism)
        panel = replace(panel, verdict=False)
    lineages = gate_panels.make_lineages(entries, organism=organism)
    wanted = dict.fromkeys([*panel.thresholds, *(g for lineage in lineages for g in lineage.genes)])
    genes = [gene for gene in wanted if gene in cells.var_names]
    others = cells.var_names.difference(genes)
    others = others[:: max(1, len(others) // N_REFERENCE)]
    matrix = counts.read_genes(input.h5ad, [*genes, *others])
    matrix, reference = matrix[:, : len(genes)], matrix[:, len(genes) :].tocsr()
    measured = measured_genes(cells, genes)
    calibrated = {}
    if settings["calibrate_from"]:
        panel, calibrated = _calibrate(panel, settings["calibrate_from"], matrix, genes, measured, cells)
    features = gate_panels.make_features(panel, lineages, matrix, genes, measured)
    clusters = gate_groups.pool_clusters(embedding, resolution=settings["resolution"], seed=seed)
    stage = cells.uns.get("mscape", {}).get("merge_samples", {})
    options = {key: value for key, value in settings.items() if key not in NOT_OF_CELLS}
    result = gate_cells(
        cells,
        features,
        panel,
        lineages,
        np.asarray(embedding.obsm["X_pca"]),
        clusters,
        ambient_fraction=stage.get("ambient_fraction", {}),
        membership=gate_groups.cluster_shares(embedding.obsp["connectivities"], clusters),
        reference=reference,
        seed=seed,
        threads=params.threads,
        **options,
    )
    _write(result, output, cells, clusters, settings, calibrated)


def _calibrate(panel, calibrate_from, matrix, genes, measured, cells):
    """Replace the panel's thresholds by those of the control samples."""
    samples = cells.obs["sample_id"].astype(str).to_numpy()
    controls = np.isin(samples, [*calibrate_from.get("positive", []), *calibrate_from.get("negative", [])])
    columns = {g: matrix[:, [i]].toarray().ravel() for i, g in enumerate(genes) if measured[controls, i].all()}
    return gate_calibrate.calibrate(
        panel,
        {g: columns[g] for g in panel.thresholds if g in columns},
        cells.obs["total_counts"].to_numpy(float),
        samples,
        positive=calibrate_from.get("positive", []),
        negative=calibrate_from.get("negative", []),
    )


def _write(result, output, cells, clusters, settings, calibrated) -> None:
    panel, evidence = result.panel, result.evidence
    obs = pd.DataFrame(index=cells.obs_names)
    obs["isct_call"] = pd.Categorical(result.calls["call"], categories=list(gate_calls.CALLS))
    obs["isct_reason"] = pd.Categorical(result.calls["reason"])
    obs["isct_identity"] = pd.Categorical(result.calls["identity"])
    for gene in panel.thresholds:
        column = evidence.features.names.index(gene)
        obs[f"isct_p_{gene}"] = result.p[:, column]
        obs[f"isct_k_{gene}"] = evidence.pools.size[:, column].astype(np.int32)
        obs[f"isct_exposure_{gene}"] = evidence.pools.exposure[:, column]
    obs["isct_pool"] = pd.Categorical(clusters.astype(str))
    record = {
        "rule_version": RULE_VERSION,
        "panel": panel.id,
        "panel_title": panel.title,
        "panel_note": panel.note,
        "panel_basis": panel.basis,
        "panel_doi": panel.doi,
        "verdict": panel.verdict,
        "min_positive": panel.min_positive,
        "max_negative": panel.max_negative,
        "thresholds_cpm": panel.thresholds,
        "positive": panel.proteins,
        "negative": {name: ";".join(genes) for name, genes in panel.negative.items()},
        "thresholds_from": "control samples" if calibrated else "panel, uncalibrated against protein",
        "calibrated_cpm": calibrated,
        "parameters": {k: v for k, v in settings.items() if isinstance(v, (int, float, str)) and v is not None},
        "reasons": gate_calls.REASONS,
        "ambient_fraction": {str(s): float(r) for s, r in zip(cells.obs["sample_id"], evidence.rho, strict=True)},
        "hidden_mixture": int((result.hidden["finding"] == "hidden_mixture").sum()),
        "n_pools": int(clusters.max()) + 1,
    }
    counts.write(AnnData(obs=obs, uns={"mscape": {"gate_msc": record}}), output.h5ad)
    for name, table in (
        ("table", result.table),
        ("contaminants", result.contaminants),
        ("hidden", result.hidden),
    ):
        table.to_csv(getattr(output, name), sep="\t", index=False, float_format="%.6g")


if "snakemake" in globals():
    step.run(backend.steered(main), snakemake)
