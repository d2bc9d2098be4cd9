"""Rules of the lot passport: pure functions from a lot's evidence to a verdict, a reason and a next action in words.

Three kinds of attribute weigh differently in the lot's verdict. Those that *decide* (phenotype, purity) can fail a lot.
Those that *warn* (depth, doublets, ambient RNA, ...) can lower a PASS to WARN. Those that *describe* (signature scores,
cycling) never touch it: a signature is no potency assay.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from mscape.gating.lots import MIN_CELLS
from mscape.gating.reasons import Reason
from mscape.gating.scope import analyzed_cells
from mscape.passports.sentences import TISSUES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

RULE_VERSION = "1.0"
PASS, WARN, FAIL, NOT_ASSESSABLE = "PASS", "WARN", "FAIL", "NOT ASSESSABLE"
AVERAGE = "the average of the lots of this study"
DESCRIBED = "DESCRIBED"  # of an attribute that only describes: there is nothing to pass
SEVERITY = (PASS, WARN, NOT_ASSESSABLE, FAIL)
DECIDES, WARNS, DESCRIBES = "decides", "warns", "describes"
COUNTED = ("cells", "depth")  # attributes that state what is there, however few cells there are
PANEL_LIMITS = {"min_positive": 0.95, "max_negative": 0.02}  # ISCT 2006, doi:10.1080/14653240600855905
UNNAMED = ("unresolved", "stromal", "MSC-like")
UNEXPLAINED = "unexplained"
VERDICT_RULE = (
    "FAIL if the phenotype or the purity fails; else NOT ASSESSABLE if one of them cannot be judged; else WARN if one "
    "of them is open or an attribute of the data's quality warns; else PASS. Signature scores and cycling describe the "
    "lot and never change its verdict."
)


@dataclass(frozen=True, kw_only=True)
class LotEvidence:
    """What the workflow found about one lot.

    Attributes
    ----------
    lot_id
        The lot.
    gate, contaminants
        Its rows of gate.tsv and contaminants.tsv.
    cells
        ``obs`` of its cells that pass quality control, with ``isct_call``, ``isct_reason`` and ``phase``.
    loaded
        Cells read.
    scored, doublets
        Cells with a doublet score, and predicted doublets among them.
    detectable
        Of each sample the share of doublets simulated from its cells that would be called, NaN where none were.
    ambient
        Ambient fraction of each sample, NaN where it could not be estimated.
    hidden
        Its rows of hidden_mixture.tsv.
    flow
        Its rows of flow_agreement.tsv.
    certificate
        Its rows of certificate.tsv; None where smaller copies were not asked for (``passport.certificate``).
    priming
        Its row of priming.tsv, where the sheet states its priming.
    composition
        Its rows of composition.tsv.
    stability
        stability.tsv of the dataset, index = cluster.
    scores
        signature_scores.tsv of the dataset.
    signatures
        signatures.tsv of the dataset, index = id.
    organism, culture
        Of the dataset.
    sexes
        What each of its samples says of a second donor of the other sex (:class:`mscape.quality.sex_mixture.SexMixture`
        as a mapping), by sample; empty where quality control did not look.
    donor_sexes
        Sex of the other lots of the same donor, by lot, where it is clear.
    limits
        ``min_positive`` and ``max_negative`` of the gate's panel.
    place
        Its row of reference_lots.tsv, where it is judged against a reference; ``scores`` are then relative to that.
    """

    lot_id: str
    gate: pd.DataFrame
    contaminants: pd.DataFrame
    cells: pd.DataFrame
    loaded: int
    scored: int
    doublets: int
    ambient: list[float]
    hidden: pd.DataFrame
    composition: pd.DataFrame
    stability: pd.DataFrame
    scores: pd.DataFrame
    signatures: pd.DataFrame
    organism: str = "human"
    culture: str = "unknown"
    flow: pd.DataFrame = field(default_factory=pd.DataFrame)
    certificate: pd.DataFrame | None = None
    priming: pd.DataFrame = field(default_factory=pd.DataFrame)
    detectable: Sequence[float] = ()
    sexes: Mapping[str, Mapping] = field(default_factory=dict)
    donor_sexes: Mapping[str, str] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=lambda: dict(PANEL_LIMITS))
    place: Mapping[str, Any] | None = None

    @property
    def average(self) -> str:
        """What the lot's scores are relative to: the lots of its study, or those of a reference."""
        if self.place is None:
            return AVERAGE
        return f"the average of {self.place['n_lots']} lots ({self.place['stratum']}) of the {self.place['reference']}"

    @property
    def foreign(self) -> float:
        """Fraction of cells that belong to a named other lineage."""
        return float(self.named["n_cells"].sum() / len(self.cells)) if len(self.cells) else 0.0

    @property
    def named(self) -> pd.DataFrame:
        """Rows of the contaminants that fail and have a name."""
        rows = self.contaminants
        return rows[~rows["identity"].isin(UNNAMED) & (rows["call"] == "fail")]

    @property
    def unexplained(self) -> int:
        """Number of cells that no panel names and that lack the stroma's matrix."""
        rows = self.contaminants
        return int(rows.loc[rows["call"] == UNEXPLAINED, "n_cells"].sum())

    @property
    def analyzed(self) -> pd.DataFrame:
        """Cells that pass the gate or are left open by it without a sign of another kind."""
        return self.cells[analyzed_cells(self.cells)]

    @property
    def msc(self) -> pd.DataFrame:
        """Cells that pass the gate."""
        return self.cells[self.cells["isct_call"] == "pass"]


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """What an attribute says of a lot.

    ``limits`` are the numbers that value and interval are held against; ``decided_by`` is the attribute that decided,
    where it is not this one.
    """

    verdict: str
    reason: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    threshold: str = ""
    next_action: str = ""
    n: int | None = None
    resolution: str = ""
    limits: tuple[float, ...] = ()
    decided_by: str = ""


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """One attribute of the passport: what is measured, how much it weighs, and the function that judges a lot.

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
        Evidence and thresholds to assessment.
    """

    name: str
    title: str
    group: str
    unit: str
    weight: str
    definition: str
    judge: Callable[[LotEvidence, dict], Assessment] = field(repr=False)


def write_attribute(attribute: Attribute, evidence: LotEvidence, settings: dict) -> dict:
    """Judge a lot by an attribute and write the attribute as the passport's schema wants it.

    Of a lot of fewer than ``mscape.gating.lots.MIN_CELLS`` cells only their number and depth are stated.
    """
    found = attribute.judge(evidence, settings)
    if 0 < len(evidence.cells) < MIN_CELLS and attribute.name not in COUNTED:
        found = Assessment(
            verdict=NOT_ASSESSABLE,
            reason=f"The lot has {len(evidence.cells)} of the {MIN_CELLS} cells that a statement about a lot needs.",
            threshold=found.threshold,
            next_action=Reason.TOO_FEW_CELLS.next_step,
            n=len(evidence.cells),
        )
    return {
        "name": attribute.name,
        "title": attribute.title,
        "group": attribute.group,
        "verdict": found.verdict,
        "value": _number(found.value),
        "low": _number(found.low),
        "high": _number(found.high),
        "unit": attribute.unit,
        "n": found.n,
        "threshold": found.threshold,
        "limits": list(found.limits),
        "reason": found.reason,
        "next_action": found.next_action,
        "resolution": found.resolution,
        "decided_by": found.decided_by,
        "definition": attribute.definition,
        "weight": attribute.weight,
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
    warned = [a for a in attributes if a["weight"] == WARNS and a["verdict"] in {WARN, FAIL}]
    if warned:
        return WARN, " ".join(f"{a['title']}: {a['reason']}" for a in warned)
    resolution = " ".join(a["resolution"] for a in deciding if a.get("resolution"))
    met = "Phenotype and purity meet their limits, and nothing that was measured of the data's quality warns."
    unknown = [a["title"] for a in attributes if a["weight"] == WARNS and a["verdict"] == NOT_ASSESSABLE]
    left_open = f"Not assessed: {', '.join(unknown)}." if unknown else ""
    return PASS, " ".join(part for part in (resolution, met, left_open) if part)


def name_tissue(tissue: str, culture: str) -> str:
    """Name of culture-adapted MSC of a tissue after ISBT 128, "" where there is none.

    The names are for culture-adapted cells only (ICCBBA-ISCT statement, Cytotherapy 2021).
    """
    return TISSUES.get(tissue.strip().lower().replace("_", " "), "") if culture == "expanded" else ""


def _number(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return float(f"{float(value):.6g}")
