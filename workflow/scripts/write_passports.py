"""Judge each lot: one record with a verdict, value, interval, reason and next action per attribute."""

import json
import logging
import math
from pathlib import Path

import pandas as pd

from mscape import contract, counts, passport, passport_gate, passport_quality, passport_scores, step, yaml_file

logger = logging.getLogger(__name__)

SCHEMA = Path(__file__).parents[1] / "schemas" / "passport.schema.yaml"
SCHEMA_VERSION = "1.0"
STATEMENT = (
    "Transcript-level concordance with the ISCT phenotype, and signature scores. RNA is not flow cytometry and a score "
    "is no potency assay. For research; not for the release of a product."
)
SHOWN_METADATA = ("donor_id", "tissue", "passage", "condition", "sex", "disease", "batch", "assay", "suspension_type")
UNSAID = ("", "unknown", "nan")
REPORTED = {  # theme -> columns of the sample sheet that answer it, and their name
    "provenance": {
        "tissue": "tissue",
        "donor_id": "donor",
        "sex": "sex",
        "disease": "disease",
        "donor_age": "donor age",
        "donor_relation": "autologous or allogeneic",
    },
    "culture": {
        "passage": "passage",
        "condition": "condition",
        "medium": "culture medium",
        "oxygen": "oxygen",
        "population_doublings": "population doublings",
        "cryopreservation": "cryopreservation",
    },
    "fitness": {"viability": "viability"},
}
REPORTING = {  # themes of the reporting items of the 2024 Delphi consensus on MSC, and where the passport answers them
    "terminology": "mesenchymal stromal cells",
    "not_covered": [
        "viability",
        "potency assay",
        "protein phenotype",
        "trilineage differentiation",
        "population doublings",
        "culture medium",
        "cryopreservation",
        "sterility",
        "dose and administration",
    ],
}


def describe_lot(cells: pd.DataFrame, *, culture: str) -> dict:
    """Say what the sheet gives for a lot; "unknown" where it does not."""
    given = {name: _join(cells[name]) if name in cells else "unknown" for name in SHOWN_METADATA}
    name = passport.name_tissue(given["tissue"], culture)
    return given | {"isbt_tissue": name, "culture": culture, "samples": sorted(cells["sample_id"].astype(str).unique())}


def report_items(cells: pd.DataFrame, attributes: list[dict], *, culture: str) -> list[dict]:
    """Answer the themes of the reporting items that the sheet and the run know; what is not known is left out.

    Parameters
    ----------
    cells
        ``obs`` of the lot, with the columns of the sample sheet.
    attributes
        Of the lot's record.
    culture
        Of the dataset.

    Returns
    -------
    Records of ``theme``, ``item``, ``value`` and ``source``.
    """
    items = [("terminology", "name", REPORTING["terminology"], "this workflow")]
    for theme, columns in REPORTED.items():
        known = {item: _join(cells[column]) for column, item in columns.items() if column in cells}
        items += [(theme, item, value, "sample sheet") for item, value in known.items() if value not in UNSAID]
        if theme == "provenance" and (name := passport.name_tissue(known.get("tissue", ""), culture)):
            items.append((theme, "ISBT 128 name", name, "sample sheet"))
        if theme == "culture" and culture != "unknown":
            items.append((theme, "culture", culture, "config"))
    for a in attributes:
        theme = {"criterion_HLA-DR": "immune compatibility", "purity": "purity"}.get(a["name"], "marker expression")
        if a["group"] == "identity" and a["value"] is not None and a["name"] != "hidden_mixture":
            share = passport.say_share(*(math.nan if a[k] is None else a[k] for k in ("value", "low", "high")))
            items.append((theme, f"{a['title']}, by RNA", f"{share} of cells: {a['verdict']}", "this run"))
    return [dict(zip(("theme", "item", "value", "source"), item, strict=True)) for item in items]


def write_lot(evidence: passport.Evidence, settings: dict) -> dict:
    """Judge all attributes of a lot and combine them.

    Parameters
    ----------
    evidence
        What was found.
    settings
        Thresholds.

    Returns
    -------
    The lot's record without its given metadata.
    """
    rules = [*passport_gate.gate_rules(evidence.gate), *passport_quality.QUALITY_RULES, *passport_scores.SCORE_RULES]
    attributes = [passport.write_attribute(rule, evidence, settings) for rule in rules]
    verdict, reason = passport.judge_lot(attributes)
    return {
        "lot_id": evidence.lot_id,
        "verdict": verdict,
        "verdict_reason": reason,
        "n_loaded": evidence.loaded,
        "n_cells": len(evidence.cells),
        "n_msc": len(evidence.msc),
        "attributes": attributes,
        "contaminants": _records(evidence.contaminants, ["identity", "n_cells", "fraction", "low", "high"]),
        "composition": _records(evidence.composition, ["cluster", "n_cells", "fraction", "low", "high"]),
    }


def find_limits(gate: dict) -> dict[str, float]:
    """Find the limits of the panel that the gate used: as it says, else from the registry, else those of ISCT 2006."""
    from mscape.markers import load_markers

    panel = load_markers().panels.get(str(gate.get("panel")), {})
    return {key: float(gate.get(key, panel.get(key, limit))) for key, limit in passport.PANEL_LIMITS.items()}


def validate(document: dict) -> None:
    """Check the passports against their schema.

    Raises
    ------
    ValueError
        With each place that does not fit; this is a fault of the program, not of the data.
    """
    from mscape.config import list_faults

    faults = list_faults(document, yaml_file.read(SCHEMA))
    if faults:
        msg = "the passports do not fit their schema: " + "; ".join(faults[:10])
        raise ValueError(msg)


def main(input, output, params):
    """Read the evidence, judge, check, write."""
    tables = {
        name: _read(getattr(input, name))
        for name in ("gate_table", "contaminants", "hidden", "accounting", "composition")
    }
    stability = _read(input.stability).set_index("cluster")
    scores, signatures = _read(input.score_summary), _read(input.signatures).set_index("id")
    cells = counts.read_obs(input.counts)
    cells = cells.join(counts.read_obs(input.gate)[["isct_call"]]).join(_states(input.scores))
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
        evidence = passport.Evidence(
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


def _read(path: str) -> pd.DataFrame:
    """Read a table; names stay text, also where they look like numbers or like missing values."""
    text = dict.fromkeys(
        ["lot_id", "sample_id", "cluster", "criterion", "signature", "id", "axis", "identity", "reason"], str
    )
    table = pd.read_csv(path, sep="\t", keep_default_na=False, na_values={}, dtype=str)
    for column in table.columns.difference(list(text)):
        numbers = pd.to_numeric(table[column].replace("", None), errors="coerce")
        if numbers.notna().sum() == (table[column] != "").sum():
            table[column] = numbers
    return table


def _states(path: str) -> pd.DataFrame:
    obs = counts.read_obs(path)
    return obs[[name for name in ("phase", "senescence_state") if name in obs]]


def _sample(light, path: str) -> str:
    """Sample of a quality file: the folder that holds it."""
    return Path(path).parent.name


def _join(values: pd.Series) -> str:
    return "+".join(sorted(values.astype(str).unique())) or "unknown"


def _records(table: pd.DataFrame, columns: list[str]) -> list[dict]:
    rows = table.reindex(columns=columns).to_dict("records")
    return [{key: _plain(value) for key, value in row.items()} for row in rows]


def _plain(value: object) -> object:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return None
    number = float(value)
    return int(number) if number.is_integer() and abs(number) > 1 else float(f"{number:.6g}")


if "snakemake" in globals():
    step.run(main, snakemake)
