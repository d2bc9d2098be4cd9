"""Passport rules of the signature scores: how a lot departs from the average of its dataset's lots.

A score's zero has no biological meaning, so every sentence says what it is relative to: the lots of this study, or
those of a reference (:mod:`mscape.passports.reference_rules`). The
lot's z (``signature_scores.tsv``) is its departure from the average of
the lots in units of random gene sets of the same expression; :mod:`mscape.scoring.consensus` says what several of them
mean together. These attributes describe: they warn, and never change a lot's verdict.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mscape import numbers
from mscape.passports.rules import DESCRIBED, DESCRIBES, NOT_ASSESSABLE, WARN, Assessment, Attribute, LotEvidence
from mscape.passports.sentences import ACTIONS
from mscape.scoring import consensus

STRESS = "MSC_DISSOCIATION_STRESS"
LICENSED_WORDS = ("prim", "licens", "ifn", "tnf", "stim", "interferon")


def lot_scores(evidence: LotEvidence) -> pd.Series:
    """Z of the lot by signature; a signature without one is left out."""
    own = evidence.scores[evidence.scores["lot_id"] == evidence.lot_id]
    return own.set_index("signature")["z"].astype(float).dropna()


def interval_of(evidence: LotEvidence, signature: str) -> tuple[float, float]:
    """Give the 95 % interval of a signature's z over the lot's cells."""
    own = evidence.scores[(evidence.scores["lot_id"] == evidence.lot_id) & (evidence.scores["signature"] == signature)]
    return float(own["z_low"].iloc[0]), float(own["z_high"].iloc[0])


def judge_senescence(evidence: LotEvidence, settings: dict) -> Assessment:
    """Whether genes gained and genes lost in senescence agree that the lot differs from the others of its study."""
    average = evidence.average
    threshold = settings["score_threshold"]
    limit = f"genes gained below z = {threshold:g} or genes lost above z = {-threshold:g}"
    z = lot_scores(evidence)
    found = consensus.senescence_agreement(z.to_dict(), threshold=threshold)
    if found["senescence"] == "not assessable" or consensus.SIGNED not in z:
        return _missing(evidence, [consensus.GAINED, consensus.LOST, consensus.SIGNED], limit)
    level = _level({role: z[name] for role, name in consensus.SENESCENCE.items() if name in z}, threshold)
    said = {
        "agree": f"Genes gained in senescence are above and genes lost below {average}: it looks more senescent than "
        "they do.",
        "differentiating": f"Genes gained in senescence are above and genes lost below {average}, but osteogenic "
        "genes are above it too: cells that stop to differentiate look the same, and senescence is not claimed.",
        "gained only": f"Genes gained in senescence are above {average}, genes lost are not below: no claim of "
        "senescence.",
        "secretory only": f"Only secretory scores are above {average}: priming or inflammation can do this, and "
        "senescence is not claimed.",
        "none": f"It is not above {average}.",
    }[found["senescence"]]
    if found["senescence"] == "none" and "lost" in found["senescence_scorers"].split(";"):
        said = f"Genes lost in senescence are below {average}, genes gained are not above: no claim of senescence."
    agree = found["senescence"] == "agree"
    return Assessment(
        verdict=WARN if agree else DESCRIBED,
        reason=f"Against {average}, z: {level}. {said}{_which(evidence)}",
        value=float(z[consensus.SIGNED]),
        low=interval_of(evidence, consensus.SIGNED)[0],
        high=interval_of(evidence, consensus.SIGNED)[1],
        threshold=limit,
        next_action=ACTIONS["senescence"] if agree else "",
        n=_n(evidence),
    )


def judge_constitutive(evidence: LotEvidence, settings: dict) -> Assessment:
    """Whether the resting immunoregulatory genes are lower than in the other lots."""
    return _judge_one(evidence, settings, consensus.IMMUNE["constitutive"], "constitutive", sign=-1)


def judge_stress(evidence: LotEvidence, settings: dict) -> Assessment:
    """Whether the genes of dissociation stress are higher than in the other lots."""
    return _judge_one(evidence, settings, STRESS, "stress", sign=1)


def judge_licensing(evidence: LotEvidence, settings: dict) -> Assessment:
    """Distinguish licensing by interferon from inflammation as of senescent cells."""
    average = evidence.average
    limit = f"licensed and inflammatory genes below z = {settings['score_threshold']:g}"
    z = lot_scores(evidence)
    profile = consensus.immune_profile(z.to_dict(), threshold=settings["score_threshold"])
    if profile == "not assessable":
        return _missing(evidence, [consensus.IMMUNE[role] for role in ("licensed", "inflammatory")], limit)
    level = _level({role: z[name] for role, name in consensus.IMMUNE.items() if name in z}, settings["score_threshold"])
    low, high = interval_of(evidence, consensus.IMMUNE["licensed"])
    value = float(z[consensus.IMMUNE["licensed"]])
    found: dict[str, Any] = {"value": value, "low": low, "high": high, "threshold": limit, "n": _n(evidence)}
    text = f"Against {average}, z: {level}."
    if profile == "inflamed, not licensed":
        agree = consensus.senescence_agreement(z.to_dict(), threshold=settings["score_threshold"])["senescence"]
        beside = " together with senescence" if agree == "agree" else ""
        said = f"Inflammatory genes are above {average}{beside} and licensed genes are not"
        reason = f"{text} {said}: inflammation, not licensing."
        return Assessment(verdict=WARN, reason=reason + _which(evidence), next_action=ACTIONS["inflamed"], **found)
    if profile == "licensed":
        given = evidence.cells["condition"].astype(str).str.lower().unique() if "condition" in evidence.cells else []
        meant = any(word in condition for condition in given for word in LICENSED_WORDS)
        tail = "as the sheet's condition says" if meant else "which the sheet's condition does not explain"
        reason = f"{text} Licensed genes are above {average}, as after interferon, {tail}."
        action = "" if meant else ACTIONS["licensed"]
        return Assessment(
            verdict=DESCRIBED if meant else WARN, reason=reason + _which(evidence), next_action=action, **found
        )
    said = f"Neither licensed nor inflammatory genes are above {average}."
    if profile == "constitutive":
        said += f" Resting genes are above {average}."
    if evidence.place is None:
        said += " Whether all its lots are licensed or none is can be decided only by a lot of known state."
    return Assessment(verdict=DESCRIBED, reason=f"{text} {said}{_which(evidence)}", **found)


def judge_osteogenic(evidence: LotEvidence, settings: dict) -> Assessment:
    """Whether early or late osteogenic genes are higher than in the other lots."""
    average = evidence.average
    threshold = max(settings["score_threshold"], consensus.BIAS_Z)
    limit = f"below z = {threshold:g}"
    names = consensus.LINEAGES["osteogenic"]
    z = lot_scores(evidence).reindex(list(names)).dropna()
    if z.empty:
        return _missing(evidence, list(names), limit)
    warn = bool(z.max() >= threshold)
    level = _level({name.rsplit("_", 1)[1].lower(): value for name, value in z.items()}, threshold)
    late = "late" if z.idxmax().endswith("LATE") else "early"
    said = f"It is above {average}: {late} osteogenic genes." if warn else f"It is not above {average}."
    reason = f"Against {average}, z: {level}. {said}{_which(evidence)}"
    action = ACTIONS["committed"] if warn else ""
    interval = interval_of(evidence, z.idxmax())
    return Assessment(
        verdict=WARN if warn else DESCRIBED,
        reason=reason,
        value=float(z.max()),
        low=interval[0],
        high=interval[1],
        threshold=limit,
        next_action=action,
        n=_n(evidence),
    )


def judge_trilineage(evidence: LotEvidence, settings: dict) -> Assessment:
    """RNA-level lineage bias of the lot: bone, fat or cartilage."""
    average = evidence.average
    threshold = max(settings["score_threshold"], consensus.BIAS_Z)
    limit = f"every lineage below z = {threshold:g}"
    z = lot_scores(evidence)
    bias = consensus.lineage_bias(z.to_dict(), threshold=threshold)
    names = [name for lineage in consensus.LINEAGES.values() for name in lineage]
    if bias == "not assessable":
        return _missing(evidence, names, limit)
    known = z.reindex(names).dropna()
    best = {
        lineage: known.reindex(list(members)).max()
        for lineage, members in consensus.LINEAGES.items()
        if known.index.isin(members).any()
    }
    low, high = interval_of(evidence, known.idxmax())
    level = _level(best, threshold)
    glucocorticoid = z.get(consensus.GLUCOCORTICOID, -np.inf) >= consensus.HIGH_Z
    said = {
        "none": f"No {'other ' if glucocorticoid else ''}lineage is above {average}.",
        "mixed": f"The highest lineage is above {average}, and a second is too near it to name one.",
    }.get(bias, f"Its lineage bias is {bias}, against {average}.")
    if glucocorticoid:
        said = (
            f"The response to glucocorticoids is above {average}, and dexamethasone "
            f"raises genes of adipocytes: these say nothing. {said}"
        )
    reason = f"Against {average}, z: {level}. {said}{_which(evidence)}"
    action = "" if bias == "none" else ACTIONS["committed"]
    verdict = DESCRIBED if bias == "none" else WARN
    return Assessment(
        verdict=verdict,
        reason=reason,
        value=float(known.max()),
        low=low,
        high=high,
        threshold=limit,
        next_action=action,
        n=_n(evidence),
    )


def _judge_one(evidence: LotEvidence, settings: dict, signature: str, action: str, *, sign: int) -> Assessment:
    """Warn when one signature departs by the threshold to one side."""
    average = evidence.average
    threshold = settings["score_threshold"]
    limit = f"below z = {threshold:g}" if sign > 0 else f"above z = {-threshold:g}"
    z = lot_scores(evidence)
    if signature not in z:
        return _missing(evidence, [signature], limit)
    value = float(z[signature])
    warn = sign * value >= threshold
    direction = "above" if sign > 0 else "below"
    side = f"It {'is' if warn else 'is not'} {direction} {average}."
    reason = f"Against {average}, z: {numbers.signed(value, apart=(-threshold, threshold))}. {side}{_which(evidence)}"
    low, high = interval_of(evidence, signature)
    verdict = WARN if warn else DESCRIBED
    return Assessment(
        verdict=verdict,
        reason=reason,
        value=value,
        low=low,
        high=high,
        threshold=limit,
        next_action=ACTIONS[action] if warn else "",
        n=_n(evidence),
    )


def _level(z: dict[str, float], threshold: float) -> str:
    """Write z by name, each on the side of the threshold that it is on."""
    return ", ".join(f"{name} {numbers.signed(value, apart=(-threshold, threshold))}" for name, value in z.items())


def _missing(evidence: LotEvidence, names: list[str], limit: str) -> Assessment:
    """Say why signatures cannot be judged: no second lot, or genes that are missing."""
    lots = evidence.scores["lot_id"].nunique()
    rows = evidence.signatures.reindex(names)
    reasons = [text for text in rows["reason"].dropna().astype(str) if text] if "reason" in rows else []
    if reasons:
        reason, action = f"It could not be scored: {reasons[0]}", ACTIONS["genes_missing"]
    elif evidence.place is not None:
        reason = "The reference gives no z of it: it has too few lots, or lacks its genes."
        action = ACTIONS["reference_small"]
    elif lots < 2:
        reason, action = "There is no second lot in this study to compare with.", ACTIONS["no_lots"]
    else:
        reason, action = "It could not be scored.", ACTIONS["genes_missing"]
    return Assessment(verdict=NOT_ASSESSABLE, reason=_end(reason), threshold=limit, next_action=action, n=_n(evidence))


def _n(evidence: LotEvidence) -> int:
    own = evidence.scores.loc[evidence.scores["lot_id"] == evidence.lot_id, "n_cells"]
    return int(own.iloc[0]) if len(own) and not np.isnan(own.iloc[0]) else 0


def _which(evidence: LotEvidence) -> str:
    """Name the cells that were scored where they are not the lot's MSC."""
    if "cells" not in evidence.scores:
        return ""
    own = evidence.scores.loc[evidence.scores["lot_id"] == evidence.lot_id, "cells"]
    which = str(own.iloc[0]) if len(own) else "MSC"
    return "" if which == "MSC" else f" Scored were {which} cells, because the lot has too few MSC."


def _end(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


UNIT = "z from the average of the lots of the study"
MEANING = (
    "z is the lot's departure from the average of the lots of the study, in units of random gene sets of the same "
    "expression; its 95 % interval is over the lot's cells. A signature score is no potency assay."
)
SCORE_ATTRIBUTES = (
    Attribute(
        name="senescence",
        title="Senescence, signed score",
        group="programmes",
        unit=UNIT,
        weight=DESCRIBES,
        definition=(
            "z of a signed pair: genes gained in senescence (arrest, lysosomes) minus genes lost (lamins, chromatin, "
            "growth; no gene of the phases of the cycle). Both must stand out; SenMayo and Fridman, without genes of "
            "priming, stress and cycle, are printed beside them. No share of senescent cells is given: against a lot "
            f"of unknown state a cell cannot be called. {MEANING}"
        ),
        judge=judge_senescence,
    ),
    Attribute(
        name="immune_constitutive",
        title="Immunoregulation, constitutive",
        group="programmes",
        unit=UNIT,
        weight=DESCRIBES,
        definition=f"The immunoregulatory genes that MSC express at rest. {MEANING}",
        judge=judge_constitutive,
    ),
    Attribute(
        name="immune_licensed",
        title="Immunoregulation, licensed or inflamed",
        group="programmes",
        unit=UNIT,
        weight=DESCRIBES,
        definition=(
            "The genes that interferon-gamma raises, beside the inflammatory genes of senescent cells: an inflamed "
            f"senescent lot must not look licensed. The value is the licensed axis. {MEANING}"
        ),
        judge=judge_licensing,
    ),
    Attribute(
        name="osteogenic",
        title="Osteogenic programme",
        group="programmes",
        unit=UNIT,
        weight=DESCRIBES,
        definition=f"The higher of early and late osteogenic genes; the reason has both. {MEANING}",
        judge=judge_osteogenic,
    ),
    Attribute(
        name="trilineage",
        title="Trilineage bias",
        group="programmes",
        unit=UNIT,
        weight=DESCRIBES,
        definition=(
            "Osteogenic, adipogenic and chondrogenic genes; the value is the strongest lineage, an RNA-level bias at "
            "harvest, which is no evidence of differentiation capacity; not adipogenic where glucocorticoids explain "
            f"it. {MEANING}"
        ),
        judge=judge_trilineage,
    ),
    Attribute(
        name="stress",
        title="Dissociation stress",
        group="programmes",
        unit=UNIT,
        weight=DESCRIBES,
        definition=f"Immediate-early and heat-shock genes, which enzymes and waiting raise. {MEANING}",
        judge=judge_stress,
    ),
)
