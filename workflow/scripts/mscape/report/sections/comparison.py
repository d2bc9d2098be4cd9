"""How lots and groups of donors differ: contrasts with intervals, composition of the lots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mscape.report.charts import colours, svg
from mscape.report.charts.svg import Interval
from mscape.report.dataset import natural
from mscape.report.numbers import finite, shorten, signature_name
from mscape.report.sections.clusters import TERMS
from mscape.report.tables import from_frame

if TYPE_CHECKING:
    import pandas as pd

    from mscape.report.dataset import Dataset
    from mscape.report.tables import Table

MAX_FEATURES = 18
MAX_TERMS = 12
MAX_ROWS = 100
MAX_SHARES = 600  # rows of the composition table; lots x sub-populations can be thousands
NAMES = 262  # pixels for the names of signatures
WORDS = {"score": "Signature scores", "composition": "Sub-populations", "gene": "Genes"}
UNITS = {"score": "difference of z", "gene": "log2 fold change", "composition": "difference"}
CONTRASTS = (
    ("contrast", "Contrast", "text", "contrast"),
    ("kind", "Kind", "text", ""),
    ("feature", "Feature", "text", ""),
    ("estimate", "Difference", "number", "contrast"),
    ("low", "Low", "number", "interval"),
    ("high", "High", "number", "interval"),
    ("unit", "Unit", "text", ""),
    ("n_reference", "Donors, reference", "number", "donors"),
    ("n_other", "Donors, other", "number", "donors"),
    ("pvalue", "p", "number", "pvalue"),
    ("pvalue_adj", "Adjusted p", "number", "adjusted_p"),
    ("note", "Note", "text", ""),
)
COMPOSITION = (
    ("lot_id", "Lot", "text", "lot"),
    ("cluster", "Sub-population", "text", "leiden"),
    ("n_cells", "Cells", "number", "cells"),
    ("fraction", "Share", "percent", "composition"),
    ("low", "Low", "percent", "interval"),
    ("high", "High", "percent", "interval"),
    ("n_pass", "Passing", "number", "cells"),
    ("fraction_pass", "Share of passing", "percent", "composition"),
)


def compared(dataset: Dataset) -> dict:
    """Gather what each contrast rests on, its forest charts and enriched terms; composition of the lots as bars."""
    result: dict = {"missing": dataset.missing.get("contrasts", ""), "contrasts": []}
    table = dataset.tables.get("contrasts")
    if table is not None:
        designs = table[table["kind"] == "design"].drop_duplicates("contrast").set_index("contrast").to_dict("index")
        ranked = _rank(table[(table["kind"] != "design") & table["estimate"].notna()])
        for name in dict.fromkeys(table["contrast"]):
            design = designs.get(name, {})
            donors = [int(v) for key in ("n_reference", "n_other") if (v := finite(design.get(key))) is not None]
            figures = _forests(ranked[ranked["contrast"] == name])
            terms = _terms(dataset.tables.get("enrichment"), name)
            entry = {
                "name": name,
                "donors": donors,
                "note": design.get("note") or "",
                "figures": figures,
                "terms": terms,
            }
            result["contrasts"].append(entry)
        if len(ranked):
            shown = ranked.groupby(["contrast", "kind"], sort=False).head(MAX_ROWS)
            more = ""
            if len(shown) < len(ranked):
                more = (
                    f"{len(shown)} of {len(ranked)} rows: the first {MAX_ROWS} of each kind. All are in contrasts.tsv."
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
    result["composition"] = svg.stacks(rows, title="Sub-populations per lot", axis="% of the lot's clustered cells")
    result["legend"] = list(palette.items())
    caption = "Composition of the lots"
    shown = composition.head(MAX_SHARES)
    more = (
        f"{len(shown)} of {len(composition)} rows. All are in composition.tsv." if len(shown) < len(composition) else ""
    )
    table = from_frame(shown, id="composition", caption=caption, columns=COMPOSITION, more=more)
    result["composition_table"] = table
    return result


def _rank(table: pd.DataFrame) -> pd.DataFrame:
    """Order features within contrast and kind: by p where there is one, then by the test statistic, then by size."""
    ranked = table.assign(_size=-table["estimate"].abs())
    if "statistic" in table:
        ranked["_statistic"] = -table["statistic"].abs()
    keys = [key for key in ("pvalue", "_statistic", "_size") if key in ranked]
    order = {key: i for i, key in enumerate(dict.fromkeys(zip(table["contrast"], table["kind"], strict=True)))}
    place = [order[key] for key in zip(table["contrast"], table["kind"], strict=True)]
    return ranked.assign(_place=place).sort_values(["_place", *keys], kind="stable")


def _forests(ranked: pd.DataFrame) -> list[dict]:
    """Draw the first features of each kind of one contrast; variants of signatures are left to the table."""
    figures = []
    for kind, part in ranked.groupby("kind", sort=False):
        part = part[~part["feature"].str.contains("__", regex=False)] if kind == "score" else part
        rows = []
        for row in part.head(MAX_FEATURES).to_dict("records"):
            ends = [finite(row.get(key)) for key in ("estimate", "low", "high")]
            rows.append(Interval(signature_name(row["feature"]), *ends, "", None, row.get("note") or ""))
        if not rows:
            continue
        title = WORDS.get(kind, str(kind))
        unit = part["unit"].iloc[0] if "unit" in part and part["unit"].iloc[0] else UNITS.get(kind, "difference")
        note = f"The first {MAX_FEATURES} of {len(part)}, the clearest." if len(part) > MAX_FEATURES else ""
        chart = svg.forest(rows, title=f"{title}, difference and interval", axis=unit, label=NAMES)
        figures.append({"title": title, "svg": chart, "note": note, "rows": len(rows)})
    return sorted(figures, key=lambda figure: -figure["rows"])  # tall ones side by side


def _terms(enrichment: pd.DataFrame | None, contrast: str) -> Table | None:
    """Enriched terms of a contrast, the most significant first."""
    if enrichment is None:
        return None
    own = enrichment[(enrichment["scope"] == "contrast") & (enrichment["cluster"] == contrast)]
    if not len(own):
        return None
    own = own.sort_values("fdr", kind="stable")
    shown = own.head(MAX_TERMS)
    genes = shown["genes"].str.replace(";", ", ").map(lambda text: shorten(text, 90))
    shown = shown.assign(genes=genes, term=shown["term"].map(signature_name))
    more = f"{len(shown)} of {len(own)} rows. All are in enrichment.tsv." if len(shown) < len(own) else ""
    columns = [column for column in TERMS if column[0] not in ("cluster", "odds_ratio", "odds_low", "odds_high")]
    return from_frame(shown, id=f"terms-{contrast}", caption="Enriched gene sets", columns=columns, more=more)
