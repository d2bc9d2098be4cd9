"""Name clusters by the signatures that set them apart."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from mscape.scoring import consensus

logger = logging.getLogger(__name__)

# Programme -> (least z, signatures). One signature that stands out is enough; senescence has a rule of its own.
PROGRAMMES = {
    "cycling": (consensus.STANDS_OUT, ("TIROSH_S", "TIROSH_G2M")),
    "senescent-like": (consensus.STANDS_OUT, tuple(consensus.SENESCENCE.values())),
    "interferon-licensed": (
        consensus.STANDS_OUT,
        (consensus.IMMUNE["licensed"], "HALLMARK_INTERFERON_GAMMA_RESPONSE", "HALLMARK_INTERFERON_ALPHA_RESPONSE"),
    ),
    "inflammatory": (consensus.STANDS_OUT, (consensus.IMMUNE["inflammatory"], "HALLMARK_TNFA_SIGNALING_VIA_NFKB")),
    "stressed by dissociation": (consensus.STANDS_OUT, ("MSC_DISSOCIATION_STRESS",)),
    "hypoxic": (consensus.STANDS_OUT, ("HALLMARK_HYPOXIA",)),
    **{f"{lineage}-leaning": (consensus.LEANS, names) for lineage, names in consensus.LINEAGES.items()},
}
IMPLIED = {  # what goes with a programme and is no rival of it
    "interferon-licensed": ("inflammatory",),
    "senescent-like": ("inflammatory",),
    "inflammatory": ("stressed by dissociation",),
}
MARGIN = 1.0  # of z over the runner-up
MAX_PVALUE = 0.01  # against random gene sets
UNNAMED = "unnamed"
CONFIDENCE = ("high", "moderate", "low")
COLUMNS = [
    "cluster",
    "name",
    "confidence",
    "signature",
    "z",
    "low",
    "high",
    "pvalue",
    "n_lots",
    "runner_up",
    "runner_up_z",
    "margin",
    "reason",
]


def judge_programmes(scores: pd.DataFrame) -> pd.DataFrame:
    """Say how each programme stands in one cluster.

    Parameters
    ----------
    scores
        Of one cluster, index = signature: ``z low high pvalue n_lots``.

    Returns
    -------
    One row a programme that can be assessed, by falling z: ``programme signature z low high
    pvalue n_lots least``. The signature is the highest of the programme's; for ``senescent-like``, which needs the
    arrest core and one more scorer, the lower of these two.
    """
    rows = []
    for programme, (least, names) in PROGRAMMES.items():
        known = scores.loc[scores.index.isin(names) & scores["z"].notna()].sort_values("z", kind="stable")
        if programme == "senescent-like":
            if consensus.ARREST not in known.index or len(known) < 2:
                continue
            pair = pd.Index([consensus.ARREST, known.index.drop(consensus.ARREST)[-1]])
            known = known.loc[pair].sort_values("z", ascending=False, kind="stable")
        if len(known):
            rows.append({"programme": programme, "signature": known.index[-1], "least": least, **known.iloc[-1]})
    columns = ["programme", "signature", "z", "low", "high", "pvalue", "n_lots", "least"]
    return pd.DataFrame(rows, columns=columns).sort_values("z", ascending=False, kind="stable", ignore_index=True)


def name_cluster(scores: pd.DataFrame, *, stable: bool = True) -> dict:
    """Name one cluster.

    It takes the name of the programme with the highest z, if that z reaches the programme's threshold (3; 4 for a
    lineage), at most 1 % of random gene sets depart as far, the 95 % interval over lots lies above 0, and z exceeds
    that of every rival programme by 1. A z of 1 is the spread of random gene sets of like expression: two clusters
    differ in many genes, so that a small z is no name.

    Parameters
    ----------
    scores
        As for `judge_programmes`.
    stable
        Whether resampling finds the cluster again.

    Returns
    -------
    Values of `COLUMNS` but ``cluster``. ``confidence`` is ``high`` with three lots or more, an interval above half of
    the threshold and twice the margin; ``low`` with one lot, which has no interval, or for an unstable cluster;
    ``moderate`` otherwise; "" for an unnamed cluster.
    """
    table = judge_programmes(scores)
    row = dict.fromkeys(COLUMNS[1:], np.nan) | {"name": UNNAMED, "confidence": "", "signature": "", "runner_up": ""}
    if table.empty:
        return row | {"n_lots": 0, "reason": "no programme could be scored"}
    best = table.iloc[0]
    rivals = table.iloc[1:]
    rivals = rivals[~rivals["programme"].isin(IMPLIED.get(best["programme"], ()))]
    row |= best[["signature", "z", "low", "high", "pvalue"]].to_dict() | {"n_lots": int(best["n_lots"])}
    if len(rivals):
        row |= {"runner_up": rivals["programme"].iloc[0], "runner_up_z": rivals["z"].iloc[0]}
        row["margin"] = best["z"] - rivals["z"].iloc[0]
    said = f"{best['programme']} is the highest, z {best['z']:.1f} ({best['signature']})"
    if best["z"] < best["least"]:
        return row | {"reason": f"no programme stands out: {said}; {best['least']:g} is asked for"}
    if best["pvalue"] > MAX_PVALUE:
        share = f"{best['pvalue']:.1%} of random gene sets depart as far; {MAX_PVALUE:.0%} are allowed"
        return row | {"reason": f"no programme stands out: {said}, but {share}"}
    if best["low"] <= 0:
        return row | {
            "reason": f"{said}, but lots disagree: the 95 % interval is {best['low']:.1f} to {best['high']:.1f}"
        }
    if row["margin"] < MARGIN:
        rival = (
            f"{row['runner_up']} stands nearly as high (z {row['runner_up_z']:.1f}; a margin of {MARGIN:g} is asked)"
        )
        return row | {"reason": f"{said}, but {rival}"}
    sure = best["n_lots"] >= 3 and best["low"] >= best["least"] / 2 and not row["margin"] < 2 * MARGIN
    alone = best["n_lots"] < 2
    row |= {"name": best["programme"], "confidence": CONFIDENCE[0 if sure else 1]}
    reason = said.replace(" is the highest,", ":")
    if alone or not stable:
        row["confidence"] = CONFIDENCE[2]
        reason += "; one lot, so that nothing repeats" if alone else "; the cluster is unstable"
    if row["runner_up"]:
        reason += f"; next is {row['runner_up']} (z {row['runner_up_z']:.1f})"
    return row | {"reason": reason}


def name_clusters(scores: pd.DataFrame, stability: pd.DataFrame) -> pd.DataFrame:
    """Name every cluster.

    Parameters
    ----------
    scores
        Columns ``cluster signature n_lots z low high pvalue``: the cluster's departure from the average of its lots'
        clusters, in units of random gene sets (``mscape.scoring.cluster_profiles``).
    stability
        Columns ``cluster stable``: every cluster has a row.

    Returns
    -------
    `COLUMNS`, in the order of ``stability``. A single cluster has nothing to be set apart from.
    """
    rows = []
    for cluster, stable in zip(stability["cluster"].astype(str), stability["stable"], strict=True):
        own = scores[scores["cluster"].astype(str) == cluster].set_index("signature")
        row = name_cluster(own, stable=bool(stable))
        if len(stability) < 2:
            row["reason"] = "the only cluster: there are no others to compare it with"
        elif own.empty:
            row["reason"] = "too few cells in every lot, or no other cluster beside it there"
        rows.append({"cluster": cluster, **row})
    return pd.DataFrame(rows, columns=COLUMNS)
