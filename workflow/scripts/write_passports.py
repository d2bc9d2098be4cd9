"""Judge each lot: one record with a verdict, value, interval, reason and next action per attribute."""

import json
import logging
from pathlib import Path

import pandas as pd

from mscape.data import contract, counts
from mscape.data.table_io import read_table
from mscape.passports import rules as passport
from mscape.passports.passport import SCHEMA_VERSION, STATEMENT, find_limits, validate, write_lot
from mscape.passports.reporting_items import REPORTING, describe_lot, report_items
from mscape.run import step

logger = logging.getLogger(__name__)


def main(input, output, params):
    """Read the evidence, judge, check, write."""
    read = {"gate_table": "gate", "hidden": "hidden_mixture"}  # input: table, where their names differ
    tables = {
        name: read_table(getattr(input, name), read.get(name, name))
        for name in ("gate_table", "contaminants", "hidden", "accounting", "composition")
    }
    stability = read_table(input.stability, "stability").set_index("cluster")
    scores = read_table(input.signature_scores, "signature_scores")
    signatures = read_table(input.signatures, "signatures").set_index("id")
    cells = counts.read_obs(input.counts)
    cells = cells.join(counts.read_obs(input.gate)[["isct_call", "isct_reason"]]).join(_states(input.scores))
    ambient = counts.read_light(input.counts, obs=[]).uns["mscape"]["merge_samples"].get("ambient_fraction", {})
    quality = [contract.read(path, "qc", obs=["predicted_doublet"]) for path in input.qc]
    doublets = {
        _sample(light, path): int(light.obs["predicted_doublet"].sum())
        for light, path in zip(quality, input.qc, strict=True)
    }
    run = json.loads(Path(input.run).read_text(encoding="utf-8"))
    settings = params.settings
    limits = find_limits(counts.read_light(input.gate, obs=[]).uns["mscape"]["gate_msc"])

    lots = []
    accounting = tables["accounting"]
    for lot_id in dict.fromkeys(accounting["lot_id"]):
        of_lot = {name: table[table["lot_id"] == lot_id] for name, table in tables.items()}
        samples = of_lot["accounting"]["sample_id"]
        own = cells[cells["lot_id"].astype(str) == lot_id]
        evidence = passport.LotEvidence(
            lot_id=lot_id,
            gate=of_lot["gate_table"],
            contaminants=of_lot["contaminants"],
            cells=own,
            loaded=int(of_lot["accounting"]["loaded"].sum()),
            doublets=sum(doublets.get(sample, 0) for sample in samples),
            ambient=[float(ambient.get(sample, float("nan"))) for sample in samples],
            hidden=of_lot["hidden"],
            composition=of_lot["composition"],
            stability=stability,
            scores=scores,
            signatures=signatures,
            organism=params.organism,
            culture=params.culture,
            limits=limits,
        )
        record = write_lot(evidence, settings)
        record["reporting"] = report_items(own, record["attributes"], culture=params.culture)
        lots.append(record | describe_lot(own, culture=params.culture))
        logger.info("%s: %s. %s", lot_id, record["verdict"], record["verdict_reason"])
    document = {
        "schema_version": SCHEMA_VERSION,
        "rule_version": passport.RULE_VERSION,
        "run_id": run["run_id"],
        "dataset": run["dataset"],
        "simulated": "simulate" in run.get("config", {}),
        "organism": params.organism,
        "statement": STATEMENT,
        "verdict_rule": passport.VERDICT_RULE,
        "thresholds": settings | limits,
        "reporting": REPORTING,
        "lots": lots,
    }
    validate(document)
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    Path(output.json).write_text(text + "\n", encoding="utf-8")


def _states(path: str) -> pd.DataFrame:
    obs = counts.read_obs(path)
    return obs[[name for name in ("phase",) if name in obs]]


def _sample(light, path: str) -> str:
    """Sample of a quality file: the folder that holds it."""
    return Path(path).parent.name


if "snakemake" in globals():
    step.run(main, snakemake)
