"""How lots and groups of donors differ: contrasts with intervals, composition of the lots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mscape.report import charts, colours
from mscape.report.charts import Interval
from mscape.report.collect import natural
from mscape.report.tables import from_frame
from mscape.report.words import finite

if TYPE_CHECKING:
    import pandas as pd

    from mscape.report.collect import Dataset

MAX_FIGURES = 24
MAX_FEATURES = 25
MAX_ROWS = 100
NAMES = 190  # pixels for the names of signatures
WORDS = {"score": "signature scores", "composition": "sub-populations", "gene": "genes"}
UNITS = {"score": "difference of z", "gene": "log2 fold change", "composition": "difference"}
CONTRASTS = (
    ("contrast", "Contrast", "text", "contrast"),
    ("kind", "Kind", "text", ""),
    ("feature", "Feature", "text", ""),
    ("estimate", "Difference", "number", "contrast"),
    ("low", "Low", "number", "interval"),
    ("high", "High", "number", "interval"),
    ("unit", "Unit", "text", ""),
    ("n_reference", "Donors, reference", "number", ""),
    ("n_other", "Donors, other", "number", ""),
    ("pvalue", "p", "number", ""),
    ("pvalue_adj", "Adjusted p", "number", ""),
    ("note", "Note", "text", ""),
)
COMPOSITION = (
    ("lot_id", "Lot", "text", "lot"),
    ("cluster", "Sub-population", "text", "leiden"),
    ("n_cells", "Cells", "number", ""),
    ("fraction", "Share", "percent", "composition"),
    ("low", "Low", "percent", "interval"),
    ("high", "High", "percent", "interval"),
)


def compared(dataset: Dataset) -> dict:
    """Contrasts as forest charts and a table, with what each rests on; composition of the lots as bars."""
    result: dict = {"missing": dataset.missing.get("contrasts", ""), "figures": [], "designs": []}
    table = dataset.tables.get("contrasts")
    if table is not None:
        designs = table[table["kind"] == "design"]
        result["designs"] = [_design(row) for row in designs.to_dict("records")]
        table = table[(table["kind"] != "design") & table["estimate"].notna()]
        ranked = _rank(table)
        result["figures"] = _forests(ranked)
        if len(table):
            shown = ranked.groupby(["contrast", "kind"], sort=False).head(MAX_ROWS)
            more = ""
            if len(shown) < len(table):
                more = (
                    f"{len(shown)} of {len(table)} rows: the first {MAX_ROWS} of each kind. All are in contrasts.tsv."
                )
            caption = "Contrasts between groups of donors"
            result["table"] = from_frame(shown, id="contrasts", caption=caption, columns=CONTRASTS, more=more)
    composition = dataset.tables.get("composition")
    if composition is None or not len(composition):
        result["no_composition"] = dataset.missing.get("composition", "no cell was clustered.")
        return result
    names = natural(composition["cluster"].unique())
    palette = dict(zip(names, colours.categories(names), strict=True))
    shares = composition.pivot_table(index="lot_id", columns="cluster", values="fraction", aggfunc="sum")
    shares = shares.reindex(dataset.lots).fillna(0.0)
    rows = [(lot, [(n, float(shares.at[lot, n]), palette[n]) for n in names]) for lot in dataset.lots]
    result["composition"] = charts.stacks(rows, title="Sub-populations per lot", axis="% of the lot's clustered cells")
    result["legend"] = list(palette.items())
    caption = "Composition of the lots"
    result["composition_table"] = from_frame(composition, id="composition", caption=caption, columns=COMPOSITION)
    return result


def _design(row: dict) -> dict:
    """Say what a contrast rests on."""
    donors = [int(v) if (v := finite(row.get(key))) is not None else 0 for key in ("n_reference", "n_other")]
    return {"contrast": row["contrast"], "donors": donors, "note": row.get("note") or ""}


def _rank(table: pd.DataFrame) -> pd.DataFrame:
    """Order features within contrast and kind: by p where there is one, else by size of the difference."""
    ranked = table.assign(_size=-table["estimate"].abs())
    keys = ["pvalue", "_size"] if "pvalue" in table else ["_size"]
    order = {key: i for i, key in enumerate(dict.fromkeys(zip(table["contrast"], table["kind"], strict=True)))}
    place = [order[key] for key in zip(table["contrast"], table["kind"], strict=True)]
    return ranked.assign(_place=place).sort_values(["_place", *keys], kind="stable")


def _forests(ranked: pd.DataFrame) -> list[dict]:
    figures = []
    for (contrast, kind), part in ranked.groupby(["contrast", "kind"], sort=False):
        if len(figures) >= MAX_FIGURES:
            break
        rows = []
        for row in part.head(MAX_FEATURES).to_dict("records"):
            ends = [finite(row.get(key)) for key in ("estimate", "low", "high")]
            rows.append(Interval(row["feature"].replace("_", " "), *ends, "", None, row.get("note") or ""))
        title = f"{contrast}: {WORDS.get(kind, kind)}"
        unit = part["unit"].iloc[0] if "unit" in part and part["unit"].iloc[0] else UNITS.get(kind, "difference")
        note = f"The first {MAX_FEATURES} of {len(part)}." if len(part) > MAX_FEATURES else ""
        figures.append(
            {
                "title": title,
                "svg": charts.forest(rows, title=title, axis=unit, label=NAMES),
                "term": "contrast",
                "note": note,
            }
        )
    return figures
