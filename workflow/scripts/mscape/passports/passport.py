"""The passport of a lot, and the file of all of them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pandas as pd

from mscape import paths
from mscape.data import yaml_file
from mscape.gating.flow_values import flow_markers
from mscape.passports import (
    certificate_rules,
    donor_rules,
    flow_rules,
    identity_rules,
    priming_rules,
    published,
    quality_rules,
    reference_rules,
    score_rules,
)
from mscape.passports import rules as passport

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger(__name__)

SCHEMA = paths.schema("passport.schema.yaml")
SCHEMA_VERSION = "1.0"
STATEMENT = (
    "Transcript-level concordance with the ISCT phenotype, and signature scores. RNA is not flow cytometry and a score "
    "is no potency assay. For research; not for the release of a product."
)


def list_rules(
    gate: pd.DataFrame, scores: Sequence[passport.Attribute] = score_rules.SCORE_ATTRIBUTES
) -> list[passport.Attribute]:
    """List the rules that every lot has in the order of the passport; ``gate`` is the lot's rows of gate.tsv."""
    return [
        *identity_rules.gate_attributes(gate),
        *quality_rules.QUALITY_ATTRIBUTES,
        *donor_rules.DONOR_ATTRIBUTES,
        *published.PUBLISHED_ATTRIBUTES,
        *scores,
    ]


def write_lot(evidence: passport.LotEvidence, settings: dict) -> dict:
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
    scores = score_rules.SCORE_ATTRIBUTES if evidence.place is None else reference_rules.REFERENCE_ATTRIBUTES
    flow = flow_rules.FLOW_ATTRIBUTES if flow_markers(evidence.cells) else ()
    stated = priming_rules.PRIMING_ATTRIBUTES if "priming" in evidence.cells else ()
    copies = () if evidence.certificate is None else certificate_rules.CERTIFICATE_ATTRIBUTES
    rules = [*list_rules(evidence.gate, scores), *stated, *flow, *copies]
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
    from mscape.genes.registry import load_markers

    panel = load_markers().panels.get(str(gate.get("panel")), {})
    return {key: float(gate.get(key, panel.get(key, limit))) for key, limit in passport.PANEL_LIMITS.items()}


def validate(document: dict) -> None:
    """Check the passports against their schema.

    Raises
    ------
    ValueError
        With each place that does not fit; this is a fault of the program, not of the data.
    """
    from mscape.data.schema import list_faults

    faults = list_faults(document, yaml_file.read(SCHEMA))
    if faults:
        msg = "the passports do not fit their schema: " + "; ".join(faults[:10])
        raise ValueError(msg)


def _records(table: pd.DataFrame, columns: list[str]) -> list[dict]:
    rows = table.reindex(columns=columns).to_dict("records")
    return [{key: _plain(value) for key, value in row.items()} for row in rows]


def _plain(value: Any) -> str | float | None:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return None
    number = float(value)
    return int(number) if number.is_integer() and abs(number) > 1 else float(f"{number:.6g}")
