"""What needs attention: findings of the passports, joined over lots, and faults of the whole dataset."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mscape.report.section import Section
from mscape.report.sections.parity import parity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mscape.report.dataset import Dataset, Light
    from mscape.report.options import ReportOptions

ORDER = ("FAIL", "WARN", "NOT ASSESSABLE", "PASS")
DESCRIBES = "describes"  # weight of attributes that never change a verdict
NEEDED = ("gate", "scores", "clusters", "embedding")  # light files whose absence is an alert


@dataclass
class Alert:
    """One thing to know, with its cause and what to do.

    ``lots`` are the lots that share it, each with its own cause.
    """

    level: str
    title: str
    cause: str
    action: str = ""
    lots: list[tuple[str, str]] = field(default_factory=list)
    target: str = ""


def find_alerts(dataset: Dataset) -> tuple[list[Alert], list[Alert]]:
    """Return what needs attention, and further observations.

    The first list holds what bears on a lot's verdict and faults of the whole dataset; the second holds attributes that
    only describe. The same finding in several lots is one alert.
    """
    found: dict[tuple, Alert] = {}
    describes = set()
    for lot in dataset.passports["lots"]:
        for a in lot["attributes"]:
            if a["verdict"] not in ("FAIL", "WARN", "NOT ASSESSABLE"):
                continue
            title, cause, action = a.get("title") or a["name"], a.get("reason") or "", a.get("next_action") or ""
            key = (a["verdict"], a["name"], action)
            found.setdefault(key, Alert(a["verdict"], title, cause, action)).lots.append((lot["lot_id"], cause))
            if a.get("weight") == DESCRIBES:
                describes.add(key)
    main = [alert for key, alert in found.items() if key not in describes] + list(_of_dataset(dataset))
    rest = [alert for key, alert in found.items() if key in describes]
    for group in (main, rest):
        group.sort(
            key=lambda alert: (ORDER.index(alert.level), bool(alert.lots), -len(alert.lots))
        )  # whole dataset first
    return main, rest


def _of_dataset(dataset: Dataset) -> Iterable[Alert]:
    obs = dataset.obs
    if dataset.judged and "isct_call" in obs and len(obs) and not (obs["isct_call"] == "pass").any():
        yield Alert(
            "FAIL",
            "No cell passes the gate",
            "Not one cell of this dataset is called MSC-like.",
            "Check that the samples hold MSC, the organism in the config, and the reasons of the gate.",
            target="identity",
        )
    scope = dataset.stage("embedding_msc", "embed_cells")
    if scope.get("cells") == "all" and scope.get("reason"):
        action = "Read the sub-populations as cell types, not as states of MSC."
        yield Alert("WARN", "Sub-populations are of all cells", str(scope["reason"]), action, target="clusters")
    stability = dataset.tables.get("stability")
    if stability is not None:
        weak = stability.loc[stability["stable"].eq(other=False).fillna(value=False).astype(bool), "cluster"]
        if len(weak):
            title = f"{len(weak)} unstable sub-population{'s' if len(weak) > 1 else ''}: {', '.join(weak)}"
            action = "Do not name or compare what is not stable; see the stability."
            cause = "Not found again when the cells are resampled."
            yield Alert("WARN", title, cause, action, target="clusters")
    yield from _of_inputs(dataset)
    remarks = [(sample, str(note)) for sample, part in dataset.qc.items() for note in _notes(part)]
    if remarks:
        action = "Read what was found in each sample, and check its quality."
        yield Alert("WARN", "Remarks of quality control", remarks[0][1], action, remarks, target="quality")
    broken = accounting_faults(dataset)
    if broken:
        cause = f"Loaded cells differ from kept plus removed in: {', '.join(broken)}."
        action = "Rerun the dataset; if it stays, report it as a fault of the workflow."
        yield Alert("FAIL", "Cell accounting does not add up", cause, action, target="quality")
    compared = parity(dataset)
    if compared and compared["failed"]:
        title = f"The GPU differs from the CPU in: {', '.join(compared['failed'])}"
        action = "Read the table of the comparison; backend: cpu computes everything by the reference."
        yield Alert("WARN", title, compared["follows"], action, target="parity")
    absent = {key: dataset.missing[key] for key in NEEDED if key in dataset.missing}
    absent |= {} if "gate" in dataset.tables else {"gate criteria": dataset.missing_table("gate")}
    for key, cause in absent.items():
        yield Alert("NOT ASSESSABLE", f"A part of the report is missing: {key}", cause, "Run the step that makes it.")


def _of_inputs(dataset: Dataset) -> Iterable[Alert]:
    """Warnings of what was read, one alert a check over all samples that share it."""
    table = dataset.tables.get("findings")
    if table is None:
        return
    warned = table[table["level"] == "warning"]
    for check, rows in warned.groupby("check", sort=True):
        first = rows.iloc[0]
        samples = [(str(one.sample), str(one.found)) for one in rows.itertuples()]
        action = str(first["next_step"])
        action = action[:1].upper() + action[1:] + "."
        yield Alert("WARN", f"Input: {check}", str(first["found"]), action, samples, target="quality")


def _notes(part: Light) -> Iterable:
    return part.uns.get("mscape", {}).get("qc_cells", {}).get("notes", [])


def accounting_faults(dataset: Dataset) -> list[str]:
    """Return samples whose cells do not add up, within the table or against counts.h5ad."""
    table = dataset.tables.get("accounting")
    if table is None:
        return []
    reasons = [c for c in table if c not in ("sample_id", "lot_id", "loaded")]
    kept = dataset.obs["sample_id"].astype(str).value_counts()
    wrong = (table["loaded"] != table[reasons].sum(axis=1)) | (table["pass"] != table["sample_id"].map(kept).fillna(0))
    return list(table.loc[wrong, "sample_id"])


def alerts(dataset: Dataset, options: ReportOptions) -> dict:
    """Give what needs attention and further observations to the template."""
    urgent, notes = find_alerts(dataset)
    return {"alerts": urgent, "notes": notes}


SECTION = Section(id="alerts", title="Alerts", order=20, tables=("stability", "accounting", "findings"), build=alerts)
