"""Passport rules of a lot that is judged against a reference of lots: its place there, and scores relative to it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from mscape.passports.rules import DESCRIBED, DESCRIBES, NOT_ASSESSABLE, WARN, Assessment, Attribute, LotEvidence
from mscape.passports.score_rules import MEANING, SCORE_ATTRIBUTES
from mscape.passports.sentences import ACTIONS

if TYPE_CHECKING:
    import pandas as pd

VERDICTS = {"inside": DESCRIBED, "outside": WARN, "no promise": NOT_ASSESSABLE}
NEXT = {"inside": "", "outside": ACTIONS["outside"], "no promise": ACTIONS["reference_small"]}
UNIT = "z from the lots of the reference"
OF_REFERENCE = (
    "z is the lot's departure from the average of the reference lots in units of the error of prediction of a further "
    "lot, as a normal deviate; its 95 % interval is over the lot's cells. A signature score is no potency assay."
)


def relate_scores(scores: pd.DataFrame, signatures: pd.DataFrame) -> pd.DataFrame:
    """Put z against a reference in the place of z against the lots of the study.

    Parameters
    ----------
    scores
        signature_scores.tsv.
    signatures
        reference_signatures.tsv.

    Returns
    -------
    ``scores`` with ``z z_low z_high`` of the reference; missing where the reference cannot give it.
    """
    columns = ["z", "z_low", "z_high"]
    known = signatures[["lot_id", "signature", *columns]]
    return scores.drop(columns=columns).merge(known, on=["lot_id", "signature"], how="left")


def judge_place(evidence: LotEvidence, settings: dict) -> Assessment:
    """Whether the lot departs from the lots of the reference farther than they do from each other."""
    place = evidence.place
    if place is None:
        return Assessment(verdict=NOT_ASSESSABLE, reason="The lot was not placed in a reference.", n=0)
    return Assessment(
        verdict=VERDICTS[place["place"]],
        reason=place["sentence"],
        value=None if math.isnan(place["p"]) else place["p"],
        threshold=f"above {place['alpha']:g}",
        next_action=NEXT[place["place"]],
        n=len(evidence.cells),
    )


REFERENCE_ATTRIBUTES = (
    Attribute(
        name="reference",
        title="Place among reference lots",
        group="programmes",
        unit="share of lots that depart as far",
        weight=DESCRIBES,
        definition=(
            "Share of the reference lots, this one among them, that depart from all others at least as far: by the "
            "programmes, or by single genes, at the lot's depth. A lot of the same kind is called outside in no more "
            "than the stated share of cases; outside is other, not worse."
        ),
        judge=judge_place,
    ),
    *(replace(one, unit=UNIT, definition=one.definition.replace(MEANING, OF_REFERENCE)) for one in SCORE_ATTRIBUTES),
)
