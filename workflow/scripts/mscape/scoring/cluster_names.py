"""Name clusters by the signatures that set them apart."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd

from mscape.data.tables import TABLES
from mscape.scoring import consensus

logger = logging.getLogger(__name__)

# State -> (least z, signatures). One signature that stands out is enough; senescence and cycling have their own rules.
PROGRAMMES = {
    "senescent-like": (consensus.HIGH_Z, (consensus.SIGNED,)),
    "interferon-licensed": (
        consensus.HIGH_Z,
        (consensus.IMMUNE["licensed"], "HALLMARK_INTERFERON_GAMMA_RESPONSE", "HALLMARK_INTERFERON_ALPHA_RESPONSE"),
    ),
    "inflammatory": (consensus.HIGH_Z, (consensus.IMMUNE["inflammatory"], "HALLMARK_TNFA_SIGNALING_VIA_NFKB")),
    "immunoregulatory": (consensus.HIGH_Z, (consensus.IMMUNE["constitutive"],)),
    "wound-repair": (consensus.HIGH_Z, ("MSC_WOUND_REPAIR",)),
    "stressed by dissociation": (consensus.HIGH_Z, ("MSC_DISSOCIATION_STRESS",)),
    "hypoxic": (consensus.HIGH_Z, ("HALLMARK_HYPOXIA",)),
    **{f"{lineage}-leaning": (consensus.BIAS_Z, names) for lineage, names in consensus.LINEAGES.items()},
}
IMPLIED = {  # what goes with a state and is no rival of it
    "interferon-licensed": ("inflammatory",),
    "inflammatory": ("stressed by dissociation",),
}
CYCLING = "cycling"
MAIN = "main population"
UNNAMED = "unnamed"
MARGIN = 1.0  # of z over the runner-up
MAX_PVALUE = 0.01  # against random gene sets
MIN_SHARE = 0.5  # of the cluster's cells that must be in the state, or of the lineage
MIN_PASSING = 0.02  # of its cells that must pass the gate: cells of a line may all be left open
CONFIDENCE = ("high", "moderate", "low")
COLUMNS = TABLES["cluster_names"].names


def judge_states(scores: pd.DataFrame) -> pd.DataFrame:
    """Compare each state of one cluster with the resting population.

    Parameters
    ----------
    scores
        Of one cluster, index = signature: ``z low high lowest highest pvalue share n_lots``.

    Returns
    -------
    One row a state that can be assessed, by falling z: ``state signature z low high lowest highest pvalue share n_lots
    least``. The signature is the highest of the state's. Senescence is left out unless genes gained stand out, genes
    lost are low and osteogenic genes do not; adipogenic where the glucocorticoid response stands out.
    """
    z = scores["z"].to_dict()
    barred = set()
    if consensus.senescence_agreement(z)["senescence"] != "agree":
        barred.add("senescent-like")
    if z.get(consensus.GLUCOCORTICOID, -np.inf) >= consensus.HIGH_Z:
        barred.add("adipogenic-leaning")
    rows = []
    for state, (least, names) in PROGRAMMES.items():
        known = scores.loc[scores.index.isin(names) & scores["z"].notna()].sort_values("z", kind="stable")
        if len(known) and state not in barred:
            rows.append({"state": state, "signature": known.index[-1], "least": least, **known.iloc[-1]})
    columns = ["state", "signature", "z", "low", "high", "lowest", "highest", "pvalue", "share", "n_lots", "least"]
    return pd.DataFrame(rows, columns=columns).sort_values("z", ascending=False, kind="stable", ignore_index=True)


def name_by_cells(cells: pd.Series) -> dict | None:
    """Name a cluster by what its cells are, where that comes before any state.

    Parameters
    ----------
    cells
        Row of :func:`mscape.scoring.cluster_cells.describe_clusters`.

    Returns
    -------
    ``name confidence reason share`` of a lineage or of cycling cells; ``unnamed`` where at least half of the cells fail
    the gate without one lineage in common; None where states may be read.
    """
    if cells["lineage_share"] >= MIN_SHARE:
        share = float(cells["lineage_share"])
        reason = f"{share:.0%} of its cells fail the gate as {cells['lineage']}"
        return {"name": cells["lineage"], "confidence": CONFIDENCE[0 if share >= 0.9 else 1], "share": share} | {
            "reason": reason
        }
    if cells["failing"] >= MIN_SHARE or cells["passing"] < MIN_PASSING:
        reason = f"{cells['failing']:.0%} of its cells fail the gate and {cells['passing']:.0%} pass: "
        reason += "states of MSC are not read in them"
        return {"name": UNNAMED, "confidence": "", "share": np.nan, "reason": reason}
    if cells["cycling"] >= MIN_SHARE:
        share = float(cells["cycling"])
        reason = "most of its cells are called S or G2/M"
        return {"name": CYCLING, "confidence": CONFIDENCE[0 if share >= 0.8 else 1], "share": np.nan, "reason": reason}
    return None


def name_by_state(scores: pd.DataFrame, *, stable: bool = True) -> dict:
    """Name one cluster by the state that sets it apart from the resting population.

    It takes the name of the state with the highest z among those that at least half of its cells are in, if that z
    reaches the state's threshold (3; 4 for a lineage), at most 1 % of random gene sets depart as far, no lot departs
    the other way, and z exceeds that of every such rival by 1. A z of 1 is the spread of random gene sets of like
    expression: two clusters differ in many genes, so that a small z is no name.

    Parameters
    ----------
    scores
        As for :func:`judge_states`.
    stable
        Whether resampling finds the cluster again.

    Returns
    -------
    Values of :data:`COLUMNS` but ``cluster``. ``confidence`` is ``high`` with three lots or more that all reach half of
    the threshold, and twice the margin; ``low`` with one lot, where nothing repeats, or for an unstable cluster;
    ``moderate`` otherwise; "" for an unnamed cluster.
    """
    table = judge_states(scores)
    row: dict[str, Any] = dict.fromkeys(COLUMNS[1:], np.nan) | {
        "name": UNNAMED,
        "confidence": "",
        "signature": "",
        "runner_up": "",
    }
    if table.empty:
        return row | {"n_lots": 0, "reason": "no state could be scored"}
    held = table[(table["z"] >= table["least"]) & (table["share"] >= MIN_SHARE)]
    best = (held if len(held) else table).iloc[0]
    row |= best[["signature", "z", "low", "high", "pvalue", "share"]].to_dict() | {"n_lots": int(best["n_lots"])}
    said = f"{best['state']} is the highest, z {best['z']:.1f} over the resting cells ({best['signature']})"
    if best["z"] < best["least"]:
        return row | {"reason": f"no state stands out: {said}; {best['least']:g} is asked for"}
    if not best["share"] >= MIN_SHARE:
        found = "unknown" if np.isnan(best["share"]) else f"{best['share']:.0%}"
        return row | {"reason": f"no state holds half of the cells: {said}, share of its cells in it {found}"}
    if best["pvalue"] > MAX_PVALUE:
        share = f"{best['pvalue']:.1%} of random gene sets depart as far; {MAX_PVALUE:.0%} are allowed"
        return row | {"reason": f"no state stands out: {said}, but {share}"}
    if best["lowest"] <= 0:
        span = f"z {best['lowest']:.1f} to {best['highest']:.1f}"
        return row | {"reason": f"{said}, but its lots depart to either side: {span}"}
    rivals = held.iloc[1:]
    rivals = rivals[~rivals["state"].isin(IMPLIED.get(best["state"], ()))]
    if len(rivals):
        row |= {"runner_up": rivals["state"].iloc[0], "runner_up_z": rivals["z"].iloc[0]}
        row["margin"] = best["z"] - rivals["z"].iloc[0]
    if row["margin"] < MARGIN:
        rival = (
            f"{row['runner_up']} stands nearly as high (z {row['runner_up_z']:.1f}; a margin of {MARGIN:g} is asked)"
        )
        return row | {"reason": f"{said}, but {rival}"}
    sure = best["n_lots"] >= 3 and best["lowest"] >= best["least"] / 2 and not row["margin"] < 2 * MARGIN
    alone = best["n_lots"] < 2
    row |= {"name": best["state"], "confidence": CONFIDENCE[0 if sure else 1]}
    reason = said.replace(" is the highest,", ":") + f"; it holds {best['share']:.0%} of its cells"
    if alone or not stable:
        row["confidence"] = CONFIDENCE[2]
        reason += "; one lot, so that nothing repeats" if alone else "; the cluster is unstable"
    if row["runner_up"]:
        reason += f"; next is {row['runner_up']} (z {row['runner_up_z']:.1f})"
    return row | {"reason": reason}


def name_by_label(labels: pd.Series) -> pd.DataFrame:
    """Name clusters that are a user's own labels: the label is the name, and no state is read into it."""
    empty = dict.fromkeys(COLUMNS[1:], np.nan) | {"confidence": "", "signature": "", "runner_up": "", "n_lots": 0}
    rows = [empty | {"cluster": label, "name": label, "reason": "the user's own label"} for label in labels]
    return pd.DataFrame(rows, columns=COLUMNS)


def name_clusters(
    scores: pd.DataFrame, stability: pd.DataFrame, cells: pd.DataFrame, shares: pd.DataFrame, reference: str
) -> pd.DataFrame:
    """Name every cluster: by lineage where its cells are no MSC, by the cycle, by a state, or not at all.

    Parameters
    ----------
    scores
        Columns ``cluster signature n_lots z low high lowest highest pvalue``: the cluster's departure from the resting
        population, in units of random gene sets (``mscape.scoring.cluster_profiles``).
    stability
        Columns ``cluster stable``: every cluster has a row.
    cells
        From :func:`mscape.scoring.cluster_cells.describe_clusters`.
    shares
        Share of the cells of a cluster in a state, clusters x signatures
        (:func:`mscape.scoring.cluster_cells.share_in_state`).
    reference
        The resting population. It is what states are read against, so it has none; it is called the main population
        where another cluster of MSC has a name.

    Returns
    -------
    `COLUMNS`, in the order of ``stability``.
    """
    rows = []
    empty = dict.fromkeys(COLUMNS[1:], np.nan) | {"confidence": "", "signature": "", "runner_up": "", "n_lots": 0}
    for cluster, stable in zip(stability["cluster"].astype(str), stability["stable"], strict=True):
        own = scores[scores["cluster"].astype(str) == cluster].set_index("signature")
        known = shares.loc[cluster] if cluster in shares.index else pd.Series(dtype=float)
        by_cells = name_by_cells(cells.loc[cluster]) if cluster in cells.index else None
        if by_cells:
            row = empty | by_cells
        elif cluster == reference:
            row = empty | {"name": UNNAMED, "reason": "the resting population, which states are read against"}
        elif own.empty:
            row = empty | {"name": UNNAMED, "reason": "too few cells, or no resting cells beside it, in every lot"}
        else:
            row = name_by_state(own.assign(share=known.reindex(own.index)), stable=bool(stable))
        rows.append({"cluster": cluster, **row})
    table = pd.DataFrame(rows, columns=COLUMNS)
    states = {*PROGRAMMES, CYCLING}
    table.loc[
        (table["cluster"] == reference) & (table["name"] == UNNAMED) & table["name"].isin(states).any(), "name"
    ] = MAIN
    return table
