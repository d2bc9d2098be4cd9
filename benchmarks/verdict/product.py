"""The only place that knows the product: the workflow's own steps, on a lane in memory.

The steps ``embed_cells`` and ``gate_msc`` run as in the workflow, their outputs in a temporary folder; the
passport's identity and quality rules then judge each lot. Structure, cycling and scores are left out: the lots are
about identity and purity.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
import tempfile
from dataclasses import asdict
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData

REPO = Path(__file__).parents[2]
SCRIPTS = REPO / "workflow" / "scripts"
MARKERS = REPO / "resources" / "markers.yaml"
sys.path.insert(0, str(SCRIPTS))

import embed_cells  # noqa: E402  the scripts' folder must be on the path first
import gate_msc  # noqa: E402
from mscape.data import counts, schema, yaml_file  # noqa: E402
from mscape.data.table_io import read_table  # noqa: E402
from mscape.gating import panels  # noqa: E402
from mscape.genes import registry  # noqa: E402
from mscape.passports import donor_rules, identity_rules, passport, quality_rules  # noqa: E402
from mscape.passports.document import gather_evidence  # noqa: E402
from mscape.passports.rules import LotEvidence, judge_lot, write_attribute  # noqa: E402
from mscape.quality import ambient  # noqa: E402
from mscape.quality.sex import GENES  # noqa: E402
from mscape.quality.sex_mixture import find_two_sexes  # noqa: E402

ROOMS = ("gating", "embedding", "passports", "quality", "data")  # whose code the verdicts depend on
STAGE_TABLES = {  # name: output
    "gate": "table",
    "contaminants": "contaminants",
    "hidden_mixture": "hidden",
    "flow_agreement": "flow_agreement",
}
LEFT_OUT = {"structure", "cycling"}
# The steps read these once a process; the benchmark runs them many times.
registry.load_markers = cache(registry.load_markers)
yaml_file.read = cache(yaml_file.read)


@cache
def digest() -> str:
    """Digest of this file and of the code and data that verdicts depend on."""
    found = hashlib.sha256(Path(__file__).read_bytes())
    steps = [SCRIPTS / f"{name}.py" for name in ("embed_cells", "gate_msc")]
    for path in [*steps, *(p for room in ROOMS for p in sorted((SCRIPTS / "mscape").glob(f"{room}*/**/*.py")))]:
        found.update(path.read_bytes())
    judged_by = {key: yaml_file.read(MARKERS)[key] for key in ("panels", "lineages")}
    found.update(json.dumps([judged_by, settings()], sort_keys=True, default=str).encode())
    return found.hexdigest()[:16]


@cache
def settings() -> dict:
    """Take the config's defaults of the sections used."""
    whole = yaml_file.read(REPO / "workflow" / "schemas" / "config.schema.yaml")
    empty = {key: {} for key in ("embed", "gate", "passport", "cluster")}
    return schema.fill_defaults(empty, {**whole, "required": []}, whole)


@cache
def panel_genes() -> set[str]:
    """All genes of the product's gate and lineage panels."""
    found, lineages = panels.read_markers(MARKERS)
    panel = panels.make_panel("isct2006", found["isct2006"])
    return {*panel.thresholds, *(g for x in panels.make_lineages(lineages, organism="human") for g in x.genes)}


def ambient_fractions(adata: AnnData) -> dict[str, float]:
    """Estimate the ambient fraction of each library as quality control does."""
    out, totals = {}, adata.obs["total_counts"].to_numpy(float)
    for library in adata.obs["sample_id"].unique():
        mine = (adata.obs["sample_id"] == library).to_numpy()
        out[library] = float(ambient.measure_ambient(adata, totals, mine, organism="human", markers=MARKERS).fraction)
    return out


def sex_mixtures(adata: AnnData) -> dict[str, dict]:
    """Look for cells of two sexes in each library as quality control does."""
    sums = {}
    for name, genes in GENES.items():
        there = [gene for gene in genes if gene in adata.var_names]
        sums[name] = np.asarray(adata[:, there].X.sum(axis=1)).ravel() if there else np.full(adata.n_obs, np.nan)
    table = pd.DataFrame(sums, index=adata.obs_names).assign(n=adata.obs["total_counts"])
    by_library = table.groupby(adata.obs["sample_id"].astype(str))
    found = {name: asdict(find_two_sexes(own["XIST"], own["Y"], own["n"])) for name, own in by_library}
    return {name: {"sex_mixture": one, "doublets": {"detectable": math.nan}} for name, one in found.items()}


def judge_lane(lane, *, judged: list[str], seed: int = 0) -> dict[str, dict]:
    """Judge the lots of a lane.

    Parameters
    ----------
    lane
        ``X genes truth sheets`` (:class:`generate.Lane`).
    judged
        Lots whose result is wanted; the others are in the study too.
    seed
        Of the steps.

    Returns
    -------
    Lot -> ``verdict reason attributes table contaminants calls`` (calls in the order of the lot's cells).
    """
    obs = pd.DataFrame(index=[f"cell{i}" for i in range(lane.X.shape[0])])
    library = lane.truth["library"].to_numpy()
    obs["sample_id"] = obs["lot_id"] = obs["donor_id"] = library
    obs["batch"], obs["dataset_id"], obs["culture"] = "lane1", "benchmark", "expanded"
    for column in ("tissue", "condition", "assay"):
        obs[column] = [lane.sheets[name].get(column, "unknown") for name in library]
    obs["total_counts"] = np.asarray(lane.X.sum(axis=1)).ravel().astype(float)
    obs["n_genes_by_counts"] = np.diff(lane.X.indptr)
    obs["pct_counts_mt"] = np.random.default_rng(seed).normal(5, 1, len(obs)).clip(0.5, 15)
    obs["predicted_doublet"] = False
    config = settings()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        embedding = str(folder / "embedding.h5ad")
        var = pd.DataFrame(index=pd.Index(lane.genes, name="gene"))
        adata = AnnData(sp.csr_matrix(lane.X), obs=obs, var=var)
        adata.uns["mscape"] = {"merge_samples": {"ambient_fraction": ambient_fractions(adata)}}
        common = {"organism": "human", "culture": "expanded", "seed": seed, "threads": 1}
        embed_cells.main(
            SimpleNamespace(h5ad=adata, markers=MARKERS),
            SimpleNamespace(h5ad=embedding),
            SimpleNamespace(settings=config["embed"], cluster=config["cluster"], scope="all", **common),
        )
        files = {key: str(folder / f"{key}.tsv") for key in STAGE_TABLES.values()}
        output = SimpleNamespace(h5ad=str(folder / "gate.h5ad"), **files)
        gate_msc.main(
            SimpleNamespace(h5ad=adata, embedding=embedding, markers=MARKERS),
            output,
            SimpleNamespace(settings=config["gate"], **common),
        )
        calls = counts.read_obs(output.h5ad)
        limits = passport.find_limits(counts.read_light(output.h5ad, obs=[]).uns["mscape"]["gate_msc"])
        tables = {stage: read_table(files[key], stage) for stage, key in STAGE_TABLES.items()}
    tables["accounting"] = pd.DataFrame({"sample_id": judged, "lot_id": judged})
    tables["accounting"]["loaded"] = [int((library == lot).sum()) for lot in judged]
    tables["composition"] = pd.DataFrame({"lot_id": judged, "cluster": "0", "n_cells": 1, "fraction": 1.0})
    tables["certificate"] = pd.DataFrame({"lot_id": []})
    tables |= {"stability": pd.DataFrame({"cluster": []}), "signature_scores": pd.DataFrame()}
    tables["signatures"] = pd.DataFrame({"id": []})
    tables["priming"] = pd.DataFrame({"lot_id": []})
    cells = obs.join(calls[["isct_call", "isct_reason", "isct_identity"]])
    fractions = adata.uns["mscape"]["merge_samples"]["ambient_fraction"]
    evidence = gather_evidence(
        tables,
        cells,
        scored={},
        doublets={},
        ambient=fractions,
        limits=limits,
        culture="expanded",
        quality=sex_mixtures(adata),
    )
    return {one.lot_id: _judge(one) for one in evidence}


def _judge(evidence: LotEvidence) -> dict:
    """Apply the passport's rules to one lot."""
    rules = [
        *identity_rules.gate_attributes(evidence.gate),
        *quality_rules.QUALITY_ATTRIBUTES,
        *donor_rules.DONOR_ATTRIBUTES,
    ]
    rules = [rule for rule in rules if rule.name not in LEFT_OUT]
    attributes = [write_attribute(rule, evidence, settings()["passport"]) for rule in rules]
    verdict, reason = judge_lot(attributes)
    keep = ("name", "verdict", "value", "low", "high", "reason")
    return {
        "verdict": verdict,
        "reason": reason,
        "attributes": [{key: a[key] for key in keep} for a in attributes],
        "table": _plain(evidence.gate),
        "contaminants": _plain(evidence.contaminants),
        "calls": evidence.cells[["isct_call", "isct_reason", "isct_identity"]].astype(str).reset_index(drop=True),
    }


def _plain(table: pd.DataFrame) -> list[dict]:
    """Rows with None for what is missing."""
    return [
        {k: (None if isinstance(v, float) and math.isnan(v) else v) for k, v in row.items()}
        for row in table.to_dict("records")
    ]
