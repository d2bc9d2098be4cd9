"""Passport rules of the gate: the phenotype and its criteria, one by one."""

from __future__ import annotations

import math

import pandas as pd

from mscape.gating import lot_reasons, reasons
from mscape.passports.rules import (
    DECIDES,
    DESCRIBES,
    FAIL,
    NOT_ASSESSABLE,
    PASS,
    WARN,
    Assessment,
    Attribute,
    LotEvidence,
    say_share,
)
from mscape.passports.sentences import ACTIONS

A_MARKER = "a positive marker"
OF_GATE = {"meets": PASS, "inconclusive": WARN, "fails": FAIL, "not_assessable": NOT_ASSESSABLE}


def gate_attributes(gate: pd.DataFrame) -> list[Attribute]:
    """Make one rule per criterion of the gate, the overall one first."""
    kinds = {"overall": 0, "positive": 1, "negative": 2}
    rows = gate.assign(order=gate["kind"].map(kinds)).sort_values("order", kind="stable")
    rules = [_gate_attribute(row["criterion"], row["kind"]) for _, row in rows.iterrows()]
    return rules if (gate["kind"] == "overall").any() else [_gate_attribute("phenotype", "overall"), *rules]


def _gate_attribute(criterion: str, kind: str) -> Attribute:
    def judge(evidence: LotEvidence, settings: dict) -> Assessment:
        rows = evidence.gate[(evidence.gate["criterion"] == criterion) & (evidence.gate["kind"] == kind)]
        if rows.empty:
            reason = "The lot has no cells that pass quality control."
            return Assessment(verdict=NOT_ASSESSABLE, reason=reason, next_action=ACTIONS["lost"], n=0)
        return judge_criterion(rows.iloc[0], evidence.limits, foreign=evidence.foreign, weakest=_weakest(evidence.gate))

    if kind == "overall":
        return Attribute(
            name="phenotype",
            title="ISCT phenotype, transcript level",
            group="identity",
            unit="fraction of cells",
            weight=DECIDES,
            definition=(
                "Fraction of cells whose RNA agrees with the whole ISCT marker phenotype, among the cells that could "
                "be called. Each call pools the counts of like neighbours, so that a marker missed by chance is not "
                "taken for absent. This is transcript-level concordance, not flow cytometry."
            ),
            judge=judge,
        )
    presence = "present" if kind == "positive" else "present, where it should be absent,"
    return Attribute(
        name=f"criterion_{criterion}",
        title=f"{_plain_marker(criterion)} {'present' if kind == 'positive' else 'absent'}",
        group="identity",
        unit="fraction of cells with it",
        weight=DESCRIBES,
        definition=(
            f"Mean probability that the RNA of {_plain_marker(criterion)} is {presence} in a cell, with a bootstrap "
            "interval over neighbourhoods of cells. It enters the verdict through the phenotype."
        ),
        judge=judge,
    )


def _weakest(gate: pd.DataFrame) -> str:
    """Name the positive marker that the counts of single cells show least."""
    rows = gate[gate["kind"] == "positive"].dropna(subset="max_hidden_fraction")
    return A_MARKER if rows.empty else str(rows.loc[rows["max_hidden_fraction"].astype(float).idxmax(), "criterion"])


def judge_criterion(
    row: pd.Series, limits: dict[str, float], *, foreign: float = 0.0, weakest: str = A_MARKER
) -> Assessment:
    """Translate a row of the gate's table.

    Parameters
    ----------
    row
        The row.
    limits
        Those of the gate's panel.
    foreign
        Fraction of the lot's cells that belong to another lineage: where they account for most of what fails, they are
        named as the cause.
    weakest
        Positive marker that the counts of single cells show least; named where the whole phenotype rests on neighbours.
    """
    verdict = OF_GATE[row["verdict"]]
    code = _text(row.get("reason"))
    limit = {
        "positive": f"at least {limits['min_positive']:.0%}",
        "negative": f"at most {limits['max_negative']:.0%}",
        "overall": f"at least {limits['min_positive']:.0%}, and every criterion",
    }[row["kind"]]
    said, action = _explain(code)
    share = say_share(row["estimate"], row["low"], row["high"])
    marker = _plain_marker(row["criterion"])
    subject = "cells agree with the phenotype" if row["kind"] == "overall" else f"cells carry {marker}"
    if verdict == NOT_ASSESSABLE:
        reason = said or "It could not be assessed."
    else:
        words = {PASS: "within the limit", FAIL: "outside the limit", WARN: "the limit lies inside the interval"}[
            verdict
        ]
        if verdict == WARN and code in {"HIDDEN_MIXTURE", "HOMOGENEITY_ASSUMED"}:
            words = "within the limit by pooled counts, but not settled"
        if verdict == WARN and code in lot_reasons.OWN:
            words = "not settled" if row["kind"] == "overall" else "above the limit, which is informative, not decisive"
        if code == "HOMOGENEITY_ASSUMED" and not math.isnan(row["max_hidden_fraction"]):
            without = weakest if row["kind"] == "overall" else marker
            said = (
                "This holds if the cells of a neighbourhood are alike; the counts of single cells alone would allow up "
                f"to {row['max_hidden_fraction']:.0%} without {without}."
            )
        failing = row["estimate"] if row["kind"] == "negative" else 1 - row["estimate"]
        if (verdict == FAIL or code == "AMBIGUOUS") and foreign > 0 and foreign >= failing / 2:
            said, action = "Cells of other lineages account for most of it.", ACTIONS["contaminated"]
        reason = f"{share} of {subject}: {words}." + (f" {said}" if said else "")
    return Assessment(
        verdict=verdict,
        reason=reason,
        value=row["estimate"],
        low=row["low"],
        high=row["high"],
        threshold=limit,
        next_action="" if verdict == PASS else action or ACTIONS["default"],
        n=int(row["n_cells"]),
    )


def _explain(code: str) -> tuple[str, str]:
    """Sentence and next action of a reason code of the gate; both "" where the criterion has no reason."""
    if not code:
        return "", ""
    reason, name = reasons.parse(code)
    return reason.lot.format(name=_plain_marker(name)), reason.next_step


def _plain_marker(criterion: str) -> str:
    return criterion.replace("|", " or ")


def _text(value: object) -> str:
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value)
