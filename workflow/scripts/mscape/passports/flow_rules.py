"""Passport rule of lots with flow cytometry in the sample sheet: the share of cells by RNA beside it."""

from __future__ import annotations

from mscape import numbers
from mscape.passports.rules import DESCRIBED, DESCRIBES, NOT_ASSESSABLE, Assessment, Attribute, LotEvidence


def judge_flow(evidence: LotEvidence, settings: dict) -> Assessment:
    """Set the share of cells with each marker's RNA beside flow cytometry, and say what the thresholds rest on."""
    rows, n = evidence.flow, len(evidence.cells)
    if rows.empty:
        reason = "The sheet gives no flow cytometry of this lot for a marker that was judged."
        action = "Give the per cent of positive cells in the columns flow_<marker> of the sheet."
        return Assessment(verdict=NOT_ASSESSABLE, reason=reason, next_action=action, n=n)
    said = [
        f"{row.criterion} {numbers.share(row.estimate, row.low, row.high)} of cells by RNA, "
        f"{numbers.percent(row.flow)} by flow cytometry."
        for row in rows.itertuples()
    ]
    set_by_flow = rows[rows["reason"].eq("") & rows["basis"].str.startswith("flow cytometry")]
    for (basis, used), own in set_by_flow.groupby(["basis", "used"], sort=False):
        markers = ", ".join(own["criterion"])
        own_part = (
            "this one among them: for these markers its RNA and its flow cytometry are not independent."
            if used
            else "without this one."
        )
        said.append(f"The threshold of {markers} was set from {basis}, {own_part}")
    return Assessment(verdict=DESCRIBED, reason=" ".join(said), n=n)


FLOW_ATTRIBUTES = (
    Attribute(
        name="flow_agreement",
        title="Agreement with flow cytometry",
        group="identity",
        unit="fraction of cells",
        weight=DESCRIBES,
        definition=(
            "Share of cells with a marker's RNA above its threshold, beside the per cent of positive cells by flow "
            "cytometry that the sample sheet gives for the lot. A threshold that was set from flow cytometry makes the "
            "lots that it was set from agree; how well others do is the difference of lots that were left out "
            "(docs/gating.md). In passports of studies whose sheet has columns flow_<marker>."
        ),
        judge=judge_flow,
    ),
)
