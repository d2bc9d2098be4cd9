"""How lots and groups of donors differ: contrasts with intervals, composition of the lots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mscape.report.charts import colours, svg
from mscape.report.charts.svg import Interval
from mscape.report.dataset import natural
from mscape.report.numbers import finite, shorten, signature_name
from mscape.report.section import Section
from mscape.report.sections.clusters import TERMS
from mscape.report.sections.enrichment import pictures, single_donor_contrasts
from mscape.report.tables import from_frame

if TYPE_CHECKING:
    import pandas as pd

    from mscape.report.dataset import Dataset
    from mscape.report.options import ReportOptions
    from mscape.report.tables import Table

MAX_FEATURES = 18
MAX_TERMS = 12
MAX_ROWS = 100
MAX_SHARES = 600  # rows of the composition table; lots x sub-populations can be thousands
NAMES = 262  # pixels for the names of signatures
ONE_DONOR = "One arm has one donor: points without interval."
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
    ("n_other", "Donors, other", "number", "donors"),
    ("n_reference", "Donors, reference", "number", "donors"),
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


def compared(dataset: Dataset, options: ReportOptions) -> dict:
    """Gather what each contrast rests on, its forest charts and enriched terms; composition of the lots as bars."""
    result: dict = {"contrasts": [], "enriched": pictures(dataset, "contrast")}
    table = dataset.tables.get("contrasts")
    if table is None:
        result["no_contrasts"] = dataset.missing_table("contrasts")
    else:
        table = without_intervals(table)
        designs = table[table["kind"] == "design"].drop_duplicates("contrast").set_index("contrast").to_dict("index")
        ranked = _rank(table[(table["kind"] != "design") & table["estimate"].notna()])
        alone = single_donor_contrasts(dataset)
        for name in dict.fromkeys(table["contrast"]):
            design = designs.get(name, {})
            figures = _forests(ranked[ranked["contrast"] == name])
            terms = None if name in alone else _terms(dataset.tables.get("enrichment"), name)
            entry = {
                "name": name,
                "donors": say_donors(design),
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
        absent = composition is None
        result["no_composition"] = dataset.missing_table("composition") if absent else "no cell was clustered."
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


def without_intervals(table: pd.DataFrame) -> pd.DataFrame:
    """Take the interval from rows with one donor in an arm: it cannot hold the variance of that arm."""
    single = (table[["n_reference", "n_other"]] == 1).any(axis=1)
    return table.assign(**{key: table[key].mask(single) for key in ("low", "high", "pvalue", "pvalue_adj")})


def say_donors(design: dict) -> str:
    """Say how many donors are in each arm, in the order of the contrast's words."""
    other, reference = (finite(design.get(key)) for key in ("n_other", "n_reference"))
    return "" if other is None or reference is None else f"{other:.0f} against {reference:.0f} donors"


def _rank(table: pd.DataFrame) -> pd.DataFrame:
    """Order features within contrast and kind: by p where there is one, then by the test statistic, then by size."""
    ranked = table.assign(_size=-table["estimate"].abs())
    ranked["_statistic"] = -table["statistic"].abs()
    keys = ["pvalue", "_statistic", "_size"]
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
            value, low, high = (finite(row.get(key)) for key in ("estimate", "low", "high"))
            rows.append(Interval(signature_name(row["feature"]), value, low, high, note=row.get("note") or ""))
        if not rows:
            continue
        title = WORDS.get(kind, str(kind))
        unit = part["unit"].iloc[0] if "unit" in part and part["unit"].iloc[0] else UNITS.get(kind, "difference")
        single = bool(part["low"].isna().all())
        rank = "largest" if single else "clearest"
        note = f"The first {MAX_FEATURES} of {len(part)}, the {rank}." if len(part) > MAX_FEATURES else ""
        if single:
            note = f"{ONE_DONOR} {note}".rstrip()
        shown = "difference" if single else "difference and interval"
        chart = svg.forest(rows, title=f"{title}, {shown}", axis=unit, label=NAMES)
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


SECTION = Section(
    id="comparison",
    title="Lots compared",
    order=80,
    term="contrast",
    tables=("contrasts", "composition", "enrichment", "enrichment_genes"),
    build=compared,
)
