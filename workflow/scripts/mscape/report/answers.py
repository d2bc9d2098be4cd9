"""The top of the report: three numbers, the verdict table, and what to do next."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mscape.report.charts import percent
from mscape.report.collect import finite
from mscape.report.tables import Cell, Table, interval_text, value_text

if TYPE_CHECKING:
    from mscape.report.collect import Dataset

DESCRIBES = "describes"  # weight of attributes that never change a verdict
ORDER = ("FAIL", "WARN", "NOT ASSESSABLE", "PASS")
DRAWS = 2000


@dataclass
class Alert:
    """One thing to know, with its cause and what to do; ``lots`` are the lots that share it, each with its own cause."""

    level: str
    title: str
    cause: str
    action: str = ""
    lots: list[tuple[str, str]] = field(default_factory=list)
    target: str = ""


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
    low, high = wilson(passed.sum(), size.sum())
    return share, low, high, "Wilson, over cells"


def wilson(successes: float, n: float, z: float = 1.959964) -> tuple[float, float]:
    """Wilson score interval of a proportion, doi:10.1080/01621459.1927.10502953."""
    if n == 0:
        return 0.0, 1.0
    p = successes / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


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
    if share is None:
        numbers.append(
            {
                "value": "n/a",
                "label": "cells concordant with the ISCT phenotype",
                "note": dataset.missing.get("gate", ""),
                "term": "hero_cells",
            }
        )
    else:
        calls = dataset.obs["isct_call"].value_counts(normalize=True)
        note = f"95 % interval {percent(low)} to {percent(high)} ({how}); indeterminate {percent(calls.get('indeterminate', 0.0))}"
        numbers.append(
            {
                "value": percent(share),
                "label": "cells concordant with the ISCT phenotype",
                "note": note,
                "term": "hero_cells",
            }
        )
    stability = dataset.tables.get("stability")
    if stability is None:
        numbers.append(
            {
                "value": "n/a",
                "label": "sub-populations found",
                "note": dataset.missing.get("stability", ""),
                "term": "hero_clusters",
            }
        )
    else:
        stable = int(stability["stable"].astype(str).str.lower().isin(["true", "1"]).sum())
        scope = dataset.stage("embedding_msc", "embed_cells")
        where = (
            "of all cells, because no or too few cells pass the gate"
            if scope.get("cells") == "all"
            else "of the cells that pass the gate"
        )
        noun = "sub-population found" if len(stability) == 1 else "sub-populations found"
        numbers.append(
            {
                "value": str(len(stability)),
                "label": noun,
                "note": f"{stable} stable under resampling, {where}",
                "term": "hero_clusters",
            }
        )
    return numbers


def passport_table(dataset: Dataset) -> Table:
    """Lots x the attributes that bear on the verdict, each with verdict, value and interval.

    Attributes that only describe a lot are on its passport page; where no attribute says what it bears on, all are shown.
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
        about = [str(lot[k]) for k in ("tissue", "donor_id", "passage", "condition") if lot.get(k) not in (None, "", "unknown")]
        verdict = lot.get("verdict", "NOT ASSESSABLE")
        row = [
            Cell(lot["lot_id"], link=f"passport-{index}", note=" · ".join(about)),
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


def alerts(dataset: Dataset) -> tuple[list[Alert], list[Alert]]:
    """Return what needs attention, and further observations.

    The first list holds what bears on a lot's verdict and faults of the whole dataset; the second holds attributes that
    only describe. The same finding in several lots is one alert; causes that differ are kept apart.
    """
    found: dict[tuple, Alert] = {}
    describes = set()
    for lot in dataset.passports["lots"]:
        for a in lot["attributes"]:
            if a["verdict"] not in ("FAIL", "WARN", "NOT ASSESSABLE"):
                continue
            title, cause, action = a.get("title") or a["name"], a.get("reason") or "", a.get("next_action") or ""
            key = (a["verdict"], a["name"], action)
            alert = found.setdefault(key, Alert(a["verdict"], title, cause, action))
            alert.lots.append((lot["lot_id"], cause))
            if a.get("weight") == DESCRIBES:
                describes.add(key)
    main = [alert for key, alert in found.items() if key not in describes] + list(_dataset_alerts(dataset))
    rest = [alert for key, alert in found.items() if key in describes]
    for group in (main, rest):
        group.sort(key=lambda alert: (ORDER.index(alert.level), -len(alert.lots)))
    return main, rest


def _dataset_alerts(dataset: Dataset):
    obs = dataset.obs
    if "isct_call" in obs and len(obs) and not (obs["isct_call"] == "pass").any():
        yield Alert("FAIL", "No cell passes the gate", "Not one cell of this dataset is called MSC-like.",
                    "Check that the sample holds MSC, the organism in the config, and the gate reasons below.", target="identity")  # fmt: skip
    scope = dataset.stage("embedding_msc", "embed_cells")
    if scope.get("cells") == "all" and scope.get("reason"):
        yield Alert(
            "WARN",
            "Sub-populations are of all cells",
            str(scope["reason"]),
            "Read the sub-populations as cell types, not as MSC states.",
            target="subpopulations",
        )
    stability = dataset.tables.get("stability")
    if stability is not None:
        weak = stability[~stability["stable"].astype(str).str.lower().isin(["true", "1"])]
        if len(weak):
            yield Alert("WARN", f"{len(weak)} unstable sub-population{'s' if len(weak) > 1 else ''}: {', '.join(weak['cluster'].astype(str))}",
                        "They do not come back when the cells are subsampled.", "Do not name or compare them; see Stability.", target="subpopulations")  # fmt: skip
    broken = accounting_faults(dataset)
    if broken:
        yield Alert("FAIL", "Cell accounting does not add up", f"Loaded cells differ from kept plus removed in: {', '.join(broken)}.",
                    "Rerun the dataset; if it stays, report it as a fault of the workflow.", target="quality")  # fmt: skip
    for key, reason in dataset.missing.items():
        if key in ("gate", "gate_table", "scores", "clusters", "embedding"):
            yield Alert(
                "NOT ASSESSABLE", f"A part of the report is missing: {key}", reason, "Run the step that makes it."
            )


def accounting_faults(dataset: Dataset) -> list[str]:
    """Return samples whose cells do not add up, within the table or against counts.h5ad."""
    table = dataset.tables.get("accounting")
    if table is None:
        return []
    reasons = [c for c in table if c not in ("sample_id", "lot_id", "loaded")]
    kept = dataset.obs["sample_id"].astype(str).value_counts()
    wrong = (table["loaded"] != table[reasons].sum(axis=1)) | (table["pass"] != table["sample_id"].map(kept).fillna(0))
    return list(table.loc[wrong, "sample_id"])
