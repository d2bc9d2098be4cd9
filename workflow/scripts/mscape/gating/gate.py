"""Call cells against the ISCT markers by the rates of their neighborhoods, and judge each lot."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from mscape.gating import (
    calibration,
    chemistry_basis,
    flow_calibration,
    hidden_subset_test,
    intervals,
    lane_ambient,
    pool_groups,
    posterior,
    resolution,
)
from mscape.gating.calls import CALLS, Evidence, call_at, call_cells, probabilities
from mscape.gating.contaminants import contaminant_table
from mscape.gating.flow_values import flow_markers, read_flow
from mscape.gating.gate_genes import OtherGenes, ask_genes, measured_genes
from mscape.gating.lots import (
    CRITERIA_COLUMNS,
    Called,
    LotShares,
    draw_sides,
    fill_needed,
    judge_lot,
    judge_unexplained,
    settle_phenotype,
)
from mscape.gating.options import GateOptions
from mscape.gating.panels import (
    POSITIVE,
    Features,
    Lineage,
    Panel,
    make_features,
)
from mscape.gating.pooling import pool
from mscape.genes.registry import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import scipy.sparse as sp
    from anndata import AnnData

    from mscape.gating.flow_calibration import FlowThreshold
    from mscape.gating.lane_ambient import LaneAmbient
    from mscape.gating.resolution import GeneLimit

logger = logging.getLogger(__name__)

RULE_VERSION = "rate-gate 1.1"
OWN_AMBIENT_SWEEP = (0.2, 2.0)  # multiples of the lot's own ambient fraction at which a call must not change


@dataclass(frozen=True)
class GateResult:
    """What the gate found.

    Attributes
    ----------
    calls
        Columns ``call`` (pass, fail, indeterminate), ``reason`` and ``identity``, one row a cell.
    p
        Probability that each feature's rate is above its threshold, shape (n_cells, n_features).
    table, contaminants, hidden
        Criteria of each lot, what it holds besides MSC-like cells, tests for hidden subsets.
    evidence, panel
        What the calls are made from.
    clusters
        Clusters inside which cells were pooled, shape (n_cells,).
    options
        Settings.
    lane
        Ambient RNA that other lots of a lane may have given to each lot (:mod:`mscape.gating.lane_ambient`).
    limits
        What the counts of single cells allow, by lot and gene.
    calibrated
        Thresholds that control samples set, CPM by gene.
    flow_fits
        What flow cytometry of the lots says about the threshold of each marker that it was given for.
    flow_agreement
        Shares by RNA beside flow cytometry, columns ``flow_calibration.AGREEMENT_COLUMNS``.
    """

    calls: pd.DataFrame
    p: np.ndarray
    table: pd.DataFrame
    contaminants: pd.DataFrame
    hidden: pd.DataFrame
    evidence: Evidence
    panel: Panel
    clusters: np.ndarray
    options: GateOptions
    lane: pd.DataFrame
    limits: Mapping[str, Mapping[str, GeneLimit]]
    calibrated: dict[str, float] = field(default_factory=dict)
    flow_fits: tuple[FlowThreshold, ...] = ()
    flow_agreement: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=flow_calibration.AGREEMENT_COLUMNS)
    )

    @property
    def thresholds_from(self) -> str:
        """What the thresholds rest on, in words."""
        panel = "panel, uncalibrated against protein"
        if self.calibrated:
            return "control samples"
        by_flow = [f"{fit.criterion} by {fit.basis}" for fit in self.flow_fits if not fit.reason]
        return f"{', '.join(by_flow)}; the others: {panel}" if by_flow else panel

    def obs(self, index: pd.Index) -> pd.DataFrame:
        """Give the columns of ``obs``: call, reason, identity, and the probability of each marker."""
        evidence = self.evidence
        obs = pd.DataFrame(index=index)
        obs["isct_call"] = pd.Categorical(self.calls["call"], categories=list(CALLS))
        obs["isct_reason"] = pd.Categorical(self.calls["reason"])
        obs["isct_identity"] = pd.Categorical(self.calls["identity"])
        for gene in self.panel.thresholds:
            column = evidence.features.names.index(gene)
            obs[f"isct_p_{gene}"] = self.p[:, column]
        obs["isct_pool"] = pd.Categorical(self.clusters.astype(str))
        return obs

    def obsm(self, index: pd.Index) -> dict[str, pd.DataFrame]:
        """Give for each cell and marker how many cells were pooled, and the counts that the pool holds in all."""
        evidence, genes = self.evidence, list(self.panel.thresholds)
        columns = evidence.features.columns(genes)
        return {
            "isct_pool_size": pd.DataFrame(evidence.pools.size[:, columns].astype(np.int32), index, genes),
            "isct_exposure": pd.DataFrame(evidence.pools.exposure[:, columns], index, genes),
        }

    def record(self, samples: pd.Series) -> dict:
        """Give what was judged by, for ``uns``; ``samples`` is the sample of each cell."""
        panel = self.panel
        settings = vars(self.options)
        lane = {} if self.lane.empty else {"lane_ambient": self.lane.reset_index(drop=True).rename(index=str)}
        fits = pd.DataFrame([vars(fit) | {"lots": ";".join(fit.lots)} for fit in self.flow_fits]).rename(index=str)
        flow = {} if fits.empty else {"flow_calibration": fits}
        return (
            lane
            | flow
            | {
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
                "thresholds_from": self.thresholds_from,
                "calibrated_cpm": self.calibrated,
                "parameters": {k: v for k, v in settings.items() if isinstance(v, (int, float, str)) and v is not None},
                "ambient_fraction": {str(s): float(r) for s, r in zip(samples, self.evidence.rho, strict=True)},
                "hidden_mixture": int((self.hidden["finding"] == "hidden_mixture").sum()),
                "n_pools": int(self.clusters.max()) + 1,
            }
        )


def gate_dataset(
    cells: AnnData,
    embedding: AnnData,
    read_genes: Callable[[list[str]], sp.csc_matrix],
    *,
    markers: str | Path = REGISTRY,
    options: GateOptions | None = None,
    organism: str = "human",
    culture: str = "unknown",
    ambient_fraction: dict | None = None,
    seed: int = 0,
    threads: int = 1,
) -> GateResult:
    """Choose the panel, read its genes, call the cells and judge the lots.

    Parameters
    ----------
    cells
        ``obs`` with ``sample_id lot_id total_counts`` and, where known, ``tissue predicted_doublet``; ``var_names``;
        ``varm["measured"]`` where samples differ in their genes. Counts are not read from it.
    embedding
        The same cells: ``obsm["X_pca"]`` and ``obsp["connectivities"]`` without gate and lineage genes.
    read_genes
        Gives the counts of genes by name, shape (n_cells, n_genes).
    markers
        Registry of panels and lineages.
    options
        Settings of the gate; the defaults if not given.
    organism, culture
        Species of the cells; ``expanded``, ``fresh`` or ``unknown``.
    ambient_fraction
        Sample id -> ambient fraction or NaN.
    seed, threads
        Of clusters, bootstrap and tests; of the neighbour search, on which no result depends.

    Raises
    ------
    mscape.errors.UserError
        If the panel or a file of panels is not usable.
    """
    options = options or GateOptions()
    asked = ask_genes(cells, markers, options, organism=organism, culture=culture)
    panel, lineages, genes = asked.panel, asked.lineages, asked.genes
    matrix, *others = asked.part(read_genes(asked.names))
    measured = measured_genes(cells, genes)
    calibrated = {}
    if options.calibrate_from:
        panel, calibrated = calibrate_panel(
            panel, options.calibrate_from, cells, matrix=matrix, genes=genes, measured=measured
        )
    clusters = pool_groups.pool_clusters(embedding, resolution=options.resolution, seed=seed)
    features = make_features(panel, lineages, matrix, genes, measured)
    fits: tuple[FlowThreshold, ...] = ()
    if flow_markers(cells.obs):
        fits = flow_calibration.fit_flow(
            cells.obs,
            features,
            panel,
            np.asarray(embedding.obsm["X_pca"]),
            clusters,
            options=options,
            ambient_fraction=ambient_fraction or {},
            seed=seed,
        )
        by_flow = {} if calibrated else {fit.gene: fit.cpm for fit in fits if not fit.reason}
        panel = calibration.set_thresholds(panel, by_flow)
        features = make_features(panel, lineages, matrix, genes, measured)
    result = gate_cells(
        cells,
        features,
        panel,
        lineages,
        Neighborhoods(
            np.asarray(embedding.obsm["X_pca"]),
            clusters,
            pool_groups.cluster_shares(embedding.obsp["connectivities"], clusters),
        ),
        options=options,
        ambient_fraction=ambient_fraction,
        other_genes=OtherGenes(*others),
        seed=seed,
        threads=threads,
    )
    table = fill_needed(result.table, result.limits, options.max_hidden)
    result = replace(result, table=table, calibrated=calibrated, flow_fits=fits)
    if not fits:
        return result
    donors = cells.obs.assign(lot_id=cells.obs["lot_id"].astype(str)).groupby("lot_id")["donor_id"].first().astype(str)
    agreement = flow_calibration.agreement_table(result.table, read_flow(cells.obs), donors, fits)
    return replace(result, flow_agreement=agreement.assign(basis="control samples") if calibrated else agreement)


class Neighborhoods(NamedTuple):
    """Where cells may pool: inside their cluster and lot, so that no lot lends its cells to another.

    Attributes
    ----------
    points
        Embedding without gate and lineage genes, shape (n_cells, n_dims).
    clusters
        Cluster of each cell on it, shape (n_cells,).
    membership
        Share of each cell's graph neighbours in each cluster, sparse (n_cells, n_clusters).
    """

    points: np.ndarray
    clusters: np.ndarray
    membership: sp.csr_matrix | None = None


def gate_cells(
    adata: AnnData,
    features: Features,
    panel: Panel,
    lineages: list[Lineage],
    neighborhoods: Neighborhoods,
    *,
    options: GateOptions | None = None,
    ambient_fraction: dict | None = None,
    other_genes: OtherGenes | None = None,
    seed: int = 0,
    threads: int = 1,
) -> GateResult:
    """Call the cells and judge the lots.

    Parameters
    ----------
    adata
        ``obs`` with ``sample_id lot_id total_counts`` and, where known, ``predicted_doublet``. Left as it is.
    features, panel, lineages
        What to judge by.
    neighborhoods
        Where cells may pool. Other lots of a lane matter only by the ambient RNA that they may give.
    ambient_fraction
        Sample id -> ambient fraction or NaN.
    other_genes
        Counts of genes that are no markers; without them neither the spread of a population's rates nor the ambient
        RNA of other lots is estimated.
    options
        Settings of the gate; the defaults if not given.
    seed
        Of the bootstrap and of the tests for hidden subsets.
    threads
        Of the neighbour search; no result depends on it.
    """
    options = options or GateOptions()
    points, clusters, membership = neighborhoods
    reference, tracers, lane = other_genes or OtherGenes()
    obs = adata.obs
    totals = np.maximum(obs["total_counts"].to_numpy(float), 1)
    lots, libraries = obs["lot_id"].astype(str).to_numpy(), obs["sample_id"].astype(str).to_numpy()
    groups = pd.factorize(pd.MultiIndex.from_arrays([lots, clusters]), sort=True)[0]
    rho = pool_groups.ambient_fractions(libraries, ambient_fraction or {}, options.default_ambient)
    ambient = pool_groups.ambient_rates(features, totals, libraries)
    without_basis = np.zeros(len(obs), bool)
    if not options.calibrate_from:
        without_basis = chemistry_basis.lacks_basis(obs)
    lane = lane or lane_ambient.estimate(obs, totals, tracers, features, rho[:, None] * ambient)
    own = rho, ambient
    at_once, _, added = lane.at("center", *own, totals)
    thresholds = posterior.background(features.tau, 0.0, at_once[:, None]) + added
    pools, _ = pool(points, groups, totals, features, thresholds, options=options, threads=threads)
    median = pd.Series(totals).groupby(lots).transform("median").to_numpy()
    doublet = obs["predicted_doublet"].to_numpy(bool) if "predicted_doublet" in obs else np.zeros(len(obs), bool)
    rho, ambient, added = lane.at("center", *own, totals, pools)
    evidence = Evidence(
        panel=panel,
        lineages=lineages,
        features=features,
        totals=totals,
        pools=pools,
        rho=rho,
        ambient=ambient,
        added=added,
        dispersion=posterior.dispersion_within(features, totals, groups, added=added, default=options.dispersion)[
            groups
        ],
        doublet=doublet,
        deep_enough=median >= options.min_depth,
        lots=pd.factorize(lots)[0],
        clusters=clusters,
        membership=membership,
    )
    evidence, groups = pool_groups.split_pools_by_lineage(
        evidence, points, groups, thresholds, options=options, threads=threads
    )
    rho, ambient, _ = lane.at("center", *own, totals, evidence.pools)  # some pools are new
    evidence = replace(evidence, rho=rho, ambient=ambient)
    over = AmbientRange.of(evidence, lane, own)
    calls, p, _ = _call(evidence, over, without_basis, options)
    lineage_fail = (calls["call"].eq("fail") & calls["reason"].str.startswith(("LINEAGE_", "NEG_"))).to_numpy()
    hidden, p_expressing = hidden_subset_test.find_hidden_mixtures(
        evidence, lots, clusters, exclude=lineage_fail, min_mean_count=options.hidden_min_mean_count, seed=seed
    )
    rows_of = {lot: np.flatnonzero(lots == lot) for lot in pd.unique(lots)}
    of_stroma = {lot: cells[~lineage_fail[cells]] for lot, cells in rows_of.items()}
    capped = p_expressing.copy()
    others = {lot: resolution.compare_genes(cells, evidence, groups, reference) for lot, cells in of_stroma.items()}
    for lot, cells in of_stroma.items():
        positive = resolution.limit_lot(cells, evidence, p, others[lot], kinds=(POSITIVE,))
        resolution.cap_probabilities(positive, evidence, capped)
    calls, p, at = _call(replace(evidence, p_expressing=capped), over, without_basis, options)
    rows: list[dict] = []
    limits: dict[str, dict[str, GeneLimit]] = {}
    for lot, cells in rows_of.items():
        found = hidden[(hidden["lot_id"] == lot) & (hidden["finding"] == "hidden_mixture")]
        blocks = intervals.blocks_of(points, groups, cells)
        at_ends = [at[end] for end in ("center", *lane.ends(cells))]
        shares = [LotShares(cells, given, blocks, p_expressing, seed=seed) for given in at_ends]
        draw_sides(shares, n_draws=options.n_bootstrap, seed=seed)
        limited = [resolution.limit_lot(of_stroma[lot], one.evidence, one.p, others[lot]) for one in at_ends]
        limits[lot] = limited[0]
        answers = [
            judge_lot(
                lot,
                cells,
                called,
                blocks,
                hidden=set(found["gene"]),
                shares=share,
                limits=limit,
                options=options,
                seed=seed,
            )
            for share, called, limit in zip(shares, at_ends, limited, strict=True)
        ]
        joined = lane_ambient.join_answers(answers)
        joined = chemistry_basis.open_criteria(joined) if without_basis[cells].any() else joined
        rows += settle_phenotype(joined, calls.iloc[cells], panel)
        rows.append(judge_unexplained(lot, cells, evidence, calls))
    table = pd.DataFrame(rows)[CRITERIA_COLUMNS]
    contaminants = contaminant_table(pd.Series(lots), calls)
    return GateResult(calls, p, table, contaminants, hidden, evidence, panel, clusters, options, lane.table, limits)


@dataclass(frozen=True)
class AmbientRange:
    """What ambient RNA may be, and the probabilities there.

    Attributes
    ----------
    lane, own
        Ambient RNA of other lots; own fraction (n_cells,) and rate (n_cells, n_features).
    ends, swept
        Probabilities by :func:`mscape.gating.calls.probabilities` by end of the range (``center`` first; the others
        only where they differ from it), and by multiple of the own fraction.
    """

    lane: LaneAmbient
    own: tuple[np.ndarray, np.ndarray]
    ends: dict[str, np.ndarray]
    swept: dict[float, np.ndarray]

    @classmethod
    def of(cls, evidence: Evidence, lane: LaneAmbient, own: tuple[np.ndarray, np.ndarray]) -> AmbientRange:
        """Compute the probabilities, which take longer than the calls made from them."""
        over = cls(lane, own, {}, {})
        over.ends.update({end: probabilities(over.evidence_at(evidence, end)) for end in ("center", *lane.ends())})
        over.swept.update(
            {scale: probabilities(over.evidence_at(evidence, "center", scale)) for scale in OWN_AMBIENT_SWEEP}
        )
        return over

    def evidence_at(self, evidence: Evidence, end: str, scale: float = 1.0) -> Evidence:
        """Give the evidence at an end of the range and a multiple of the own fraction."""
        fraction, profile = self.own
        rho, ambient, added = self.lane.at(end, fraction * scale, profile, evidence.totals, evidence.pools)
        return replace(evidence, rho=rho, ambient=ambient, added=added)


def _call(evidence: Evidence, over: AmbientRange, without_basis: np.ndarray, options: GateOptions) -> tuple:
    """Call the cells over the range of the ambient RNA.

    Returns
    -------
    Calls and probabilities; and evidence, calls and probabilities at the estimate (``center``) and those ends of the
    range that differ from it, by name.
    """

    def call(given: Evidence, alone: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
        calls, p = call_at(given, alone, min_probability=options.min_probability)
        return chemistry_basis.open_cells(calls, without_basis), p

    at = {end: over.evidence_at(evidence, end) for end in over.ends}
    called = {end: call(given, over.ends[end]) for end, given in at.items()}
    center = called["center"]
    ends = [called.get(end, center) for end in ("low", "high")] if len(called) > 1 else []
    swept = [call(over.evidence_at(evidence, "center", scale), alone) for scale, alone in over.swept.items()]
    calls, p = call_cells(evidence, center, ends, swept, min_probability=options.min_probability)
    calls = chemistry_basis.open_cells(calls, without_basis)
    if not ends:
        called["center"] = calls, p
    return calls, p, {end: Called(at[end], *answer) for end, answer in called.items()}


def calibrate_panel(panel, calibrate_from, cells, *, matrix, genes, measured):
    """Replace the panel's thresholds by those of the control samples."""
    samples = cells.obs["sample_id"].astype(str).to_numpy()
    controls = np.isin(samples, [*calibrate_from.get("positive", []), *calibrate_from.get("negative", [])])
    columns = {g: matrix[:, [i]].toarray().ravel() for i, g in enumerate(genes) if measured[controls, i].all()}
    return calibration.calibrate(
        panel,
        {g: columns[g] for g in panel.thresholds if g in columns},
        cells.obs["total_counts"].to_numpy(float),
        samples,
        positive=calibrate_from.get("positive", []),
        negative=calibrate_from.get("negative", []),
    )
