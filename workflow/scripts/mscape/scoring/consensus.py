"""What several signatures say together: cycle phase, senescence, immunoregulation, lineage bias.

Every rule reads calibrated z: 0 is the average of the lots, 1 the spread of random gene sets like the signature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping

PHASES = ("G1", "S", "G2M", "unknown")
STATES = ("cycling", "senescence-like", "arrested", "secretory", "quiescent", "unresolved")

ARREST = "MSC_SENESCENCE_ARREST"
SENESCENCE = {  # the scorers that must agree, each without the genes of priming, stress and cycle where it has them
    "arrest": ARREST,
    "secretome": "SENMAYO__DEPLETED",
    "published": "FRIDMAN_SENESCENCE_UP__DEPLETED",
}
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
STANDS_OUT = 3.0
LEANS = 4.0


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


def call_senescence(p: pd.DataFrame, phase: pd.Categorical, *, alpha: float = 0.05) -> pd.Categorical:
    """Senescence state of each cell, by agreement.

    Cycling cells are cycling, whatever else they express. A cell that does not cycle is senescence-like if the arrest
    core and one more scorer of ``SENESCENCE`` stand out; arrested or secretory if only that side does; else quiescent.
    Without the arrest core nothing but cycling
    can be told, without the phase nothing.

    Parameters
    ----------
    p
        Empirical p of the signatures in each cell; columns may be missing.
    phase
        Result of :func:`call_phase`.
    alpha
        Level.
    """
    phases, arrest = np.asarray(phase), column_or_nan(p, ARREST)
    others = [column_or_nan(p, column) for role, column in SENESCENCE.items() if role != "arrest"]
    arrested = arrest <= alpha
    secretes = np.any([other <= alpha for other in others], axis=0)
    codes = np.select(
        [phases == "unknown", phases != "G1", np.isnan(arrest), arrested & secretes, arrested, secretes],
        [STATES.index(s) for s in ("unresolved", "cycling", "unresolved", "senescence-like", "arrested", "secretory")],
        STATES.index("quiescent"),
    )
    return pd.Categorical.from_codes(codes, categories=list(STATES))


def senescence_agreement(z: Mapping[str, float], *, threshold: float = STANDS_OUT) -> dict:
    """Say how many senescence scorers of a lot stand out.

    Parameters
    ----------
    z
        z of the lot by signature.
    threshold
        From here a scorer stands out.

    Returns
    -------
    ``senescence`` (``agree``: the arrest core and one more; ``secretory only``, ``arrest only``, ``none``, or
    ``not assessable`` without the arrest core or without both others), ``senescence_scorers`` (names of those that
    stand out, separated by ;) and ``senescence_assessed`` (number of scorers with a value).
    """
    known = {role: z[name] for role, name in SENESCENCE.items() if not np.isnan(z.get(name, np.nan))}
    high = [role for role, value in known.items() if value >= threshold]
    if "arrest" not in known or len(known) < 2:
        label = "not assessable"
    elif "arrest" in high:
        label = "agree" if len(high) > 1 else "arrest only"
    else:
        label = "secretory only" if high else "none"
    return {"senescence": label, "senescence_scorers": ";".join(high), "senescence_assessed": len(known)}


def immune_profile(z: Mapping[str, float], *, threshold: float = STANDS_OUT) -> str:
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


def lineage_bias(z: Mapping[str, float], *, threshold: float = LEANS, margin: float = 1.0) -> str:
    """Name the lineage to which a lot or cluster leans.

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
    first, second = sorted(best, key=best.get, reverse=True)[:2]
    if best[first] < threshold:
        return "none"
    return first if best[first] - best[second] >= margin else "mixed"


def describe_lots(z: pd.DataFrame, *, threshold: float = STANDS_OUT) -> pd.DataFrame:
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


def fraction_interval(k: int, n: int, *, z: float = 1.959964) -> tuple[float, float, float]:
    """Fraction k/n with Wilson's 95 % interval; NaN without cells."""
    if n == 0:
        return np.nan, np.nan, np.nan
    share, spread = k / n, z**2 / n
    middle = (share + spread / 2) / (1 + spread)
    half = z * np.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return share, max(middle - half, 0.0), min(middle + half, 1.0)


def column_or_nan(table: pd.DataFrame, name: str) -> np.ndarray:
    """Take a column, or NaN in its place."""
    return table[name].to_numpy(dtype=float) if name in table else np.full(len(table), np.nan)
