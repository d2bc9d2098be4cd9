"""What a passport reports of a lot beside the verdicts."""

from __future__ import annotations

import logging

import pandas as pd

from mscape import numbers
from mscape.gating import hla_dr
from mscape.passports import rules as passport

logger = logging.getLogger(__name__)

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
        "lot_number": "lot number",
        "sequencing_date": "date of sequencing",
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
        theme = {f"criterion_{hla_dr.CRITERION}": "immune compatibility", "purity": "purity"}.get(
            a["name"], "marker expression"
        )
        if a["group"] == "identity" and a["value"] is not None and a["name"] != "hidden_mixture":
            share = numbers.share(a["value"], a["low"], a["high"], apart=a["limits"])
            of_which = "callable cells" if a["name"] == "phenotype" else "cells"
            items.append((theme, f"{a['title']}, by RNA", f"{share} of {of_which}: {a['verdict']}", "this run"))
    return [dict(zip(("theme", "item", "value", "source"), item, strict=True)) for item in items]


def _join(values: pd.Series) -> str:
    return "+".join(sorted(values.astype(str).unique())) or "unknown"
