"""Passport pages: everything about one lot, to be printed on one A4 page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mscape.report import charts, colours
from mscape.report.charts import MEETS, Interval
from mscape.report.collect import finite, natural

if TYPE_CHECKING:
    from mscape.report.collect import Dataset

FACTS = ("donor_id", "tissue", "passage", "condition", "culture", "sex", "assay", "disease", "batch")
MAX_SCORES = 14


def pages(dataset: Dataset) -> list[dict]:
    """Return one page a lot, in the order of the passports."""
    gate, contaminants = dataset.tables.get("gate_table"), dataset.tables.get("contaminants")
    composition, summary = dataset.tables.get("composition"), dataset.tables.get("score_summary")
    accounting = dataset.tables.get("accounting")
    result = []
    for lot in dataset.passports["lots"]:
        name = lot["lot_id"]
        page = {
            "lot": lot,
            "facts": [(k.replace("_id", "").replace("_", " "), lot[k]) for k in FACTS if lot.get(k) not in (None, "")],
        }
        if accounting is not None:
            part = accounting[accounting["lot_id"] == name]
            page["cells"] = {
                "loaded": int(part["loaded"].sum()),
                "pass": int(part["pass"].sum()),
                "samples": list(part["sample_id"]),
            }
        if gate is not None:
            page["gate"] = _gate(gate[gate["lot_id"] == name], name)
        if contaminants is not None:
            part = contaminants[(contaminants["lot_id"] == name) & (contaminants["n_cells"] > 0)]
            page["contaminants"] = part.sort_values("fraction", ascending=False).head(5).to_dict("records")
        if composition is not None:
            page["composition"] = _composition(composition, name)
        if summary is not None:
            page["scores"] = _scores(summary[summary["lot_id"] == name], dataset.tables.get("signatures"), name)
        result.append(page)
    return result


def _gate(part, name: str):
    figures = []
    for kind, limit in (("positive", 0.95), ("negative", 0.02)):
        rows = [
            Interval(
                r.criterion,
                finite(r.estimate),
                finite(r.low),
                finite(r.high),
                MEETS.get(r.verdict, ""),
                finite(getattr(r, "detected_fraction", None)),
            )
            for r in part[part["kind"] == kind].itertuples(index=False)
        ]
        if rows:
            figures.append(
                (kind, charts.fractions(rows, kind=kind, limit=limit, title=f"{kind} markers of lot {name}"))
            )
    return figures


def _composition(table, name: str):
    names = natural(table["cluster"].unique())
    palette = dict(zip(names, colours.categories(names), strict=True))
    part = table[table["lot_id"] == name].set_index("cluster")["fraction"]
    shares = [(c, float(part.get(c, 0.0)), palette[c]) for c in names]
    if not sum(share for _, share, _ in shares):
        return None
    return {"svg": charts.stacks([("this lot", shares)], title=f"Sub-populations of lot {name}", axis="share of clustered cells (%)"),
            "largest": sorted(shares, key=lambda s: -s[1])[:6]}  # fmt: skip


def _scores(part, signatures, name: str):
    """Forest of the lot's signature scores: those on the immunoregulatory, senescence and trilineage axes first."""
    part = part[part["z"].notna()]
    if signatures is not None:
        axis = part["signature"].map(signatures.drop_duplicates("id").set_index("id")["axis"]).fillna("").str.lower()
        keep = axis.str.contains("immun|senesc|trilin|osteo|adipo|chondro|licens")
        part = part[keep] if keep.any() else part
    rows = [
        Interval(r.signature, finite(r.z), finite(getattr(r, "low", None)), finite(getattr(r, "high", None)))
        for r in part.head(MAX_SCORES).itertuples(index=False)
    ]
    return (
        charts.forest(rows, title=f"Signature scores of lot {name}", axis="z against random gene sets")
        if rows
        else None
    )
