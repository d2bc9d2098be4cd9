"""Passport rules of the gate: the phenotype and its criteria, one by one."""

from __future__ import annotations

import math

import pandas as pd

from mscape.gating import lot_reasons, reasons
from mscape.gating.reasons import Reason
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
            f"Share of cells in which the RNA of {_plain_marker(criterion)} is {presence} by its rate in the "
            "neighborhood. The interval reaches as far as a hidden subset could. It enters the verdict through the "
            "phenotype."
        ),
        judge=judge,
    )


def _weakest(gate: pd.DataFrame) -> pd.Series | None:
    """Find the criterion that single cells show least: one that is not settled, else any; None where none is judged."""
    rows = gate[(gate["kind"] != "overall") & (gate["verdict"] != "not_assessable")]
    rows = rows.dropna(subset="max_hidden_fraction")
    open_ = rows[(rows["verdict"] == "inconclusive") & (rows["reason"] == Reason.HOMOGENEITY_ASSUMED)]
    rows = rows if open_.empty else open_
    return None if rows.empty else rows.loc[rows["max_hidden_fraction"].astype(float).idxmax()]


def judge_criterion(
    row: pd.Series, limits: dict[str, float], *, foreign: float = 0.0, weakest: pd.Series | None = None
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
        Row of the criterion that single cells show least, whose resolution is that of the whole phenotype; a
        criterion's is its own.
    """
    verdict = OF_GATE[row["verdict"]]
    code = _text(row.get("reason"))
    limit = {
        "positive": f"at least {limits['min_positive']:.0%}",
        "negative": f"at most {limits['max_negative']:.0%}",
        "overall": f"at least {limits['min_positive']:.0%}, and every criterion",
    }[row["kind"]]
    said, action = _explain(code)
    if verdict == NOT_ASSESSABLE:
        return Assessment(
            verdict=verdict,
            reason=said or "It could not be assessed.",
            threshold=limit,
            next_action=action or ACTIONS["default"],
            n=int(row["n_cells"]),
        )
    seen = weakest if row["kind"] == "overall" else row
    resolution = say_resolution(seen) if verdict == PASS else ""
    share = say_share(row["estimate"], row["low"], row["high"])
    subject = "cells agree with the phenotype"
    if row["kind"] != "overall":
        subject = f"cells have RNA of {_plain_marker(row['criterion'])} above its threshold"
    words = {PASS: "within the limit", FAIL: "outside the limit", WARN: "the limit lies inside the interval"}[verdict]
    if verdict == PASS:
        said = resolution
    elif code == Reason.HOMOGENEITY_ASSUMED and seen is not None:
        words, said, action = "not settled by RNA", say_unsettled(seen), say_how_to_settle(seen)
    elif code == Reason.HIDDEN_MIXTURE:
        words = "not settled by RNA"
    elif verdict == WARN and code in lot_reasons.OWN:
        words = "not settled" if row["kind"] == "overall" else "above the limit, which is informative, not decisive"
    failing = row["estimate"] if row["kind"] == "negative" else 1 - row["estimate"]
    if (verdict == FAIL or code == Reason.AMBIGUOUS) and foreign > 0 and foreign >= failing / 2:
        said, action = "Cells of other lineages account for most of it.", ACTIONS["contaminated"]
    return Assessment(
        verdict=verdict,
        reason=f"{share} of {subject}: {words}." + (f" {said}" if said else ""),
        value=row["estimate"],
        low=row["low"],
        high=row["high"],
        threshold=limit,
        next_action="" if verdict == PASS else action or ACTIONS["default"],
        n=int(row["n_cells"]),
        resolution=resolution,
    )


def say_resolution(row: pd.Series | None) -> str:
    """Write how small a subset of a met criterion could not have been seen, "" where that is unknown."""
    if row is None or pd.isna(row["max_hidden_fraction"]):
        return ""
    having = "without" if row["kind"] == "positive" else "with"
    return f"Fewer than {_ceiling(row)} {having} {_plain_marker(row['criterion'])} could not be seen."


def say_unsettled(row: pd.Series) -> str:
    """Write what the counts of a criterion leave open."""
    marker = _plain_marker(row["criterion"])
    what = f"lack {marker}" if row["kind"] == "positive" else f"have {marker}"
    return f"Up to {_ceiling(row)} of the cells could {what} and give the same counts."


def say_how_to_settle(row: pd.Series) -> str:
    """Write the measurement that settles a criterion, and the cells or counts by which RNA would."""
    measure = f"Measure {_plain_marker(row['criterion'])} by flow cytometry, which sees single cells."
    cells, depth = (row.get(name, math.nan) for name in ("n_cells_needed", "median_counts_needed"))
    ways = []
    if not pd.isna(cells) and cells > row["n_cells"]:
        ways.append(f"about {_round(cells):,} cells at this depth")
    if not pd.isna(depth) and depth > row["median_counts"]:
        ways.append(f"about {_round(depth):,} counts a cell with as many cells")
    if ways:
        return f"{measure} RNA would need {' or '.join(ways)}."
    if not pd.isna(cells):
        return f"{measure} A homogeneous lot of this size would have been settled: such a subset is likely."
    return f"{measure} More cells or counts would hardly settle it."


def _ceiling(row: pd.Series) -> str:
    """Write the hidden fraction in whole per cent, rounded up."""
    return f"{max(1, math.ceil(round(float(row['max_hidden_fraction']) * 100, 6)))}%"


def _round(number: float) -> int:
    """Round up to two digits."""
    step = 10 ** max(0, math.floor(math.log10(number)) - 1)
    return int(math.ceil(number / step) * step)


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
