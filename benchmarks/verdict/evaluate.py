"""Compare what the product says of a lot with the truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
from generate import CRITERIA

ROUNDING = 0.0005  # intervals are printed in tenths of a per cent
NO_LINEAGE = {"MSC-like", "stromal", "unresolved", "unexplained"}
STROMA_NAMES = {"mural cell", "pericyte", "smooth muscle cell", "adipocyte", "osteoblast", "chondrocyte", "fibroblast"}
STROMA_KINDS = "Fibro|fibroblast|airway|hsmm|stellate|:SM$"  # real stroma and muscle, or their bulk profiles
BLOOD_NAMES = {"T cell", "NK cell", "B cell", "plasma cell", "myeloid cell"}
MIN_MEAN, MIN_DEPTH, MIN_CELLS = 0.5, 5000, 1500  # of lots from which a plain PASS is expected


def truth_shares(truth: pd.DataFrame, basis: str) -> dict[str, tuple[float, float]]:
    """Compute the true share of cells of each criterion and of the phenotype: lowest and highest.

    The two differ by doublets of unlike cells, which count as either of their cells, and by real cells, of which some
    may differ from their kind: their truth lies between what their own counts and what their kind's mean say. Empty
    droplets are no cells. ``basis``: "rate" or "biology".
    """
    cells = truth[~truth["empty"]]
    single = cells.drop_duplicates("kind").set_index("kind")
    partner = cells["partner"].where(cells["partner"] != "", cells["kind"])
    out = {}
    for name in (*CRITERIA, "phenotype"):
        sides = [cells[f"{basis}_{name}"], partner.map(single[f"{basis}_{name}"])]
        sides += [cells[f"own_{name}"]] if name in CRITERIA and basis == "rate" else []
        values = np.column_stack([side.to_numpy(bool) for side in sides])
        out[name] = (float(values.all(axis=1).mean()), float(values.any(axis=1).mean()))
    return out


def covers(low: float, high: float, share: tuple[float, float]) -> bool:
    """Whether an interval holds the truth, within rounding."""
    return bool(low - ROUNDING <= share[1] and share[0] <= high + ROUNDING)


def compare(family, number: int, truth: pd.DataFrame, lane, found: dict) -> dict:
    """Make the record of a lot.

    Parameters
    ----------
    family, number
        Which lot.
    truth
        Of the lot's cells, in their order.
    lane
        For the depth.
    found
        Of the product.

    Returns
    -------
    ``family number side verdict reason wrong wrong_why intervals deep_enough contaminant_names unexplained ...``
    """
    shares, biology = truth_shares(truth, "rate"), truth_shares(truth, "biology")
    rows = {row["criterion"]: row for row in found["table"]}
    intervals = []
    for name, (low, high) in shares.items():
        row = rows.get(name)
        if row is None:
            continue
        record = {"criterion": name, "truth_low": low, "truth_high": high, "biology": biology[name]}
        record |= {key: row.get(key) for key in ("estimate", "low", "high", "verdict", "reason", "max_hidden_fraction")}
        stated = row["low"] is not None and row["high"] is not None
        record["covered"] = (
            any(covers(row["low"], row["high"], x) for x in (shares[name], biology[name])) if stated else None
        )
        intervals.append(record)
    cells = truth[~truth["empty"]]
    total = np.asarray(lane.X[(lane.truth["library"] == truth["library"].iloc[0]).to_numpy()].sum(axis=1)).ravel()
    msc = (truth["msc"] & ~truth["doublet"] & ~truth["empty"]).to_numpy()
    calls = found["calls"]
    named = ~calls["isct_identity"].isin(NO_LINEAGE | STROMA_NAMES) & (calls["isct_call"] == "fail")
    stroma = truth["kind"].str.contains(STROMA_KINDS).to_numpy() & ~truth["doublet"].to_numpy()
    means = {g: float(cells[f"mean_{g}"].mean()) for g in ("NT5E", "THY1", "ENG")}
    record = {
        "family": family.name,
        "number": number,
        "side": family.side,
        "verdict": found["verdict"],
        "reason": found["reason"],
        "n_cells": len(truth),
        "median_counts": float(np.median(total)),
        "mean_counts": means,
        "deep_enough": bool(
            min(means.values()) >= MIN_MEAN and np.median(total) >= MIN_DEPTH and len(cells) >= MIN_CELLS
        ),
        "intervals": intervals,
        "attributes": found["attributes"],
        "contaminants": found["contaminants"],
        "msc_cells": int(msc.sum()),
        "msc_named": int((named & msc).sum()),
        "msc_names": calls["isct_identity"][named & msc].value_counts().head(4).to_dict(),
        "calls": _crosstab(truth, calls),
        "stroma_cells": int(stroma.sum()),
        "stroma_blood": int((stroma & calls["isct_identity"].isin(BLOOD_NAMES)).sum()),
    }
    record["wrong"], record["why"] = judge(family, record, shares)
    return record


def judge(family, record: dict, shares: dict) -> tuple[list[str], str]:
    """Say what is wrong with a verdict: ``wrong-PASS``, ``wrong-FAIL``, or nothing."""
    verdict = record["verdict"]
    if verdict not in family.wrong_verdicts:
        return [], ""
    if verdict == "PASS" and family.hidden:
        defect = 1 - shares["phenotype"][1]  # of the rate: a subset lacks the RNA and the protein
        overall = next(x for x in record["intervals"] if x["criterion"] == "phenotype")
        stated = overall["max_hidden_fraction"]
        if stated is not None and defect <= stated and overall["covered"]:
            return [], f"{defect:.1%} lack a marker; the stated resolution is {stated:.1%}"
        why = f"{defect:.1%} lack a marker; resolution {stated if stated is None else f'{stated:.1%}'}"
        return ["wrong-PASS"], why
    return [f"wrong-{verdict}"], record["reason"]


def _crosstab(truth: pd.DataFrame, calls: pd.DataFrame) -> list[dict]:
    """Count the calls of each kind by call and identity, doublets apart."""
    kind = np.where(truth["doublet"], "doublet", truth["kind"])
    table = pd.DataFrame({"kind": kind, "call": calls["isct_call"], "identity": calls["isct_identity"]})
    return table.groupby(["kind", "call", "identity"]).size().rename("n").reset_index().to_dict("records")
