"""What several signatures say together: cycle phase, senescence, immunoregulation, lineage bias.

Every rule reads calibrated z: 0 is the average of the lots of the study, 1 the spread of random gene sets like the
signature. All lots may be in a state, or none: z says which lots are more so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.stats import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Mapping

PHASES = ("G1", "S", "G2M", "unknown")

GAINED = "MSC_SENESCENCE_ARREST"  # arrest and lysosomes
LOST = "MSC_SENESCENCE_DOWN"  # lamins, chromatin and growth; no gene of the phases of the cycle
SIGNED = f"{GAINED}__SIGNED"
SENESCENCE = {  # the scorers of a lot; the first two decide, the others are printed beside them
    "gained": GAINED,
    "lost": LOST,
    "secretome": "SENMAYO__DEPLETED",
    "published": "FRIDMAN_SENESCENCE_UP__DEPLETED",
}
GLUCOCORTICOID = "MSC_GLUCOCORTICOID"
IMMUNE = {
    "constitutive": "MSC_IMMUNOREG_CONSTITUTIVE",
    "licensed": "MSC_IMMUNOREG_LICENSED",
    "inflammatory": "MSC_SASP_INFLAMMATORY",
}
LINEAGES = {
    "osteogenic": ("MSC_OSTEOGENIC_EARLY", "MSC_OSTEOGENIC_LATE"),
    "adipogenic": ("MSC_ADIPOGENIC_CORE",),
    "chondrogenic": ("MSC_CHONDROGENIC_CORE",),
}

# Thresholds of z of a lot. Its unit is the spread of random gene sets, which knows nothing of genes that move together
# or of donors: primed cord MSC reach 3.6 for the adipogenic core, osteogenic cultures 5 to 12 for the osteogenic one.
HIGH_Z = 3.0
BIAS_Z = 4.0


def call_phase(p_s: np.ndarray, p_g2m: np.ndarray, *, alpha: float = 0.05) -> pd.Categorical:
    """Cycle phase of each cell.

    A cell is in S or G2/M if the score of Tirosh 2016 (doi:10.1126/science.aad0501) is higher than those of all but
    ``alpha`` of the random gene sets; if both are, the smaller p decides. A bare "score above 0" would call half of a
    resting culture cycling.

    Parameters
    ----------
    p_s, p_g2m
        Empirical p of TIROSH_S and TIROSH_G2M in each cell. Without both, the phase is ``unknown``.
    alpha
        Level.
    """
    unknown = np.isnan(p_s) | np.isnan(p_g2m)
    codes = np.where(np.fmin(p_s, p_g2m) > alpha, 0, np.where(p_s < p_g2m, 1, 2))
    codes = np.where(unknown, PHASES.index("unknown"), codes)
    return pd.Categorical.from_codes(codes, categories=list(PHASES))


def senescence_agreement(z: Mapping[str, float], *, threshold: float = HIGH_Z) -> dict:
    """Say what the senescence scorers of a lot show against the other lots of its study.

    Senescence is called by a signed pair: genes that senescent fibroblasts gain are high, and genes that they lose are
    low. Cells that stop to differentiate do the same, so osteogenic genes that stand out forbid the word.
    A secretory score never decides: priming raises it.

    Parameters
    ----------
    z
        z of the lot by signature.
    threshold
        From here a scorer stands out.

    Returns
    -------
    ``senescence`` (``agree``; ``differentiating``: as that, with osteogenic genes; ``gained only``; ``secretory only``;
    ``none``; ``not assessable`` without the gained or the lost genes), ``senescence_scorers`` (names of those that
    stand out, separated by ;) and ``senescence_assessed`` (number of scorers with a value).
    """
    known = {role: z[name] for role, name in SENESCENCE.items() if not np.isnan(z.get(name, np.nan))}
    high = [role for role, value in known.items() if (-value if role == "lost" else value) >= threshold]
    if not {"gained", "lost"} <= set(known):
        label = "not assessable"
    elif {"gained", "lost"} <= set(high):
        differentiates = np.nan_to_num(z.get(LINEAGES["osteogenic"][0], np.nan), nan=-np.inf) >= threshold
        label = "differentiating" if differentiates else "agree"
    elif "gained" in high:
        label = "gained only"
    else:
        label = "secretory only" if {"secretome", "published"} & set(high) else "none"
    return {"senescence": label, "senescence_scorers": ";".join(high), "senescence_assessed": len(known)}


def immune_profile(z: Mapping[str, float], *, threshold: float = HIGH_Z) -> str:
    """Name a lot's immunoregulatory state, so that an inflamed senescent lot does not look licensed.

    TNF raises the inflammatory genes too, so the interferon-driven effectors decide: ``licensed`` if they stand out;
    ``inflamed, not licensed`` if only the inflammatory secretome does; ``constitutive`` if only the resting effectors
    do; ``resting`` if none does; ``not assessable`` without the licensed or the inflammatory score.

    Parameters
    ----------
    z
        z of the lot by signature.
    threshold
        From here a score stands out.
    """
    value = {role: z.get(name, np.nan) for role, name in IMMUNE.items()}
    if np.isnan(value["licensed"]) or np.isnan(value["inflammatory"]):
        return "not assessable"
    if value["licensed"] >= threshold:
        return "licensed"
    if value["inflammatory"] >= threshold:
        return "inflamed, not licensed"
    return "constitutive" if value["constitutive"] >= threshold else "resting"


def lineage_bias(z: Mapping[str, float], *, threshold: float = BIAS_Z, margin: float = 1.0) -> str:
    """Name the lineage bias of a lot or cluster.

    Where the glucocorticoid response stands out the adipogenic lineage is not named: dexamethasone, which osteogenic
    medium holds, raises genes of adipocytes without fat.

    Parameters
    ----------
    z
        z of the lot or cluster by signature.
    threshold
        From here a lineage stands out.
    margin
        By how much it must exceed the next one.

    Returns
    -------
    ``osteogenic``, ``adipogenic``, ``chondrogenic``, ``mixed`` (several stand out), ``none``, or ``not assessable``
    with fewer than two lineages.
    """
    best = {}
    for lineage, names in LINEAGES.items():
        values = [z[name] for name in names if not np.isnan(z.get(name, np.nan))]
        if values:
            best[lineage] = max(values)
    if len(best) < 2:
        return "not assessable"
    if z.get(GLUCOCORTICOID, -np.inf) >= HIGH_Z:
        best.pop("adipogenic", None)
    first, *others = sorted(best, key=lambda lineage: best[lineage], reverse=True)
    if best[first] < threshold:
        return "none"
    return first if not others or best[first] - best[others[0]] >= margin else "mixed"


def describe_lots(z: pd.DataFrame, *, threshold: float = HIGH_Z) -> pd.DataFrame:
    """Apply the lot rules to each lot.

    Parameters
    ----------
    z
        z of lots, lots x signatures.
    threshold
        From here a score stands out.

    Returns
    -------
    One row per lot: senescence, senescence_scorers, senescence_assessed, immune_profile, lineage_bias.
    """
    rows = {
        lot: senescence_agreement(row, threshold=threshold)
        | {
            "immune_profile": immune_profile(row, threshold=threshold),
            "lineage_bias": lineage_bias(row),
        }
        for lot, row in z.to_dict(orient="index").items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("lot_id")


@dataclass(frozen=True)
class Classifier:
    """How well cells are called, with the range over the data on which that was measured.

    Attributes
    ----------
    sensitivity, specificity
        Lowest, middle and highest.
    """

    sensitivity: tuple[float, float, float]
    specificity: tuple[float, float, float]


# S or G2/M against G1. Middle and upper ends: cells drawn around iPSC-derived MSC (GSE181744) at 2,000 to 20,000 counts
# (0.97 to 1 and 0.98 to 1, tests/real/test_scores_on_real_data.py); lower ends: donors that cycle less sharply, and two
# tests at 5 % in a study in which no lot cycles.
CYCLING = Classifier(sensitivity=(0.85, 0.98, 1.0), specificity=(0.90, 0.99, 1.0))


def correct_share(called: int, n: int, classifier: Classifier) -> tuple[float, float, float]:
    """Correct the share of called cells for the errors of the call (Rogan and Gladen 1978, AJE 107:71).

    Parameters
    ----------
    called, n
        Cells that were called, and all cells.
    classifier
        Its sensitivity and specificity.

    Returns
    -------
    Share and its 95 % interval, which takes Wilson's interval of the call to the worst ends of sensitivity and
    specificity; NaN without cells.
    """
    if n == 0:
        return np.nan, np.nan, np.nan
    low, high = (float(end) for end in wilson_interval(called, n))

    def correct(share: float, sensitivity: float, specificity: float) -> float:
        return float(np.clip((share + specificity - 1) / (sensitivity + specificity - 1), 0, 1))

    least, most = (
        correct(low, classifier.sensitivity[2], classifier.specificity[0]),
        correct(high, classifier.sensitivity[0], classifier.specificity[2]),
    )
    return correct(called / n, classifier.sensitivity[1], classifier.specificity[1]), least, most


def column_or_nan(table: pd.DataFrame, name: str) -> np.ndarray:
    """Take a column, or NaN in its place."""
    return table[name].to_numpy(dtype=float) if name in table else np.full(len(table), np.nan)
