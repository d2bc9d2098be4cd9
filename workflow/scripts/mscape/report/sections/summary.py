"""The top of the report: three numbers and the verdict table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mscape.report.numbers import finite, interval_text, value_text
from mscape.report.page import lot_anchor
from mscape.report.sections.alerts import DESCRIBES, ORDER
from mscape.report.tables import Cell, Table

if TYPE_CHECKING:
    from mscape.report.dataset import Dataset

NOT_HUMAN = "The ISCT criteria are for human cells; these are of organism: {organism}."


def verdict_counts(passports: dict) -> dict[str, int]:
    """Count the lots of each verdict."""
    verdicts = [lot.get("verdict", "NOT ASSESSABLE") for lot in passports["lots"]]
    return {verdict: verdicts.count(verdict) for verdict in ("PASS", "WARN", "FAIL", "NOT ASSESSABLE")}


def hero(dataset: Dataset) -> list[dict]:
    """Return the three numbers that open the report."""
    counts = verdict_counts(dataset.passports)
    total = len(dataset.lots)
    rest = ", ".join(f"{n} {verdict}" for verdict, n in counts.items() if n and verdict != "PASS")
    numbers = [
        {
            "value": f"{counts['PASS']} / {total}",
            "label": "lots with verdict PASS",
            "note": rest or "no lot warns or fails",
            "term": "hero_lots",
            "verdicts": counts,
        }
    ]
    return [*numbers, _hero_not_pass(dataset), _hero_clusters(dataset)]


def _hero_not_pass(dataset: Dataset) -> dict:
    """Name the lots that are not PASS, the worst first, each with the place of its passport."""
    lots = [lot for lot in dataset.passports["lots"] if lot.get("verdict", "NOT ASSESSABLE") != "PASS"]
    lots.sort(key=lambda lot: ORDER.index(lot.get("verdict", "NOT ASSESSABLE")))
    label = "lot not PASS" if len(lots) == 1 else "lots not PASS"
    found: dict = {"value": str(len(lots)), "label": label, "term": "hero_not_pass"}
    found["links"] = [(lot["lot_id"], lot_anchor(lot["lot_id"]), lot.get("verdict", "NOT ASSESSABLE")) for lot in lots]
    note = "" if dataset.judged else NOT_HUMAN.format(organism=dataset.passports["organism"])
    return found | {"note": note if lots else "every lot meets its limits"}


def _hero_clusters(dataset: Dataset) -> dict:
    stability = dataset.tables.get("stability")
    found = {"value": "n/a", "label": "sub-populations found", "term": "hero_clusters"}
    if stability is None:
        return found | {"note": dataset.missing.get("stability", "")}
    of_all = dataset.stage("embedding_msc", "embed_cells").get("cells") == "all"
    where = (
        "of all cells, because no or too few pass the gate"
        if of_all
        else "of the cells that pass the gate or are left open by it"
    )
    given = stability["stable"].isna().all() and len(stability)
    found["label"] = f"sub-population{'s' if len(stability) != 1 else ''} {'given' if given else 'found'}"
    if given:
        return found | {"value": str(len(stability)), "note": f"labels of the user, stability not measured, {where}"}
    stable = int(stability["stable"].sum())
    return found | {"value": str(len(stability)), "note": f"{stable} stable under resampling, {where}"}


def passport_table(dataset: Dataset) -> Table:
    """Lots x the attributes that bear on the verdict, each with verdict, value and interval.

    Attributes that only describe a lot are on its passport page.
    """
    names: dict[str, dict] = {}
    for lot in dataset.passports["lots"]:
        for attribute in lot["attributes"]:
            if attribute.get("weight") != DESCRIBES:
                names.setdefault(attribute["name"], attribute)
    columns = [("Lot", "text", "lot"), ("Verdict", "verdict", "verdict")]
    columns += [(a.get("title") or a["name"], "verdict", f"attribute-{name}") for name, a in names.items()]
    rows = []
    for lot in dataset.passports["lots"]:
        by_name = {a["name"]: a for a in lot["attributes"]}
        about = [
            str(lot[k])
            for k in ("tissue", "donor_id", "passage", "condition")
            if lot.get(k) not in (None, "", "unknown")
        ]
        verdict = lot.get("verdict", "NOT ASSESSABLE")
        row = [
            Cell(lot["lot_id"], link=f"#{lot_anchor(lot['lot_id'])}", note=" · ".join(about)),
            Cell(verdict, sort=ORDER.index(verdict), verdict=verdict),
        ]
        row += [_attribute_cell(by_name.get(name)) for name in names]
        rows.append(row)
    return Table("lots", "Verdict of each lot", columns, rows, classes="verdicts")


def _attribute_cell(attribute: dict | None) -> Cell:
    if attribute is None:
        return Cell("")
    value, unit = attribute.get("value"), attribute.get("unit") or ""
    apart = attribute.get("limits") or ()
    text = value_text(value, unit, apart=apart) if finite(value) is not None else str(value or "n/a")
    note = interval_text(attribute.get("low"), attribute.get("high"), unit, apart=apart)
    return Cell(text, sort=finite(value), verdict=attribute["verdict"], note=note, hint=attribute.get("reason") or "")


def definitions(dataset: Dataset) -> dict[str, dict]:
    """Return definitions that the passports bring with them, as glossary entries."""
    result = {}
    if dataset.passports.get("verdict_rule"):
        result["verdict"] = {"title": "Verdict", "text": dataset.passports["verdict_rule"]}
    for lot in dataset.passports["lots"]:
        for a in lot["attributes"]:
            text = a.get("definition") or "No definition given."
            if a.get("threshold"):
                text = f"{text} Limit: {a['threshold']}."
            result.setdefault(f"attribute-{a['name']}", {"title": a.get("title") or a["name"], "text": text})
    return result
