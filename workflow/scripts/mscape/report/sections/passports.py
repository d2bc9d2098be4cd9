"""Passport pages: everything about one lot, to be printed on one A4 page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mscape.report.charts import colours, svg
from mscape.report.charts.svg import MEETS, Interval
from mscape.report.dataset import natural
from mscape.report.numbers import finite, signature_name
from mscape.report.page import lot_anchor
from mscape.report.section import Section
from mscape.report.sections.scores import axis_group

if TYPE_CHECKING:
    import pandas as pd

    from mscape.report.dataset import Dataset
    from mscape.report.options import ReportOptions

FACTS = {
    "donor_id": "donor",
    "tissue": "tissue",
    "isbt_tissue": "ISBT 128 name",
    "passage": "passage",
    "condition": "condition",
    "culture": "culture",
    "sex": "sex",
    "assay": "assay",
    "disease": "disease",
    "batch": "batch",
}
OF_LOTS = ("accounting", "gate", "contaminants", "composition", "signature_scores")
COLLECTIONS = ("HALLMARK ", "GOBP ")
MAX_SCORES = 12
DENSE = 1400  # characters of reasons above which the page is printed in a smaller type
SHOWN_AXES = 3  # immunoregulation, senescence, trilineage: the first of programmes.AXES
LIMITS = {"positive": ("min_positive", 0.95), "negative": ("max_negative", 0.02)}


def write_pages(dataset: Dataset) -> list[dict]:
    """Return one page a lot, in the order of the passports."""
    tables = dataset.tables
    panel = dataset.stage("gate", "gate_msc")
    limits = {kind: finite(panel.get(key)) or default for kind, (key, default) in LIMITS.items()}
    result = []
    for lot in dataset.passports["lots"]:
        name = lot["lot_id"]
        own = {key: tables[key][tables[key]["lot_id"] == name] for key in OF_LOTS if key in tables}
        facts = [(label, lot[key]) for key, label in FACTS.items() if lot.get(key) not in (None, "", "unknown")]
        known = [label for label, _ in facts]
        facts += [
            (item["item"], item["value"])
            for item in lot.get("reporting", [])
            if item["source"] == "sample sheet" and item["item"] not in known
        ]
        said = sum(
            len(a.get("reason") or "") + len(a.get("next_action") or "") for a in lot["attributes"] if _printed(a)
        )
        page = {"lot": lot, "anchor": lot_anchor(name), "facts": facts, "groups": _groups(lot["attributes"])}
        page["dense"] = said > DENSE
        if "accounting" in own:
            part = own["accounting"]
            page["cells"] = {"loaded": int(part["loaded"].sum()), "pass": int(part["pass"].sum())}
            page["samples"] = list(part["sample_id"])
        if "gate" in own:
            page["gate"] = _gate(own["gate"], limits, name)
        if "contaminants" in own:
            part = own["contaminants"]
            part = part[part["n_cells"] > 0].sort_values("fraction", ascending=False)
            page["contaminants"] = part.head(5).to_dict("records")
        if "composition" in own:
            page["composition"] = _composition(
                own["composition"], natural(tables["composition"]["cluster"].unique()), name
            )
        if "signature_scores" in own:
            page["scores"] = _scores(own["signature_scores"], tables.get("signatures"), name)
        result.append(page)
    return result


def _printed(attribute: dict) -> bool:
    """Whether the reason goes on paper: not for single markers, which are drawn, nor where a description is calm."""
    return attribute["verdict"] != "DESCRIBED" and not attribute["name"].startswith("criterion_")


def _groups(attributes: list[dict]) -> list[tuple[str, list[dict]]]:
    """Attributes by group, groups in the order of their first attribute."""
    groups: dict[str, list[dict]] = {}
    for attribute in attributes:
        groups.setdefault(attribute.get("group") or "attributes", []).append(attribute)
    return list(groups.items())


def _gate(part: pd.DataFrame, limits: dict[str, float], name: str) -> list[tuple]:
    figures = []
    for kind, limit in limits.items():
        rows = []
        for row in part[part["kind"] == kind].to_dict("records"):
            value, low, high = (finite(row[key]) for key in ("estimate", "low", "high"))
            rows.append(
                Interval(
                    row["criterion"],
                    value,
                    low,
                    high,
                    verdict=MEETS.get(row["verdict"], ""),
                    other=finite(row.get("detected_fraction")),
                )
            )
        if rows:
            title = f"{kind} markers of lot {name}"
            figures.append((kind, svg.fractions(rows, kind=kind, limit=limit, title=title)))
    return figures


def _composition(part: pd.DataFrame, names: list[str], name: str) -> dict | None:
    palette = dict(zip(names, colours.categories(names), strict=True))
    fractions = part.drop_duplicates("cluster").set_index("cluster")["fraction"]
    shares = [(c, float(fractions.get(c, 0.0)), palette[c]) for c in names]
    if not sum(share for _, share, _ in shares):
        return None
    title = f"Sub-populations of lot {name}"
    return {
        "svg": svg.stacks([("this lot", shares)], title=title, axis="% of clustered cells"),
        "largest": sorted(shares, key=lambda s: -s[1])[:6],
    }


def _scores(part: pd.DataFrame, signatures: pd.DataFrame | None, name: str):
    """Draw the lot's z of the signatures on the immunoregulatory, senescence and trilineage axes."""
    part = part[part["z"].notna() & ~part["signature"].str.contains("__", regex=False)]
    if signatures is not None:
        axis = part["signature"].map(signatures.drop_duplicates("id").set_index("id")["axis"]).fillna("").str.lower()
        group = axis.map(axis_group)
        part = part.assign(_group=group)[group < SHOWN_AXES].sort_values("_group", kind="stable")
    rows = [
        Interval(_name(row["signature"]), finite(row["z"]), finite(row.get("z_low")), finite(row.get("z_high")))
        for row in part.to_dict("records")
    ]
    if not rows:
        return None
    title = f"Signature scores of lot {name}"
    return svg.forest(rows[:MAX_SCORES], title=title, axis="z against random gene sets", label=210)


def _name(signature: str) -> str:
    """Name a signature without its collection: the chart has little room, and what differs is at the end."""
    name = signature_name(signature)
    return name.partition(" ")[2] if name.startswith(COLLECTIONS) else name


def passports(dataset: Dataset, options: ReportOptions) -> dict:
    """Give the pages of all lots to the template."""
    basis = dataset.stage("gate", "gate_msc").get("thresholds_from", "not recorded")
    return {"pages": write_pages(dataset), "thresholds_from": basis}


SECTION = Section(
    id="passports",
    title="Passports",
    order=110,
    term="passport",
    tables=(*OF_LOTS, "signatures"),
    build=passports,
)
