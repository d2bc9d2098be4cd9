"""Passport rule of the verdict's stability: how few of the lot's cells and counts give the same one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mscape.passports.identity_rules import OF_GATE
from mscape.passports.rules import DESCRIBED, DESCRIBES, NOT_ASSESSABLE, Assessment, Attribute, LotEvidence
from mscape.passports.sentences import ACTIONS

if TYPE_CHECKING:
    import pandas as pd


def judge_certificate(evidence: LotEvidence, settings: dict) -> Assessment:
    """Say which smaller copies of the lot have its verdict, and what the others have."""
    rows, n = evidence.certificate, len(evidence.cells)
    if rows is None or rows.empty:
        reason = "The phenotype is open, and only a verdict of PASS or FAIL is tried on smaller copies of the lot."
        return Assessment(verdict=NOT_ASSESSABLE, reason=reason, next_action=ACTIONS["copies_open"], n=n)
    verdict = OF_GATE[rows["verdict"].iloc[0]]
    whole = rows.iloc[0]
    if whole["repeats"] == 1 and not whole["kept"]:
        reason = (
            f"Embedded without the other lots of the study, the lot's phenotype is {_found(whole)} and not {verdict}: "
            "its stability cannot be said."
        )
        return Assessment(verdict=NOT_ASSESSABLE, reason=reason, next_action=ACTIONS["copies_alone"], n=n)
    held, lost = rows[rows["held"]], rows[~rows["held"]]
    least = [row for _, row in held.iterrows() if row["repeats"] > 1 and not _smaller(held, row)]
    said = [f"{verdict} held in {row['kept']:.0f} of {row['repeats']:.0f} copies of {_size(row)}." for row in least]
    said = said or [f"No smaller size was found of which all copies are {verdict}."]
    said += [
        f"Of copies of {_size(row)}, {int(row['kept'])} of {int(row['repeats'])} were {verdict}"
        + (f" ({_found(row)})." if row["kept"] < row["repeats"] else ".")
        for _, row in lost.iterrows()
    ]
    return Assessment(verdict=DESCRIBED, reason=" ".join(said), n=n)


def _smaller(rows: pd.DataFrame, row: pd.Series) -> bool:
    """Whether one of the rows is of smaller copies than a row, in cells, in counts or in both."""
    below = (rows["n_cells"] <= row["n_cells"]) & (rows["median_counts"] <= row["median_counts"])
    return bool((below & ((rows["n_cells"] < row["n_cells"]) | (rows["median_counts"] < row["median_counts"]))).any())


def _size(row: pd.Series) -> str:
    return f"{int(row['n_cells']):,} cells and {row['median_counts']:,.0f} counts a cell"


def _found(row: pd.Series) -> str:
    """Verdicts of the copies that do not have the lot's, with their numbers where there are several copies."""
    others = {name: int(row[name]) for name in OF_GATE if name != row["verdict"] and row[name]}
    return ", ".join(f"{n} {OF_GATE[name]}" if row["repeats"] > 1 else OF_GATE[name] for name, n in others.items())


CERTIFICATE_ATTRIBUTES = (
    Attribute(
        name="certificate",
        title="Stability of the phenotype",
        group="identity",
        unit="",
        weight=DESCRIBES,
        definition=(
            "Copies of the lot with fewer of its cells, drawn at random, and fewer counts a cell (the median; each "
            "count is kept with the same probability) are embedded, pooled and judged as the lot was. The verdict "
            "holds at a size if all copies of it and of each larger size that was tried have it. It says nothing about "
            "more cells or counts than were measured, nor about another culture of the donor."
        ),
        judge=judge_certificate,
    ),
)
