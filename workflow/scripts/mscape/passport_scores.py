"""Passport rules of the signature scores: how a lot stands among the other lots of its dataset.

A score's zero has no biological meaning, so a lot is compared with the median of the other lots, in units of the
null-calibrated z. These attributes describe: they warn, and never change a lot's verdict.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mscape.passport import DESCRIBES, NOT_ASSESSABLE, PASS, WARN, Evidence, Finding, Rule
from mscape.passport_words import ACTIONS

LINEAGES = {"osteogenic": "osteogenic", "adipogenic": "adipogenic", "chondrogenic": "chondrogenic"}


def shift_scores(evidence: Evidence, axis: str) -> pd.DataFrame:
    """Compare the lot's mean z of each signature of an axis with the median of the other lots.

    Parameters
    ----------
    evidence
        The lot.
    axis
        Of ``signatures.tsv``; sets that rise with the programme and were scored.

    Returns
    -------
    One row a signature (index): ``z low high shift n_lots n_cells``; ``shift`` is NaN without two other lots.
    """
    rows = []
    for name in _usable(evidence, axis):
        own = evidence.scores[evidence.scores["signature"] == name].set_index("lot_id")
        if evidence.lot_id not in own.index or np.isnan(own.at[evidence.lot_id, "z"]):
            continue
        others = own["z"].drop(evidence.lot_id).dropna()
        base = float(others.median()) if len(others) >= 2 else np.nan
        lot = own.loc[evidence.lot_id]
        rows.append(
            {
                "signature": name,
                "z": float(lot["z"]),
                "shift": float(lot["z"]) - base,
                "n_lots": len(others),
                "n_cells": int(lot["n_cells"]),
            }
        )
    columns = ["signature", "z", "shift", "n_lots", "n_cells"]
    return pd.DataFrame(rows, columns=columns).set_index("signature")


def judge_senescence(evidence: Evidence, settings: dict) -> Finding:
    """Whether the senescence scorers agree that the lot stands above the others."""
    return _judge_rise(evidence, settings, "senescence", "senescence", "senescence")


def judge_stress(evidence: Evidence, settings: dict) -> Finding:
    """Whether the genes of dissociation stress stand above the other lots."""
    return _judge_rise(evidence, settings, "dissociation_stress", "dissociation stress", "stress")


def judge_constitutive(evidence: Evidence, settings: dict) -> Finding:
    """Whether the resting immunoregulatory genes stand below the other lots."""
    return _judge_rise(
        evidence, settings, "immune_constitutive", "constitutive immunoregulation", "constitutive", sign=-1
    )


def judge_licensing(evidence: Evidence, settings: dict) -> Finding:
    """Tell licensing by interferon from inflammation as of senescent cells."""
    limit = _limit(settings)
    tables = {axis: shift_scores(evidence, axis) for axis in ("immune_licensed", "immune_inflammatory", "senescence")}
    missing = _missing(evidence, tables["immune_licensed"], "immune_licensed", limit)
    if missing:
        return missing
    level = {axis: table["shift"].median() for axis, table in tables.items()}
    rises = {axis: bool(value >= settings["score_shift"]) for axis, value in level.items()}
    said = ", ".join(f"{_words(axis)} {value:+.1f}" for axis, value in level.items() if not np.isnan(value))
    text = f"Against the median of the other lots: {said}."
    n = int(tables["immune_licensed"]["n_cells"].min())
    found = {"value": level["immune_licensed"], "threshold": limit, "n": n}
    if rises["immune_inflammatory"] and not rises["immune_licensed"]:
        beside = " together with senescence" if rises["senescence"] else ""
        reason = (
            f"{text} Inflammatory genes are raised{beside} and licensed genes are not: inflammation, not licensing."
        )
        return Finding(WARN, reason, next_action=ACTIONS["inflamed"], **found)
    if rises["immune_licensed"]:
        conditions = (
            evidence.cells["condition"].astype(str).str.lower().unique() if "condition" in evidence.cells else []
        )
        meant = any(word in condition for condition in conditions for word in ("prim", "licens", "ifn", "tnf", "stim"))
        reason = f"{text} Licensed genes are raised, as after interferon."
        return Finding(PASS if meant else WARN, reason, next_action="" if meant else ACTIONS["licensed"], **found)
    return Finding(PASS, f"{text} No sign of licensing.", **found)


def judge_trilineage(evidence: Evidence, settings: dict) -> Finding:
    """Whether the lot leans towards bone, fat or cartilage."""
    limit = _limit(settings)
    tables = {axis: shift_scores(evidence, axis) for axis in LINEAGES}
    known = {axis: table["shift"].median() for axis, table in tables.items() if table["shift"].notna().any()}
    if not known:
        return _missing(evidence, pd.concat(tables.values()), "osteogenic", limit)
    lead = max(known, key=known.get)
    said = ", ".join(f"{axis} {value:+.1f}" for axis, value in known.items())
    rises = known[lead] >= settings["score_shift"]
    lean = f"It leans {lead}." if rises else "No lineage stands out."
    reason = f"Against the median of the other lots: {said}. {lean}"
    n = int(min(tables[axis]["n_cells"].min() for axis in known))
    action = ACTIONS["committed"] if rises else ""
    return Finding(WARN if rises else PASS, reason, known[lead], threshold=limit, next_action=action, n=n)


def judge_osteogenic(evidence: Evidence, settings: dict) -> Finding:
    """Whether the osteogenic genes stand above the other lots."""
    return _judge_rise(evidence, settings, "osteogenic", "osteogenic commitment", "committed")


def _judge_rise(evidence: Evidence, settings: dict, axis: str, words: str, action: str, *, sign: int = 1) -> Finding:
    """Warn when at least half of an axis's scorers stand above (or below) the other lots."""
    limit = _limit(settings, sign)
    table = shift_scores(evidence, axis)
    missing = _missing(evidence, table, axis, limit)
    if missing:
        return missing
    shifts = sign * table["shift"]
    raised = list(table.index[shifts >= settings["score_shift"]])
    agree = len(raised) * 2 >= len(table) and len(raised) > 0
    direction = "above" if sign > 0 else "below"
    side = f"{len(raised)} of {len(table)} scorers of {words} stand {direction} the other lots"
    named = f" ({', '.join(raised)})" if raised else ""
    low, high = (float(table["shift"].min()), float(table["shift"].max())) if len(table) > 1 else (None, None)
    return Finding(
        WARN if agree else PASS,
        f"{side}{named}.",
        float(table["shift"].median()),
        low,
        high,
        limit,
        ACTIONS[action] if agree else "",
        int(table["n_cells"].min()),
    )


def _missing(evidence: Evidence, table: pd.DataFrame, axis: str, limit: str) -> Finding | None:
    """Say why an axis cannot be judged, if so."""
    if table.empty:
        rows = evidence.signatures[evidence.signatures["axis"] == axis]
        reasons = [str(reason) for reason in rows["reason"].dropna() if str(reason)]
        said = f"No signature of it could be scored: {reasons[0]}" if reasons else "No signature of it was scored."
        return Finding(NOT_ASSESSABLE, _end(said), threshold=limit, next_action=ACTIONS["genes_missing"], n=0)
    if table["shift"].isna().all():
        count = int(table["n_lots"].max()) + 1
        reason = f"There are {count} lots with scores; three are needed to say what stands out."
        reason = reason.replace("are 1 lots", "is 1 lot")
        return Finding(
            NOT_ASSESSABLE, reason, threshold=limit, next_action=ACTIONS["no_lots"], n=int(table["n_cells"].min())
        )
    return None


def _usable(evidence: Evidence, axis: str) -> list[str]:
    rows = evidence.signatures[(evidence.signatures["axis"] == axis) & (evidence.signatures["direction"] != "down")]
    scored = set(evidence.scores["signature"])
    return [name for name in rows.index if name in scored]


def _limit(settings: dict, sign: int = 1) -> str:
    direction = "above" if sign > 0 else "below"
    return f"less than {settings['score_shift']:g} z {direction} the median of the other lots"


def _words(axis: str) -> str:
    return {"immune_licensed": "licensed", "immune_inflammatory": "inflammatory"}.get(axis, axis)


def _end(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


RANGE = (
    "The value is the median over the axis's signatures, the interval their range. "
    "A signature score is no potency assay."
)
UNIT = "z from the median of the other lots"
SCORE_RULES = (
    Rule(
        "senescence",
        "Senescence, consensus of scorers",
        "programmes",
        UNIT,
        DESCRIBES,
        f"Mean z of the lot's MSC in each senescence signature, minus the median of the other lots. {RANGE}",
        judge_senescence,
    ),
    Rule(
        "immune_constitutive",
        "Immunoregulation, constitutive",
        "programmes",
        UNIT,
        DESCRIBES,
        f"Mean z in the immunoregulatory genes that MSC express at rest, minus the median of the other lots. {RANGE}",
        judge_constitutive,
    ),
    Rule(
        "immune_licensed",
        "Immunoregulation, licensed or inflamed",
        "programmes",
        UNIT,
        DESCRIBES,
        "Mean z in the genes that interferon-gamma and TNF raise, beside inflammatory (SASP) and senescence genes, "
        "each minus the median of the other lots: an inflamed senescent lot must not look licensed. The value is the "
        "licensed axis. A signature score is no potency assay.",
        judge_licensing,
    ),
    Rule(
        "osteogenic",
        "Osteogenic programme",
        "programmes",
        UNIT,
        DESCRIBES,
        f"Mean z in each osteogenic signature, minus the median of the other lots. {RANGE}",
        judge_osteogenic,
    ),
    Rule(
        "trilineage",
        "Trilineage bias",
        "programmes",
        UNIT,
        DESCRIBES,
        "Mean z of the osteogenic, adipogenic and chondrogenic axes, each minus the median of the other lots; the "
        "value is the strongest. It shows a lean at harvest, not the ability to differentiate.",
        judge_trilineage,
    ),
    Rule(
        "stress",
        "Dissociation stress",
        "programmes",
        UNIT,
        DESCRIBES,
        f"Mean z in immediate-early and heat-shock genes, minus the median of the other lots. {RANGE}",
        judge_stress,
    ),
)
