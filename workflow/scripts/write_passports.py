"""Judge each lot: one record with a verdict, value, interval, reason and next action per attribute."""

import json
from dataclasses import asdict
from pathlib import Path

from mscape.data import contract, counts
from mscape.data.json_file import read_json
from mscape.data.table_io import read_table
from mscape.passports.document import gather_evidence, judge_lots
from mscape.passports.options import PassportOptions
from mscape.passports.passport import SCHEMA_VERSION, STATEMENT, find_limits, validate
from mscape.passports.reference_rules import relate_scores
from mscape.passports.reporting_items import REPORTING
from mscape.passports.rules import RULE_VERSION, VERDICT_RULE
from mscape.run import step

TABLES = {  # table: input of the rule
    "accounting": "accounting",
    "gate": "gate_table",
    "contaminants": "contaminants",
    "hidden_mixture": "hidden",
    "flow_agreement": "flow_agreement",
    "composition": "composition",
    "stability": "stability",
    "signature_scores": "signature_scores",
    "signatures": "signatures",
    "priming": "priming",
}


def main(input, output, params):
    """Read the evidence, judge, check, write."""
    tables = {name: read_table(getattr(input, key), name) for name, key in TABLES.items()}
    if input.certificate:
        tables["certificate"] = read_table(input.certificate, "certificate")
    cells = counts.read_obs(input.counts).join(counts.read_obs(input.gate)[["isct_call", "isct_reason"]])
    scored = counts.read_obs(input.scores)
    cells = cells.join(scored[scored.columns.intersection(["phase"])])
    ambient = counts.read_light(input.counts, obs=[]).uns["mscape"]["merge_samples"].get("ambient_fraction", {})
    quality = {  # the folder of a quality file is its sample
        Path(path).parent.name: contract.read(path, "qc", obs=["doublet_score", "predicted_doublet"])
        for path in input.qc
    }
    run = read_json(input.run)
    options = PassportOptions(**params.settings)
    limits = find_limits(counts.read_light(input.gate, obs=[]).uns["mscape"]["gate_msc"])
    places = None
    if input.placed:
        lots, signatures = (read_table(path) for path in input.placed)
        tables["signature_scores"] = relate_scores(tables["signature_scores"], signatures)
        places = lots.set_index("lot_id").to_dict("index")
    evidence = gather_evidence(
        tables,
        cells,
        scored={sample: int(one.obs["doublet_score"].notna().sum()) for sample, one in quality.items()},
        doublets={sample: int(one.obs["predicted_doublet"].sum()) for sample, one in quality.items()},
        ambient=ambient,
        limits=limits,
        places=places,
        organism=params.organism,
        culture=params.culture,
        quality={sample: one.uns["mscape"]["qc_cells"] for sample, one in quality.items()},
    )
    document = {
        "schema_version": SCHEMA_VERSION,
        "rule_version": RULE_VERSION,
        "run_id": run["run_id"],
        "dataset": run["dataset"],
        "simulated": "simulate" in run.get("config", {}),
        "organism": params.organism,
        "statement": STATEMENT,
        "verdict_rule": VERDICT_RULE,
        "thresholds": asdict(options) | limits,
        "reporting": REPORTING,
        "lots": judge_lots(evidence, options),
    }
    validate(document)
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    Path(output.json).write_text(text + "\n", encoding="utf-8")


if "snakemake" in globals():
    step.run(main, snakemake)
