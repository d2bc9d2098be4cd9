"""The top of the report: three numbers and the verdict table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mscape.report.numbers import finite, interval_text, percent, value_text
from mscape.report.sections.alerts import DESCRIBES, ORDER
from mscape.report.tables import Cell, Table
from mscape.stats import wilson_interval

if TYPE_CHECKING:
    from mscape.report.dataset import Dataset

DRAWS = 2000
NOT_HUMAN = "The ISCT criteria are for human cells; these are of organism: {organism}."


def verdict_counts(passports: dict) -> dict[str, int]:
    """Count the lots of each verdict."""
    verdicts = [lot.get("verdict", "NOT ASSESSABLE") for lot in passports["lots"]]
    return {verdict: verdicts.count(verdict) for verdict in ("PASS", "WARN", "FAIL", "NOT ASSESSABLE")}


def pass_share(dataset: Dataset, *, seed: int = 0) -> tuple[float | None, float | None, float | None, str]:
    """Share of the cells that the gate calls pass, with its 95 % interval and how that was made."""
    obs = dataset.obs
    if "isct_call" not in obs or not len(obs):
        return None, None, None, "no gate"
    called = (obs["isct_call"] == "pass").groupby(obs["lot_id"].astype(str).to_numpy()).agg(["sum", "size"])
    passed, size = called["sum"].to_numpy(float), called["size"].to_numpy(float)
    share = float(passed.sum() / size.sum())
    if len(called) >= 3:
        draw = np.random.default_rng(seed).integers(0, len(called), (DRAWS, len(called)))
        shares = passed[draw].sum(axis=1) / size[draw].sum(axis=1)
        low, high = np.quantile(shares, [0.025, 0.975])
        return share, float(low), float(high), "bootstrap over lots"
    low, high = wilson_interval(passed.sum(), size.sum())
    return share, low, high, "Wilson, over cells"


def hero(dataset: Dataset) -> list[dict]:
    """Return the three numbers that open the report."""
    counts = verdict_counts(dataset.passports)
    total = len(dataset.lots)
    rest = ", ".join(f"{n} {verdict}" for verdict, n in counts.items() if n and verdict != "PASS")
    share, low, high, how = pass_share(dataset)
    numbers = [
        {
            "value": f"{counts['PASS']} / {total}",
            "label": "lots with verdict PASS",
            "note": rest or "no lot warns or fails",
            "term": "hero_lots",
            "verdicts": counts,
        }
    ]
    concordant = {"value": percent(share), "label": "cells concordant with the ISCT phenotype", "term": "hero_cells"}
    if not dataset.judged:
        concordant |= {"value": "not assessable", "note": NOT_HUMAN.format(organism=dataset.passports["organism"])}
    elif share is None:
        concordant["note"] = dataset.missing.get("gate", "")
    else:
        unsure = percent(float((dataset.obs["isct_call"] == "indeterminate").mean()))
        concordant["note"] = f"95 % interval {percent(low)} to {percent(high)} ({how}); indeterminate {unsure}"
    return [*numbers, concordant, _hero_clusters(dataset)]


def _hero_clusters(dataset: Dataset) -> dict:
    stability = dataset.tables.get("stability")
    found = {"value": "n/a", "label": "sub-populations found", "term": "hero_clusters"}
    if stability is None:
        return found | {"note": dataset.missing.get("stability", "")}
    stable = int(stability["stable"].sum())
    of_all = dataset.stage("embedding_msc", "embed_cells").get("cells") == "all"
    where = (
        "of all cells, because no or too few pass the gate"
        if of_all
        else "of the cells that pass the gate or are left open by it"
    )
    if len(stability) == 1:
        found["label"] = "sub-population found"
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
    for index, lot in enumerate(dataset.passports["lots"]):
        by_name = {a["name"]: a for a in lot["attributes"]}
        about = [
            str(lot[k])
            for k in ("tissue", "donor_id", "passage", "condition")
            if lot.get(k) not in (None, "", "unknown")
        ]
        verdict = lot.get("verdict", "NOT ASSESSABLE")
        row = [
            Cell(lot["lot_id"], link=f"#passport-{index}", note=" · ".join(about)),
            Cell(verdict, sort=ORDER.index(verdict), verdict=verdict),
        ]
        row += [_attribute_cell(by_name.get(name)) for name in names]
        rows.append(row)
    return Table("lots", "Verdict of each lot", columns, rows, classes="verdicts")


def _attribute_cell(attribute: dict | None) -> Cell:
    if attribute is None:
        return Cell("")
    value, unit = attribute.get("value"), attribute.get("unit") or ""
    text = value_text(value, unit) if finite(value) is not None else str(value or "n/a")
    note = interval_text(attribute.get("low"), attribute.get("high"), unit)
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
