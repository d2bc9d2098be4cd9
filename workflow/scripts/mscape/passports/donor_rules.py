"""Passport rule of the donor: cells of the other sex in the lot, and lots of one donor that differ in sex."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mscape import numbers
from mscape.genes.species import species
from mscape.numbers import percent
from mscape.passports.rules import NOT_ASSESSABLE, PASS, WARN, WARNS, Assessment, Attribute, LotEvidence
from mscape.passports.sentences import ACTIONS
from mscape.quality.sex_mixture import TYPICAL

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

OTHER = {"female": "male", "male": "female"}
STATED = {"f": "female", "m": "male"} | {sex: sex for sex in OTHER}
TYPICAL_CPM = dict(zip(OTHER, TYPICAL, strict=True))  # of XIST in female cells, of Y-linked genes in male ones


def group_lots(accounting: pd.DataFrame, cells: pd.DataFrame) -> dict[str, tuple[str, list[str]]]:
    """Give donor and samples of each lot; a lot without cells or of unknown donor has the donor ""."""
    donors = cells.groupby(cells["lot_id"].astype(str))["donor_id"].first().astype(str) if "donor_id" in cells else {}
    samples = accounting.groupby("lot_id", sort=False)["sample_id"].agg(list)
    known = {lot: str(donors.get(lot, "")) for lot in samples.index}
    return {lot: ("" if known[lot] == "unknown" else known[lot], own) for lot, own in samples.items()}


def sexes_of_donor(
    lot: str, lots: Mapping[str, tuple[str, list[str]]], of_sample: Mapping[str, Mapping]
) -> dict[str, str]:
    """Give the sex of the other lots of a lot's donor, where each of their samples is of one clear sex."""
    donor = lots[lot][0]
    found = {}
    for other, (its_donor, samples) in lots.items():
        own = [of_sample.get(sample, {}) for sample in samples]
        sexes = {str(one.get("sex")) for one in own}
        clear = all(one.get("finding") == "not_found" for one in own) and len(sexes) == 1
        if donor and other != lot and its_donor == donor and clear:
            found[other] = sexes.pop()
    return found


def judge_donor(evidence: LotEvidence, settings: dict) -> Assessment:
    """Whether cells of two donors are in the lot, or the lot is another donor's, as far as sex shows it."""
    n, sexes = len(evidence.cells), evidence.sexes
    limit = "no cells of the other sex"
    if not species(evidence.organism).isct:
        reason, action = "Genes of sex are known for human cells only.", ACTIONS["species"]
        return Assessment(verdict=NOT_ASSESSABLE, reason=reason, threshold=limit, next_action=action, n=n)
    if not sexes or not n:
        reason = "Quality control did not look for cells of the other sex." if n else "The lot has no cells."
        return Assessment(
            verdict=NOT_ASSESSABLE, reason=reason, threshold=limit, next_action=ACTIONS["sex_unseen"], n=n
        )
    found = {name: one for name, one in sexes.items() if one["finding"] == "found"}
    if found:
        name = max(found, key=lambda sample: found[sample]["share"])
        value, low, high = (float(found[name][key]) for key in ("share", "low", "high"))
        where = f" of sample {name}" if len(sexes) > 1 else ""
        reason = (
            f"{numbers.share(value, low, high)} of the cells{where} are {OTHER[found[name]['sex']]} among "
            f"{found[name]['sex']} ones: two donors in one lot."
        )
        given: dict = {"value": value, "low": low, "high": high}
        return Assessment(verdict=WARN, reason=reason, threshold=limit, next_action=ACTIONS["two_donors"], n=n, **given)
    clear = {name: one["sex"] for name, one in sexes.items() if one["finding"] == "not_found"}
    if differs := _differs(evidence, clear):
        return Assessment(verdict=WARN, reason=differs, threshold=limit, next_action=ACTIONS["two_donors"], n=n)
    if len(clear) < len(sexes):
        unclear = next(one for one in sexes.values() if one["finding"] == "cannot_say")
        reason = f"Whether all cells are of one donor cannot be said by sex: {unclear['reason']}."
        return Assessment(
            verdict=NOT_ASSESSABLE, reason=reason, threshold=limit, next_action=ACTIONS["sex_unseen"], n=n
        )
    sex, bound = next(iter(clear.values())), max(float(one["bound"]) for one in sexes.values())
    gene = "XIST" if OTHER[sex] == "female" else "Y-linked genes"
    rate = f"{TYPICAL_CPM[OTHER[sex]]:g} CPM of {gene}"
    reason = (
        f"No {OTHER[sex]} cells were found among the {sex} ones; more than {percent(bound)} with {rate} would have "
        "been seen. A second donor of the same sex is not seen this way."
    )
    return Assessment(verdict=PASS, reason=reason, value=0.0, low=0.0, high=bound, threshold=limit, n=n)


def _differs(evidence: LotEvidence, clear: Mapping[str, str]) -> str:
    """Say what the sex of the lot's cells contradicts: its samples, the donor's other lots, the sheet; else ""."""
    if len(set(clear.values())) > 1:
        return f"Its samples differ in sex: {', '.join(f'{name} {sex}' for name, sex in clear.items())}."
    if not clear:
        return ""
    sex = next(iter(clear.values()))
    others = [lot for lot, other in evidence.donor_sexes.items() if other != sex]
    if others:
        return (
            f"Its cells are {sex}, those of {', '.join(others)} of the same donor {OTHER[sex]}: labels may be swapped."
        )
    given = evidence.cells["sex"].astype(str).str.lower().unique() if "sex" in evidence.cells else []
    stated = {STATED[word] for word in given if word in STATED}
    return f"Its cells are {sex}, the sheet says {OTHER[sex]}." if stated == {OTHER[sex]} else ""


DONOR_ATTRIBUTES = (
    Attribute(
        name="one_donor",
        title="One donor, by sex",
        group="identity",
        unit="fraction of cells",
        weight=WARNS,
        definition=(
            "Share of cells of the other sex than most (XIST in no cell of a male donor, Y-linked genes in none of a "
            "female one), with its interval: ambient RNA of another lot, doublets, and cells that lost Y or XIST are "
            "no second donor. The lot's sex is compared with its samples, the donor's other lots and the sheet. Donors "
            "of one sex are not distinguished."
        ),
        judge=judge_donor,
    ),
)
