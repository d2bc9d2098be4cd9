"""What is measured of the calls."""

from __future__ import annotations

import numpy as np
import pandas as pd


def mcc(truth: np.ndarray, called: np.ndarray) -> float:
    """Matthews correlation; 0 where one side is empty in the calls, NaN where it is empty in the truth."""
    tp, tn = float((truth & called).sum()), float((~truth & ~called).sum())
    fp, fn = float((~truth & called).sum()), float((truth & ~called).sum())
    if tp + fn == 0 or tn + fp == 0:
        return float("nan")
    root = ((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)) ** 0.5
    return (tp * tn - fp * fn) / root if root else 0.0


def score_calls(truth: pd.DataFrame, call: np.ndarray) -> dict[str, float]:
    """Score calls of pass, fail and indeterminate against the phenotype; doublets and borderline cells left out.

    Returns
    -------
    ``mcc_determinate mcc_all sensitivity specificity indeterminate indeterminate_positive false_fail`` and
    ``fail_<kind> pass_<kind>`` for what is no MSC.
    """
    use = ~truth["doublet"].to_numpy() & (truth["phenotype"] != "borderline").to_numpy()
    y = (truth["phenotype"] == "positive").to_numpy()
    passed, failed, open_ = call == "pass", call == "fail", call == "indeterminate"
    known = use & ~open_
    out = {
        "mcc_determinate": mcc(y[known], passed[known]),
        "mcc_all": mcc(y[use], passed[use]),
        "sensitivity": passed[use & y].mean() if (use & y).any() else np.nan,
        "specificity": 1 - passed[use & ~y].mean() if (use & ~y).any() else np.nan,
        "indeterminate": open_[use].mean(),
        "indeterminate_positive": open_[use & y].mean() if (use & y).any() else np.nan,
        "false_fail": failed[use & y].mean() if (use & y).any() else np.nan,
    }
    single = ~truth["doublet"].to_numpy()
    for kind in sorted(set(truth["kind"]) - {"MSC"}):
        rows = single & (truth["kind"] == kind).to_numpy()
        out[f"fail_{kind}"], out[f"pass_{kind}"] = failed[rows].mean(), passed[rows].mean()
    return {k: float(v) for k, v in out.items()}


def calibration(p: np.ndarray, truth: np.ndarray, *, n_bins: int = 10) -> tuple[float, pd.DataFrame]:
    """Compute the expected calibration error and the reliability table by equal bins."""
    bins = np.minimum((p * n_bins).astype(int), n_bins - 1)
    table = (
        pd.DataFrame({"bin": bins, "p": p, "y": truth})
        .groupby("bin")
        .agg(probability=("p", "mean"), observed=("y", "mean"), n=("y", "size"))
    )
    error = float((abs(table["probability"] - table["observed"]) * table["n"]).sum() / len(p))
    return error, table.reset_index()
