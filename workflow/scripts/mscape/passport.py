"""Rules of the lot passport: pure functions from a lot's evidence to a verdict, a reason and a next action in words.

Three kinds of attribute weigh differently in the lot's verdict. Those that *decide* (phenotype, purity) can fail a lot.
Those that *warn* (depth, doublets, ambient RNA, ...) can lower a PASS to WARN. Those that *describe* (signature scores,
cycling) never touch it: a signature is no potency assay.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from mscape.composition import wilson_interval
from mscape.passport_words import ACTIONS, REASONS, TISSUES

if TYPE_CHECKING:
    from collections.abc import Callable

RULE_VERSION = "1.0"
PASS, WARN, FAIL, NOT_ASSESSABLE = "PASS", "WARN", "FAIL", "NOT ASSESSABLE"
SEVERITY = (PASS, WARN, NOT_ASSESSABLE, FAIL)
DECIDES, WARNS, DESCRIBES = "decides", "warns", "describes"
OF_GATE = {"meets": PASS, "inconclusive": WARN, "fails": FAIL, "not_assessable": NOT_ASSESSABLE}
PANEL_LIMITS = {"min_positive": 0.95, "max_negative": 0.02}  # ISCT 2006, doi:10.1080/14653240600855905
UNNAMED = ("unresolved", "stromal", "MSC-like")
VERDICT_RULE = (
    "FAIL if the phenotype or the purity fails; else NOT ASSESSABLE if one of them cannot be judged; else WARN if one "
    "of them is open or an attribute of the data's quality warns; else PASS. Signature scores and cycling describe the "
    "lot and never change its verdict."
)


@dataclass
class Evidence:
    """What the workflow found about one lot.

    Attributes
    ----------
    lot_id
        The lot.
    gate, contaminants
        Its rows of gate.tsv and contaminants.tsv.
    cells
        ``obs`` of its cells that pass quality control, with ``isct_call`` and ``phase``.
    loaded, doublets
        Cells read, and predicted doublets among them.
    ambient
        Ambient fraction of each sample, NaN where it could not be estimated.
    hidden
        Its rows of hidden_mixture.tsv.
    composition
        Its rows of composition.tsv.
    stability
        stability.tsv of the dataset, index = cluster.
    scores
        score_summary.tsv of the dataset.
    signatures
        signatures.tsv of the dataset, index = id.
    organism, culture
        Of the dataset.
    limits
        ``min_positive`` and ``max_negative`` of the gate's panel.
    """

    lot_id: str
    gate: pd.DataFrame
    contaminants: pd.DataFrame
    cells: pd.DataFrame
    loaded: int
    doublets: int
    ambient: list[float]
    hidden: pd.DataFrame
    composition: pd.DataFrame
    stability: pd.DataFrame
    scores: pd.DataFrame
    signatures: pd.DataFrame
    organism: str = "human"
    culture: str = "unknown"
    limits: dict[str, float] = field(default_factory=lambda: dict(PANEL_LIMITS))

    @property
    def foreign(self) -> float:
        """Fraction of cells that belong to a named other lineage."""
        named = self.contaminants[~self.contaminants["identity"].isin(UNNAMED)]
        return float(named["n_cells"].sum() / len(self.cells)) if len(self.cells) else 0.0

    @property
    def msc(self) -> pd.DataFrame:
        """Cells that pass the gate."""
        return self.cells[self.cells["isct_call"] == "pass"]


@dataclass
class Finding:
    """Outcome of a rule."""

    verdict: str
    reason: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    threshold: str = ""
    next_action: str = ""
    n: int | None = None


@dataclass(frozen=True)
class Rule:
    """One attribute of the passport.

    Attributes
    ----------
    name, title
        Key and heading.
    group
        Section of the passport.
    unit
        Of value and interval.
    weight
        ``decides``, ``warns`` or ``describes``.
    definition
        What is measured, in words.
    judge
        Evidence and thresholds to finding.
    """

    name: str
    title: str
    group: str
    unit: str
    weight: str
    definition: str
    judge: Callable[[Evidence, dict], Finding] = field(repr=False)


def write_attribute(rule: Rule, evidence: Evidence, settings: dict) -> dict:
    """Apply a rule to a lot and write the attribute as the passport's schema wants it."""
    found = rule.judge(evidence, settings)
    return {
        "name": rule.name,
        "title": rule.title,
        "group": rule.group,
        "verdict": found.verdict,
        "value": _number(found.value),
        "low": _number(found.low),
        "high": _number(found.high),
        "unit": rule.unit,
        "n": found.n,
        "threshold": found.threshold,
        "reason": found.reason,
        "next_action": found.next_action,
        "definition": rule.definition,
        "weight": rule.weight,
        "rule_version": RULE_VERSION,
    }


def judge_lot(attributes: list[dict]) -> tuple[str, str]:
    """Combine a lot's attributes into its verdict (:data:`VERDICT_RULE`) and the sentence that explains it."""
    deciding = [a for a in attributes if a["weight"] == DECIDES]
    worst = max((a["verdict"] for a in deciding), key=SEVERITY.index, default=NOT_ASSESSABLE)
    if not deciding:
        return NOT_ASSESSABLE, "Nothing that decides was measured."
    if worst != PASS:
        return worst, " ".join(f"{a['title']}: {a['reason']}" for a in deciding if a["verdict"] == worst)
    warned = [a for a in attributes if a["weight"] == WARNS and a["verdict"] in {WARN, NOT_ASSESSABLE, FAIL}]
    warned = [a for a in warned if a["verdict"] != NOT_ASSESSABLE]
    if warned:
        return WARN, " ".join(f"{a['title']}: {a['reason']}" for a in warned)
    return PASS, "Phenotype and purity meet their limits, and nothing in the data's quality warns."


def name_tissue(tissue: str, culture: str) -> str:
    """Name of culture-adapted MSC of a tissue after ISBT 128, "" where there is none.

    The names are for culture-adapted cells only (ICCBBA-ISCT statement, Cytotherapy 2021).
    """
    return TISSUES.get(tissue.strip().lower().replace("_", " "), "") if culture == "expanded" else ""


def gate_rules(gate: pd.DataFrame) -> list[Rule]:
    """Make one rule per criterion of the gate, the overall one first."""
    kinds = {"overall": 0, "positive": 1, "negative": 2}
    rows = gate.assign(order=gate["kind"].map(kinds)).sort_values("order", kind="stable")
    rules = [_gate_rule(row["criterion"], row["kind"]) for _, row in rows.iterrows()]
    return rules if (gate["kind"] == "overall").any() else [_gate_rule("phenotype", "overall"), *rules]


def _gate_rule(criterion: str, kind: str) -> Rule:
    def judge(evidence: Evidence, settings: dict) -> Finding:
        rows = evidence.gate[(evidence.gate["criterion"] == criterion) & (evidence.gate["kind"] == kind)]
        if rows.empty:
            reason = "The lot has no cells that pass quality control."
            return Finding(NOT_ASSESSABLE, reason, next_action=ACTIONS["lost"], n=0)
        return judge_criterion(rows.iloc[0], evidence.limits, foreign=evidence.foreign)

    if kind == "overall":
        return Rule(
            "phenotype",
            "ISCT phenotype, transcript level",
            "identity",
            "fraction of cells",
            DECIDES,
            "Fraction of cells whose RNA agrees with the whole ISCT marker phenotype, among the cells that could be "
            "called. Each call pools the counts of like neighbours, so that a marker missed by chance is not taken for "
            "absent. This is transcript-level concordance, not flow cytometry.",
            judge,
        )
    presence = "present" if kind == "positive" else "present, where it should be absent,"
    return Rule(
        f"criterion_{criterion}",
        f"{_plain_marker(criterion)} {'present' if kind == 'positive' else 'absent'}",
        "identity",
        "fraction of cells with it",
        DESCRIBES,
        f"Mean probability that the RNA of {_plain_marker(criterion)} is {presence} in a cell, with a bootstrap "
        "interval over neighbourhoods of cells. It enters the verdict through the phenotype.",
        judge,
    )


def judge_criterion(row: pd.Series, limits: dict[str, float], *, foreign: float = 0.0) -> Finding:
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
    """
    verdict = OF_GATE[row["verdict"]]
    code = _text(row.get("reason"))
    limit = {
        "positive": f"at least {limits['min_positive']:.0%}",
        "negative": f"at most {limits['max_negative']:.0%}",
        "overall": f"at least {limits['min_positive']:.0%}, and every criterion",
    }[row["kind"]]
    said, action = _explain(code)
    share = _share(row["estimate"], row["low"], row["high"])
    marker = _plain_marker(row["criterion"])
    subject = "cells agree with the phenotype" if row["kind"] == "overall" else f"cells carry {marker}"
    if verdict == NOT_ASSESSABLE:
        reason = said or "It could not be assessed."
    else:
        words = {PASS: "within the limit", FAIL: "outside the limit", WARN: "the limit lies inside the interval"}[
            verdict
        ]
        if code == "HIDDEN_MIXTURE":
            words = "within the limit by pooled counts, but not settled"
        failing = row["estimate"] if row["kind"] == "negative" else 1 - row["estimate"]
        if verdict == FAIL and foreign >= failing / 2:
            said, action = "Cells of other lineages account for most of it.", ACTIONS["contaminated"]
        reason = f"{share} of {subject}: {words}." + (f" {said}" if said else "")
    if row["kind"] == "negative" and code == "HLADR_INDUCED" and verdict == FAIL:
        verdict = WARN
    return Finding(
        verdict,
        reason,
        row["estimate"],
        row["low"],
        row["high"],
        limit,
        "" if verdict == PASS else action or ACTIONS["default"],
        int(row["n_cells"]),
    )


def judge_purity(evidence: Evidence, settings: dict) -> Finding:
    """Share of cells of a foreign lineage."""
    n = len(evidence.cells)
    limit = f"at most {settings['max_contaminants']:.0%}; fails above {settings['fail_contaminants']:.0%}"
    if n == 0:
        reason = "The lot has no cells that pass quality control."
        return Finding(NOT_ASSESSABLE, reason, threshold=limit, next_action=ACTIONS["lost"], n=0)
    if evidence.organism not in {"human", "mouse"}:
        return Finding(
            NOT_ASSESSABLE, REASONS["SPECIES_NOT_COVERED"], threshold=limit, next_action=ACTIONS["species"], n=n
        )
    named = evidence.contaminants[~evidence.contaminants["identity"].isin(UNNAMED)]
    foreign = int(named["n_cells"].sum())
    low, high = (float(x) for x in wilson_interval(foreign, n))
    which = ", ".join(f"{row.identity} {row.n_cells / n:.1%}" for row in named.head(3).itertuples())
    reason = f"{_share(foreign / n, low, high)} of cells belong to another lineage" + (f" ({which})." if which else ".")
    if low > settings["fail_contaminants"]:
        verdict, action = FAIL, ACTIONS["contaminated"]
    elif foreign / n > settings["max_contaminants"]:
        verdict, action = WARN, ACTIONS["contaminated"]
    else:
        verdict, action = PASS, ""
    if verdict == PASS and high > settings["fail_contaminants"]:
        verdict, action = WARN, ACTIONS["cells"]
        reason += " The interval reaches above the limit because there are few cells."
    return Finding(verdict, reason, foreign / n, low, high, limit, action, n)


def judge_cells(evidence: Evidence, settings: dict) -> Finding:
    """Whether there are enough cells to judge."""
    n = len(evidence.cells)
    verdict = PASS if n >= settings["min_cells"] else WARN
    reason = f"{n} of {evidence.loaded} cells pass quality control; {len(evidence.msc)} of them pass the gate."
    kept = n / evidence.loaded if evidence.loaded else math.nan
    if verdict == PASS and kept < settings["min_kept"]:
        return Finding(
            WARN, reason, n, threshold=f"at least {settings['min_kept']:.0%} kept", next_action=ACTIONS["lost"], n=n
        )
    action = "" if verdict == PASS else ACTIONS["cells"]
    return Finding(verdict, reason, n, threshold=f"at least {settings['min_cells']} cells", next_action=action, n=n)


def judge_depth(evidence: Evidence, settings: dict) -> Finding:
    """Whether the cells were sequenced deeply enough."""
    depth = evidence.cells["total_counts"]
    limit = f"at least {settings['min_depth']:g}; not assessable under {settings['floor_depth']:g}"
    if depth.empty:
        return Finding(
            NOT_ASSESSABLE, "No cell passes quality control.", threshold=limit, next_action=ACTIONS["cells"], n=0
        )
    median, low, high = (float(depth.quantile(q)) for q in (0.5, 0.25, 0.75))
    reason = f"The median cell has {median:,.0f} counts (middle half {low:,.0f} to {high:,.0f})."
    if median < settings["floor_depth"]:
        reason += " Markers with low rates are mostly missed at this depth."
        return Finding(NOT_ASSESSABLE, reason, median, low, high, limit, ACTIONS["depth"], len(depth))
    verdict = PASS if median >= settings["min_depth"] else WARN
    return Finding(verdict, reason, median, low, high, limit, "" if verdict == PASS else ACTIONS["depth"], len(depth))


def judge_doublets(evidence: Evidence, settings: dict) -> Finding:
    """Share of predicted doublets."""
    limit = f"at most {settings['max_doublets']:.0%}"
    if not evidence.loaded:
        return Finding(NOT_ASSESSABLE, "No cells were read.", threshold=limit, n=0)
    share = evidence.doublets / evidence.loaded
    low, high = (float(x) for x in wilson_interval(evidence.doublets, evidence.loaded))
    reason = f"{_share(share, low, high)} of the cells read look like doublets of unlike cells."
    return _upper(share, low, high, settings["max_doublets"], limit, reason, ACTIONS["doublets"], evidence.loaded)


def judge_mitochondria(evidence: Evidence, settings: dict) -> Finding:
    """Mitochondrial share of counts."""
    limit = f"median at most {settings['max_mt']:g} %"
    share = evidence.cells["pct_counts_mt"].dropna()
    if share.empty:
        reason = "The feature table has no mitochondrial genes."
        return Finding(NOT_ASSESSABLE, reason, threshold=limit, next_action=ACTIONS["mt_missing"], n=0)
    median, low, high = (float(share.quantile(q)) for q in (0.5, 0.25, 0.75))
    middle = f"(middle half {low:.1f} to {high:.1f} %)"
    reason = f"Mitochondrial genes give {median:.1f} % of the counts of the median cell {middle}."
    return _upper(median, low, high, settings["max_mt"], limit, reason, ACTIONS["mt"], len(share))


def judge_ambient(evidence: Evidence, settings: dict) -> Finding:
    """Ambient RNA."""
    limit = f"at most {settings['max_ambient']:.0%}"
    known = [value for value in evidence.ambient if not math.isnan(value)]
    if not known:
        reason = "It could not be estimated: empty droplets or genes that tell lineages apart are needed."
        return Finding(NOT_ASSESSABLE, reason, threshold=limit, next_action=ACTIONS["ambient_missing"], n=0)
    worst = max(known)
    which = "" if len(known) == 1 else f" in the worst of {len(known)} samples"
    reason = f"About {worst:.1%} of the counts come from other cells' RNA in solution{which}."
    return _upper(worst, None, None, settings["max_ambient"], limit, reason, ACTIONS["ambient"], len(known))


def judge_hidden(evidence: Evidence, settings: dict) -> Finding:
    """Whether a marker's counts vary more than one population's would."""
    limit = "none found"
    rows = evidence.hidden
    tested = rows[rows["finding"] != "not_assessable"] if len(rows) else rows
    if len(tested) == 0:
        reason = "The markers' counts are too low to tell: a subset without a marker would not be seen."
        return Finding(NOT_ASSESSABLE, reason, threshold=limit, next_action=ACTIONS["HIDDEN_MIXTURE"], n=0)
    found = tested[tested["finding"] == "hidden_mixture"]
    genes = sorted(tested["gene"].unique())
    if found.empty:
        return Finding(
            PASS,
            f"The counts of {', '.join(genes)} fit one population per cluster.",
            0.0,
            threshold=limit,
            n=len(tested),
        )
    worst = found.loc[found["hidden_fraction"].astype(float).idxmax()]
    value = float(worst["hidden_fraction"])
    where = f"{worst['gene']} in cluster {worst['cluster']}"
    reason = f"{where}: about {value:.0%} of cells may lack it although their neighbours carry it."
    return Finding(WARN, reason, value, threshold=limit, next_action=ACTIONS["HIDDEN_MIXTURE"], n=len(tested))


def judge_structure(evidence: Evidence, settings: dict) -> Finding:
    """Whether the lot's sub-populations come back when cells are resampled."""
    limit = f"at least {settings['min_stable']:.0%} of cells in stable clusters"
    rows = evidence.composition[evidence.composition["n_cells"] > 0]
    n = int(rows["n_cells"].sum())
    if n == 0:
        reason = "No cell of this lot was clustered."
        return Finding(NOT_ASSESSABLE, reason, threshold=limit, next_action=ACTIONS["unclustered"], n=0)
    if len(evidence.stability) < 2:
        return Finding(
            PASS, "One population: no split of the MSC is supported by resampling.", 1.0, threshold=limit, n=n
        )
    stable = rows["cluster"].map(_truth(evidence.stability["stable"])).fillna(value=False).astype(bool)
    inside = int(rows.loc[stable, "n_cells"].sum())
    low, high = (float(x) for x in wilson_interval(inside, n))
    large = rows[rows["n_cells"] / n >= 0.05]
    reason = (
        f"{_share(inside / n, low, high)} of its MSC lie in sub-populations that come back in resampling; "
        f"{len(large)} sub-populations hold at least 5 % of them."
    )
    verdict = PASS if inside / n >= settings["min_stable"] else WARN
    action = "" if verdict == PASS else ACTIONS["unstable"]
    return Finding(verdict, reason, inside / n, low, high, limit, action, n)


def judge_cycling(evidence: Evidence, settings: dict) -> Finding:
    """Share of MSC in S or G2M phase."""
    limit = f"at least {settings['min_cycling']:.0%} in expanded culture"
    phase = evidence.msc["phase"].dropna() if "phase" in evidence.msc else pd.Series(dtype=str)
    if len(phase) < settings["min_cells"]:
        reason = "Too few MSC, or the cell-cycle genes are missing."
        return Finding(NOT_ASSESSABLE, reason, threshold=limit, next_action=ACTIONS["cells"], n=len(phase))
    k, n = int(phase.astype(str).isin(["S", "G2M"]).sum()), len(phase)
    low, high = (float(x) for x in wilson_interval(k, n))
    reason = f"{_share(k / n, low, high)} of MSC have S or G2M transcripts."
    warn = evidence.culture == "expanded" and high < settings["min_cycling"]
    return Finding(WARN if warn else PASS, reason, k / n, low, high, limit, ACTIONS["not_cycling"] if warn else "", n)


def _upper(value, low, high, limit: float, threshold: str, reason: str, action: str, n: int) -> Finding:
    """Warn above a limit."""
    verdict = WARN if value > limit else PASS
    return Finding(verdict, reason, value, low, high, threshold, action if verdict == WARN else "", n)


def _explain(code: str) -> tuple[str, str]:
    """Sentence and next action of a reason code of the gate."""
    for key in (code, code.split("_")[0]):
        if key in REASONS:
            tail = code.split("_", 1)[1] if "_" in code else ""
            return REASONS[key].format(tail=_plain_marker(tail)), ACTIONS.get(key, "")
    return "", ""


def _plain_marker(criterion: str) -> str:
    return criterion.replace("|", " or ")


def _share(value: float, low: float, high: float) -> str:
    if any(x is None or math.isnan(x) for x in (value, low, high)):
        return "An unknown share"
    return f"{value:.1%} ({low:.1%} to {high:.1%})"


def _number(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return float(f"{float(value):.6g}")


def _text(value: object) -> str:
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value)


def _truth(values: pd.Series) -> pd.Series:
    return values.astype(str).str.lower().isin(["true", "1", "yes"])


QUALITY_RULES = (
    Rule(
        "purity",
        "Purity",
        "identity",
        "fraction of cells",
        DECIDES,
        "Fraction of cells that carry the genes of another lineage (blood, endothelium, epithelium, ...), Wilson "
        "interval. Fibroblasts and MSC share their markers and are not told apart.",
        judge_purity,
    ),
    Rule(
        "cells",
        "Cells",
        "quality",
        "cells",
        WARNS,
        "Cells that pass quality control.",
        judge_cells,
    ),
    Rule(
        "depth",
        "Sequencing depth",
        "quality",
        "counts per cell",
        WARNS,
        "Median counts (UMI) of the cells that pass quality control, with the middle half of the cells.",
        judge_depth,
    ),
    Rule(
        "doublets",
        "Doublets",
        "quality",
        "fraction of cells",
        WARNS,
        "Cells that look like two unlike cells in one droplet, among all cells read, Wilson interval. Two MSC in one "
        "droplet look alike and are mostly not seen.",
        judge_doublets,
    ),
    Rule(
        "mitochondria",
        "Mitochondrial RNA",
        "quality",
        "% of counts",
        WARNS,
        "Median share of counts from mitochondrial genes after quality control, with the middle half of the cells.",
        judge_mitochondria,
    ),
    Rule(
        "ambient",
        "Ambient RNA",
        "quality",
        "fraction of counts",
        WARNS,
        "Estimated share of a cell's counts that come from RNA in solution.",
        judge_ambient,
    ),
    Rule(
        "hidden_mixture",
        "Hidden subset without a marker",
        "identity",
        "fraction of a cluster",
        WARNS,
        "Test of each high-rate marker in each cluster for cells that lack it among cells alike in all else; such a "
        "subset is invisible to pooled calls. The value is the largest share found.",
        judge_hidden,
    ),
    Rule(
        "structure",
        "Sub-populations",
        "structure",
        "fraction of MSC",
        WARNS,
        "Share of the lot's clustered cells in clusters that come back when cells are resampled, Wilson interval.",
        judge_structure,
    ),
    Rule(
        "cycling",
        "Cycling",
        "programmes",
        "fraction of MSC",
        DESCRIBES,
        "Share of MSC called S or G2M from cell-cycle transcripts, Wilson interval.",
        judge_cycling,
    ),
)
