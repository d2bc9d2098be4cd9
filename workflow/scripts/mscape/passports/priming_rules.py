"""Passport rule of lots whose priming the sample sheet states: whether the genes that it raises are up."""

from __future__ import annotations

from mscape import numbers
from mscape.passports.rules import DESCRIBED, DESCRIBES, NOT_ASSESSABLE, WARN, Assessment, Attribute, LotEvidence

ACTION = "Check the labels, the reagent, its dose and time; confirm by protein, such as IDO or PD-L1 after IFN-gamma."
NO_CONTROL = "Give the priming of the lot, and a lot with priming none, of the same donor if there is one."


def judge_priming(evidence: LotEvidence, settings: dict) -> Assessment:
    """Set what the sheet says of the lot's priming beside what its genes say."""
    if evidence.priming.empty:
        reason = "The sheet does not state the priming of this lot, or it was not compared."
        return Assessment(verdict=NOT_ASSESSABLE, reason=reason, next_action=NO_CONTROL, n=len(evidence.cells))
    row = evidence.priming.iloc[0]
    if row["answer"] == "control":
        reason = "Stated none: it is a control of the lots that were primed."
        return Assessment(verdict=DESCRIBED, reason=reason, n=len(evidence.cells))
    if row["answer"] == "undecided":
        reason = f"Stated {row['stated']}: undecided. {row['reason']}"
        return Assessment(verdict=NOT_ASSESSABLE, reason=reason, next_action=NO_CONTROL, n=len(evidence.cells))
    n, donor = int(row["controls"]), " of the same donor" if row["relative_to"] == "donor" else ""
    reason = (
        f"Stated {row['stated']}: {int(row['moved'])} of {int(row['measurable'])} expected genes are up against {n} "
        f"{'lot' if n == 1 else 'lots'} with none{donor}, on average by {numbers.signed(row['effect'])} log2: "
        f"{row['answer']}."
    )
    took = row["answer"] == "yes"
    return Assessment(
        verdict=DESCRIBED if took else WARN,
        reason=reason,
        value=float(row["effect"]),
        low=float(row["low"]),
        high=float(row["high"]),
        next_action="" if took else ACTION,
        n=len(evidence.cells),
    )


PRIMING_ATTRIBUTES = (
    Attribute(
        name="priming",
        title="Did the priming take",
        group="programmes",
        unit="log2 ratio to lots with none",
        weight=DESCRIBES,
        definition=(
            "Genes that the stated priming is known to raise, in the sum of the lot's MSC against lots with priming "
            "none, beside genes of like expression between the same sums. Yes: the test is clear, most of them are up "
            "and their mean rise is at least two-fold. Partly: one of these two holds. No: the test is not clear and "
            "a two-fold mean rise is excluded. Other treatments can raise the same genes: it says that they respond, "
            "not to what. In passports of studies whose sheet has a column priming."
        ),
        judge=judge_priming,
    ),
)
