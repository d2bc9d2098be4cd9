"""Several datasets of one question: random-effects meta-analysis of their contrasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import optimize, stats

from mscape.data.tables import TABLES
from mscape.stats import adjust_pvalues

if TYPE_CHECKING:
    from collections.abc import Mapping

MIN_STUDIES = 3  # two say next to nothing about how much studies differ: the interval would have one degree of freedom
WHOLE = "all"  # of the column `left_out`


@dataclass(frozen=True)
class Pooled:
    """Pooled effect of studies.

    Attributes
    ----------
    estimate, error
        Mean over studies and its standard error (Knapp and Hartung, never below what sampling alone makes).
    low, high
        Interval of the mean, Student's t with k - 1 degrees of freedom.
    tau2
        Variance between studies (Paule and Mandel), 0 or more.
    i2
        Share of the variance of the estimates that lies between studies, 0 to 1.
    predicted_low, predicted_high
        Where the effect of a further study is expected.
    pvalue
        Of no effect.
    """

    estimate: float
    error: float
    low: float
    high: float
    tau2: float
    i2: float
    predicted_low: float
    predicted_high: float
    pvalue: float


def pool(effects: np.ndarray, variances: np.ndarray, *, confidence: float = 0.95) -> Pooled:
    """Pool the effects of studies by a random-effects model.

    The variance between studies is Paule and Mandel's (1982, doi:10.6028/jres.087.022), held at 0 or more; the
    standard error is Knapp and Hartung's (2003, doi:10.1002/sim.1482), and never less than that of the model with
    known variances: studies that happen to agree do not make their cells more certain. The prediction interval is
    Higgins' (2009, doi:10.1111/j.1467-985X.2008.00552.x), with k - 2 degrees of freedom.

    Parameters
    ----------
    effects, variances
        Of the studies, each with its sampling variance, shape (n_studies,).
    confidence
        Coverage of the intervals.

    Raises
    ------
    ValueError
        With fewer than three studies, or a variance that is not above 0.
    """
    y, v = np.asarray(effects, dtype=float), np.asarray(variances, dtype=float)
    k = len(y)
    if k < MIN_STUDIES or not (v > 0).all():
        msg = f"{k} studies with variances {v}: at least {MIN_STUDIES} with variances above 0 are needed"
        raise ValueError(msg)
    tau2 = variance_between(y, v)
    w = 1 / (v + tau2)
    estimate = float((w * y).sum() / w.sum())
    scale = max(1.0, float((w * (y - estimate) ** 2).sum()) / (k - 1))
    error = float(np.sqrt(scale / w.sum()))
    half = float(stats.t.ppf(0.5 + confidence / 2, k - 1)) * error
    wide = float(stats.t.ppf(0.5 + confidence / 2, k - 2)) * float(np.sqrt(tau2 + error**2))
    q = heterogeneity(y, v, 0.0)
    return Pooled(
        estimate=estimate,
        error=error,
        low=estimate - half,
        high=estimate + half,
        tau2=tau2,
        i2=max(0.0, 1 - (k - 1) / q) if q > 0 else 0.0,
        predicted_low=estimate - wide,
        predicted_high=estimate + wide,
        pvalue=float(2 * stats.t.sf(abs(estimate) / error, k - 1)),
    )


def heterogeneity(effects: np.ndarray, variances: np.ndarray, tau2: float) -> float:
    """Weighted sum of squares of effects about their mean (Cochran's Q at tau2 = 0)."""
    w = 1 / (variances + tau2)
    return float((w * (effects - (w * effects).sum() / w.sum()) ** 2).sum())


def variance_between(effects: np.ndarray, variances: np.ndarray) -> float:
    """Estimate the variance between studies: the one at which the weighted sum of squares is k - 1; 0 if none is."""
    expected = len(effects) - 1
    if heterogeneity(effects, variances, 0.0) <= expected:
        return 0.0
    top = float(len(effects) * np.var(effects, ddof=1) + variances.max())
    return float(optimize.brentq(lambda tau2: heterogeneity(effects, variances, tau2) - expected, 0.0, top))


def meta(contrasts: Mapping[str, pd.DataFrame], *, confidence: float = 0.95) -> pd.DataFrame:
    """Pool the contrasts of several datasets, each a study.

    Parameters
    ----------
    contrasts
        Table ``contrasts`` of each dataset (:func:`mscape.compare` or ``contrasts.tsv``). Only effects of contrasts of
        the same name with an interval enter, so of two donors an arm or more; scores of cells are never pooled.
    confidence
        Coverage of the intervals.

    Returns
    -------
    Table ``meta``. Of each contrast, kind and feature: one row a study, one of all together, and of scores one without
    each study; ``note`` says why there is no pooled effect where fewer than three studies have one; such genes are left
    out. Sub-populations are left out: their numbers mean other cells in each dataset.
    """
    tables = [table.assign(study=name) for name, table in contrasts.items()]
    known = (
        pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=[*TABLES["contrasts"].names, "study"])
    )
    known = known[known["kind"].isin(["score", "gene"])].assign(error=_errors)
    key = ["contrast", "kind", "feature"]
    enough = known.groupby(key)["error"].transform("count") >= MIN_STUDIES
    known = known[enough | (known["kind"] == "score")]
    rows: list[dict[str, object]] = []
    for (contrast, kind, feature), group in known.groupby(key, sort=True):
        base = {"contrast": contrast, "kind": kind, "feature": feature, "unit": group["unit"].iloc[0]}
        rows += [base | row for row in pool_group(group, confidence=confidence)]
    table = pd.DataFrame(rows, columns=TABLES["meta"].names)
    whole = table[table["role"] == "pooled"]
    for _, group in whole.groupby(["contrast", "kind"], sort=True):
        table.loc[group.index, "pvalue_adj"] = adjust_pvalues(group["pvalue"].to_numpy(dtype=float))
    return table


def pool_group(group: pd.DataFrame, *, confidence: float) -> list[dict[str, object]]:
    """Pool one feature: rows of the studies, of all, and without each."""
    known = group[(group["error"] > 0) & group["estimate"].notna()]
    rows: list[dict[str, object]] = [
        {
            "role": "study",
            "study": one.study,
            "estimate": one.estimate,
            "low": one.low,
            "high": one.high,
            "error": one.error,
        }
        for one in known.itertuples()
    ]
    whole: dict[str, object] = {"role": "pooled", "study": WHOLE, "n_studies": len(known)}
    units = sorted(set(known["unit"]))
    if len(known) < MIN_STUDIES:
        n = len(known)
        note = f"{n} stud{'y has' if n == 1 else 'ies have'} an interval; {MIN_STUDIES} are needed."
        return [*rows, whole | {"note": note}]
    if len(units) > 1:
        return [*rows, whole | {"note": f"Not pooled: the studies have the units {' and '.join(units)}."}]
    y, v = known["estimate"].to_numpy(float), known["error"].to_numpy(float) ** 2
    rows.append(whole | vars(pool(y, v, confidence=confidence)))
    if len(known) > MIN_STUDIES and (known["kind"] == "score").all():
        for i, name in enumerate(known["study"]):
            left = pool(np.delete(y, i), np.delete(v, i), confidence=confidence)
            rows.append({"role": "without", "study": name, "n_studies": len(known) - 1} | vars(left))
    return rows


def _errors(table: pd.DataFrame) -> pd.Series:
    """Give the standard error of each estimate: estimate over statistic; missing where there is no statistic."""
    statistic = table["statistic"].astype(float)
    return (table["estimate"].astype(float) / statistic.where(statistic != 0)).abs()
