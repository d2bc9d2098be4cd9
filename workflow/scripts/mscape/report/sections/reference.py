"""Lots among the lots of a reference: place, signatures that depart, numbers of the passport."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from mscape.passports.reference_rules import VERDICTS
from mscape.report.numbers import number, signature_name
from mscape.report.section import Section
from mscape.report.tables import Cell, Table

if TYPE_CHECKING:
    from mscape.report.dataset import Dataset
    from mscape.report.options import ReportOptions

SHOWN = 8  # signatures of a lot
PLACES = [
    ("Lot", "text", ""),
    ("Place", "verdict", "reference"),
    ("p", "number", "reference_p"),
    ("Lots", "number", "reference_lots"),
    ("What it says", "text", ""),
]
SIGNATURES = [
    ("Lot", "text", ""),
    ("Signature", "text", ""),
    ("z", "number", "reference_z"),
    ("95 % interval", "text", "reference_z"),
    ("Percentile", "number", "reference_percentile"),
    ("Lots", "number", "reference_lots"),
]
NUMBERS = [
    ("Lot", "text", ""),
    ("Attribute", "text", ""),
    ("Value", "number", ""),
    ("Prediction interval", "text", "reference_interval"),
    ("Percentile", "number", "reference_percentile"),
    ("Lots", "number", "reference_lots"),
    ("Place", "verdict", "reference_interval"),
]


def reference(dataset: Dataset, options: ReportOptions | None = None) -> dict | None:
    """Tables of the section, the lots that are outside first; None where no reference was given."""
    if "reference_lots" not in dataset.tables:
        return None
    lots = dataset.tables["reference_lots"]
    order = lots["place"].map({"outside": 0, "no promise": 1, "inside": 2})
    lots = lots.assign(order=order).sort_values("order", kind="stable")
    return {
        "name": lots["reference"].iloc[0] if len(lots) else "",
        "counts": {place: int((lots["place"] == place).sum()) for place in VERDICTS},
        "alpha": float(lots["alpha"].iloc[0]) if len(lots) else None,
        "places": Table(
            "reference-places", "Place of each lot", PLACES, [_place(row) for row in lots.to_dict("records")]
        ),
        "signatures": Table(
            "reference-signatures",
            "Signatures that depart most",
            SIGNATURES,
            [_signature(row) for row in _largest(dataset.tables.get("reference_signatures"))],
        ),
        "numbers": Table(
            "reference-numbers",
            "Numbers of the passport",
            NUMBERS,
            [_number(row) for row in dataset.tables.get("reference_attributes", pd.DataFrame()).to_dict("records")],
        ),
    }


def _place(row: dict) -> list[Cell]:
    return [
        Cell(row["lot_id"]),
        Cell(row["place"], verdict=VERDICTS[row["place"]]),
        Cell(number(row["p"]), row["p"]),
        Cell(number(row["alarm_lots"]), row["alarm_lots"]),
        Cell(row["sentence"]),
    ]


def _largest(signatures: pd.DataFrame | None) -> list[dict]:
    """Rows of the signatures with the largest z of each lot."""
    if signatures is None or signatures.empty:
        return []
    known = signatures[signatures["z"].notna()]
    ranked = known.assign(size=known["z"].abs()).sort_values(["lot_id", "size"], ascending=[True, False], kind="stable")
    return ranked.groupby("lot_id", sort=False).head(SHOWN).to_dict("records")


def _signature(row: dict) -> list[Cell]:
    return [
        Cell(row["lot_id"]),
        Cell(signature_name(row["signature"])),
        Cell(f"{row['z']:+.1f}", row["z"]),
        Cell(_interval(row["z_low"], row["z_high"], "+.1f")),
        Cell(number(100 * row["percentile"]), 100 * row["percentile"]),
        Cell(number(row["n_lots"]), row["n_lots"]),
    ]


def _number(row: dict) -> list[Cell]:
    inside = None if pd.isna(row["inside"]) else bool(row["inside"])
    place = {None: "no promise", True: "inside", False: "outside"}[inside]
    return [
        Cell(row["lot_id"]),
        Cell(row["title"]),
        Cell(number(row["value"]), row["value"]),
        Cell(_interval(row["low"], row["high"], ".3g")),
        Cell(number(100 * row["percentile"]), 100 * row["percentile"]),
        Cell(number(row["n_lots"]), row["n_lots"]),
        Cell(place, verdict=VERDICTS[place]),
    ]


def _interval(low: float, high: float, digits: str) -> str:
    if pd.isna(low) or pd.isna(high):
        return "fewer than 3 lots"
    return f"{low:{digits}} to {high:{digits}}"


SECTION = Section(
    id="reference",
    title="Against reference lots",
    order=75,
    term="reference",
    tables=("reference_lots", "reference_signatures", "reference_attributes"),
    build=reference,
)
