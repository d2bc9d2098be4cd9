"""Passport rules of the gate: the phenotype and its criteria, one by one."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd

from mscape import numbers
from mscape.gating import hla_dr, reasons
from mscape.gating.reasons import Reason
from mscape.numbers import percent
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
)
from mscape.passports.sentences import ACTIONS

OF_GATE = {"meets": PASS, "inconclusive": WARN, "fails": FAIL, "not_assessable": NOT_ASSESSABLE}


def gate_attributes(gate: pd.DataFrame) -> list[Attribute]:
    """Make one rule per criterion of the gate, the overall one first."""
    kinds = {"overall": 0, "positive": 1, "negative": 2}  # cells that no panel explains are part of the purity
    rows = gate[gate["kind"].isin(kinds)]
    rows = rows.assign(order=rows["kind"].map(kinds)).sort_values("order", kind="stable")
    rules = [_gate_attribute(row["criterion"], row["kind"]) for _, row in rows.iterrows()]
    return rules if (gate["kind"] == "overall").any() else [_gate_attribute("phenotype", "overall"), *rules]


def _gate_attribute(criterion: str, kind: str) -> Attribute:
    def judge(evidence: LotEvidence, settings: dict) -> Assessment:
        rows = evidence.gate[(evidence.gate["criterion"] == criterion) & (evidence.gate["kind"] == kind)]
        if rows.empty:
            reason = "The lot has no cells that pass quality control."
            return Assessment(verdict=NOT_ASSESSABLE, reason=reason, next_action=ACTIONS["lost"], n=0)
        if kind == "overall":
            return judge_phenotype(evidence, settings)
        return judge_criterion(rows.iloc[0], evidence.limits, foreign=evidence.foreign)

    if kind == "overall":
        return Attribute(
            name="phenotype",
            title="ISCT phenotype, transcript level",
            group="identity",
            unit="fraction of cells",
            weight=DECIDES,
            definition=(
                "Fraction of cells whose RNA agrees with the whole ISCT marker phenotype, among the cells that could "
                "be called; those that could not widen the interval to both sides, and so does the subset that the "
                "counts could hide. Each call pools the counts of like neighbors, so that a marker missed by chance is "
                "not taken for absent; similar is what an embedding of all lots of this study shows, so that numbers "
                "move a little with the lots judged together. This is transcript-level concordance, not flow cytometry."
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
    rows = gate[gate["kind"].isin(["positive", "negative"]) & (gate["verdict"] != "not_assessable")]
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
    kind, code, n = row["kind"], _text(row.get("reason")), int(row["n_judged"])
    edge = limits["max_negative"] if kind == "negative" else limits["min_positive"]
    limit = f"{'at most' if kind == 'negative' else 'at least'} {percent(edge)}"
    said, action = _explain(code)
    found: dict = {"threshold": f"{limit}, and every criterion" if kind == "overall" else limit, "limits": (edge,)}
    if verdict == NOT_ASSESSABLE:
        reason, action = said or "It could not be assessed.", action or ACTIONS["default"]
        return Assessment(verdict=verdict, reason=reason, next_action=action, n=n, **found)
    seen = weakest if kind == "overall" else row
    resolution = say_resolution(seen) if verdict == PASS else ""
    share = numbers.share(row["estimate"], row["low"], row["high"], apart=(edge,))
    words = _say_side(row, edge, verdict)
    if verdict == PASS:
        said = resolution
    elif code == Reason.HOMOGENEITY_ASSUMED and seen is not None:
        words, said, action = "not settled by RNA", say_unsettled(seen), say_how_to_settle(seen)
    elif code == Reason.HIDDEN_MIXTURE:
        words = "not settled by RNA"
    elif code == Reason.AMBIGUOUS:
        said = ""
    failing = row["estimate"] if kind == "negative" else 1 - row["estimate"]
    if (verdict == FAIL or code == Reason.AMBIGUOUS) and foreign > 0 and foreign >= failing / 2:
        said, action = "Cells of other lineages account for most of it.", ACTIONS["contaminated"]
    return Assessment(
        verdict=verdict,
        reason=f"{share} of {_say_subject(row)}: {words}." + (f" {said}" if said else ""),
        value=row["estimate"],
        low=row["low"],
        high=row["high"],
        next_action="" if verdict == PASS else action or ACTIONS["default"],
        n=n,
        resolution=resolution,
        **found,
    )


def judge_phenotype(evidence: LotEvidence, settings: dict) -> Assessment:
    """Judge the whole phenotype: its share of cells, and the criterion that decides where the share itself does not."""
    gate = evidence.gate
    whole = gate[gate["kind"] == "overall"].iloc[0]
    found = judge_criterion(whole, evidence.limits, foreign=evidence.foreign, weakest=_weakest(gate))
    decider = gate[(gate["kind"] != "overall") & (gate["criterion"] == whole["decided_by"])]
    if len(decider):
        found = _follow(found, whole, decider.iloc[0], evidence)
    if found.verdict == FAIL and evidence.msc.empty:
        found = replace(found, next_action=ACTIONS["not_msc"])
    return found


def _follow(found: Assessment, whole: pd.Series, row: pd.Series, evidence: LotEvidence) -> Assessment:
    """Say the criterion that decides over the phenotype, and which others share its verdict."""
    one = judge_criterion(row, evidence.limits, foreign=evidence.foreign)
    marker = _plain_marker(row["criterion"])
    same = evidence.gate[(evidence.gate["kind"] != "overall") & (evidence.gate["verdict"] == row["verdict"])]
    others = [_plain_marker(name) for name in same["criterion"] if name != row["criterion"]]
    by: dict = {"decided_by": f"criterion_{row['criterion']}", "next_action": one.next_action}
    if found.verdict == NOT_ASSESSABLE:
        return replace(found, reason=f"{marker} could not be assessed. {one.reason}{_also(others)}", **by)
    share = numbers.share(whole["estimate"], whole["low"], whole["high"], apart=found.limits)
    decides = {FAIL: "It fails by", WARN: "It is open because of"}[found.verdict]
    reason = f"{share} of {_say_subject(whole)}. {decides} {marker}: {one.reason}{_also(others)}"
    return replace(found, reason=reason, **by)


def _also(others: list[str]) -> str:
    return f" The same holds for {', '.join(others)}." if others else ""


def _say_subject(row: pd.Series) -> str:
    """Name the cells that a share is of, with their number, and what they have in common."""
    n, whole = int(row["n_judged"]), int(row["n_cells"])
    if row["kind"] == "overall":
        return f"callable cells ({n} of {whole}) agree with the phenotype"
    cells = "cells" if n == whole else f"cells in which it was measured ({n} of {whole})"
    return f"{cells} have RNA of {_plain_marker(row['criterion'])} above its threshold"


def _say_side(row: pd.Series, limit: float, verdict: str) -> str:
    """Say where the interval lies beside the limit, as it is printed."""
    low, high = float(row["low"]), float(row["high"])
    within, beyond = (high <= limit, low > limit) if row["kind"] == "negative" else (low >= limit, high < limit)
    side = "above" if row["kind"] == "negative" else "below"
    if within:
        return f"the whole interval is within the limit of {percent(limit)}"
    if not beyond and verdict == PASS:
        return (
            f"within the limit of {percent(limit)}; the interval lies across it only by a subset that counts could hide"
        )
    if not beyond:
        return f"the limit of {percent(limit)} lies inside the interval"
    words = f"the whole interval lies {side} the limit of {percent(limit)}"
    if verdict == WARN and _text(row.get("reason")) in hla_dr.OWN:
        return f"{words}, which is informative, not decisive"
    if verdict == WARN:
        return f"{words}, but too few cells are called so one by one to fail it"
    return words


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
        return f"{measure} The counts of a homogeneous lot of this size are expected to settle it; these do not."
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
