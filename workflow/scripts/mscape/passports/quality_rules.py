"""Passport rules of purity, of the data's quality, of structure and cycling."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from mscape import numbers
from mscape.gating.reasons import Reason
from mscape.genes.species import species
from mscape.numbers import decimal, percent
from mscape.passports.rules import (
    DECIDES,
    DESCRIBED,
    DESCRIBES,
    FAIL,
    NOT_ASSESSABLE,
    PASS,
    WARN,
    WARNS,
    Assessment,
    Attribute,
    LotEvidence,
)
from mscape.passports.sentences import ACTIONS
from mscape.quality.limits import empty_share, say_empty
from mscape.scoring import consensus
from mscape.stats import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGE = 0.05  # of a lot's clustered cells: a sub-population that is counted


def judge_purity(evidence: LotEvidence, settings: dict) -> Assessment:
    """Share of cells of a foreign lineage, or of a population that no panel names and that is unlike stroma."""
    n = len(evidence.cells)
    most, fails = settings["max_contaminants"], settings["fail_contaminants"]
    limit = f"at most {percent(most)}; fails above {percent(fails)}"
    if n == 0:
        reason = "The lot has no cells that pass quality control."
        return Assessment(verdict=NOT_ASSESSABLE, reason=reason, threshold=limit, next_action=ACTIONS["lost"], n=0)
    if not species(evidence.organism).has_markers:
        return Assessment(
            verdict=NOT_ASSESSABLE,
            reason=Reason.SPECIES_NOT_COVERED.lot,
            threshold=limit,
            next_action=ACTIONS["species"],
            n=n,
        )
    named, unexplained = evidence.named, evidence.unexplained
    foreign = int(named["n_cells"].sum()) + unexplained
    low, high = (float(x) for x in wilson_interval(foreign, n))
    which = ", ".join(f"{row.identity} {percent(row.n_cells / n)}" for row in named.head(3).itertuples())
    share = numbers.share(foreign / n, low, high, apart=(most, fails))
    reason = f"{share} of cells belong to another lineage" + (" or fit none" if unexplained else "")
    reason += f" ({which}):" if which else ":"
    over = foreign / n > most
    verdict = FAIL if low > fails else WARN if over or high > fails else PASS
    alone = 2 * unexplained > n and float(wilson_interval(foreign - unexplained, n)[0]) <= fails
    if verdict == FAIL and alone:  # there is no stroma in the lot to compare them with
        verdict = WARN
        reason += (
            " most of the lot lacks the matrix, which its own stroma may make little of; the share decides nothing."
        )
    elif verdict == FAIL:
        reason += f" the whole interval lies above {percent(fails)}."
    elif over:
        reason += f" above {percent(most)}, but the interval is not wholly above {percent(fails)}."
    elif verdict == WARN:
        reason += f" within {percent(most)}, but the interval of so few cells reaches above {percent(fails)}."
    else:
        reason += f" within {percent(most)}, and the whole interval is within {percent(fails)}."
    if unexplained:
        interval = (float(x) for x in wilson_interval(unexplained, n))
        reason += (
            f" {numbers.share(unexplained / n, *interval)} fit no lineage panel and lack the collagen matrix of stroma."
        )
    return Assessment(
        verdict=verdict,
        reason=reason,
        value=foreign / n,
        low=low,
        high=high,
        threshold=limit,
        limits=(most, fails),
        next_action="" if verdict == PASS else ACTIONS["cells"] if not over else _clean(evidence),
        n=n,
    )


def _clean(evidence: LotEvidence) -> str:
    """Choose the next step for a lot with cells of another lineage: that of a culture, of fresh cells, or of no MSC."""
    if evidence.msc.empty:
        return ACTIONS["not_msc"]
    return ACTIONS["contaminated_fresh" if evidence.culture == "fresh" else "contaminated"]


def judge_cells(evidence: LotEvidence, settings: dict) -> Assessment:
    """Whether there are enough cells to judge."""
    n = len(evidence.cells)
    verdict = PASS if n >= settings["min_cells"] else WARN
    reason = f"{n} of {evidence.loaded} cells pass quality control; {len(evidence.msc)} of them pass the gate."
    kept = n / evidence.loaded if evidence.loaded else math.nan
    if verdict == PASS and kept < settings["min_kept"]:
        return Assessment(
            verdict=WARN,
            reason=reason,
            value=n,
            threshold=f"at least {percent(settings['min_kept'])} kept",
            next_action=ACTIONS["lost"],
            n=n,
        )
    action = "" if verdict == PASS else ACTIONS["cells"]
    return Assessment(
        verdict=verdict,
        reason=reason,
        value=n,
        threshold=f"at least {settings['min_cells']} cells",
        next_action=action,
        n=n,
    )


def judge_depth(evidence: LotEvidence, settings: dict) -> Assessment:
    """Whether the cells were sequenced deeply enough."""
    depth = evidence.cells["total_counts"]
    limit = f"at least {settings['min_depth']:g}; not assessable under {settings['floor_depth']:g}"
    if depth.empty:
        return Assessment(
            verdict=NOT_ASSESSABLE,
            reason="No cell passes quality control.",
            threshold=limit,
            next_action=ACTIONS["cells"],
            n=0,
        )
    median, low, high = (float(depth.quantile(q)) for q in (0.5, 0.25, 0.75))
    edges = (settings["min_depth"], settings["floor_depth"])
    middle = decimal(median, apart=edges)
    reason = f"The median cell has {middle} counts (middle half {low:,.0f} to {high:,.0f})."
    if (empty := empty_share(depth.to_numpy())) > 0.5:
        reason += f" {say_empty(empty, len(depth))}."
        return Assessment(
            verdict=NOT_ASSESSABLE,
            reason=reason,
            value=median,
            low=low,
            high=high,
            threshold=limit,
            next_action=ACTIONS["cells"],
            n=len(depth),
        )
    if median < settings["floor_depth"]:
        reason += " Markers with low rates are mostly missed at this depth."
        return Assessment(
            verdict=NOT_ASSESSABLE,
            reason=reason,
            value=median,
            low=low,
            high=high,
            threshold=limit,
            next_action=ACTIONS["depth"],
            n=len(depth),
        )
    verdict = PASS if median >= settings["min_depth"] else WARN
    return Assessment(
        verdict=verdict,
        reason=reason,
        value=median,
        low=low,
        high=high,
        threshold=limit,
        next_action="" if verdict == PASS else ACTIONS["depth"],
        n=len(depth),
    )


def judge_doublets(evidence: LotEvidence, settings: dict) -> Assessment:
    """Share of cells that look like two unlike cells, and what part of doublets would."""
    limit = f"at most {percent(settings['max_doublets'])}"
    if not evidence.loaded:
        return Assessment(verdict=NOT_ASSESSABLE, reason="No cells were read.", threshold=limit, n=0)
    k, n = evidence.doublets, evidence.scored
    if not n:
        reason, action = "No cell was scored for doublets.", ACTIONS["doublets_missing"]
        return Assessment(verdict=NOT_ASSESSABLE, reason=reason, threshold=limit, next_action=action, n=0)
    interval = [float(x) for x in wilson_interval(k, n)]
    most = settings["max_doublets"]
    side = "within" if interval[1] <= most else "above" if interval[0] > most else "inside"
    share = numbers.share(k / n, *interval, apart=(most,))
    return Assessment(
        verdict=PASS if side == "within" else WARN,
        reason=(
            f"{share} of the cells scored ({n} of {evidence.loaded} read) look like doublets of unlike cells: "
            f"{_beside(side, most)}. {_say_unseen(evidence.detectable)}"
        ),
        value=k / n,
        low=interval[0],
        high=interval[1],
        threshold=limit,
        limits=(most,),
        next_action="" if side == "within" else ACTIONS["doublets"],
        n=n,
    )


def _say_unseen(detectable: Sequence[float]) -> str:
    """Say what part of the doublets simulated from a sample's cells would be called, the least of the samples."""
    known = [part for part in detectable if not math.isnan(part)]
    total = "doublets of like cells are not seen, and the total is not assessable."
    if not known:
        return total[0].upper() + total[1:]
    return f"Of doublets simulated from its cells, {percent(min(known))} would be called; {total}"


def _beside(side: str, limit: float) -> str:
    """Say on which side of a limit an interval lies."""
    if side == "inside":
        return f"the limit of {percent(limit)} lies inside the interval"
    where = "is within" if side == "within" else f"lies {side}"
    return f"the whole interval {where} the limit of {percent(limit)}"


def judge_mitochondria(evidence: LotEvidence, settings: dict) -> Assessment:
    """Mitochondrial share of counts."""
    limit = f"median at most {settings['max_mt']:g}%"
    share = evidence.cells["pct_counts_mt"].dropna()
    if share.empty:
        reason = "The feature table has no mitochondrial genes."
        return Assessment(
            verdict=NOT_ASSESSABLE, reason=reason, threshold=limit, next_action=ACTIONS["mt_missing"], n=0
        )
    median, low, high = (float(share.quantile(q)) for q in (0.5, 0.25, 0.75))
    middle = f"(middle half {low:.1f} to {high:.1f}%)"
    written = decimal(median, 1, apart=(settings["max_mt"],))
    reason = f"Mitochondrial genes give {written}% of the counts of the median cell {middle}."
    return _upper(
        median, low, high, limit=settings["max_mt"], threshold=limit, reason=reason, action=ACTIONS["mt"], n=len(share)
    )


def judge_ambient(evidence: LotEvidence, settings: dict) -> Assessment:
    """Ambient RNA."""
    limit = f"at most {percent(settings['max_ambient'])}"
    known = [value for value in evidence.ambient if not math.isnan(value)]
    if not known:
        reason = "It could not be estimated: that takes cells of two lineages, each with RNA that the other lacks."
        return Assessment(
            verdict=NOT_ASSESSABLE, reason=reason, threshold=limit, next_action=ACTIONS["ambient_missing"], n=0
        )
    worst = max(known)
    which = "" if len(known) == 1 else f" in the worst of {len(known)} samples"
    written = percent(worst, apart=(settings["max_ambient"],))
    reason = f"About {written} of the counts come from other cells' RNA in solution{which}."
    return _upper(
        worst,
        None,
        None,
        limit=settings["max_ambient"],
        threshold=limit,
        reason=reason,
        action=ACTIONS["ambient"],
        n=len(known),
    )


def judge_hidden(evidence: LotEvidence, settings: dict) -> Assessment:
    """Whether a marker's counts vary more than one population's would."""
    limit = "none found"
    rows = evidence.hidden
    tested = rows[rows["finding"] != "not_assessable"] if len(rows) else rows
    if len(tested) == 0:
        reason = "The markers' counts are too low to decide: a subset without a marker would not be seen."
        return Assessment(
            verdict=NOT_ASSESSABLE, reason=reason, threshold=limit, next_action=Reason.HIDDEN_MIXTURE.next_step, n=0
        )
    found = tested[tested["finding"] == "hidden_mixture"]
    genes = sorted(tested["gene"].unique())
    if found.empty:
        return Assessment(
            verdict=PASS,
            reason=f"The counts of {', '.join(genes)} fit one population per cluster.",
            value=0.0,
            threshold=limit,
            n=len(tested),
        )
    worst = found.loc[found["hidden_fraction"].astype(float).idxmax()]
    value = float(worst["hidden_fraction"])
    where = f"{worst['gene']} in cluster {worst['cluster']}"
    reason = f"{where}: about {percent(value)} of cells may lack it although their neighbors carry it."
    return Assessment(
        verdict=WARN,
        reason=reason,
        value=value,
        threshold=limit,
        next_action=Reason.HIDDEN_MIXTURE.next_step,
        n=len(tested),
    )


def judge_structure(evidence: LotEvidence, settings: dict) -> Assessment:
    """Whether the lot's sub-populations come back when cells are resampled."""
    limit = f"at least {percent(settings['min_stable'])} of cells in stable clusters"
    rows = evidence.composition[evidence.composition["n_cells"] > 0]
    n = int(rows["n_cells"].sum())
    if n == 0 or evidence.msc.empty:
        reason = "No cell of this lot was clustered." if n == 0 else "No cell of this lot passes as MSC."
        return Assessment(
            verdict=NOT_ASSESSABLE, reason=reason, threshold=limit, next_action=ACTIONS["unclustered"], n=0
        )
    if evidence.stability["stable"].isna().all():
        return Assessment(
            verdict=NOT_ASSESSABLE,
            reason="The sub-populations are labels that the user gave: whether they come back in resampling was not "
            "measured.",
            threshold=limit,
            next_action=ACTIONS["labels"],
            n=n,
        )
    if len(evidence.stability) < 2:
        return Assessment(
            verdict=PASS,
            reason="One population in this study: no split of its clustered cells is supported by resampling.",
            value=1.0,
            threshold=limit,
            n=n,
        )
    stable = rows["cluster"].map(evidence.stability["stable"]).fillna(value=False).astype(bool)
    inside = int(rows.loc[stable, "n_cells"].sum())
    low, high = (float(x) for x in wilson_interval(inside, n))
    least = settings["min_stable"]
    side = "within" if low >= least else "below" if high < least else "inside"
    large = rows[rows["n_cells"] / n >= LARGE]
    share = numbers.share(inside / n, low, high, apart=(least,))
    reason = (
        f"{share} of its {n} clustered cells lie in sub-populations of this study that come back in "
        f"resampling: {_beside(side, least)}; {len(large)} of the sub-populations hold at least {percent(LARGE)} "
        "of them."
    )
    return Assessment(
        verdict=PASS if side == "within" else WARN,
        reason=reason,
        value=inside / n,
        low=low,
        high=high,
        threshold=limit,
        limits=(least,),
        next_action="" if side == "within" else ACTIONS["unstable"],
        n=n,
    )


def judge_cycling(evidence: LotEvidence, settings: dict) -> Assessment:
    """Share of MSC in S or G2M phase, cells that the gate leaves open included, for cycling ones may be shallow."""
    limit = f"at least {percent(settings['min_cycling'])} in expanded culture"
    phase = evidence.analyzed["phase"].dropna() if "phase" in evidence.cells else pd.Series(dtype=str)
    if len(phase) < settings["min_cells"]:
        few = f"{len(phase)} MSC with a phase are fewer than the {settings['min_cells']} that their share takes."
        reason = few if len(phase) or evidence.analyzed.empty else "No cell has a phase: cell-cycle genes are missing."
        action = ACTIONS["no_phase"] if reason != few else ACTIONS["not_msc" if evidence.msc.empty else "cells"]
        return Assessment(verdict=NOT_ASSESSABLE, reason=reason, threshold=limit, next_action=action, n=len(phase))
    cycling = phase.astype(str).isin(["S", "G2M"])
    k, n = int(cycling.sum()), len(phase)
    share, low, high = consensus.correct_share(k, n, consensus.CYCLING)
    said = f"{k} of {n} are called S or G2M, corrected for the call's errors"
    reason = f"{numbers.share(share, low, high, apart=(settings['min_cycling'],))} of MSC cycle: {said}."
    passing = cycling[cycling.index.isin(evidence.msc.index)]
    if 0 < len(passing) < n:
        own = consensus.correct_share(int(passing.sum()), len(passing), consensus.CYCLING)[0]
        reason += (
            f" {n - len(passing)} of these {n} cells are left open by the gate; of the {len(passing)} that pass it is "
            f"{percent(own)}."
        )
    warn = evidence.culture == "expanded" and high < settings["min_cycling"]
    return Assessment(
        verdict=WARN if warn else DESCRIBED,
        reason=reason,
        value=share,
        low=low,
        high=high,
        threshold=limit,
        limits=(settings["min_cycling"],),
        next_action=ACTIONS["not_cycling"] if warn else "",
        n=n,
    )


def _upper(value, low, high, *, limit: float, threshold: str, reason: str, action: str, n: int) -> Assessment:
    """Warn above a limit; ``low`` and ``high`` are the middle half of the cells, which the limit is not for."""
    verdict = WARN if value > limit else PASS
    return Assessment(
        verdict=verdict,
        reason=reason,
        value=value,
        low=low,
        high=high,
        threshold=threshold,
        limits=(limit,),
        next_action=action if verdict == WARN else "",
        n=n,
    )


QUALITY_ATTRIBUTES = (
    Attribute(
        name="purity",
        title="Other lineages (purity)",
        group="identity",
        unit="fraction of cells",
        weight=DECIDES,
        definition=(
            "Fraction of cells that carry the genes of another lineage (blood, endothelium, epithelium, ...), Wilson "
            "interval. Fibroblasts and MSC share their markers and are not distinguished."
        ),
        judge=judge_purity,
    ),
    Attribute(
        name="cells",
        title="Cells",
        group="quality",
        unit="cells",
        weight=WARNS,
        definition="Cells that pass quality control.",
        judge=judge_cells,
    ),
    Attribute(
        name="depth",
        title="Sequencing depth",
        group="quality",
        unit="counts per cell",
        weight=WARNS,
        definition="Median counts (UMI) of the cells that pass quality control, with the middle half of the cells.",
        judge=judge_depth,
    ),
    Attribute(
        name="doublets",
        title="Doublets of unlike cells",
        group="quality",
        unit="fraction of cells",
        weight=WARNS,
        definition=(
            "Cells that look like two cells of different kinds in one droplet, among the cells that were scored for "
            "it, Wilson interval; samples under 100 cells are not scored. Two MSC in one droplet look like one: the "
            "total rate of doublets cannot be assessed from counts, and in a pure culture most are of that kind."
        ),
        judge=judge_doublets,
    ),
    Attribute(
        name="mitochondria",
        title="Mitochondrial RNA",
        group="quality",
        unit="% of counts",
        weight=WARNS,
        definition=(
            "Median share of counts from mitochondrial genes after quality control, with the middle half of the cells."
        ),
        judge=judge_mitochondria,
    ),
    Attribute(
        name="ambient",
        title="Ambient RNA",
        group="quality",
        unit="fraction of counts",
        weight=WARNS,
        definition="Estimated share of a cell's counts that come from RNA in solution.",
        judge=judge_ambient,
    ),
    Attribute(
        name="hidden_mixture",
        title="Hidden subset without a marker",
        group="identity",
        unit="fraction of a cluster",
        weight=WARNS,
        definition=(
            "Test of each high-rate marker in each cluster for cells that lack it and are equal otherwise; "
            "such a subset is invisible to pooled calls. The value is the largest share found."
        ),
        judge=judge_hidden,
    ),
    Attribute(
        name="structure",
        title="Sub-populations",
        group="structure",
        unit="fraction of clustered cells",
        weight=WARNS,
        definition=(
            "Share of the lot's clustered cells in clusters that come back when cells are resampled, Wilson interval."
        ),
        judge=judge_structure,
    ),
    Attribute(
        name="cycling",
        title="Cycling",
        group="programmes",
        unit="fraction of MSC",
        weight=DESCRIBES,
        definition=(
            "Share of MSC called S or G2M from cell-cycle transcripts, corrected for the call's sensitivity (0.85 to "
            "1) and specificity (0.90 to 1), with an interval over both and over cells."
        ),
        judge=judge_cycling,
    ),
)
